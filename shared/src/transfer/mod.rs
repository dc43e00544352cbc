//! Stored objects from one place to another: copied byte for byte, or encrypted anew.
//!
//! *Copy* needs no key. It proves what it can on the way, by the manifest's digest or by the
//! snapshot itself, and publishes only then. *Rekey* opens an object and pushes its snapshot
//! again, for other recipients and under a name of its own; the old one stays until the new one
//! was read back.

mod choice;
mod copy;
mod rekey;
mod upload;

pub use choice::{Choice, Chosen, choose};
pub use copy::{Copied, Copying, Proven, Step, copy};
pub use rekey::{Rekeyed, Rekeying, Successor, rekey, successor};
