//! The program that completes its own command line.

use clap::Command;

use super::stored;
use super::values::Value;
use super::words::Words;

/// Values for a word, as far as it is typed.
pub(super) type Look = fn(&Words, &str) -> Vec<Value>;

/// What a program can look up over a network when TAB is pressed. It names only what it links
/// anyway: a client of Kubernetes for TAB alone would make a program a third larger.
#[derive(Debug, Clone, Copy)]
pub struct Lookups {
    /// Destinations, and the snapshots in them.
    pub(super) stored: Option<Look>,
    /// Contexts of the kubeconfig.
    pub(super) contexts: Option<Look>,
    /// Namespaces of the cluster.
    pub(super) namespaces: Option<Look>,
}

impl Lookups {
    /// Nothing.
    pub const NONE: Self = Self {
        stored: None,
        contexts: None,
        namespaces: None,
    };
    /// What lies in a store.
    pub const STORE: Self = Self {
        stored: Some(stored::find),
        ..Self::NONE
    };
    /// And what a cluster has.
    #[cfg(feature = "kube")]
    pub const ALL: Self = Self {
        contexts: Some(super::cluster::contexts),
        namespaces: Some(super::cluster::namespaces),
        ..Self::STORE
    };
}

/// A program: its flags, and what it can look up.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Program {
    /// Its flags, as they are defined.
    pub(in crate::cli) factory: fn() -> Command,
    /// What it can look up.
    pub(in crate::cli) lookups: Lookups,
}
