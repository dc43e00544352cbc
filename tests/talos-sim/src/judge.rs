//! What no program that recovers a control plane may ever do, said of everything that was
//! recorded.

use crate::calls::{Arguments, Route};
use crate::cluster::Kind;
use crate::record::{Change, Machine, Record};

/// The calls that a recovery consists of.
const OURS: [&str; 4] = ["Bootstrap", "EtcdRecover", "Reset", "ServiceRestart"];
/// The only partitions that hold etcd.
const HOLD_ETCD: [&str; 2] = ["EPHEMERAL", "ETCD"];

impl Record {
    /// Every rule that was broken, in words; none: all is well.
    #[must_use]
    pub fn offences(&self) -> Vec<String> {
        let changes = self.changes();
        let mut offences: Vec<String> = changes.iter().flat_map(offences).collect();
        let refused = self.refused().into_iter();
        offences.extend(refused.map(|what| format!("Bootstrap from a bad snapshot: {what}")));
        offences
    }
}

/// The rules that one change breaks.
#[must_use]
pub fn offences(change: &Change) -> Vec<String> {
    let rules: [fn(&Change) -> Vec<String>; 5] =
        [sender, nothing_in_a_dry_run, reset, bootstrap, snapshot];
    let broken = rules.iter().flat_map(|rule| rule(change));
    let call = &change.call;
    broken
        .map(|what| {
            format!(
                "{} on {}: {what} ({:?})",
                call.method, call.node, call.arguments
            )
        })
        .collect()
}

/// Only what a recovery needs is sent, and to one node at a time.
fn sender(change: &Change) -> Vec<String> {
    let call = &change.call;
    let mut broken = Vec::new();
    if !OURS.contains(&call.method.as_str()) {
        broken.push("no program has to send this".to_owned());
    }
    if !matches!(call.route, Route::Node(_)) {
        broken.push(format!("it is not for one node by name: {:?}", call.route));
    }
    if let Arguments::Service(service) = &call.arguments
        && service != "kubelet"
    {
        broken.push("only kubelets are restarted".to_owned());
    }
    broken
}

fn nothing_in_a_dry_run(change: &Change) -> Vec<String> {
    let broken = change.intents.iter().any(|intent| intent.dry_run);
    Vec::from_iter(broken.then(|| "a dry run changes nothing".to_owned()))
}

/// Exactly one partition that holds etcd, and nothing but it; never on a worker or an `init`
/// node.
fn reset(change: &Change) -> Vec<String> {
    let Arguments::Reset {
        graceful,
        reboot,
        wipe,
        keep,
        user_disks,
        mode,
    } = &change.call.arguments
    else {
        return Vec::new();
    };
    let mut broken = Vec::new();
    match wipe.as_slice() {
        [] => broken.push("an empty list wipes the whole system disk".to_owned()),
        [one] if HOLD_ETCD.contains(&one.as_str()) => {}
        _ => broken.push("more is wiped than what holds etcd".to_owned()),
    }
    if *graceful || !reboot || !keep.is_empty() || !user_disks.is_empty() || *mode != 0 {
        broken.push("it is another reset than the runbook's".to_owned());
    }
    let called = change
        .machines
        .iter()
        .find(|one| one.name == change.call.node);
    match called.map(|one| one.kind) {
        Some(Kind::ControlPlane) => {}
        Some(kind) => broken.push(format!("{kind:?} nodes are never wiped")),
        None => broken.push("no such node".to_owned()),
    }
    broken
}

/// Every control plane is empty, or silent and named lost; and no other restore is under way.
fn bootstrap(change: &Change) -> Vec<String> {
    if change.call.method != "Bootstrap" {
        return Vec::new();
    }
    let all = change.machines.iter();
    let control_planes = all.filter(|one| one.kind != Kind::Worker);
    control_planes
        .filter_map(|one| in_the_way(one, change))
        .collect()
}

fn in_the_way(machine: &Machine, change: &Change) -> Option<String> {
    let name = &machine.name;
    let mut lost = change.intents.iter().flat_map(|intent| &intent.lost);
    if !machine.answers {
        let named = lost.any(|one| one == name || *one == machine.address);
        return (!named).then(|| format!("{name} is silent, and not named lost"));
    }
    if machine.runs_etcd {
        return Some(format!("{name} runs etcd"));
    }
    if machine.has_data {
        return Some(format!("{name} holds data"));
    }
    machine
        .bootstraps
        .then(|| format!("{name} was told to bootstrap already"))
}

/// Always with recovery, from a snapshot whose digest holds; only a database that never had one
/// is spared that.
fn snapshot(change: &Change) -> Vec<String> {
    let Arguments::Bootstrap {
        recover,
        skip_hash_check,
    } = change.call.arguments
    else {
        return Vec::new();
    };
    let mut broken = Vec::new();
    if !recover {
        broken.push("it makes an empty cluster".to_owned());
    }
    match change.uploaded.as_ref().map(|one| one.digest_holds) {
        None => broken.push("no snapshot is on the node".to_owned()),
        Some(Some(false)) => broken.push("the snapshot is not proven".to_owned()),
        Some(digest) if digest.is_none() != skip_hash_check => {
            broken.push("whether there is a digest decides whether it is checked".to_owned());
        }
        Some(_) => {}
    }
    broken
}
