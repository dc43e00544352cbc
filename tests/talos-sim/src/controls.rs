//! What a test does to a running cluster, behind the API's back: power, disks, processes, time.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::cluster::Node;
use crate::disk::Wipe;
use crate::engine::{PATIENCE, failure};
use crate::error::Error;
use crate::etcd::EtcdClient;
use crate::etcd::api::AlarmType;
use crate::etcd::api::alarm_request::Action;
use crate::etcd::process::{Processes, Slot};
use crate::life::{Order, Sequence};
use crate::network::ETCD_PEER_PORT;
use crate::script::Alarm;
use crate::services::Service;
use crate::simulator::Simulator;
use crate::state::{HeldUp, Restore, Secrets, uuid};

const POLL: Duration = Duration::from_millis(30);

/// What stands in a lost node's place, under its name and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// A new machine with the old one's machine config.
    SameSecrets,
    /// One whose config was generated anew: its CA is another one.
    OtherSecrets,
    /// One without a config, in maintenance mode.
    Maintenance,
}

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

    /// Kills one control plane's etcd once. Talos starts it again.
    ///
    /// # Errors
    /// When none runs there.
    pub fn kill_etcd(&self, node: usize) -> Result<(), Error> {
        if self.processes()?.kill(Slot::Member(node)) {
            return Ok(());
        }
        Err(Error::new(format!("node {node} runs no etcd")))
    }

    /// Kills one control plane's etcd, and every one that Talos starts after it. What needs it
    /// hangs from then on.
    ///
    /// # Errors
    /// When none is meant to run there.
    pub fn stop_etcd(&self, node: usize) -> Result<(), Error> {
        let processes = self.processes()?;
        if self.node(node).etcd.get().is_none() {
            return Err(Error::new(format!("node {node} has no etcd")));
        }
        self.node(node).machine().etcd_fails = true;
        processes.kill(Slot::Member(node));
        let node = self.node(node);
        self.until("etcd to end", move || {
            let machine = node.machine();
            let state = machine.etcd.as_ref().map(|service| service.last().0);
            state != Some("Running")
        })
    }

    /// Lets one control plane's etcd run again and waits until it has a leader.
    ///
    /// # Errors
    /// When there is none, or it has no leader within two minutes.
    pub fn start_etcd(&self, node: usize) -> Result<(), Error> {
        let processes = self.processes()?;
        let one = self.node(node);
        one.machine().etcd_fails = false;
        self.wait_for(async move {
            let until = Instant::now() + PATIENCE;
            let client = client(&one)?;
            loop {
                let status = client.status_now().await;
                if status.is_ok_and(|status| status.leader != 0) {
                    return Ok(());
                }
                if Instant::now() > until {
                    return Err(failure(&one, Some(&processes), node));
                }
                tokio::time::sleep(POLL).await;
            }
        })
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

    /// Wipes what holds etcd on one node, EPHEMERAL and a partition of its own, and boots it.
    /// Returns when apid serves.
    ///
    /// # Errors
    /// When the disk cannot be wiped.
    pub fn wipe(&self, node: usize) -> Result<(), Error> {
        self.stop_node(node)?;
        let wipe = Wipe {
            ephemeral: true,
            etcd: true,
            state: false,
        };
        let wiped = self.node(node).disk.wipe(wipe);
        wiped.map_err(Error::at("wiping a disk"))?;
        self.start_node(node)
    }

    /// Puts another machine in a node's place: same name, same address, an empty disk. Returns
    /// when its apid serves.
    ///
    /// # Errors
    /// When the disk cannot be wiped, or no certificate made.
    pub fn replace_node(&self, node: usize, by: Replacement) -> Result<(), Error> {
        self.stop_node(node)?;
        let one = self.node(node);
        let wipe = Wipe {
            ephemeral: true,
            etcd: true,
            state: true,
        };
        one.disk.wipe(wipe).map_err(Error::at("wiping a disk"))?;
        let secrets = match by {
            Replacement::SameSecrets => Secrets::Own,
            Replacement::OtherSecrets => Secrets::Foreign,
            Replacement::Maintenance => Secrets::None,
        };
        self.cluster.give_secrets(&one, secrets)?;
        self.start_node(node)
    }

    /// Gives a machine in maintenance mode, or one with other secrets, the cluster's config. It
    /// boots. Returns when its apid serves.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn apply_config(&self, node: usize) -> Result<(), Error> {
        self.stop_node(node)?;
        self.cluster.give_secrets(&self.node(node), Secrets::Own)?;
        self.start_node(node)
    }

    /// Gives one node a machine config of its own, that is read over COSI.
    pub fn set_machine_config(&self, node: usize, text: &str) {
        self.node(node).machine().config = Some(text.to_owned());
    }

    /// Puts a file of so many bytes, all zero and taking no space, on a node's disk, as a local
    /// volume leaves there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_file(&self, node: usize, path: &str, bytes: u64) -> Result<(), Error> {
        let path = self.node(node).disk.path(path);
        let tried = format!("writing {}", path.display());
        let folder = path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder).map_err(Error::at(&tried))?;
        let file = File::create(&path).map_err(Error::at(&tried))?;
        file.set_len(bytes).map_err(Error::at(&tried))
    }

    /// Copies a file from a node's disk, as `/var/lib/etcd/member/snap/db`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn file(&self, node: usize, path: &str) -> Result<Vec<u8>, Error> {
        fs::read(self.node(node).disk.path(path)).map_err(Error::at(path))
    }

    /// Damages a control plane's database: its meta pages are gone. etcd is killed first, and
    /// ends at each start from then on.
    ///
    /// # Errors
    /// When there is no database.
    pub fn corrupt_database(&self, node: usize) -> Result<(), Error> {
        let one = self.node(node);
        let running = self.running.as_ref();
        let real = running.is_some_and(|running| running.processes.is_some());
        if real {
            self.stop_etcd(node)?;
        }
        let path = one.disk.path("/var/lib/etcd/member/snap/db");
        let tried = format!("damaging {}", path.display());
        let mut bytes = fs::read(&path).map_err(Error::at(&tried))?;
        let metas = bytes.len().min(8192);
        bytes[..metas].fill(0x5a);
        fs::write(&path, bytes).map_err(Error::at(&tried))?;
        one.machine().etcd_fails = false;
        Ok(())
    }

    /// Raises an alarm of a member in the real cluster, as the member itself would.
    ///
    /// # Errors
    /// When there is no etcd, or no quorum.
    pub fn raise_alarm(&self, node: usize, alarm: Alarm) -> Result<(), Error> {
        let node = self.node(node);
        let alarm = match alarm {
            Alarm::NoSpace => AlarmType::Nospace,
            Alarm::Corrupt => AlarmType::Corrupt,
        };
        self.wait_for(async move {
            let client = client(&node)?;
            let status = client.status_now().await;
            let status = status.map_err(Error::at("asking etcd"))?;
            let member = status.header.map_or(0, |header| header.member_id);
            let raised = client.alarm(Action::Activate, member, alarm).await;
            raised.map(drop).map_err(Error::at("raising an alarm"))
        })
    }

    /// Adds a voter that exists nowhere, through one node's etcd; its member id. The last byte
    /// of its address is `last`. etcd wants all members to have been well for some seconds.
    ///
    /// # Errors
    /// When there is no etcd, or it refuses for two minutes.
    pub fn add_phantom_member(&self, node: usize, last: u8) -> Result<u64, Error> {
        let node = self.node(node);
        let [a, b, c, _] = node.address.octets();
        let url = format!("http://{a}.{b}.{c}.{last}:{ETCD_PEER_PORT}");
        self.wait_for(async move {
            let until = Instant::now() + PATIENCE;
            loop {
                let added = client(&node)?.add_member(url.clone(), false).await;
                match added {
                    Err(_) if Instant::now() < until => tokio::time::sleep(POLL).await,
                    other => return other.map_err(Error::at("adding a member")),
                }
            }
        })
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

fn client(node: &Node) -> Result<&EtcdClient, Error> {
    node.etcd
        .get()
        .ok_or_else(|| Error::new(format!("{} has no etcd", node.name)))
}
