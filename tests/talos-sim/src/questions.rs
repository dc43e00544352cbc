//! Requests, and what of them is worth a line in the log of calls.

use etcdbackup_proto::machine::*;

use crate::calls::Arguments;

/// A request as it goes to one or more nodes.
pub(crate) trait Question: Clone + Send + 'static {
    /// What it asks for.
    fn arguments(&self) -> Arguments {
        Arguments::None
    }
}

impl Question for () {}
impl Question for ApplyConfigurationRequest {}
impl Question for DmesgRequest {}
impl Question for EtcdForfeitLeadershipRequest {}
impl Question for EtcdLeaveClusterRequest {}
impl Question for EtcdMemberListRequest {}
impl Question for EtcdSnapshotRequest {}
impl Question for EventsRequest {}
impl Question for GenerateClientConfigurationRequest {}
impl Question for RebootRequest {}

impl Question for BootstrapRequest {
    fn arguments(&self) -> Arguments {
        Arguments::Bootstrap {
            recover: self.recover_etcd,
            skip_hash_check: self.recover_skip_hash_check,
        }
    }
}

impl Question for ResetRequest {
    fn arguments(&self) -> Arguments {
        let labels = |wipe: bool| {
            let specs = self.system_partitions_to_wipe.iter();
            specs
                .filter(|spec| spec.wipe == wipe)
                .map(|spec| spec.label.clone())
                .collect()
        };
        Arguments::Reset {
            graceful: self.graceful,
            reboot: self.reboot,
            wipe: labels(true),
            keep: labels(false),
            user_disks: self.user_disks_to_wipe.clone(),
            mode: self.mode,
        }
    }
}

impl Question for EtcdRemoveMemberByIdRequest {
    fn arguments(&self) -> Arguments {
        Arguments::Member(self.member_id)
    }
}

impl Question for ServiceRestartRequest {
    fn arguments(&self) -> Arguments {
        Arguments::Service(self.id.clone())
    }
}

impl Question for CopyRequest {
    fn arguments(&self) -> Arguments {
        Arguments::Paths(vec![self.root_path.clone()])
    }
}

impl Question for ReadRequest {
    fn arguments(&self) -> Arguments {
        Arguments::Paths(vec![self.path.clone()])
    }
}

impl Question for ListRequest {
    fn arguments(&self) -> Arguments {
        Arguments::Paths(vec![self.root.clone()])
    }
}

impl Question for DiskUsageRequest {
    fn arguments(&self) -> Arguments {
        Arguments::Paths(self.paths.clone())
    }
}
