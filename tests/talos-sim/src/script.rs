//! What a control plane answers about etcd where no etcd runs behind it: enough for hundreds of
//! fault tests that start in no time.

/// An alarm of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// The quota is used up.
    NoSpace,
    /// Data differs between members.
    Corrupt,
}

/// One member's own view. Tests change it while the simulator runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdScript {
    /// This member.
    pub member_id: u64,
    /// etcd's version, as `3.5.1`.
    pub version: String,
    /// Bytes of the database file, and of it in use.
    pub db_size: i64,
    /// See `db_size`.
    pub db_size_in_use: i64,
    /// Member id of the leader; 0: none.
    pub leader: u64,
    /// The last entry of the raft log that this member knows, and the last it has applied.
    pub raft_index: u64,
    /// See `raft_index`.
    pub raft_applied_index: u64,
    /// The raft term.
    pub raft_term: u64,
    /// Whether it only learns.
    pub is_learner: bool,
    /// What it complains about.
    pub errors: Vec<String>,
    /// Its alarms.
    pub alarms: Vec<Alarm>,
    /// Whether etcd listens. When not, every call that needs it hangs, as on real Talos.
    pub listening: bool,
    /// Whether the members agree on anything. Without quorum, lists of members and alarms fail.
    pub quorum: bool,
}

impl EtcdScript {
    /// A healthy member, one of a cluster whose leader is `leader`.
    pub(crate) fn healthy(member_id: u64, leader: u64) -> Self {
        Self {
            member_id,
            version: "3.6.9".to_owned(),
            db_size: 25_165_824,
            db_size_in_use: 16_777_216,
            leader,
            raft_index: 120_345,
            raft_applied_index: 120_345,
            raft_term: 4,
            is_learner: false,
            errors: Vec::new(),
            alarms: Vec::new(),
            listening: true,
            quorum: true,
        }
    }
}
