//! Values with single bytes changed, cut and mixed: read or refused, never a panic.

use etcdbackup::snapshot::encryption::parse_keys;
use etcdbackup::snapshot::kubernetes::{Content, Value, decode, hide, ready_to_apply};

use proptest::prelude::*;

use crate::fixture::{each_live, text};

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

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn field(number: u8, body: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(body.len()), body].concat()
}

/// An object of this kind with this message, as it is stored.
fn stored(version: &str, kind: &str, message: &[u8]) -> Vec<u8> {
    let kind = field(
        1,
        &[field(1, version.as_bytes()), field(2, kind.as_bytes())].concat(),
    );
    [b"k8s\0".to_vec(), kind, field(2, message)].concat()
}

proptest! {
    #[test]
    fn any_message_of_any_kind_is_read_or_refused(
        kind in prop::sample::select(vec![("v1", "Pod"), ("v1", "Secret"), ("v1", "Node"), ("apps/v1", "Deployment"), ("batch/v1", "CronJob"),
            ("networking.k8s.io/v1", "Ingress"), ("v1", "Event"), ("coordination.k8s.io/v1", "Lease"), ("apps/v1", "ControllerRevision"), ("v1", "None")]),
        // Small numbers are fields that exist, and lengths that fit.
        message in prop::collection::vec(prop_oneof![0u8..32, any::<u8>()], 0..120),
    ) {
        let value = stored(kind.0, kind.1, &message);
        let parsed = Value::parse(&value);
        let _any = (parsed.head(), Content::of(&value));
        if let Ok(mut object) = decode(&parsed) {
            prop_assert_eq!(&object["kind"], kind.1);
            hide(&mut object);
            ready_to_apply(&mut object);
        }
    }

    #[test]
    fn any_configuration_is_read_or_refused(cut in 0usize..2000, line in 0usize..40, with in "[ a-z:\\-{}\\[\\]\"'&*|>\n]{0,30}") {
        for name in ["controlplane-documents.yaml", "secrets-bundle.yaml"] {
            let whole = text(name);
            let mut lines: Vec<&str> = whole.lines().collect();
            let at = line % lines.len();
            lines.insert(at, &with);
            let _any = parse_keys(&lines.join("\n"), name);
            let _any = parse_keys(&whole[..cut.min(whole.len())], name);
        }
    }
}

#[test]
fn an_object_made_to_fill_memory_is_refused() {
    // A Pod with a million empty containers: two bytes each.
    let spec: Vec<u8> = std::iter::repeat_n([0x12u8, 0x00], 1_000_000)
        .flatten()
        .collect();
    let value = stored("v1", "Pod", &field(2, &spec));
    let error = decode(&Value::parse(&value)).unwrap_err();
    assert!(error.to_string().contains("larger"), "{error}");
}
