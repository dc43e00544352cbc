//! A panic is a bug of ours: exit code 70 and two lines that say where, never what, since a
//! panic's own words could hold a secret.

use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ui::Ui;
use crate::failure::{Exit, Failure};

static SEEN: AtomicBool = AtomicBool::new(false);

/// From now on panics of any thread are told so.
pub(super) fn tell(ui: Ui, program: String) {
    std::panic::set_hook(Box::new(move |panic| {
        // One bug is told once, whatever it takes down with it.
        if !SEEN.swap(true, Ordering::SeqCst) {
            ui.failure(&failure(panic, &program));
        }
    }));
}

/// Whether there was one, in whatever thread.
pub(super) fn seen() -> bool {
    SEEN.load(Ordering::SeqCst)
}

fn failure(panic: &PanicHookInfo<'_>, program: &str) -> Failure {
    let place = panic.location().map_or_else(
        || "an unknown place".to_owned(),
        |place| format!("{}:{}", tail(place.file()), place.line()),
    );
    let what = format!("`{program}` stopped at {place}: this is a bug of ours");
    Failure::new(Exit::Bug, what).hint(format!(
        "please report that place and `{program} --version` at {}/issues; running it again does no harm",
        env!("CARGO_PKG_REPOSITORY")
    ))
}

/// The end of a source path: where it was built is nobody's business.
fn tail(file: &str) -> String {
    let parts: Vec<&str> = file.rsplit('/').take(4).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_end_of_its_path() {
        assert_eq!(tail("shared/src/cli/panic.rs"), "shared/src/cli/panic.rs");
        assert_eq!(
            tail("/home/x/.cargo/registry/src/y/age-1/src/lib.rs"),
            "y/age-1/src/lib.rs"
        );
    }
}
