//! What lies in a destination: object names, listings, the choice of the newest, manifests.
//!
//! Names only order and label. What an object is, is decided by its content when it is
//! read; nothing here is trusted against the bytes.

mod entry;
mod foreign;
mod manifest;
mod names;
mod packed;
mod read;
mod select;
mod short_name;

pub use entry::{Entry, FUTURE_TOLERANCE_SECONDS, Kind, classify};
pub use manifest::{
    Content, MANIFEST_FOLDER, MANIFEST_LIMIT, MANIFEST_VERSION, Manifest, Verified, manifest_key,
    manifest_key_beside, manifest_name,
};
pub(crate) use names::split_time;
pub use names::{ObjectName, check_cluster_name, is_object_name};
pub use packed::{Packed, Shelf};
pub use read::read;
pub use select::{Selected, select};
pub use short_name::{Shape, ShortName};
