//! The root buckets of an etcd database.

/// What a root bucket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BucketKind {
    /// Alarms that are raised.
    Alarm,
    /// Whether authentication is on.
    Auth,
    /// Roles of authentication.
    AuthRoles,
    /// Users of authentication.
    AuthUsers,
    /// The version all members agreed on.
    Cluster,
    /// The data: every change of every key since the last compaction.
    Key,
    /// Leases.
    Lease,
    /// Members.
    Members,
    /// Members that were removed, so that they stay so.
    MembersRemoved,
    /// Consistent index, term, storage version, compaction.
    Meta,
    /// No bucket of etcd 3.4 to 3.7.
    Unknown,
}

/// Every bucket that each etcd since 3.4 makes when it starts, in byte order.
pub const BUCKETS: [(&str, BucketKind); 10] = [
    ("alarm", BucketKind::Alarm),
    ("auth", BucketKind::Auth),
    ("authRoles", BucketKind::AuthRoles),
    ("authUsers", BucketKind::AuthUsers),
    ("cluster", BucketKind::Cluster),
    ("key", BucketKind::Key),
    ("lease", BucketKind::Lease),
    ("members", BucketKind::Members),
    ("members_removed", BucketKind::MembersRemoved),
    ("meta", BucketKind::Meta),
];

impl BucketKind {
    /// The kind of the bucket of this name.
    pub fn of(name: &[u8]) -> Self {
        BUCKETS
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map_or(Self::Unknown, |(_, kind)| *kind)
    }
}
