//! A plain tonic client: what any gRPC program would do.

use std::time::Duration;

use bytes::Bytes;
use etcdbackup_proto::common::Data;
use etcdbackup_proto::cosi::resource::state_client::StateClient;
use etcdbackup_proto::machine::EtcdSnapshotRequest;
use etcdbackup_proto::machine::machine_service_client::MachineServiceClient;
use talos_sim::{Identity, Simulator, Validity};
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

/// No test waits longer for an answer that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn connect(
    simulator: &Simulator,
    node: usize,
    identity: &Identity,
) -> Result<Channel, tonic::transport::Error> {
    // Talos' label for keys is not one that rustls knows.
    let key = identity.key.replace("ED25519 PRIVATE KEY", "PRIVATE KEY");
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(simulator.authority().pem()))
        .identity(tonic::transport::Identity::from_pem(
            &identity.certificate,
            key,
        ));
    Endpoint::from_shared(format!("https://{}", simulator.apid(node)))?
        .tls_config(tls)?
        .connect_timeout(PATIENCE)
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(4 << 20)
        .connect()
        .await
}

pub(crate) async fn channel(simulator: &Simulator, node: usize, roles: &[&str]) -> Channel {
    let identity = simulator
        .authority()
        .client(roles, Validity::year())
        .unwrap();
    connect(simulator, node, &identity).await.unwrap()
}

pub(crate) async fn machine(
    simulator: &Simulator,
    node: usize,
    roles: &[&str],
) -> MachineServiceClient<Channel> {
    MachineServiceClient::new(channel(simulator, node, roles).await)
}

pub(crate) async fn state(
    simulator: &Simulator,
    node: usize,
    roles: &[&str],
) -> StateClient<Channel> {
    StateClient::new(channel(simulator, node, roles).await)
}

/// A request with routing metadata: `node` or `nodes`, and its values.
pub(crate) fn routed<T>(message: T, key: &'static str, values: &[&str]) -> Request<T> {
    let mut request = Request::new(message);
    for value in values {
        request
            .metadata_mut()
            .append(key, MetadataValue::try_from(*value).unwrap());
    }
    request
}

/// What came of a snapshot: the messages so far, and how it ended.
pub(crate) struct Taken {
    pub(crate) messages: Vec<Data>,
    pub(crate) end: End,
}

#[derive(Debug)]
pub(crate) enum End {
    Ok,
    Error(Status),
    /// Nothing more came for a while.
    Silence,
}

impl Taken {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let parts: Vec<Bytes> = self
            .messages
            .iter()
            .map(|message| message.bytes.clone())
            .collect();
        parts.concat()
    }
}

/// Takes a snapshot; silence of `idle` ends it.
pub(crate) async fn snapshot(
    client: &mut MachineServiceClient<Channel>,
    request: Request<EtcdSnapshotRequest>,
    idle: Duration,
) -> Taken {
    let mut messages = Vec::new();
    let mut stream = match tokio::time::timeout(idle, client.etcd_snapshot(request)).await {
        Ok(Ok(response)) => response.into_inner(),
        Ok(Err(status)) => {
            return Taken {
                messages,
                end: End::Error(status),
            };
        }
        Err(_) => {
            return Taken {
                messages,
                end: End::Silence,
            };
        }
    };
    loop {
        let end = match tokio::time::timeout(idle, stream.message()).await {
            Ok(Ok(Some(message))) => {
                messages.push(message);
                continue;
            }
            Ok(Ok(None)) => End::Ok,
            Ok(Err(status)) => End::Error(status),
            Err(_) => End::Silence,
        };
        return Taken { messages, end };
    }
}
