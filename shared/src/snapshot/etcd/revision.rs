//! The keys of bucket `key`: revisions in byte order.

/// Bytes of a record's key; a tombstone has one more.
const LENGTH: usize = 17;

/// When a change was made: the transaction, and the change within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The transaction; the first of a cluster is 2.
    pub main: i64,
    /// The change within the transaction, from 0.
    pub sub: i64,
}

impl Revision {
    /// Reads `main _ sub`, both big-endian; none: no revision.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let main = i64::from_be_bytes(*bytes.first_chunk()?);
        let sub = i64::from_be_bytes(*bytes.last_chunk()?);
        (bytes[8] == b'_' && main >= 0 && sub >= 0).then_some(Self { main, sub })
    }
}

/// The key of a record of bucket `key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordKey {
    /// When.
    pub revision: Revision,
    /// Whether it says that its key was deleted.
    pub tombstone: bool,
}

impl RecordKey {
    /// Reads a bucket key; none: it is no revision.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let tombstone = match bytes.len() {
            LENGTH => false,
            18 if bytes[LENGTH] == b't' => true,
            _ => return None,
        };
        Some(Self {
            revision: Revision::parse(&bytes[..LENGTH])?,
            tombstone,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(main: i64, sub: i64, tombstone: bool) -> Vec<u8> {
        let mut bytes = [&main.to_be_bytes()[..], b"_", &sub.to_be_bytes()].concat();
        bytes.extend(tombstone.then_some(b't'));
        bytes
    }

    #[test]
    fn what_is_no_revision_is_none() {
        let sound = bytes(7, 1, true);
        assert!(RecordKey::parse(&sound).is_some());
        for wrong in [
            &sound[..16],
            &[&sound[..], b"t"].concat(),
            &[&sound[..17], b"x"].concat(),
            &bytes(-1, 0, false),
            &bytes(1, -1, false),
            &[&sound[..8], b"-", &sound[9..]].concat(),
        ] {
            assert_eq!(RecordKey::parse(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_bytes_order_as_revisions(
            a in (0..=i64::MAX, 0..=i64::MAX), b in (0..=i64::MAX, 0..=i64::MAX), tombstone: bool,
        ) {
            let [one, two] = [a, b].map(|(main, sub)| bytes(main, sub, tombstone));
            let [first, second] = [&one, &two].map(|bytes| RecordKey::parse(bytes).unwrap());
            prop_assert_eq!((first.revision.main, first.revision.sub, first.tombstone), (a.0, a.1, tombstone));
            prop_assert_eq!(one.cmp(&two), first.revision.cmp(&second.revision));
        }
    }
}
