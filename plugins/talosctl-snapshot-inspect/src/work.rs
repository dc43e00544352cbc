//! Long work on files, which a signal can end.

use etcdbackup::cli::Context;
use etcdbackup::failure::{Exit, Failure};

/// Runs blocking work on a thread of its own. After a signal nobody waits for it: it only
/// reads, and ends with the process.
pub(crate) async fn blocking<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _nobody_waits = done.send(work());
    });
    let mut cancel = context.cancel.clone();
    tokio::select! {
        result = result => result
            .unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "the work stopped half way"))),
        exit = cancel.requested() => Err(Failure::new(exit, "stopped by a signal").hint("run it again")),
    }
}
