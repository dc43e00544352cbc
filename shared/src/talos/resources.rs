//! Talos' resources (COSI) that tell what a node is and what it waits for.

use std::net::IpAddr;

use etcdbackup_proto::common::NetIp;
use etcdbackup_proto::cosi::resource::{GetRequest, ListRequest, Resource};
use etcdbackup_proto::talos::specs::{
    ClusterInfoSpec, ClusterMemberSpec, EtcdSpec, HostnameStatusSpec, MachineStatusSpec,
    MachineType as RawType, MachineTypeSpec, NodeAddressSpec, TimeStatusSpec, VolumeStatusSpec,
    volume_status_spec,
};
use prost::Message;
use serde::Serialize;

use super::client::Via;
use super::error::{Kind, TalosError};
use super::files::gathered;
use super::node::Node;

/// Resources of one kind that are read: members and volumes come in dozens.
const RESOURCES: usize = 10_000;

/// What a machine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MachineType {
    /// A control plane.
    ControlPlane,
    /// A control plane that bootstraps by itself: of the past, and not for recovery.
    Init,
    /// A worker.
    Worker,
    /// It does not know yet.
    Unknown,
}

impl From<i32> for MachineType {
    fn from(number: i32) -> Self {
        match RawType::try_from(number) {
            Ok(RawType::ControlPlane) => Self::ControlPlane,
            Ok(RawType::Init) => Self::Init,
            Ok(RawType::Worker) => Self::Worker,
            _ => Self::Unknown,
        }
    }
}

/// A machine of the cluster, as discovery knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMember {
    /// Its host name.
    pub hostname: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// What it is for.
    pub machine_type: MachineType,
}

/// How far a machine has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineStatus {
    /// `booting`, `running`, `maintenance`, …
    pub stage: &'static str,
    /// Whether it is as it should be.
    pub ready: bool,
    /// What is missing: name and reason.
    pub unmet: Vec<(String, String)>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// `EPHEMERAL`, `ETCD`, …
    pub id: String,
    /// Whether it is a partition of its own, not a directory on another volume.
    pub is_partition: bool,
    /// `ready`, `waiting`, `failed`, …
    pub phase: &'static str,
    /// Its bytes.
    pub bytes: u64,
    /// What is wrong with it.
    pub error: String,
}

/// How etcd shall run here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EtcdConfig {
    /// The member's name.
    pub name: String,
    /// Addresses it advertises.
    pub advertised: Vec<String>,
    /// Its image.
    pub image: String,
    /// Quota of the database in bytes, where one is set.
    pub quota: Option<u64>,
}

const STAGES: [&str; 9] = [
    "unknown",
    "booting",
    "installing",
    "maintenance",
    "running",
    "rebooting",
    "shutting down",
    "resetting",
    "upgrading",
];

