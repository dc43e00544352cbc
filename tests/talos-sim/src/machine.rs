//! `machine.MachineService` as every node serves it: which call is answered how.

use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::machine_service_server::MachineService;
use etcdbackup_proto::machine::*;
use futures::FutureExt as _;
use futures::future::ready;
use tonic::{Request, Response, Status, Streaming};

use crate::routing::{Apid, Messages, Wrapper};

type Answer<T> = Result<Response<T>, Status>;

impl Apid {
    /// A call that Talos has and this simulator does not: routed, logged and checked like any
    /// other, then refused.
    async fn unserved<Q: Clone + Send + 'static, A: Wrapper>(
        &self,
        method: &'static str,
        request: Request<Q>,
    ) -> Answer<A> {
        self.unary(method, request, |_, _| ready(Err(unserved(method))).boxed())
            .await
    }

    async fn unserved_stream<Q: Clone + Send + 'static, T: crate::routing::Labelled>(
        &self,
        method: &'static str,
        request: Request<Q>,
    ) -> Answer<Messages<T>> {
        self.stream(method, request, |_, _, _| {
            ready(Err(unserved(method))).boxed()
        })
        .await
    }
}

fn unserved(method: &str) -> Status {
    Status::unimplemented(format!("{method} is not simulated"))
}

#[tonic::async_trait]
impl MachineService for Apid {
    type EventsStream = Messages<Event>;
    type EtcdSnapshotStream = Messages<Data>;
    type CopyStream = Messages<Data>;
    type DiskUsageStream = Messages<DiskUsageInfo>;
    type ListStream = Messages<FileInfo>;
    type ReadStream = Messages<Data>;

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
        self.unserved("Bootstrap", request).await
    }

    async fn events(&self, request: Request<EventsRequest>) -> Answer<Messages<Event>> {
        self.unserved_stream("Events", request).await
    }

    async fn etcd_alarm_disarm(&self, request: Request<()>) -> Answer<EtcdAlarmDisarmResponse> {
        self.unserved("EtcdAlarmDisarm", request).await
    }

    async fn etcd_defragment(&self, request: Request<()>) -> Answer<EtcdDefragmentResponse> {
        self.unserved("EtcdDefragment", request).await
    }

    async fn etcd_recover(&self, request: Request<Streaming<Data>>) -> Answer<EtcdRecoverResponse> {
        self.unserved("EtcdRecover", request.map(|_| ())).await
    }

    async fn etcd_remove_member_by_id(
        &self,
        request: Request<EtcdRemoveMemberByIdRequest>,
    ) -> Answer<EtcdRemoveMemberByIdResponse> {
        self.unserved("EtcdRemoveMemberByID", request).await
    }

    async fn copy(&self, request: Request<CopyRequest>) -> Answer<Messages<Data>> {
        self.unserved_stream("Copy", request).await
    }

    async fn disk_usage(
        &self,
        request: Request<DiskUsageRequest>,
    ) -> Answer<Messages<DiskUsageInfo>> {
        self.unserved_stream("DiskUsage", request).await
    }

    async fn list(&self, request: Request<ListRequest>) -> Answer<Messages<FileInfo>> {
        self.unserved_stream("List", request).await
    }

    async fn mounts(&self, request: Request<()>) -> Answer<MountsResponse> {
        self.unserved("Mounts", request).await
    }

    async fn read(&self, request: Request<ReadRequest>) -> Answer<Messages<Data>> {
        self.unserved_stream("Read", request).await
    }

    async fn reboot(&self, request: Request<RebootRequest>) -> Answer<RebootResponse> {
        self.unserved("Reboot", request).await
    }

    async fn reset(&self, request: Request<ResetRequest>) -> Answer<ResetResponse> {
        self.unserved("Reset", request).await
    }

    async fn service_restart(
        &self,
        request: Request<ServiceRestartRequest>,
    ) -> Answer<ServiceRestartResponse> {
        self.unserved("ServiceRestart", request).await
    }
}
