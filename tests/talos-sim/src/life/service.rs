//! etcd's service from start to end: conditions, pre stage, runner, health. Talos' restart policy
//! for it is "forever".

use std::time::{Duration, Instant};

use etcdbackup_proto::machine::machine_status_event::MachineStage;

use super::{Life, POLL, Start, Timers};
use crate::services::{self, Service};
use crate::state::HeldUp;

/// Between the end of etcd and its next start; 5 s on real Talos.
const RESTART: Duration = Duration::from_millis(500);
/// Between health checks; 20 s on real Talos.
const CHECKS: Duration = Duration::from_millis(200);
/// How long bad news may be those of a start; 5 s on real Talos too.
const DELAY: Duration = Duration::from_secs(5);
/// How long a health check may take; 15 s on real Talos.
const CHECK: Duration = Duration::from_secs(3);

/// What the pre stage found out.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What etcd is told about its cluster; nothing where its data knows.
    pub(super) arguments: Vec<String>,
    /// The learner to be promoted.
    pub(super) learner: Option<u64>,
}

/// Why the pre stage did not come to its end.
pub(super) enum Stopped {
    /// It failed: nothing follows.
    Failed(String),
    /// The machine reboots instead.
    Reboot,
}

impl Life {
    /// Runs a new instance of the service. Ends only when the machine shall reboot.
    pub(super) async fn etcd(&self, start: Start) {
        if matches!(start, Start::Never) {
            return std::future::pending().await;
        }
        self.node.machine().etcd = Some(Service::default());
        if self.cluster.version.at_least(1, 7) {
            self.record("Starting", "Starting service");
        }
        self.conditions().await;
        self.record("Preparing", "Running pre state");
        self.node.machine().waiting_since = Some(Instant::now());
        match self.prepare(start).await {
            Ok(plan) => {
                self.record("Preparing", "Creating service runner");
                tokio::join!(self.promote(plan.learner), self.keep_running(&plan));
            }
            Err(Stopped::Failed(text)) => {
                self.node.machine().bootstraps = false;
                self.record("Failed", &format!("Failed to run pre stage: {text}"));
                std::future::pending::<()>().await;
            }
            Err(Stopped::Reboot) => {}
        }
    }

    /// Waits for what etcd depends on. Each time something is satisfied, the rest is said anew.
    async fn conditions(&self) {
        let conditions = services::conditions(&self.cluster);
        let mut unmet: Vec<_> = conditions.iter().collect();
        loop {
            let items: Vec<_> = unmet.iter().map(|(_, item)| *item).collect();
            self.record("Waiting", &format!("Waiting for {}", items.join(", ")));
            let before = unmet.len();
            loop {
                unmet.retain(|(reason, _)| self.node.machine().is_held_up(*reason));
                if unmet.len() < before {
                    break;
                }
                tokio::time::sleep(POLL).await;
            }
            if unmet.is_empty() {
                return;
            }
        }
    }

    /// How long the pre stage has waited, against Talos' limit.
    pub(super) fn waits_too_long(&self) -> bool {
        let since = self.node.machine().waiting_since;
        since.is_some_and(|since| self.elapsed(since) > Timers::JOIN)
    }

    /// The image is pulled before anything else in the pre stage.
    pub(super) async fn pull_image(&self) -> Result<(), Stopped> {
        while self.node.machine().is_held_up(HeldUp::Image) {
            if self.waits_too_long() {
                let text = format!(
                    "failed to pull image \"{0}\": failed to resolve reference \"{0}\": dial tcp: i/o timeout",
                    self.cluster.version.etcd_image()
                );
                return Err(Stopped::Failed(text));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    async fn keep_running(&self, plan: &Plan) {
        if self.processes.is_none() {
            self.node.script().listening = true;
            self.record("Running", &services::started(&self.node));
            self.note_health(Ok(()));
            return std::future::pending().await;
        }
        loop {
            let end = tokio::select! {
                end = self.run_once(plan) => end,
                () = self.check_health() => return,
            };
            self.lose_health();
            self.record(
                "Waiting",
                &format!("Error running Containerd(etcd), going to restart forever: {end}"),
            );
            tokio::time::sleep(RESTART).await;
            while self.node.machine().etcd_fails {
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// One process of etcd, from its start to its end, in Talos' words.
    async fn run_once(&self, plan: &Plan) -> String {
        let Some(processes) = &self.processes else {
            return std::future::pending().await;
        };
        let command = processes.program.member(&self.node, &plan.arguments);
        let process = match processes.start(self.slot(), command).await {
            Ok(process) => process,
            Err(error) => return format!("failed to start task: \"etcd\": {error}"),
        };
        if let Some(client) = self.node.etcd.get() {
            client.set_process_id(process);
        }
        self.record("Running", &services::started(&self.node));
        let status = processes.ended(self.slot()).await;
        let code = status.and_then(|status| status.code()).unwrap_or(137);
        format!("task \"etcd\" failed: exit code {code}")
    }

    /// Checks for ever.
    async fn check_health(&self) {
        let Some(client) = self.node.etcd.get() else {
            return std::future::pending().await;
        };
        let since = Instant::now();
        loop {
            tokio::time::sleep(CHECKS).await;
            let health = client.check(CHECK).await;
            if health.is_ok() || since.elapsed() > DELAY {
                self.note_health(health);
            }
        }
    }

    /// Says how etcd is, if that is news. The first good news ends the boot.
    fn note_health(&self, health: Result<(), String>) {
        let message = match &health {
            Ok(()) => "Health check successful".to_owned(),
            Err(error) => format!("Health check failed: {error}"),
        };
        let is_healthy = health.is_ok();
        let is_news = {
            let mut machine = self.node.machine();
            let Some(service) = &mut machine.etcd else {
                return;
            };
            if service.last().0 != "Running" {
                return;
            }
            let is_news = service.health() != Some(&health);
            if is_news {
                service.set_health(Some(health));
            }
            is_news
        };
        if !is_news {
            return;
        }
        self.record("Running", &message);
        let stage = self.node.machine().stage;
        if is_healthy && stage == MachineStage::Booting {
            self.enter(MachineStage::Running, true);
        } else if stage == MachineStage::Running {
            self.enter(stage, is_healthy);
        }
    }

    fn lose_health(&self) {
        if let Some(service) = &mut self.node.machine().etcd {
            service.set_health(None);
        }
    }
}
