//! Object names in a byte, where they can be told again from cluster and time.

use jiff::Timestamp;

use super::names::ObjectName;

/// How a name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape(u8);

const COMPRESSED: u8 = 1;
const ENCRYPTED: u8 = 2;
/// With milliseconds, as ours; talos-backup's have none.
const MILLISECONDS: u8 = 4;
/// `-` for `:`, as in folders.
const DASHES: u8 = 8;

/// The name of an object below its prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShortName {
    /// Told from its parts.
    Known(Shape),
    /// As it is.
    Whole(Box<str>),
}

impl ShortName {
    /// `below` as small as can be; `name` is what was read in it.
    pub fn of(below: &str, name: &ObjectName) -> Self {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let suffixes = flag(name.compressed, COMPRESSED) | flag(name.encrypted, ENCRYPTED);
        let taken_at = name.taken_at.as_millisecond();
        [MILLISECONDS, MILLISECONDS | DASHES, 0, DASHES]
            .into_iter()
            .map(|form| Shape(suffixes | form))
            .find(|shape| shape.render(&name.cluster, taken_at) == below)
            .map_or_else(|| Self::Whole(below.into()), Self::Known)
    }

    /// The name again.
    pub fn render(&self, cluster: &str, taken_at: i64) -> String {
        match self {
            Self::Known(shape) => shape.render(cluster, taken_at),
            Self::Whole(name) => name.to_string(),
        }
    }
}

impl Shape {
    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// The name of the snapshot of `cluster` taken at `taken_at` (milliseconds).
    pub fn render(self, cluster: &str, taken_at: i64) -> String {
        let time = Timestamp::from_millisecond(taken_at).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut time = if self.has(MILLISECONDS) {
            format!("{time:.3}")
        } else {
            format!("{time:.0}")
        };
        if self.has(DASHES) {
            time = time.replace(':', "-");
        }
        let compressed = if self.has(COMPRESSED) { ".zst" } else { "" };
        let encrypted = if self.has(ENCRYPTED) { ".age" } else { "" };
        format!("{cluster}-{time}.snap{compressed}{encrypted}")
    }
}
