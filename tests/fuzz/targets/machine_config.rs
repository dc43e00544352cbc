//! A machine config, a secrets bundle, or Kubernetes' own encryption configuration.

#![no_main]

use etcdbackup::failure::Exit;
use etcdbackup::snapshot::encryption::parse_keys;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match parse_keys(text, "config") {
        Ok(ring) => assert!(ring.keys() <= 100_000),
        Err(failure) => assert_eq!(failure.exit, Exit::Config),
    }
});
