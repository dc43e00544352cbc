//! What an operator asks with talosctl, and no program of ours does: the kernel's log, a client
//! certificate, a machine config for a machine that has none.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::{
    ApplyConfiguration, ApplyConfigurationRequest, ApplyConfigurationResponse, DmesgRequest,
    GenerateClientConfiguration, GenerateClientConfigurationRequest,
    GenerateClientConfigurationResponse,
};
use futures::stream::{self, StreamExt as _};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tonic::Status;

use super::Machined;
use crate::certificates::Validity;
use crate::cluster::Node;
use crate::life::Sequence;
use crate::routing::Messages;
use crate::state::{Secrets, uuid};
use crate::talosconfig::Talosconfig;

/// How often a follower looks for more.
const LOOKS: Duration = Duration::from_millis(50);

/// A line of machined's in the kernel's log, as Dmesg gives it.
pub(crate) fn kernel_line(text: &str) -> String {
    let now = OffsetDateTime::from(SystemTime::now())
        .format(&Rfc3339)
        .unwrap_or_default();
    format!("user: warning: [{now}]: [talos] {text}\n")
}

impl Machined {
    /// From the boot on; with `follow` until the client has enough.
    pub(crate) fn dmesg(&self, request: DmesgRequest) -> Messages<Data> {
        stream::unfold((self.node.clone(), 0, request.follow), next_line).boxed()
    }

    /// A talosconfig for other roles, without endpoints, as Talos makes it.
    pub(crate) fn client_configuration(
        &self,
        request: &GenerateClientConfigurationRequest,
    ) -> Result<GenerateClientConfigurationResponse, Status> {
        self.control_plane_only("generate client configuration")?;
        let asked = request.crt_ttl.unwrap_or_default();
        let ttl = Duration::try_from(asked).unwrap_or_default();
        if ttl.is_zero() {
            return Err(Status::invalid_argument("crt_ttl should be positive"));
        }
        let roles: Vec<&str> = request.roles.iter().map(String::as_str).collect();
        let authority = &self.cluster.authority;
        let identity = authority
            .client(&roles, Validity::of(ttl))
            .map_err(|error| Status::unknown(error.to_string()))?;
        let context = match roles.as_slice() {
            [one] => format!("{}@{}", one.trim_start_matches("os:"), self.cluster.name),
            _ => self.cluster.name.clone(),
        };
        let talosconfig = Talosconfig {
            context,
            endpoints: Vec::new(),
            nodes: Vec::new(),
            authority: authority.pem(),
            identity: identity.clone(),
            proxy: None,
        };
        let message = GenerateClientConfiguration {
            metadata: None,
            ca: authority.pem().into_bytes(),
            crt: identity.certificate.into_bytes(),
            key: identity.key.into_bytes(),
            talosconfig: talosconfig.render().into_bytes(),
        };
        Ok(GenerateClientConfigurationResponse {
            messages: vec![message],
        })
    }

    /// A machine in maintenance mode takes its config, and reboots into it. Whose secrets it has
    /// is told by the Talos CA in it.
    pub(crate) fn apply_configuration(
        &self,
        request: &ApplyConfigurationRequest,
    ) -> Result<ApplyConfigurationResponse, Status> {
        if self.node.machine().secrets != Secrets::None {
            return Err(Status::unimplemented(
                "a change of a machine config is not simulated",
            ));
        }
        let config = std::str::from_utf8(&request.data)
            .map_err(|_| Status::invalid_argument("the config is no text"))?;
        let own = BASE64_STANDARD.encode(self.cluster.authority.pem());
        let secrets = match config.contains(&own) {
            true => Secrets::Own,
            false => Secrets::Foreign,
        };
        self.cluster
            .give_secrets(&self.node, secrets)
            .map_err(|error| Status::unknown(error.to_string()))?;
        self.node.machine().config = Some(config.to_owned());
        self.start(Sequence::reboot(uuid()))?;
        Ok(ApplyConfigurationResponse {
            messages: vec![ApplyConfiguration::default()],
        })
    }
}

type Follower = (Arc<Node>, usize, bool);

async fn next_line((node, place, follow): Follower) -> Option<(Result<Data, Status>, Follower)> {
    loop {
        let line = node.machine().kernel_log.get(place).cloned();
        if let Some(line) = line {
            let data = Data {
                bytes: line.into(),
                ..Data::default()
            };
            return Some((Ok(data), (node, place + 1, follow)));
        }
        if !follow {
            return None;
        }
        tokio::time::sleep(LOOKS).await;
    }
}