impl Node<'_> {
    /// What the machine is for.
    ///
    /// # Errors
    /// The call failed.
    pub async fn machine_type(&self) -> Result<MachineType, TalosError> {
        let spec: MachineTypeSpec = self
            .resource("config", "MachineTypes.config.talos.dev", "machine-type")
            .await?;
        Ok(spec.machine_type.into())
    }

    /// How far it has come.
    ///
    /// # Errors
    /// The call failed.
    pub async fn machine_status(&self) -> Result<MachineStatus, TalosError> {
        let spec: MachineStatusSpec = self
            .resource("runtime", "MachineStatuses.runtime.talos.dev", "machine")
            .await?;
        let stage = usize::try_from(spec.stage).unwrap_or(0);
        let status = spec.status.unwrap_or_default();
        let unmet = status.unmet_conditions.into_iter();
        Ok(MachineStatus {
            stage: STAGES.get(stage).copied().unwrap_or("unknown"),
            ready: status.ready,
            unmet: unmet.map(|one| (one.name, one.reason)).collect(),
        })
    }

    /// Whether its clock is in sync, or synchronisation is switched off.
    ///
    /// # Errors
    /// The call failed.
    pub async fn time_is_synced(&self) -> Result<bool, TalosError> {
        let spec: TimeStatusSpec = self
            .resource("runtime", "TimeStatuses.v1alpha1.talos.dev", "node")
            .await?;
        Ok(spec.synced || spec.sync_disabled)
    }

    /// Its host name.
    ///
    /// # Errors
    /// The call failed.
    pub async fn hostname(&self) -> Result<String, TalosError> {
        let spec: HostnameStatusSpec = self
            .resource("network", "HostnameStatuses.net.talos.dev", "hostname")
            .await?;
        Ok(spec.hostname)
    }

    /// Its own addresses, without those of a shared one (VIP).
    ///
    /// # Errors
    /// The call failed.
    pub async fn addresses(&self) -> Result<Vec<String>, TalosError> {
        let spec: NodeAddressSpec = self
            .resource("network", "NodeAddresses.net.talos.dev", "routed")
            .await?;
        let raw = spec.addresses.into_iter();
        Ok(raw.filter_map(|one| address(&one.ip)).collect())
    }

    /// The name of its cluster.
    ///
    /// # Errors
    /// The call failed.
    pub async fn cluster_name(&self) -> Result<String, TalosError> {
        let spec: ClusterInfoSpec = self
            .resource("cluster", "Infos.cluster.talos.dev", "current")
            .await?;
        Ok(spec.cluster_name)
    }

    /// How its etcd shall run.
    ///
    /// # Errors
    /// The call failed.
    pub async fn etcd_config(&self) -> Result<EtcdConfig, TalosError> {
        let spec: EtcdSpec = self
            .resource("etcd", "EtcdSpecs.etcd.talos.dev", "etcd")
            .await?;
        const QUOTA: &str = "quota-backend-bytes";
        let new = spec.extra_args.get(QUOTA).and_then(|one| one.values.last());
        let quota = new.or_else(|| spec.extra_args_legacy.get(QUOTA));
        Ok(EtcdConfig {
            quota: quota.and_then(|text| text.parse().ok()),
            name: spec.name,
            advertised: addresses(&spec.advertised_addresses),
            image: spec.image,
        })
    }

    /// The machines of the cluster, as this node's discovery knows them.
    ///
    /// # Errors
    /// The call failed.
    pub async fn cluster_members(&self) -> Result<Vec<ClusterMember>, TalosError> {
        let specs: Vec<(String, ClusterMemberSpec)> = self
            .resources("cluster", "Members.cluster.talos.dev")
            .await?;
        Ok(specs
            .into_iter()
            .map(|(_, spec)| ClusterMember {
                hostname: spec.hostname,
                addresses: addresses(&spec.addresses),
                machine_type: spec.machine_type.into(),
            })
            .collect())
    }

    /// Its volumes.
    ///
    /// # Errors
    /// The call failed.
    pub async fn volumes(&self) -> Result<Vec<Volume>, TalosError> {
        let specs = self
            .resources("runtime", "VolumeStatuses.block.talos.dev")
            .await?;
        Ok(specs
            .into_iter()
            .map(|(id, spec)| volume(id, spec))
            .collect())
    }

    async fn resource<T: Message + Default>(
        &self,
        namespace: &str,
        kind: &str,
        id: &str,
    ) -> Result<T, TalosError> {
        let answer = self
            .ask("Get", async |via: Via| {
                let request = via.request(GetRequest {
                    namespace: namespace.to_owned(),
                    r#type: kind.to_owned(),
                    id: id.to_owned(),
                    options: None,
                });
                Ok(via.state().get(request).await?.into_inner())
            })
            .await
            .map_err(|error| about(error, kind))?;
        let decoded = answer.resource.and_then(decode);
        decoded
            .map(|(_, spec)| spec)
            .ok_or_else(|| about(self.empty("Get"), kind))
    }

    async fn resources<T: Message + Default>(
        &self,
        namespace: &str,
        kind: &str,
    ) -> Result<Vec<(String, T)>, TalosError> {
        let answers = self
            .ask("List", async |via: Via| {
                let request = via.request(ListRequest {
                    namespace: namespace.to_owned(),
                    r#type: kind.to_owned(),
                    options: None,
                });
                gathered(via.state().list(request).await?.into_inner(), RESOURCES).await
            })
            .await
            .map_err(|error| about(error, kind))?;
        let decoded = answers
            .into_iter()
            .map(|answer| answer.resource.and_then(decode));
        let whole: Option<Vec<(String, T)>> = decoded.collect();
        whole.ok_or_else(|| about(self.empty("List"), kind))
    }
}

/// The error of a resource, naming its kind: `Get` alone tells nobody anything.
fn about(error: TalosError, kind: &str) -> TalosError {
    let word = kind.split('.').next().unwrap_or(kind);
    let kind = match error.kind {
        Kind::Answer(text) => Kind::Answer(format!("{word}: {text}")),
        kind => kind,
    };
    TalosError { kind, ..error }
}

fn decode<T: Message + Default>(resource: Resource) -> Option<(String, T)> {
    let id = resource.metadata?.id;
    let spec = T::decode(&resource.spec?.proto_spec[..]).ok()?;
    Some((id, spec))
}

fn address(raw: &[u8]) -> Option<String> {
    let address = match raw.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(raw).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(raw).ok()?),
        _ => return None,
    };
    Some(address.to_string())
}

fn addresses(raw: &[NetIp]) -> Vec<String> {
    raw.iter().filter_map(|one| address(&one.ip)).collect()
}

fn volume(id: String, spec: VolumeStatusSpec) -> Volume {
    use volume_status_spec::{Phase, Type};
    let is_partition = matches!(spec.r#type(), Type::Partition | Type::Disk);
    let phase = match spec.phase() {
        Phase::Waiting => "waiting",
        Phase::Failed => "failed",
        Phase::Missing => "missing",
        Phase::Located => "located",
        Phase::Provisioned => "provisioned",
        Phase::Prepared => "prepared",
        Phase::Ready => "ready",
        Phase::Closed => "closed",
    };
    Volume {
        id,
        is_partition,
        phase,
        bytes: spec.size,
        error: spec.error_message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_kinds_are_read_and_others_left_out() {
        assert_eq!(address(&[10, 0, 0, 2]).as_deref(), Some("10.0.0.2"));
        let mut six = [0; 16];
        (six[0], six[15]) = (0xfd, 1);
        assert_eq!(address(&six).as_deref(), Some("fd00::1"));
        assert_eq!(address(&[1, 2, 3]), None);
    }

    #[test]
    fn a_volume_of_its_own_is_told_from_a_directory() {
        let spec = |kind: i32| VolumeStatusSpec {
            r#type: kind,
            phase: 6,
            ..VolumeStatusSpec::default()
        };
        let partition = volume("ETCD".into(), spec(0));
        assert_eq!((partition.is_partition, partition.phase), (true, "ready"));
        assert!(!volume("ETCD".into(), spec(3)).is_partition);
    }
}
