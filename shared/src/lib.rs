//! Support crate of the etcdbackup suite.
//!
//! Modules point one way: `cli` → `backup`, `recovery` → `talos`, `snapshot`, `seal`, `catalogue`,
//! `kube` → `store` → `failure`. Only `talos` names the Talos protos, only `store::s3` the AWS SDK,
//! only `kube` the kube crate, only `seal` age. `docs/architecture.md` in the repository draws the map.

#[cfg(feature = "store")]
pub mod clock;
pub mod failure;
pub mod printable;
pub mod shell;
pub mod units;

#[cfg(feature = "backup")]
pub mod backup;
#[cfg(feature = "store")]
pub mod catalogue;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "configs")]
pub mod configs;
#[cfg(feature = "drill")]
pub mod drill;
#[cfg(feature = "kube")]
pub mod kube;
#[cfg(feature = "manifests")]
pub mod manifests;
#[cfg(feature = "recovery")]
pub mod recovery;
#[cfg(feature = "report")]
pub mod report;
#[cfg(feature = "retention")]
pub mod retention;
#[cfg(feature = "runbook")]
pub mod runbook;
#[cfg(feature = "scheduled")]
pub mod scheduled;
#[cfg(feature = "seal")]
pub mod seal;
#[cfg(feature = "snapshot")]
pub mod snapshot;
#[cfg(feature = "status")]
pub mod status;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "talos")]
pub mod talos;
#[cfg(feature = "retention")]
pub mod transfer;
#[cfg(feature = "verify")]
pub mod verify;
