//! What is known of a snapshot's origin beside its bytes, where the role may ask.

use crate::catalogue::Manifest;
use crate::talos::{Candidate, Talos};

/// For the manifest; nothing in it is ever trusted against the bytes.
#[derive(Debug, Clone, Default)]
pub struct SourceFacts {
    /// Version of etcd.
    pub etcd_version: Option<String>,
    /// Version of Talos.
    pub talos_version: Option<String>,
    /// SHA-256 of the cluster's Talos CA certificate: which cluster it was.
    pub talos_ca: Option<String>,
    /// Id of the member, in hex as etcd writes it.
    pub member_id: Option<String>,
    /// What could not be known, one sentence each.
    pub unknown: Vec<String>,
}

impl From<&Manifest> for SourceFacts {
    fn from(manifest: &Manifest) -> Self {
        Self {
            etcd_version: manifest.etcd_version.clone(),
            talos_version: manifest.talos_version.clone(),
            talos_ca: manifest.talos_ca.clone(),
            member_id: manifest.member_id.clone(),
            unknown: manifest.unknown.clone(),
        }
    }
}

impl SourceFacts {
    /// Asks `candidate`, whose status may be known already. Never fails: what is refused or
    /// hangs is told in `unknown`.
    pub async fn of(talos: &Talos, candidate: &Candidate, unknown: &[String]) -> Self {
        let node = &candidate.node;
        let mut facts = Self {
            talos_ca: Some(talos.authority_fingerprint().to_owned()),
            unknown: unknown.to_vec(),
            ..Self::default()
        };
        let status = match &candidate.status {
            Some(status) => Ok(status.clone()),
            None => talos.status(node).await,
        };
        match status {
            Ok(status) => {
                facts.member_id = Some(format!("{:x}", status.member_id));
                facts.etcd_version = Some(status.etcd_version);
            }
            Err(error) => facts.unknown.push(format!("the version of etcd: {error}")),
        }
        match talos.version(node).await {
            Ok(version) => facts.talos_version = Some(version),
            Err(error) => facts.unknown.push(format!("the version of Talos: {error}")),
        }
        facts
    }
}
