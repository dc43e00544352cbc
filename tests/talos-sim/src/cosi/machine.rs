//! What a machine says of itself: its type, config, services, stage, time, names, and its etcd.

use etcdbackup_proto::common::NetIpPrefix;
use etcdbackup_proto::cosi::resource::Resource;
use etcdbackup_proto::machine::machine_status_event::MachineStage;
use etcdbackup_proto::talos::specs::{
    ArgValues, EtcdMemberSpec, EtcdPkiStatusSpec, EtcdSpec, HostnameStatusSpec, MachineConfigSpec,
    MachineStatusSpec, MachineType, MachineTypeSpec, NodeAddressSpec, ServiceSpec, TimeStatusSpec,
    machine_status_spec,
};

use super::Maker;
use super::cluster::ip;
use crate::cluster::{Kind, Node};
use crate::services;
use crate::state::{HeldUp, Secrets};

pub(super) fn type_of(node: &Node) -> (MachineType, &'static str) {
    match node.kind {
        _ if node.machine().secrets == Secrets::None => (MachineType::Unknown, "unknown"),
        Kind::ControlPlane => (MachineType::ControlPlane, "controlplane"),
        Kind::Init => (MachineType::Init, "init"),
        Kind::Worker => (MachineType::Worker, "worker"),
    }
}

pub(super) fn machine_type(maker: &Maker<'_>) -> Vec<Resource> {
    let (number, name) = type_of(maker.node);
    let message = MachineTypeSpec {
        machine_type: number as i32,
    };
    vec![maker.make("machine-type", &message, format!("{name}\n"))]
}

/// The node's own, or the one all control planes have.
pub(super) fn machine_config(maker: &Maker<'_>) -> Vec<Resource> {
    let machine = maker.node.machine();
    let shared = maker
        .cluster
        .machine_config
        .as_ref()
        .filter(|_| maker.node.is_control_plane());
    let text = machine.config.as_ref().or(shared);
    let Some(text) = text.filter(|_| machine.secrets != Secrets::None) else {
        return Vec::new();
    };
    let message = MachineConfigSpec {
        yaml_marshalled: text.clone().into_bytes(),
    };
    let yaml = format!("|\n  {}\n", text.replace('\n', "\n  "));
    ["persistent", "v1alpha1"]
        .map(|id| {
            let mut resource = maker.make(id, &message, yaml.clone());
            if let Some(metadata) = &mut resource.metadata {
                let annotations = &mut metadata.annotations;
                annotations.insert("talos.dev/yaml-spec".to_owned(), "1".to_owned());
            }
            resource
        })
        .into()
}

/// A service has a resource only while it runs.
pub(super) fn services(maker: &Maker<'_>) -> Vec<Resource> {
    let services = services::of(maker.node, maker.cluster).into_iter();
    let running = services.filter(|service| service.state == "Running");
    running
        .map(|service| {
            let health = service.health.unwrap_or_default();
            let message = ServiceSpec {
                running: true,
                healthy: health.healthy,
                unknown: health.unknown,
            };
            let yaml = format!(
                "running: true\nhealthy: {}\nunknown: {}\n",
                health.healthy, health.unknown
            );
            maker.make(&service.id, &message, yaml)
        })
        .collect()
}

pub(super) fn machine_status(maker: &Maker<'_>) -> Vec<Resource> {
    let stage = maker.node.machine().stage;
    let unmet = services::unmet(maker.node, maker.cluster);
    let message = MachineStatusSpec {
        stage: stage as i32,
        status: Some(machine_status_spec::Status {
            ready: unmet.is_empty() && stage == MachineStage::Running,
            unmet_conditions: unmet
                .iter()
                .map(|(name, reason)| machine_status_spec::UnmetCondition {
                    name: (*name).to_owned(),
                    reason: (*reason).to_owned(),
                })
                .collect(),
        }),
    };
    let list: String = unmet
        .iter()
        .map(|(name, reason)| format!("        - name: {name}\n          reason: {reason}\n"))
        .collect();
    let conditions = match list.as_str() {
        "" => "    unmetConditions: []\n".to_owned(),
        list => format!("    unmetConditions:\n{list}"),
    };
    let yaml = format!(
        "stage: {}\nstatus:\n    ready: {}\n{conditions}",
        stage_name(stage),
        message.status.as_ref().is_some_and(|status| status.ready)
    );
    vec![maker.make("machine", &message, yaml)]
}

fn stage_name(stage: MachineStage) -> &'static str {
    match stage {
        MachineStage::Unknown => "unknown",
        MachineStage::Booting => "booting",
        MachineStage::Installing => "installing",
        MachineStage::Maintenance => "maintenance",
        MachineStage::Running => "running",
        MachineStage::Rebooting => "rebooting",
        MachineStage::ShuttingDown => "shutting down",
        MachineStage::Resetting => "resetting",
        MachineStage::Upgrading => "upgrading",
    }
}

