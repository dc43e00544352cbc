//! What a snapshot had and the live cluster lacks, and the other way round.

use std::collections::BTreeMap;

use super::super::super::finding::Finding;
use super::super::super::known::Known;
use super::super::super::kubernetes::{Comparison, Group};
use super::super::Evidence;
use super::{counted, first_of};

const NAMESPACES: &str = "namespaces";
/// Objects that are named in a command.
const COMMAND: usize = 10;

/// Nothing, unless a snapshot was given to compare with.
pub(in super::super) fn against(evidence: &Evidence<'_>) -> Vec<Finding> {
    let compared = evidence.kubernetes.and_then(|one| one.compared.as_ref());
    match compared {
        None => Vec::new(),
        Some(Known::Unknown(unknown)) => {
            vec![Finding::unknown(unknown).hint("make the API server answer, then ask again")]
        }
        Some(Known::Is(compared)) => judge(compared),
    }
}

fn judge(compared: &Comparison) -> Vec<Finding> {
    let file = &compared.file;
    let mut findings: Vec<Finding> = Vec::new();
    let gone = gone_namespaces(compared);
    for (namespace, groups) in by_namespace(&compared.missing) {
        if namespace.is_empty() {
            // A namespace is told with what was in it.
            let others = groups.iter().filter(|group| group.resource != NAMESPACES);
            findings.extend(others.map(|group| cluster_wide(file, group)));
        } else {
            findings.push(in_namespace(file, namespace, &groups, &gone));
        }
    }
    findings.extend(empty(compared, &gone).map(|group| cluster_wide(file, &group)));
    if findings.is_empty() {
        let all = counted(compared.objects, "object");
        findings.push(Finding::ok(format!("{all} of {file}, all there")));
    }
    if let Some(more) = more(compared) {
        findings.push(more);
    }
    findings.extend(compared.unread.first().map(|(resource, why)| {
        let others = compared.unread.len() - 1;
        let more = match others {
            0 => String::new(),
            others => format!(", and {others} more"),
        };
        Finding::warn(format!("not compared: {resource}{more}: {why}"))
            .hint("compare with the credentials of an administrator")
    }));
    findings
}

/// Namespaces that are missing with all that was in them.
fn gone_namespaces(compared: &Comparison) -> Vec<&str> {
    let groups = compared.missing.iter();
    let namespaces = groups.filter(|group| group.resource == NAMESPACES);
    namespaces
        .flat_map(|group| group.names.iter().map(String::as_str))
        .collect()
}

/// Namespaces that are missing and had nothing in them that could be.
fn empty(compared: &Comparison, gone: &[&str]) -> Option<Group> {
    let had = |name: &str| compared.missing.iter().any(|one| one.namespace == name);
    let names: Vec<String> = gone
        .iter()
        .filter(|name| !had(name))
        .map(|name| (*name).to_owned())
        .collect();
    (!names.is_empty()).then(|| Group {
        namespace: String::new(),
        resource: NAMESPACES.to_owned(),
        names,
        served: true,
    })
}

fn by_namespace(groups: &[Group]) -> BTreeMap<&str, Vec<&Group>> {
    let mut sorted: BTreeMap<&str, Vec<&Group>> = BTreeMap::new();
    for group in groups {
        sorted.entry(&group.namespace).or_default().push(group);
    }
    sorted
}

/// Objects of cluster scope.
fn cluster_wide(file: &str, group: &Group) -> Finding {
    let not_served = if group.served {
        ""
    } else {
        ", which the API does not serve now"
    };
    let text = format!("missing: {}{not_served}", told(&[group]));
    Finding::warn(text).hint(bring_back(file, &[group], ""))
}

fn in_namespace(file: &str, namespace: &str, groups: &[&Group], gone: &[&str]) -> Finding {
    let each = told(groups);
    if gone.contains(&namespace) {
        return Finding::warn(format!("namespace {namespace} is missing, with {each}")).hint(format!(
            "bring it back: `talosctl-snapshot-inspect get {file} --all -n {namespace} | kubectl apply --server-side -f -`; Secrets need `--machine-config FILE --show-secrets`"
        ));
    }
    let of = format!(" -n {namespace}");
    Finding::warn(format!("missing in namespace {namespace}: {each}"))
        .hint(bring_back(file, groups, &of))
}

/// `2 deployments.apps (a, b), 1 secrets (c)`.
fn told(groups: &[&Group]) -> String {
    let each: Vec<String> = groups
        .iter()
        .map(|group| {
            let names = first_of(&group.names);
            format!("{} {} ({names})", group.names.len(), group.resource)
        })
        .collect();
    each.join(", ")
}

/// The command that brings single objects back.
fn bring_back(file: &str, groups: &[&Group], of: &str) -> String {
    let all: Vec<String> = groups
        .iter()
        .flat_map(|group| {
            let names = group.names.iter();
            names.map(move |name| format!("{}/{name}", group.resource))
        })
        .collect();
    let told = all.iter().take(COMMAND).map(String::as_str);
    let told = told.collect::<Vec<_>>().join(" ");
    let more = if all.len() > COMMAND {
        ", and so on (`-o json` names all)"
    } else {
        ""
    };
    // Hidden values must not be applied.
    let opened = if groups.iter().any(|group| group.resource == "secrets") {
        " --machine-config FILE --show-secrets"
    } else {
        ""
    };
    format!(
        "bring them back: `talosctl-snapshot-inspect get {file} {told}{of}{opened} | kubectl apply --server-side -f -`{more}"
    )
}

/// What was made since, or is not of that time.
fn more(compared: &Comparison) -> Option<Finding> {
    let count: usize = compared.extra.iter().map(|group| group.names.len()).sum();
    let names: Vec<String> = compared
        .extra
        .iter()
        .flat_map(|group| {
            group.names.iter().map(move |name| {
                if group.namespace.is_empty() {
                    format!("{}/{name}", group.resource)
                } else {
                    format!("{}/{name} in {}", group.resource, group.namespace)
                }
            })
        })
        .collect();
    (count > 0).then(|| {
        Finding::ok(format!(
            "{} more than {} has: {}",
            counted(count, "object"),
            compared.file,
            first_of(&names)
        ))
    })
}
