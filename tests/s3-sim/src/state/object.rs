//! One version of an object: its bytes, and how long it is locked.

use std::ops::Range;
use std::time::SystemTime;

use bytes::Bytes;
use s3s::crypto::{Checksum, Md5};
use s3s::dto::Metadata;

/// The bytes of an object, in the pieces in which they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content(Vec<Bytes>);

impl Content {
    pub(crate) fn new(pieces: Vec<Bytes>) -> Self {
        Self(pieces)
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.iter().map(|piece| piece.len() as u64).sum()
    }

    /// The pieces of a range, not copied.
    pub(crate) fn range(&self, range: Range<u64>) -> Vec<Bytes> {
        let mut start = 0;
        let mut pieces = Vec::with_capacity(self.0.len());
        for piece in &self.0 {
            let end = start + piece.len() as u64;
            let from = range.start.clamp(start, end) - start;
            let to = range.end.clamp(start, end) - start;
            if let (Ok(from), Ok(to)) = (usize::try_from(from), usize::try_from(to))
                && from < to
            {
                pieces.push(piece.slice(from..to));
            }
            start = end;
        }
        pieces
    }

    pub(crate) fn to_vec(&self) -> Vec<u8> {
        self.0.concat()
    }
}

/// How a lock can be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By whoever may bypass it, and says so.
    Governance,
    /// By nobody.
    Compliance,
}

/// Until when a version cannot be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) mode: Mode,
    pub(crate) until: SystemTime,
}

impl Retention {
    /// Whether it refuses a delete, or a shorter time.
    pub(crate) fn holds(self, now: SystemTime, bypass: bool) -> bool {
        now < self.until && !(bypass && self.mode == Mode::Governance)
    }
}

/// One version of an object, or a marker that hides the key.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) id: String,
    /// None: a marker.
    pub(crate) content: Option<Content>,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
    pub(crate) content_type: Option<String>,
    pub(crate) metadata: Option<Metadata>,
    pub(crate) retention: Option<Retention>,
    /// Locked without an end.
    pub(crate) legal_hold: bool,
}

impl Version {
    pub(crate) fn new(content: Content, etag: String) -> Self {
        Self {
            id: String::new(),
            content: Some(content),
            etag,
            modified: SystemTime::now(),
            content_type: None,
            metadata: None,
            retention: None,
            legal_hold: false,
        }
    }

    pub(crate) fn marker(id: String) -> Self {
        Self {
            id,
            content: None,
            ..Self::new(Content::default(), String::new())
        }
    }

    pub(crate) fn is_marker(&self) -> bool {
        self.content.is_none()
    }

    pub(crate) fn size(&self) -> u64 {
        self.content.as_ref().map_or(0, Content::size)
    }
}

/// An MD5 in hexadecimal: the ETag of an object stored whole, and of a part.
pub(crate) fn md5(bytes: &[u8]) -> String {
    hex::encode(Md5::checksum(bytes))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_range_goes_across_pieces() {
        let content = Content::new(vec!["abc".into(), Bytes::new(), "defg".into()]);
        assert_eq!(content.size(), 7);
        for (range, wanted) in [(0..7, "abcdefg"), (1..2, "b"), (2..5, "cde"), (7..7, "")] {
            assert_eq!(content.range(range).concat(), wanted.as_bytes());
        }
    }

    #[test]
    fn locks_hold_until_their_time() {
        let now = SystemTime::now();
        let lock = |mode, until| Retention { mode, until };
        let later = now + Duration::from_secs(60);
        assert!(lock(Mode::Governance, later).holds(now, false));
        assert!(!lock(Mode::Governance, later).holds(now, true));
        assert!(lock(Mode::Compliance, later).holds(now, true));
        assert!(!lock(Mode::Compliance, now).holds(now, false));
    }
}
