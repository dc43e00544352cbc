# What follows is sourced by bash. The line is split here and not by bash, which parts words at
# colons too, and URLs and times have them.
_etcdbackup_talosctl_recover_wipe() {
    local line=${COMP_LINE:0:COMP_POINT} IFS=$' \t\n'
    local -a words
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    local word=${words[${#words[@]}-1]}
    local -a found=()
    local candidate
    while IFS= read -r candidate; do
        found+=("$candidate")
    done < <(_ETCDBACKUP_COMPLETE=bash _CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) \
        talosctl-recover-wipe -- "${words[@]}" 2>/dev/null; echo)
    COMPREPLY=()
    local done=''
    # bash puts a candidate in the place of what stands behind the last colon.
    [[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && done=${word%"${word##*:}"}
    for candidate in "${found[@]}"; do
        [[ -n $candidate ]] && COMPREPLY+=("${candidate#"$done"}")
    done
    # A folder or an option's `=` goes on without a space.
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} == *[=/] ]] || compopt +o nospace 2>/dev/null || :
}
complete -o nospace -o bashdefault -F _etcdbackup_talosctl_recover_wipe talosctl-recover-wipe
