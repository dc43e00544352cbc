//! Values with single bytes changed, cut and mixed: read or refused, never a panic.

use etcdbackup::snapshot::kubernetes::{Content, Value, decode, hide, ready_to_apply};

use crate::fixture::each_live;

/// A generator of numbers that look random.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn damaged_objects_are_read_or_refused() {
    let (mut state, mut refused, mut read) = (0x9e37_79b9_7f4a_7c15, 0u32, 0u32);
    each_live("after", |_, value| {
        for _ in 0..40 {
            let mut damaged = value.to_vec();
            let at = next(&mut state) as usize % damaged.len().max(1);
            match next(&mut state) % 3 {
                0 => damaged.truncate(at),
                1 => damaged
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte ^= 1 << (at % 8)),
                _ => damaged
                    .iter_mut()
                    .skip(at)
                    .take(4)
                    .for_each(|byte| *byte = 0xff),
            }
            let _hash = Content::of(&damaged);
            let parsed = Value::parse(&damaged);
            let _head = parsed.head();
            match decode(&parsed) {
                Ok(mut object) => {
                    hide(&mut object);
                    ready_to_apply(&mut object);
                    read += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
            }
        }
    });
    assert!(
        refused > 1000 && read > 1000,
        "{refused} refused, {read} read"
    );
}

#[test]
fn an_object_made_to_fill_memory_is_refused() {
    // A Pod with a million empty containers: two bytes each.
    let spec: Vec<u8> = std::iter::repeat_n([0x12u8, 0x00], 1_000_000)
        .flatten()
        .collect();
    let varint = |mut number: usize| {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let field =
        |number: u8, body: &[u8]| [&[number << 3 | 2][..], &varint(body.len()), body].concat();
    let kind = field(1, &[field(1, b"v1"), field(2, b"Pod")].concat());
    let value = [b"k8s\0".to_vec(), kind, field(2, &field(2, &spec))].concat();
    let error = decode(&Value::parse(&value)).unwrap_err();
    assert!(error.to_string().contains("larger"), "{error}");
}
