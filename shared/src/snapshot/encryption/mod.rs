//! Encryption at rest: which provider and key a stored value names, and whether a machine
//! config's keys open it.
//!
//! Key material lives in zeroising buffers, and nothing here prints it.

mod authority;
mod cipher;
mod config;
mod document;
mod keyring;
mod report;
mod sealed;

pub use authority::{AuthorityVerdict, certificates, fingerprint};
pub use config::{documents, parse_keys};
pub use document::Hidden;
pub use keyring::{Keyring, Opening, Place};
pub use report::{Counts, KeysReport, Stored, Tally};
pub use sealed::{Provider, Sealed};
