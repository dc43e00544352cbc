//! Compression and encryption on the way to a store, and back.
//!
//! Both ways are plain `Read`/`Write` stages for a thread of their own. A stage that is
//! dropped without `finish` leaves a file no reader accepts: forgetting cannot look like
//! success.

mod header;
mod keys;
mod opening;
mod sealing;

pub use header::{HEADER_LIMIT, Stanza, stanzas};
pub use keys::{Identities, Recipients, recipient_lines};
pub use opening::{Content, OpenError, is_encrypted, open};
pub use sealing::{Compression, Sealer};
