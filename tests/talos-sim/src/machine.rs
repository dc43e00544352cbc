//! `machine.MachineService` as every node serves it: which call is answered how.

use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::machine_service_server::MachineService;
use etcdbackup_proto::machine::*;
use futures::FutureExt as _;
use tonic::{Request, Response, Status, Streaming};

use crate::routing::{Apid, Messages};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl MachineService for Apid {
    type DmesgStream = Messages<Data>;
    type EventsStream = Messages<Event>;
    type EtcdSnapshotStream = Messages<Data>;
    type CopyStream = Messages<Data>;
    type DiskUsageStream = Messages<DiskUsageInfo>;
    type KubeconfigStream = Messages<Data>;
    type ListStream = Messages<FileInfo>;
    type ReadStream = Messages<Data>;

    async fn apply_configuration(
        &self,
        request: Request<ApplyConfigurationRequest>,
    ) -> Answer<ApplyConfigurationResponse> {
        self.unary("ApplyConfiguration", request, |machined, request| {
            async move { machined.apply_configuration(&request) }.boxed()
        })
        .await
    }

    async fn dmesg(&self, request: Request<DmesgRequest>) -> Answer<Messages<Data>> {
        self.stream("Dmesg", request, |machined, request, _| {
            async move { Ok(machined.dmesg(request)) }.boxed()
        })
        .await
    }

    async fn generate_client_configuration(
        &self,
        request: Request<GenerateClientConfigurationRequest>,
    ) -> Answer<GenerateClientConfigurationResponse> {
        self.unary(
            "GenerateClientConfiguration",
            request,
            |machined, request| async move { machined.client_configuration(&request) }.boxed(),
        )
        .await
    }

    async fn version(&self, request: Request<()>) -> Answer<VersionResponse> {
        self.unary("Version", request, |machined, ()| {
            async move { Ok(machined.version()) }.boxed()
        })
        .await
    }

    async fn service_list(&self, request: Request<()>) -> Answer<ServiceListResponse> {
        self.unary("ServiceList", request, |machined, ()| {
            async move { Ok(machined.service_list()) }.boxed()
        })
        .await
    }

    async fn etcd_member_list(
        &self,
        request: Request<EtcdMemberListRequest>,
    ) -> Answer<EtcdMemberListResponse> {
        self.unary("EtcdMemberList", request, |machined, request| {
            async move { machined.member_list(request).await }.boxed()
        })
        .await
    }

    async fn etcd_status(&self, request: Request<()>) -> Answer<EtcdStatusResponse> {
        self.unary("EtcdStatus", request, |machined, ()| {
            async move { machined.etcd_status().await }.boxed()
        })
        .await
    }

    async fn etcd_alarm_list(&self, request: Request<()>) -> Answer<EtcdAlarmListResponse> {
        self.unary("EtcdAlarmList", request, |machined, ()| {
            async move { machined.alarm_list().await }.boxed()
        })
        .await
    }

    async fn etcd_snapshot(&self, request: Request<EtcdSnapshotRequest>) -> Answer<Messages<Data>> {
        self.stream("EtcdSnapshot", request, |machined, _, struck| {
            async move { machined.snapshot(struck).await }.boxed()
        })
        .await
    }

    async fn bootstrap(&self, request: Request<BootstrapRequest>) -> Answer<BootstrapResponse> {
        self.unary("Bootstrap", request, |machined, request| {
            async move { machined.bootstrap(request).await }.boxed()
        })
        .await
    }

    async fn events(&self, request: Request<EventsRequest>) -> Answer<Messages<Event>> {
        self.stream("Events", request, |machined, request, _| {
            async move { Ok(crate::events::watch(machined.node, request)) }.boxed()
        })
        .await
    }

    async fn etcd_alarm_disarm(&self, request: Request<()>) -> Answer<EtcdAlarmDisarmResponse> {
        self.unary("EtcdAlarmDisarm", request, |machined, ()| {
            async move { machined.disarm_alarms().await }.boxed()
        })
        .await
    }

    async fn etcd_defragment(&self, request: Request<()>) -> Answer<EtcdDefragmentResponse> {
        self.unary("EtcdDefragment", request, |machined, ()| {
            async move { machined.defragment().await }.boxed()
        })
        .await
    }

    async fn etcd_forfeit_leadership(
        &self,
        request: Request<EtcdForfeitLeadershipRequest>,
    ) -> Answer<EtcdForfeitLeadershipResponse> {
        self.unary("EtcdForfeitLeadership", request, |machined, _| {
            async move { machined.forfeit_leadership().await }.boxed()
        })
        .await
    }

    async fn etcd_leave_cluster(
        &self,
        request: Request<EtcdLeaveClusterRequest>,
    ) -> Answer<EtcdLeaveClusterResponse> {
        self.unary("EtcdLeaveCluster", request, |machined, _| {
            async move { machined.leave().await }.boxed()
        })
        .await
    }

    async fn etcd_recover(&self, request: Request<Streaming<Data>>) -> Answer<EtcdRecoverResponse> {
        self.upload(request).await
    }

    async fn etcd_remove_member_by_id(
        &self,
        request: Request<EtcdRemoveMemberByIdRequest>,
    ) -> Answer<EtcdRemoveMemberByIdResponse> {
        self.unary("EtcdRemoveMemberByID", request, |machined, request| {
            async move { machined.remove_member(request.member_id).await }.boxed()
        })
        .await
    }

    async fn copy(&self, request: Request<CopyRequest>) -> Answer<Messages<Data>> {
        self.stream("Copy", request, |machined, request, struck| {
            async move { machined.copy(&request, struck) }.boxed()
        })
        .await
    }

    async fn disk_usage(
        &self,
        request: Request<DiskUsageRequest>,
    ) -> Answer<Messages<DiskUsageInfo>> {
        self.stream("DiskUsage", request, |machined, request, _| {
            async move { machined.disk_usage(&request) }.boxed()
        })
        .await
    }

    async fn kubeconfig(&self, request: Request<()>) -> Answer<Messages<Data>> {
        self.stream("Kubeconfig", request, |machined, (), struck| {
            async move { machined.kubeconfig(struck) }.boxed()
        })
        .await
    }

    async fn list(&self, request: Request<ListRequest>) -> Answer<Messages<FileInfo>> {
        self.stream("List", request, |machined, request, _| {
            async move { machined.list(&request) }.boxed()
        })
        .await
    }

    async fn mounts(&self, request: Request<()>) -> Answer<MountsResponse> {
        self.unary("Mounts", request, |machined, ()| {
            async move { Ok(machined.mounts()) }.boxed()
        })
        .await
    }

    async fn read(&self, request: Request<ReadRequest>) -> Answer<Messages<Data>> {
        self.stream("Read", request, |machined, request, struck| {
            async move { machined.read(&request, struck) }.boxed()
        })
        .await
    }

    async fn reboot(&self, request: Request<RebootRequest>) -> Answer<RebootResponse> {
        self.unary("Reboot", request, |machined, _| {
            async move { machined.reboot() }.boxed()
        })
        .await
    }

    async fn reset(&self, request: Request<ResetRequest>) -> Answer<ResetResponse> {
        self.unary("Reset", request, |machined, request| {
            async move { machined.reset(&request) }.boxed()
        })
        .await
    }

    async fn service_restart(
        &self,
        request: Request<ServiceRestartRequest>,
    ) -> Answer<ServiceRestartResponse> {
        self.unary("ServiceRestart", request, |machined, request| {
            async move { machined.service_restart(&request) }.boxed()
        })
        .await
    }
}
