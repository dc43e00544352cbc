//! Channels to the endpoints, and calls routed to one node.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcdbackup_proto::machine::machine_service_client::MachineServiceClient;
use etcdbackup_proto::machine::{EtcdMember, EtcdMemberListRequest, EtcdMemberStatus};
use jiff::Timestamp;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::certificate;
use super::config::{self, Context, Selection};
use super::error::{Kind, TalosError, connection_ended, kind_of};
use super::probe::Probe;
use crate::failure::{Exit, Failure};

const PORT: u16 = 50000;
const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Talos' own limit, both directions.
const MESSAGE: usize = 32 * 1024 * 1024;

/// A cluster, through one talosconfig context.
pub struct Talos {
    context: String,
    nodes: Vec<String>,
    endpoints: Vec<String>,
    channels: Vec<Channel>,
    probe: Probe,
    /// The endpoint that answered last is asked first.
    preferred: AtomicUsize,
    roles: Vec<String>,
    notes: Vec<String>,
}

pub(super) type Client = MachineServiceClient<Channel>;

impl Talos {
    /// Reads the talosconfig and prepares the channels; nothing is dialled yet.
    ///
    /// # Errors
    /// 78: no usable talosconfig; 77: its certificate is expired.
    pub fn connect(selection: &Selection) -> Result<Self, Failure> {
        let context = config::load(selection)?;
        let facts = certificate::read(&context, Timestamp::now())?;
        let channels = context
            .endpoints
            .iter()
            .map(|endpoint| channel(endpoint, &context))
            .collect::<Result<_, _>>()?;
        let probe = Probe::new(&context).ok_or_else(|| {
            let what = format!(
                "talosconfig `{}`: the certificates of context `{}` cannot be used",
                context.file.display(),
                context.name
            );
            Failure::new(Exit::Config, what).hint("get a new talosconfig")
        })?;
        Ok(Self {
            probe,
            context: context.name,
            nodes: context.nodes,
            endpoints: context.endpoints,
            channels,
            preferred: AtomicUsize::new(0),
            roles: facts.roles,
            notes: facts.note.into_iter().collect(),
        })
    }

    /// Name of the talosconfig context.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Nodes that were named, by flag or context.
    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }

    /// Hosts of the endpoints, without port: as a node value wants them.
    pub fn endpoint_hosts(&self) -> Vec<String> {
        self.endpoints
            .iter()
            .map(|endpoint| split(endpoint).0)
            .collect()
    }

    /// What a person should know before the first call.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The members as `node` knows them.
    ///
    /// # Errors
    /// The call failed everywhere.
    pub async fn members(&self, node: &str) -> Result<Vec<EtcdMember>, TalosError> {
        let ask = async |mut client: Client| {
            let request = routed(EtcdMemberListRequest::default(), node, CALL)?;
            Ok(client.etcd_member_list(request).await?.into_inner())
        };
        let answer = self.call("EtcdMemberList", node, CALL, ask).await?;
        Ok(answer
            .messages
            .into_iter()
            .flat_map(|message| message.members)
            .collect())
    }

    /// The status of the member on `node`.
    ///
    /// # Errors
    /// The call failed everywhere, or the answer holds no status.
    pub async fn status(&self, node: &str) -> Result<EtcdMemberStatus, TalosError> {
        let ask = async |mut client: Client| {
            Ok(client
                .etcd_status(routed((), node, CALL)?)
                .await?
                .into_inner())
        };
        let answer = self.call("EtcdStatus", node, CALL, ask).await?;
        let status = answer
            .messages
            .into_iter()
            .find_map(|message| message.member_status);
        status.ok_or_else(|| {
            self.error(
                "EtcdStatus",
                node,
                Kind::Answer("an empty answer".to_owned()),
            )
        })
    }

    pub(super) fn error(&self, method: &'static str, node: &str, kind: Kind) -> TalosError {
        TalosError {
            method,
            node: node.to_owned(),
            roles: self.roles.clone(),
            kind,
        }
    }

    /// A connection that ended without an answer may have been refused by TLS.
    async fn look_closer(&self, index: usize, status: &Status) -> Kind {
        if connection_ended(status) {
            let (host, port) = split(&self.endpoints[index]);
            if let Some(refusal) = self.probe.refusal(&host, port).await {
                return Kind::Tls(refusal);
            }
        }
        kind_of(status)
    }

    /// Asks one endpoint after the other until one could be reached.
    pub(super) async fn call<T, Ask, Work>(
        &self,
        method: &'static str,
        node: &str,
        limit: Duration,
        ask: Ask,
    ) -> Result<T, TalosError>
    where
        Ask: Fn(Client) -> Work,
        Work: Future<Output = Result<T, Status>>,
    {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut reasons = Vec::new();
        for turn in 0..self.channels.len() {
            let index = (first + turn) % self.channels.len();
            let client = MachineServiceClient::new(self.channels[index].clone())
                .max_decoding_message_size(MESSAGE);
            tracing::debug!(method, node, endpoint = %self.endpoints[index], "call");
            let answer = tokio::time::timeout(limit, ask(client)).await;
            let kind = match answer {
                Ok(Ok(answer)) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(status)) => self.look_closer(index, &status).await,
                Err(_) => {
                    // It may be the endpoint that hangs: the next call asks another.
                    self.preferred.store(index + 1, Ordering::Relaxed);
                    Kind::Timeout(limit.as_secs(), "no answer")
                }
            };
            match kind {
                Kind::Tls(reason) if turn + 1 < self.channels.len() => {
                    reasons.push(format!("{}: {reason}", self.endpoints[index]));
                }
                Kind::Unreachable(reason) => {
                    reasons.push(format!("{}: {reason}", self.endpoints[index]));
                }
                Kind::Worker if turn + 1 < self.channels.len() => {
                    reasons.push(format!("{}: a worker", self.endpoints[index]));
                }
                kind => return Err(self.error(method, node, kind)),
            }
        }
        Err(self.error(method, node, Kind::Unreachable(reasons.join("; "))))
    }
}

