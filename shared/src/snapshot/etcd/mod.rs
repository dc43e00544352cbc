//! What etcd keeps in its database: records, leases, members, and the numbers that tell
//! whether two databases are the same.
//!
//! [`Survey::of`] walks a database once (what lies below the compaction twice) and gives the
//! numbers of `snapshot status`, HashKV, the system's own buckets and all findings. Values are
//! never kept; memory is 32 bytes and some for each live key.

mod age;
mod buckets;
mod history;
mod incidents;
mod key_value;
mod live;
mod records;
mod revision;
pub mod rules;
mod survey;
mod system;

pub use buckets::{BUCKETS, BucketKind};
pub use key_value::KeyValue;
pub use live::{LiveKey, LiveKeys, LiveRecords};
pub use records::{Record, for_each_live, for_each_record, live_records};
pub use revision::{RecordKey, Revision};
pub use survey::{HashKv, Survey};
pub use system::{Alarm, Auth, ConfState, Member, System};
