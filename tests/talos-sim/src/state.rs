//! What changes about a machine while it lives: its boot, its stage, its etcd service, and what a
//! test has done to it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use etcdbackup_proto::machine::machine_status_event::MachineStage;

use crate::services::Service;

/// What keeps a control plane's etcd from starting, though its data may be whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldUp {
    /// The container runtime is not up: `Waiting`, and Bootstrap is "not available yet".
    Cri,
    /// Time is not in sync: `Waiting`, and Bootstrap says so.
    Time,
    /// The network is not ready: `Waiting`.
    Network,
    /// No address for etcd, as when `advertisedSubnets` match none: `Waiting` for "etcd spec".
    Address,
    /// `/var` is not mounted: `Waiting`, and no file of it can be seen.
    Disk,
    /// The image of etcd cannot be pulled: `Preparing`, then `Failed`.
    Image,
}

/// What the next restores of a node come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Restore {
    /// What etcd's own tool makes of the upload.
    #[default]
    Real,
    /// It fails with this text while the snapshot is looked at: nothing was written.
    FailClean(String),
    /// It fails with this text when the database is already copied: the directory is dirty.
    FailDirty(String),
    /// It does not end as long as the script says so.
    Hang,
    /// The node reboots before it begins, and forgets that it was to restore.
    Reboot,
}

/// Whose secrets a node's machine config holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// The cluster's.
    Own,
    /// Another cluster's: neither clients nor peers trust it.
    Foreign,
    /// None: a machine without a config, in maintenance mode.
    None,
}

/// The mutable state of one machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// New at each boot, as `/proc/sys/kernel/random/boot_id`.
    pub(crate) boot_id: String,
    pub(crate) booted: SystemTime,
    pub(crate) booting_since: Instant,
    pub(crate) stage: MachineStage,
    pub(crate) is_on: bool,
    /// etcd's service; none while it is not loaded.
    pub(crate) etcd: Option<Service>,
    /// Since when it waits for a cluster.
    pub(crate) waiting_since: Option<Instant>,
    /// By how much a test has moved this node's time on since its boot.
    pub(crate) passed: Duration,
    /// By how much its clock is ahead of the world's.
    pub(crate) clock_ahead: Duration,
    pub(crate) kubelet_restarts: Vec<SystemTime>,
    /// The sequence that is being performed, which others must wait for.
    pub(crate) sequence: Option<&'static str>,
    pub(crate) secrets: Secrets,
    /// Its own machine config, where it is not that of all control planes.
    pub(crate) config: Option<String>,
    pub(crate) held_up: BTreeSet<HeldUp>,
    /// etcd ends as soon as it starts.
    pub(crate) etcd_fails: bool,
    /// A Bootstrap was asked of it, and did not fail yet.
    pub(crate) bootstraps: bool,
    /// It stays off when it goes down the next time.
    pub(crate) stays_down: bool,
    /// Resets leave its disk as it is.
    pub(crate) keeps_disk: bool,
    /// Nobody promotes this node's member.
    pub(crate) stays_learner: bool,
    pub(crate) restore: Restore,
    /// What machined wrote into the kernel's log since the boot.
    pub(crate) kernel_log: Vec<String>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            boot_id: uuid(),
            booted: SystemTime::now(),
            booting_since: Instant::now(),
            stage: MachineStage::Booting,
            is_on: true,
            etcd: None,
            waiting_since: None,
            passed: Duration::ZERO,
            clock_ahead: Duration::ZERO,
            kubelet_restarts: Vec::new(),
            sequence: None,
            secrets: Secrets::Own,
            config: None,
            held_up: BTreeSet::new(),
            etcd_fails: false,
            bootstraps: false,
            stays_down: false,
            keeps_disk: false,
            stays_learner: false,
            restore: Restore::default(),
            kernel_log: Vec::new(),
        }
    }

    /// A new boot: all that lives in memory is gone.
    pub(crate) fn boot(&mut self) {
        self.boot_id = uuid();
        self.booted = SystemTime::now();
        self.booting_since = Instant::now();
        self.stage = match self.secrets {
            Secrets::None => MachineStage::Maintenance,
            _ => MachineStage::Booting,
        };
        self.is_on = true;
        self.etcd = None;
        self.waiting_since = None;
        self.passed = Duration::ZERO;
        self.kubelet_restarts.clear();
        self.sequence = None;
        self.bootstraps = false;
        self.kernel_log.clear();
    }

    pub(crate) fn is_held_up(&self, reason: HeldUp) -> bool {
        self.held_up.contains(&reason)
    }

    /// Whether etcd runs and its last health check was good.
    pub(crate) fn etcd_is_healthy(&self) -> bool {
        self.etcd.as_ref().is_some_and(Service::is_healthy)
    }
}

/// A random UUID, as the kernel and Talos write them.
pub(crate) fn uuid() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ]
    .join("-")
}
