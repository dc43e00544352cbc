//! bash, zsh and fish, each itself.

use e2e::terminal::Terminal;
use e2e::{BUCKET, World, repository, text, tool};

use super::{linked, with_links};
use crate::support::{backed_up, ok, serving};

fn world() -> (World, String) {
    let world = serving();
    linked(&world);
    ok(&backed_up(&world, &["s3://backups/prod"], &[]));
    let key = world.s3.keys(BUCKET, "prod").remove(0);
    let url = format!("s3://{BUCKET}/{key}");
    (world, url)
}

/// Calls bash's completion as readline does: the line, where the cursor stands, and the word that
/// bash itself would split off.
fn in_bash(world: &World, line: &str) -> Vec<String> {
    let script = "
        source \"$1\"
        COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'
        complete -p talosctl-snapshot-pull >/dev/null
        _etcdbackup_talosctl_snapshot_pull
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let file = repository().join("completions/talosctl-snapshot-pull.bash");
    let mut bash = with_links(world, "bash");
    bash.args(["--norc", "-c", script, "bash"])
        .arg(file)
        .arg(line);
    let output = bash.output().unwrap();
    ok(&output);
    text(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_flags_and_keys_with_colons_in_them() {
    let (world, url) = world();
    assert_eq!(
        in_bash(&world, "talosctl-snapshot-pull --iden"),
        ["--identity"]
    );
    // bash puts the answer behind the last colon.
    let behind = |typed: &str| url[typed.rfind(':').unwrap() + 1..].to_owned();
    for typed in ["s3://backups/prod/", &url[..url.len() - 12]] {
        let line = format!("talosctl-snapshot-pull {typed}");
        assert_eq!(in_bash(&world, &line), [behind(typed)], "{typed}");
    }
}

#[test]
fn bash_at_a_terminal_completes_with_tab() {
    let (world, url) = world();
    let bin = world.path("bin").display().to_string();
    let setup = format!(
        "PATH={bin}:$PATH; source {}; PS1='ready> '",
        repository()
            .join("completions/talosctl-snapshot-pull.bash")
            .display()
    );
    std::fs::write(world.path("rc"), setup).unwrap();
    let mut bash = Terminal::start(
        &world,
        "/bin/bash",
        &["--noprofile", "--rcfile", "rc", "-i"],
    );
    bash.expect("ready> ");
    bash.keys("talosctl-snapshot-pull s3://backups/prod/\t");
    // A shell redraws as little as it can: the end is whole.
    assert!(url.ends_with(".zst.age"));
    bash.expect("zst.age ");
    // Ctrl-U takes the line back.
    bash.keys("\u{15}exit\r");
    let (status, _) = bash.end();
    assert!(status.code().is_some());
}

#[test]
fn zsh_at_a_terminal_completes_with_tab() {
    let (world, url) = world();
    let root = tool("zsh/root");
    let bin = world.path("bin").display().to_string();
    let setup = format!(
        "module_path=({0}/usr/lib/*/zsh/*(N)); fpath=({0}/usr/share/zsh/functions/**/*(/N) {1})
        path=({bin} $path); autoload -Uz compinit; compinit -u -D; PROMPT='ready> '",
        root.display(),
        repository().join("completions").display()
    );
    std::fs::write(world.path(".zshrc"), setup).unwrap();
    let zsh = tool("zsh/zsh");
    let mut zsh = Terminal::start(&world, zsh.to_str().unwrap(), &["-i"]);
    zsh.expect("ready> ");
    zsh.keys("talosctl-snapshot-pull --iden\t");
    zsh.expect("--identity");
    zsh.keys("\u{15}talosctl-snapshot-pull s3://backups/prod/\t");
    assert!(url.ends_with(".zst.age"));
    zsh.expect("zst.age");
    zsh.keys("\u{15}exit\r");
    let (status, _) = zsh.end();
    assert!(status.code().is_some());
}

#[test]
fn fish_completes_flags_and_keys() {
    let (world, url) = world();
    let file = repository().join("completions/talosctl-snapshot-pull.fish");
    let asked = |line: &str| {
        let script = format!("source {}; complete -C '{line}'", file.display());
        let mut fish = with_links(&world, tool("fish/fish"));
        let output = fish.args(["--no-config", "-c", &script]).output().unwrap();
        ok(&output);
        text(&output.stdout)
    };
    assert!(asked("talosctl-snapshot-pull --iden").starts_with("--identity\t"));
    let keys = asked("talosctl-snapshot-pull s3://backups/prod/");
    assert!(keys.starts_with(&format!("{url}\t")), "{keys}");
}

#[test]
fn one_command_registers_every_program() {
    let world = serving();
    linked(&world);
    for (shell, word) in [
        ("bash", "complete -o"),
        ("zsh", "compdef"),
        ("fish", "complete --keep-order"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let printed = world.ours("kubectl-etcdbackup", &["completion", shell]);
        ok(&printed);
        let script = text(&printed.stdout);
        assert_eq!(script.matches(word).count().min(9), 9, "{shell}: {script}");
    }
    let script = world.ours("kubectl-etcdbackup", &["completion", "kubectl"]);
    ok(&script);
    std::fs::remove_file(world.path("bin/kubectl_complete-etcdbackup")).unwrap();
    std::fs::write(
        world.path("bin/kubectl_complete-etcdbackup"),
        &script.stdout,
    )
    .unwrap();
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.path("bin/kubectl_complete-etcdbackup"), mode).unwrap();
    assert_eq!(super::offered(&world, &["etcdbackup", "pru"]), ["prune"]);
}
