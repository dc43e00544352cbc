//! What a test does to disks and to the machines around them.

use std::fs::{self, File};
use std::path::Path;

use crate::certificates::Authority;
use crate::disk::{KUBECONFIG, Wipe};
use crate::error::Error;
use crate::simulator::Simulator;
use crate::state::Secrets;

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

    /// What every control plane answers to Kubeconfig.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn set_kubeconfig(&self, text: &str) -> Result<(), Error> {
        for node in self.cluster.control_planes() {
            let path = node.disk.path(KUBECONFIG);
            let tried = format!("writing {}", path.display());
            let folder = path.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(folder).map_err(Error::at(&tried))?;
            fs::write(&path, text).map_err(Error::at(&tried))?;
        }
        Ok(())
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

    /// The CA of the other cluster, whose config a replaced node may have.
    #[must_use]
    pub fn other_authority(&self) -> &Authority {
        &self.cluster.stranger
    }
}
