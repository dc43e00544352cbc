//! What a test does to members of etcd: their processes, data, alarms, and the list of them.

use std::fs;
use std::time::Instant;

use super::POLL;
use crate::cluster::Node;
use crate::engine::{PATIENCE, failure};
use crate::error::Error;
use crate::etcd::EtcdClient;
use crate::etcd::api::AlarmType;
use crate::etcd::api::alarm_request::Action;
use crate::etcd::process::Slot;
use crate::network::ETCD_PEER_PORT;
use crate::script::Alarm;
use crate::simulator::Simulator;

impl Simulator {
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
}

fn client(node: &Node) -> Result<&EtcdClient, Error> {
    node.etcd
        .get()
        .ok_or_else(|| Error::new(format!("{} has no etcd", node.name)))
}
