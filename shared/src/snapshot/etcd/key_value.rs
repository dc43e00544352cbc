//! The values of bucket `key`.

use crate::snapshot::protobuf::{Fields, Malformed, Value};

/// A record's value, borrowed. A tombstone's holds only the user key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyValue<'a> {
    /// The user's key.
    pub key: &'a [u8],
    /// The revision that made this generation of the key.
    pub create_revision: i64,
    /// The revision of this change.
    pub mod_revision: i64,
    /// Changes since the key was made, from 1.
    pub version: i64,
    /// The user's value.
    pub value: &'a [u8],
    /// The lease it is bound to; 0: none.
    pub lease: i64,
}

impl<'a> KeyValue<'a> {
    /// Reads a value. Fields that are not there are empty, unknown ones are passed over.
    ///
    /// # Errors
    /// It is no protobuf message, or a field has another type.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut record = Self::default();
        for field in Fields::new(bytes) {
            match field? {
                (1, Value::Bytes(bytes)) => record.key = bytes,
                (5, Value::Bytes(bytes)) => record.value = bytes,
                (2, Value::Varint(number)) => record.create_revision = number.cast_signed(),
                (3, Value::Varint(number)) => record.mod_revision = number.cast_signed(),
                (4, Value::Varint(number)) => record.version = number.cast_signed(),
                (6, Value::Varint(number)) => record.lease = number.cast_signed(),
                (1..=6, _) => return Err(Malformed),
                _ => {}
            }
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_a_real_store() {
        let bytes = b"\x0a\x0e/registry/x/k1\x10\x03\x18\x03\x20\x01\x2a\x02v1";
        let record = KeyValue::decode(bytes).unwrap();
        assert_eq!(record.key, b"/registry/x/k1");
        assert_eq!((record.create_revision, record.mod_revision), (3, 3));
        assert_eq!(
            (record.version, record.value, record.lease),
            (1, &b"v1"[..], 0)
        );
        assert_eq!(KeyValue::decode(b""), Ok(KeyValue::default()));
        assert_eq!(
            KeyValue::decode(b"\x08\x01"),
            Err(Malformed),
            "a number as key"
        );
        assert!(KeyValue::decode(&bytes[..bytes.len() - 1]).is_err());
    }

    /// The same message as prost reads and writes it.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Official {
        #[prost(bytes = "vec", tag = "1")]
        key: Vec<u8>,
        #[prost(int64, tag = "2")]
        create_revision: i64,
        #[prost(int64, tag = "3")]
        mod_revision: i64,
        #[prost(int64, tag = "4")]
        version: i64,
        #[prost(bytes = "vec", tag = "5")]
        value: Vec<u8>,
        #[prost(int64, tag = "6")]
        lease: i64,
        #[prost(fixed64, tag = "9")]
        unknown: u64,
    }

    proptest! {
        #[test]
        fn what_prost_writes_is_read(
            key: Vec<u8>, value: Vec<u8>, create: i64, change: i64, version: i64, lease: i64, unknown: u64,
        ) {
            let official = Official {
                key, create_revision: create, mod_revision: change, version, value, lease, unknown,
            };
            let bytes = prost::Message::encode_to_vec(&official);
            let record = KeyValue::decode(&bytes).unwrap();
            prop_assert_eq!(record, KeyValue {
                key: &official.key, create_revision: create, mod_revision: change, version,
                value: &official.value, lease,
            });
        }

        #[test]
        fn any_bytes_are_read_as_prost_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            // Groups and open enumerations aside, both must agree on what is readable.
            if let (Ok(ours), Ok(theirs)) = (KeyValue::decode(&bytes), <Official as prost::Message>::decode(&*bytes)) {
                prop_assert_eq!(ours.key, theirs.key);
                prop_assert_eq!(ours.lease, theirs.lease);
            }
        }
    }
}
