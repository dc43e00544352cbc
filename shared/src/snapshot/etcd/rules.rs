//! The rules of etcd's records and of its history, by name.

use crate::snapshot::finding::{Rule, Severity};

const OTHER_MEMBER: &str =
    "take a snapshot of another member and compare both with `status` (HashKV)";
const LOST_WRITES: &str = "known from members of etcd 3.5.0 to 3.5.2: compare HashKV of all members, keep the one that agrees with a second";
const MEMBERS: &str =
    "compare with `talosctl etcd members`; etcd 3.5.26 clears such members, go there before 3.6";

/// Rules that all have a name, a severity and a hint.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident, $hint:expr;)*) => {
        $($(#[$doc])* pub static $name: Rule = Rule {
            name: $text,
            severity: Severity::$severity,
            hint: $hint,
        };)*
    };
}

rules! {
    /// A key of bucket `key` that is no revision.
    RECORD_KEY = "record-key", Damaged, OTHER_MEMBER;
    /// A value of bucket `key` that is no record.
    RECORD_VALUE = "record-value", Damaged, OTHER_MEMBER;
    /// A record whose revisions or version contradict its place.
    RECORD_FIELDS = "record-fields", Damaged, OTHER_MEMBER;
    /// Transactions that are missing above the compaction.
    REVISION_GAP = "revision-gap", Suspicious, LOST_WRITES;
    /// Changes that are missing within a transaction.
    CHANGE_GAP = "change-gap", Suspicious, LOST_WRITES;
    /// A change of a key that does not continue the one before.
    VERSION_CHAIN = "version-chain", Suspicious, LOST_WRITES;
    /// A deletion of a key that was not there.
    TOMBSTONE_ORPHAN = "tombstone-orphan", Suspicious, LOST_WRITES;
    /// Changes that the compaction should have removed.
    COMPACTION_LEFTOVER = "compaction-leftover", Suspicious, OTHER_MEMBER;
    /// A compaction that etcd will go on with when it starts.
    COMPACTION_PENDING = "compaction-pending", Note, "etcd goes on with it when it starts: nothing to do";
    /// The last record is older than the compaction.
    REVISION_BELOW_COMPACTION = "revision-below-compaction", Note, "count on the true revision of `status`, not on the official tools' revision";
    /// The mark that a restore leaves to move revisions forward.
    REVISION_BUMPED = "revision-bumped", Note, "a restore moved revisions forward: nothing to do";
    /// Live keys bound to leases that are not there.
    LEASE_MISSING = "lease-missing", Suspicious, "these keys would never expire: delete them after a restore";
    /// A bucket that every etcd makes is not there.
    BUCKET_MISSING = "bucket-missing", Suspicious, "is this a database of etcd? compare with a snapshot of another member";
    /// A bucket that no etcd from 3.4 to 3.7 makes.
    BUCKET_UNKNOWN = "bucket-unknown", Note, "a newer etcd, or something else wrote it";
    /// A bucket inside a bucket.
    BUCKET_NESTED = "bucket-nested", Suspicious, "etcd makes none: is this a database of etcd?";
    /// A record of a small bucket that cannot be read.
    SYSTEM_RECORD = "system-record", Damaged, OTHER_MEMBER;
    /// No raft entry was ever applied, or its index is lost.
    CONSISTENT_INDEX = "consistent-index", Suspicious, OTHER_MEMBER;
    /// No member is listed.
    MEMBERS_NONE = "members-none", Suspicious, "a restore writes new members; anything else is odd";
    /// No cluster version.
    CLUSTER_VERSION = "cluster-version", Suspicious, "the cluster never agreed on a version: was it up?";
    /// A member that is listed twice, or both as a member and as removed.
    MEMBER_TWICE = "member-twice", Suspicious, MEMBERS;
    /// A member that raft does not know.
    MEMBER_ZOMBIE = "member-zombie", Suspicious, MEMBERS;
    /// A member that votes and is listed as a learner.
    LEARNER_FLAG = "learner-flag", Suspicious, "etcd 3.5.1 to 3.5.19 lose the promotion: go to 3.5.24 or later before 3.6";
    /// A learner.
    LEARNER = "learner", Note, "promote or remove it before a restore matters";
    /// An alarm that survives a restore.
    ALARM = "alarm", Suspicious, "it survives a restore: `talosctl etcd alarm disarm` after one, more space or a defragmentation before";
    /// Authentication is on.
    AUTH_ENABLED = "auth-enabled", Note, "it survives a restore: keep the password of `root`";
    /// A downgrade is under way.
    DOWNGRADE = "downgrade", Note, "finish or cancel it before the next upgrade";
}
