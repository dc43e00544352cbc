//! The one entry of every program: no core dumps, one TLS provider, logs to stderr,
//! signals, and the exit code of what happened.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use super::flags::{CommonFlags, LogFormat};
use super::ui::Ui;
use crate::backup::Cancel;
use crate::failure::{Exit, Failure};
use crate::store::SECRET_LOG_TARGETS;

/// What a verb works with besides its flags.
#[derive(Debug, Clone)]
pub struct Context {
    /// The way to talk.
    pub ui: Ui,
    /// Told by SIGINT and SIGTERM.
    pub cancel: Cancel,
}

/// Parses `Cli`, runs `verb`, prints its failure and gives the exit code.
pub fn run<Cli, Verb, Work>(common: impl FnOnce(&Cli) -> &CommonFlags, verb: Verb) -> ExitCode
where
    Cli: Parser,
    Verb: FnOnce(Cli, Context) -> Work,
    Work: Future<Output = Result<Exit, Failure>>,
{
    no_core_dumps();
    // Fails only when one is installed already, which is as good.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let flags = common(&cli).clone();
    start_log(&flags);
    let ui = Ui::new(flags.quiet);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        on_runtime(ui, |context| verb(cli, context))
    }));
    let exit = match outcome {
        Ok(Ok(exit)) => exit,
        Ok(Err(failure)) => {
            tracing::debug!(error = ?std::error::Error::source(&failure).map(ToString::to_string), "cause");
            ui.failure(&failure);
            failure.exit
        }
        Err(_) => Exit::Bug,
    };
    ExitCode::from(exit.code())
}

fn no_core_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Where the limit may not be lowered it is the host's decision.
    let _kept = setrlimit(Resource::Core, none);
}

fn usage(error: &clap::Error) -> ExitCode {
    let shown = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    // A closed stdout is no reason to change the code of a usage text.
    let _closed = error.print();
    ExitCode::from(if shown {
        Exit::Done.code()
    } else {
        Exit::Usage.code()
    })
}

fn on_runtime<Work>(ui: Ui, verb: impl FnOnce(Context) -> Work) -> Result<Exit, Failure>
where
    Work: Future<Output = Result<Exit, Failure>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Io, format!("cannot start: {error}")))?;
    let result = runtime.block_on(async {
        let cancel = watch_signals(ui)?;
        verb(Context { ui, cancel }).await
    });
    // A blocked read of stdin must not keep us.
    runtime.shutdown_background();
    result
}

/// The first signal asks the flow to stop and clean up; the second ends at once.
fn watch_signals(ui: Ui) -> Result<Cancel, Failure> {
    let (tell, told) = watch::channel(None);
    for (kind, exit) in [
        (SignalKind::interrupt(), Exit::Interrupted),
        (SignalKind::terminate(), Exit::Terminated),
    ] {
        let mut signals = signal(kind)
            .map_err(|error| Failure::new(Exit::Io, format!("cannot watch signals: {error}")))?;
        let tell = tell.clone();
        tokio::spawn(async move {
            let mut asked = false;
            while signals.recv().await.is_some() {
                if asked {
                    leave(exit);
                }
                asked = true;
                ui.note("stopping: the upload is aborted; once more leaves at once");
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

/// Libraries that log whole requests stay at `warn`, whatever was asked.
fn start_log(flags: &CommonFlags) {
    let level = match flags.verbosity() {
        0 => "off",
        1 => "warn,etcdbackup=info",
        _ => "info,etcdbackup=debug",
    };
    let quiet: Vec<String> = SECRET_LOG_TARGETS
        .iter()
        .map(|target| format!("{target}=warn"))
        .collect();
    let filter = EnvFilter::new(format!("{level},{}", quiet.join(",")));
    let filter = if level == "off" {
        EnvFilter::new("off")
    } else {
        filter
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    // Only the first of a process counts; there is one.
    let _set = match flags.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
