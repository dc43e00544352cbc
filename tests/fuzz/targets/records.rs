//! A record of bucket `key`: up to 18 bytes of key, then its value.

#![no_main]

use etcdbackup::snapshot::etcd::{KeyValue, RecordKey};
use etcdbackup::snapshot::protobuf::{Fields, Value, field};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (key, value) = input.split_at(input.len().min(18));
    for length in [17, 18] {
        if let Some(parsed) = key.get(..length).and_then(RecordKey::parse) {
            assert!(parsed.revision.main >= 0 && parsed.revision.sub >= 0);
            assert_eq!(parsed.tombstone, length == 18);
        }
    }
    let fields: Result<Vec<_>, _> = Fields::new(value).collect();
    if let Ok(record) = KeyValue::decode(value) {
        let fields = fields.expect("a record is a message");
        let last = |wanted| fields.iter().rfind(|(number, _)| *number == wanted);
        assert_eq!(field(value, 1), last(1).map(|(_, value)| *value));
        if let Some((_, Value::Bytes(key))) = last(1) {
            assert_eq!(record.key, *key);
        }
    }
});
