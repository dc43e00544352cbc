//! What a test does to a running cluster, behind the API's back: power, time, what is held up;
//! and what it waits for.

mod disks;
mod etcd;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::cluster::Node;
use crate::engine::PATIENCE;
use crate::error::Error;
use crate::etcd::process::Processes;
use crate::life::{Order, Sequence};
use crate::services::Service;
use crate::simulator::Simulator;
use crate::state::{HeldUp, Restore, uuid};

pub use disks::Replacement;

const POLL: Duration = Duration::from_millis(30);

impl Simulator {
    fn node(&self, node: usize) -> Arc<Node> {
        self.cluster.nodes[node].clone()
    }

    fn processes(&self) -> Result<Arc<Processes>, Error> {
        let running = self.running.as_ref();
        let processes = running.and_then(|running| running.processes.clone());
        processes.ok_or_else(|| Error::new("this simulator has no etcd"))
    }

    fn order(
        &self,
        node: usize,
        order: impl FnOnce(oneshot::Sender<()>) -> Order,
    ) -> Result<(), Error> {
        let (done, heard) = oneshot::channel();
        let stopped = || Error::new("the simulator has stopped");
        let sent = self.node(node).orders.send(order(done));
        sent.map_err(|_| stopped())?;
        self.wait_for(async move { heard.await.map_err(|_| stopped()) })
    }

    /// Cuts a node's power: etcd is killed, apid gone, the disk as it is.
    ///
    /// # Errors
    /// When the simulator has stopped.
    pub fn stop_node(&self, node: usize) -> Result<(), Error> {
        self.order(node, Order::Off)
    }

    /// Gives a node its power back: it boots. Returns when apid serves.
    ///
    /// # Errors
    /// When the simulator has stopped.
    pub fn start_node(&self, node: usize) -> Result<(), Error> {
        self.order(node, Order::On)
    }

    /// Cuts the power of all nodes.
    ///
    /// # Errors
    /// As [`Simulator::stop_node`].
    pub fn power_cut(&self) -> Result<(), Error> {
        (0..self.cluster.nodes.len()).try_for_each(|node| self.stop_node(node))
    }

    /// Gives all nodes their power back.
    ///
    /// # Errors
    /// As [`Simulator::start_node`].
    pub fn power_back(&self) -> Result<(), Error> {
        (0..self.cluster.nodes.len()).try_for_each(|node| self.start_node(node))
    }

    /// Reboots a node, as for a change of its config. Returns at once.
    ///
    /// # Errors
    /// When the simulator has stopped.
    pub fn reboot(&self, node: usize) -> Result<(), Error> {
        let sequence = Sequence::reboot(uuid());
        let sent = self.node(node).orders.send(Order::Sequence(sequence));
        sent.map_err(|_| Error::new("the simulator has stopped"))
    }

    /// Holds up one control plane's etcd, from its next start on: see [`Simulator::reboot`],
    /// [`Simulator::stop_node`]. Time and CRI are looked at by Bootstrap at once.
    pub fn hold_up(&self, node: usize, reason: HeldUp) {
        self.node(node).machine().held_up.insert(reason);
    }

    /// Takes a reason away.
    pub fn release(&self, node: usize, reason: HeldUp) {
        self.node(node).machine().held_up.remove(&reason);
    }

    /// What the next restores of a node come to.
    pub fn script_restore(&self, node: usize, restore: Restore) {
        self.node(node).machine().restore = restore;
    }

    /// Whether a node's member stays a learner when it joins.
    pub fn keep_learner(&self, node: usize, keep: bool) {
        self.node(node).machine().stays_learner = keep;
    }

    /// Makes a node stay off when it reboots the next time, until it is started.
    pub fn stay_down(&self, node: usize) {
        self.node(node).machine().stays_down = true;
    }

    /// Whether resets of a node leave its disk as it is, as in a container.
    pub fn keep_disk(&self, node: usize, keep: bool) {
        self.node(node).machine().keeps_disk = keep;
    }

    /// Moves a node's time on: its service has waited, and its boot has taken, so much longer.
    pub fn let_pass(&self, node: usize, time: Duration) {
        let node = self.node(node);
        let mut machine = node.machine();
        machine.passed += time;
        machine.booted -= time;
        if let Some(service) = &mut machine.etcd {
            service.age(time);
        }
    }

    /// Puts a node's clock ahead: of its kernel, and of its services' histories.
    pub fn put_clock_ahead(&self, node: usize, by: Duration) {
        self.node(node).machine().clock_ahead = by;
    }

    /// The boot id of a node.
    #[must_use]
    pub fn boot_id(&self, node: usize) -> String {
        self.node(node).machine().boot_id.clone()
    }

    /// Whether a node's etcd directory has any entry.
    #[must_use]
    pub fn has_etcd_data(&self, node: usize) -> bool {
        self.node(node).disk.has_data()
    }

    /// The state of a node's etcd service, and its last event's text; both empty while the
    /// service is not loaded.
    #[must_use]
    pub fn etcd_service(&self, node: usize) -> (String, String) {
        let node = self.node(node);
        let machine = node.machine();
        let last = machine.etcd.as_ref().map(Service::last);
        let (state, message) = last.unwrap_or_default();
        (state.to_owned(), message.to_owned())
    }

    /// Waits until a node's etcd service is in a state.
    ///
    /// # Errors
    /// When it is not within two minutes.
    pub fn await_etcd(&self, node: usize, state: &str) -> Result<(), Error> {
        let wanted = format!("etcd of node {node} to be {state}");
        self.until(&wanted, || self.etcd_service(node).0 == state)
    }

    /// Waits until a node's etcd runs and is healthy.
    ///
    /// # Errors
    /// When it is not within two minutes.
    pub fn await_healthy(&self, node: usize) -> Result<(), Error> {
        let one = self.node(node);
        self.until(&format!("a healthy etcd on node {node}"), || {
            one.machine().etcd_is_healthy()
        })
    }

    fn until(&self, wanted: &str, holds: impl Fn() -> bool) -> Result<(), Error> {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            if Instant::now() > until {
                let services: Vec<_> = (0..self.cluster.nodes.len())
                    .map(|node| self.etcd_service(node))
                    .collect();
                return Err(Error::new(format!("waiting for {wanted}: {services:?}")));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}