/// A request for one node, with its deadline for the server.
pub(super) fn routed<T>(message: T, node: &str, limit: Duration) -> Result<Request<T>, Status> {
    let mut request = Request::new(message);
    let value = MetadataValue::try_from(node)
        .map_err(|_| Status::invalid_argument("the node's name is not a host"))?;
    request.metadata_mut().insert("node", value);
    request.set_timeout(limit);
    Ok(request)
}

fn channel(endpoint: &str, context: &Context) -> Result<Channel, Failure> {
    let (host, port) = split(endpoint);
    let shown = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let wrong = |why: String| {
        Failure::new(
            Exit::Config,
            format!(
                "talosconfig `{}`: endpoint `{endpoint}`: {why}",
                context.file.display()
            ),
        )
        .hint("write it as HOST or HOST:PORT")
    };
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&context.authority))
        .identity(Identity::from_pem(
            &context.certificate,
            context.key.as_bytes(),
        ))
        .domain_name(host);
    let endpoint = Endpoint::from_shared(format!("https://{shown}:{port}"))
        .map_err(|error| wrong(error.to_string()))?;
    let endpoint = endpoint
        .tls_config(tls)
        .map_err(|_| wrong("the certificates of the context cannot be used".to_owned()))?;
    Ok(endpoint
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_lazy())
}

/// Host and port; a scheme is tolerated as talosctl does, `https://` without port means 443.
fn split(endpoint: &str) -> (String, u16) {
    let (bare, default) = match endpoint.strip_prefix("https://") {
        Some(bare) => (bare.trim_end_matches('/'), 443),
        None => (endpoint, PORT),
    };
    if let Some((host, rest)) = bare
        .strip_prefix('[')
        .and_then(|inner| inner.split_once(']'))
    {
        let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
        return (host.to_owned(), port.unwrap_or(default));
    }
    match bare.split_once(':') {
        Some((host, port)) if !port.contains(':') => {
            (host.to_owned(), port.parse().unwrap_or(default))
        }
        _ => (bare.to_owned(), default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_split_as_talosctl_does() {
        let cases = [
            ("10.0.0.2", "10.0.0.2", 50000),
            ("cp:6000", "cp", 6000),
            ("https://cp", "cp", 443),
            ("[fd00::1]:6000", "fd00::1", 6000),
            ("fd00::1", "fd00::1", 50000),
        ];
        for (endpoint, host, port) in cases {
            assert_eq!(split(endpoint), (host.to_owned(), port), "{endpoint}");
        }
    }
}
