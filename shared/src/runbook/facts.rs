//! What a runbook is made of: plain data.

use jiff::Timestamp;

use crate::configs::SavedConfig;
use crate::recovery::Known;

/// Everything that could be learned.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Our name for the cluster, as in object names.
    pub cluster: String,
    /// When.
    pub made_at: Timestamp,
    /// Program and version.
    pub tool: String,
    /// The talosconfig.
    pub talos: Known<TalosFacts>,
    /// The name that a wipe is confirmed with: the nodes' own.
    pub own_name: Known<String>,
    /// Control planes first.
    pub machines: Vec<Machine>,
    /// Why there may be more machines.
    pub gap: Option<String>,
    /// Of what runs.
    pub versions: Versions,
    /// Where backups lie.
    pub places: Vec<Place>,
    /// Fingerprints of who can open them.
    pub recipients: Known<Vec<String>>,
}

/// What the talosconfig says; nothing of it is a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TalosFacts {
    /// Its context.
    pub context: String,
    /// Endpoints, as they are written.
    pub endpoints: Vec<String>,
    /// Roles of its certificate.
    pub roles: Vec<String>,
    /// When that ends.
    pub certificate_end: Timestamp,
    /// SHA-256 of the cluster's Talos CA certificate.
    pub authority: String,
}

/// A machine of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its host name.
    pub hostname: Option<String>,
    /// Its addresses, the one to ask it by first.
    pub addresses: Vec<String>,
    /// Control plane, or worker.
    pub is_control_plane: bool,
    /// Its Talos version.
    pub talos: Option<String>,
}

/// Versions of what runs.
#[derive(Debug, Clone)]
pub struct Versions {
    /// Of Talos.
    pub talos: Known<String>,
    /// Of etcd.
    pub etcd: Known<String>,
    /// Of Kubernetes.
    pub kubernetes: Known<String>,
}

/// A destination.
#[derive(Debug, Clone)]
pub struct Place {
    /// As it is written.
    pub destination: String,
    /// Where its bucket is; none: a folder.
    pub s3: Option<Known<S3Place>>,
    /// The newest backup of this cluster; none: there is none.
    pub newest: Known<Option<Backup>>,
    /// The newest backup that an earlier verification calls good; none: there is none.
    pub vouched: Known<Option<Vouched>>,
    /// The newest saved machine config of each node.
    pub configs: Known<Vec<SavedConfig>>,
}

/// Where a bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Place {
    /// Its endpoint; none: AWS.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
}

/// A backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backup {
    /// Its URL.
    pub url: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Stored bytes.
    pub bytes: u64,
    /// Version of etcd then.
    pub etcd: Option<String>,
    /// Version of Talos then.
    pub talos: Option<String>,
    /// Version of Kubernetes then.
    pub kubernetes: Option<String>,
    /// Fingerprints of who can open it, where a manifest tells.
    pub recipients: Option<Vec<String>>,
}

/// A backup that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Its URL.
    pub url: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// `quick`, `deep` or `drill`.
    pub depth: String,
    /// When it was verified.
    pub verified_at: Option<String>,
}

impl Facts {
    /// The control planes.
    pub fn control_planes(&self) -> impl Iterator<Item = &Machine> {
        self.machines
            .iter()
            .filter(|machine| machine.is_control_plane)
    }

    /// Addresses of the control planes, one each.
    pub fn addresses(&self) -> Vec<&str> {
        self.control_planes()
            .filter_map(|machine| machine.addresses.first())
            .map(String::as_str)
            .collect()
    }
}

impl Machine {
    /// What people call it.
    pub fn name(&self) -> &str {
        let address = self.addresses.first().map_or("", String::as_str);
        self.hostname.as_deref().unwrap_or(address)
    }
}
