//! What an etcd snapshot of a Kubernetes cluster holds: keys, objects, and objects as text.
//!
//! Everything works on one key and one value at a time; only [`Contents`] reads the database.

mod compare;
mod contents;
mod decode;
mod definition;
mod filter;
mod forms;
mod inventory;
mod key;
mod manifest;
mod metadata;
mod resources;
mod schema;
mod secrecy;
mod value;

pub use compare::{Baseline, Change, Content};
pub use contents::{Contents, Entry};
pub use decode::{DecodeError, decode};
pub use definition::serve_definition;
pub use filter::{Filter, Requirement, ResourceWord};
pub use inventory::{Inventory, ResourceSize, Size};
pub use key::{DEFAULT_PREFIX, Grammar, Internal, Key, ObjectKey, PrefixFinder};
pub use manifest::ready_to_apply;
pub use metadata::{Metadata, Owner};
pub use secrecy::{hide, is_secret};
pub use value::{Envelope, Head, Value};