pub(super) fn time_status(maker: &Maker<'_>) -> Vec<Resource> {
    let synced = !maker.node.machine().is_held_up(HeldUp::Time);
    let message = TimeStatusSpec {
        synced,
        epoch: i64::from(synced),
        sync_disabled: false,
    };
    let yaml = format!(
        "synced: {synced}\nepoch: {}\nsyncDisabled: false\n",
        message.epoch
    );
    vec![maker.make("node", &message, yaml)]
}

pub(super) fn hostname(maker: &Maker<'_>) -> Vec<Resource> {
    let hostname = maker.node.name.clone();
    let yaml = format!("hostname: {hostname}\ndomainname: \"\"\n");
    let message = HostnameStatusSpec {
        hostname,
        domainname: String::new(),
    };
    vec![maker.make("hostname", &message, yaml)]
}

pub(super) fn nodename(maker: &Maker<'_>) -> Vec<Resource> {
    /// `NodenameSpec`.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Nodename {
        #[prost(string, tag = "1")]
        nodename: String,
    }
    if maker.node.machine().secrets == Secrets::None {
        return Vec::new();
    }
    let nodename = maker.node.name.clone();
    let yaml = format!("nodename: {nodename}\n");
    vec![maker.make("nodename", &Nodename { nodename }, yaml)]
}

pub(super) fn addresses(maker: &Maker<'_>) -> Vec<Resource> {
    let message = NodeAddressSpec {
        addresses: vec![NetIpPrefix {
            ip: maker.node.address.octets().to_vec(),
            prefix_length: 24,
        }],
    };
    let yaml = format!("addresses:\n    - {}/24\n", maker.node.address);
    ["accumulative", "current", "default", "routed"]
        .map(|id| maker.make(id, &message, yaml.clone()))
        .into()
}

/// Whether there is anything of etcd here at all.
fn runs_etcd(node: &Node) -> bool {
    node.is_control_plane() && node.machine().secrets != Secrets::None
}

/// Only while etcd is healthy.
pub(super) async fn etcd_member(maker: &Maker<'_>) -> Option<Resource> {
    let health = services::etcd_health(maker.node, maker.cluster)?;
    if !runs_etcd(maker.node) || !health.healthy {
        return None;
    }
    let id = match maker.node.etcd.get() {
        Some(client) => client.status_now().await.ok()?.header?.member_id,
        None => maker.node.script().member_id,
    };
    let member_id = format!("{id:016x}");
    let yaml = format!("memberID: \"{member_id}\"\n");
    Some(maker.make("local", &EtcdMemberSpec { member_id }, yaml))
}

/// Not where no address is fit for etcd.
pub(super) fn etcd_spec(maker: &Maker<'_>) -> Vec<Resource> {
    let node = maker.node;
    if !runs_etcd(node) || node.machine().is_held_up(HeldUp::Address) {
        return Vec::new();
    }
    let version = maker.cluster.version;
    let mut message = EtcdSpec {
        name: node.name.clone(),
        advertised_addresses: vec![ip(node)],
        image: version.etcd_image().to_owned(),
        listen_peer_addresses: vec![ip(node)],
        listen_client_addresses: vec![ip(node)],
        ..EtcdSpec::default()
    };
    let argument = ("quota-backend-bytes", "8589934592");
    let value = if version.at_least(1, 13) {
        let values = ArgValues {
            values: vec![argument.1.to_owned()],
        };
        message.extra_args.insert(argument.0.to_owned(), values);
        format!("\n        - \"{}\"", argument.1)
    } else {
        let legacy = &mut message.extra_args_legacy;
        legacy.insert(argument.0.to_owned(), argument.1.to_owned());
        format!(" \"{}\"", argument.1)
    };
    let address = node.address;
    let yaml = format!(
        "name: {}\nadvertisedAddresses:\n    - {address}\nlistenPeerAddresses:\n    - {address}\nlistenClientAddresses:\n    - {address}\nimage: {}\nextraArgs:\n    {}:{value}\n",
        node.name, message.image, argument.0
    );
    vec![maker.make("etcd", &message, yaml)]
}

pub(super) fn etcd_pki(maker: &Maker<'_>) -> Vec<Resource> {
    if !runs_etcd(maker.node) {
        return Vec::new();
    }
    let message = EtcdPkiStatusSpec {
        ready: true,
        version: "1".to_owned(),
    };
    let yaml = "ready: true\nversion: \"1\"\n".to_owned();
    vec![maker.make("etcd", &message, yaml)]
}
