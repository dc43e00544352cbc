//! Signals: the first asks the flow to stop and clean up, the second ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::ui::Ui;
use crate::backup::Cancel;
use crate::failure::{Exit, Failure};

/// Begins to watch, on the runtime this is called on.
pub(super) fn watch(ui: &Ui) -> Result<Cancel, Failure> {
    let (tell, told) = watch::channel(None);
    for (kind, exit) in [
        (SignalKind::interrupt(), Exit::Interrupted),
        (SignalKind::terminate(), Exit::Terminated),
    ] {
        let mut signals = signal(kind)
            .map_err(|error| Failure::new(Exit::Io, format!("cannot watch signals: {error}")))?;
        let (tell, ui) = (tell.clone(), ui.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if tell.borrow().is_some() {
                    leave(exit);
                }
                // Before anybody acts on it: a flow that has nothing to clean up ends at once.
                ui.note("stopping; once more leaves at once");
                tell.send_replace(Some(exit));
            }
        });
    }
    Ok(Cancel(told))
}

#[expect(clippy::exit, reason = "the second signal asks for exactly this")]
fn leave(exit: Exit) -> ! {
    std::process::exit(i32::from(exit.code()))
}
