//! Flow: how the backups of a cluster are, on one screen. What cannot be seen from here is said,
//! and the rest is told all the same: without a cluster the store, without the store the cluster.

mod beside;
mod cluster;
mod judge;
mod model;
mod place;
mod sparkline;

pub use cluster::{Seen, look as look_at_cluster};
pub use judge::judge;
pub use model::{
    Checked, LifecycleRule, Newest, OpenUpload, Place, SavedNode, Schedule, Status, TalosAccess,
};
pub use place::{Asked, look as look_at_place};
pub use sparkline::sparkline;
