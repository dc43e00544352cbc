//! A talosconfig. Its module is built here by itself.

#![no_main]

#[allow(dead_code, reason = "only its reader is tried")]
#[path = "../../../shared/src/talos/config.rs"]
mod config;
#[allow(dead_code, reason = "the reader's errors are of it")]
#[path = "../../../shared/src/failure.rs"]
mod failure;

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match config::parse(
        text,
        Path::new("talosconfig"),
        &config::Selection::default(),
    ) {
        Ok(context) => assert!(!context.endpoints.is_empty()),
        Err(failure) => assert_eq!(failure.exit, failure::Exit::Config),
    }
});
