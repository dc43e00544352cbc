//! A stored object: age, zstd or neither, told by its first bytes.

#![no_main]

use std::io::Read;

use etcdbackup::seal::{Identities, OpenError, open};
use libfuzzer_sys::fuzz_target;

/// A few bytes of zstd can stand for gigabytes.
const MOST: u64 = 1024 * 1024;

fuzz_target!(|input: &[u8]| {
    match open(input, &Identities::default()) {
        Ok((reader, content)) => {
            assert!(!content.encrypted);
            let mut bytes = Vec::new();
            let read = reader.take(MOST).read_to_end(&mut bytes);
            assert!(content.compressed || (read.is_ok() && bytes == input));
        }
        Err(OpenError::NoIdentity) => {
            assert!(
                input.starts_with(b"age-encryption.org/v1") || input.starts_with(b"-----BEGIN AGE")
            );
        }
        Err(_) => assert!(input.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])),
    }
});
