//! The checks, each a small unit: it looks at the evidence and says what it finds. Which
//! assertion looks at which is written down here, and nowhere else.
//!
//! A node that does not answer is told once, by `reachable`, as unknown; a node that is lost as
//! such. Every other check speaks of nodes that were seen.

mod configs;
mod endpoint;
mod etcd;
mod kubernetes;
mod machine;
mod obstacle;
mod reach;
mod recovered;
mod storage;
pub mod waiting;

use super::condition::Condition;
use super::file::FileFacts;
use super::finding::Finding;
use super::kubernetes::Kubernetes;
use super::machine_config::Configs;
use super::survey::{NodeSurvey, Survey};
use super::verdict::Judgement;

/// Everything that checks look at.
pub struct Evidence<'a> {
    /// The last survey.
    pub survey: &'a Survey,
    /// What follows from it.
    pub judgement: &'a Judgement,
    /// The client certificate.
    pub client: &'a Client,
    /// The snapshot at hand.
    pub file: Option<&'a FileFacts>,
    /// What Kubernetes says, where it was asked.
    pub kubernetes: Option<&'a Kubernetes>,
    /// Machine configs, where they were asked for.
    pub configs: Option<&'a Configs>,
}

/// What the client certificate says.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its roles.
    pub roles: Vec<String>,
    /// When it ends.
    pub end: jiff::Timestamp,
}

impl Evidence<'_> {
    /// Nodes that answered.
    fn seen(&self) -> impl Iterator<Item = &NodeSurvey> {
        self.survey
            .nodes
            .iter()
            .filter(|node| node.reached.get().is_some())
    }

    /// Nodes that answered, and what their etcd is worth.
    fn pairs(&self) -> impl Iterator<Item = (&NodeSurvey, &Condition)> {
        let pairs = self.survey.nodes.iter().zip(&self.judgement.conditions);
        pairs.filter(|(node, _)| node.reached.get().is_some())
    }

    /// One finding for each node that answered.
    fn each(&self, look: impl Fn(&NodeSurvey) -> Finding) -> Vec<Finding> {
        self.seen().map(|node| look(node).on(node)).collect()
    }
}

/// One check.
pub struct Check {
    /// Its name in reports and scripts.
    pub name: &'static str,
    look: fn(&Evidence<'_>) -> Vec<Finding>,
}

macro_rules! checks {
    ($($(#[$doc:meta])* $list:ident: $($name:literal => $look:path),+ $(,)?;)+) => {
        $($(#[$doc])* pub const $list: &[Check] = &[$(Check { name: $name, look: $look }),+];)+
    };
}

checks! {
    /// What decides whether etcd can be brought back without a backup.
    UNRECOVERABLE:
        "reachable" => reach::reachable,
        "census" => reach::census,
        "etcd" => etcd::service,
        "data" => storage::data,
        "database" => storage::databases,
        "quorum" => etcd::quorum,
        "alarms" => etcd::alarms,
        "obstacle" => obstacle::obstacles,
        "time" => machine::time;
    /// Whether the nodes are fit for recovery.
    NODES:
        "reachable" => reach::reachable,
        "endpoint" => endpoint::endpoints,
        "census" => reach::census,
        "machine-type" => machine::kind,
        "maintenance" => machine::maintenance,
        "time" => machine::time,
        "certificate" => machine::certificate,
        "role" => machine::role,
        "version" => machine::version,
        "address" => endpoint::addresses,
        "partition" => storage::partition,
        "space" => storage::space,
        "local-data" => storage::local_data,
        "machine-config" => configs::saved,
        "images" => configs::images;
    /// Whether every control plane can be bootstrapped or can join.
    PREPARING:
        "reachable" => reach::reachable,
        "census" => reach::census,
        "state" => waiting::state,
        "directory" => waiting::directory,
        "upload" => waiting::upload,
        "reboot" => waiting::reboot;
    /// Whether the cluster is back.
    RECOVERED:
        "reachable" => reach::reachable,
        "census" => reach::census,
        "etcd" => etcd::service,
        "quorum" => etcd::quorum,
        "alarms" => etcd::alarms,
        "services" => recovered::services,
        "machine" => recovered::machine,
        "time" => machine::time,
        "upload" => waiting::upload,
        "api" => kubernetes::servers,
        "api-services" => kubernetes::parts,
        "api-addresses" => kubernetes::addresses,
        "nodes" => kubernetes::nodes,
        "kubelets" => kubernetes::kubelets,
        "pods" => kubernetes::pods,
        "workloads" => kubernetes::workloads,
        "volumes" => kubernetes::volumes,
        "webhooks" => kubernetes::webhooks,
        "against" => kubernetes::against;
}

/// All findings of these checks, in their order.
pub fn run(checks: &[Check], evidence: &Evidence<'_>) -> Vec<Finding> {
    let named = |check: &Check| {
        let name = check.name;
        (check.look)(evidence)
            .into_iter()
            .map(move |finding| Finding {
                check: name,
                ..finding
            })
    };
    checks.iter().flat_map(named).collect()
}

#[cfg(test)]
mod tests;
