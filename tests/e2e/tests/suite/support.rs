//! What every module of the suite uses.

use std::process::Output;

use e2e::{World, text};

/// Bytes of the sample snapshot.
pub(crate) const SIZE: usize = 300_000;

pub(crate) fn serving() -> World {
    World::serving(talos_sim::sample::snapshot(SIZE))
}

pub(crate) fn code(output: &Output) -> i32 {
    e2e::secrets::assert_none("stderr", &output.stderr);
    e2e::secrets::assert_none("stdout", &output.stdout);
    output.status.code().unwrap_or(-1)
}

pub(crate) fn ok(output: &Output) {
    assert_eq!(code(output), 0, "{}", text(&output.stderr));
}

/// The two lines of a failure.
pub(crate) fn refused(output: &Output, exit: i32, word: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(code(output), exit, "{stderr}");
    assert!(
        stderr.contains("error: ") && stderr.contains("hint: "),
        "{stderr}"
    );
    assert!(stderr.contains(word), "`{word}` is not in: {stderr}");
}
