//! A Kubernetes object: a line of key, then its value, in any form.

#![no_main]

use etcdbackup::snapshot::kubernetes::{Grammar, Value, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (key, value) = input.split_at(end.unwrap_or(input.len()));
    let value = value.get(1..).unwrap_or_default();
    let key = [b"/registry/", key].concat();
    let _known = Grammar::default().parse(&key);
    let parsed = Value::parse(value);
    let (head, decoded) = (parsed.head(), decode(&parsed));
    // An object that is decoded whole has a kind.
    if let (Value::Protobuf(envelope), Ok(object)) = (&parsed, &decoded) {
        assert_eq!(object["kind"], envelope.kind);
        assert!(head.is_none_or(|head| head.kind == envelope.kind));
    }
});
