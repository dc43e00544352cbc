//! The one entry of every program: no core dumps, one TLS provider, flags, log, signals, and
//! the exit code of what happened.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{CommandFactory, FromArgMatches};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::runtime::Runtime;

use super::called::Called;
use super::completion::{Lookups, Program};
use super::flags::CommonFlags;
use super::ui::{Manners, Ui};
use super::usage::{self, Parsed};
use super::{asked, log, panic, settings, signals};
use crate::backup::Cancel;
use crate::failure::{Exit, Failure};

/// How long uploads may take to abort after a panic: their own limit and a little.
const LAST_WORK: Duration = Duration::from_secs(12);

/// What a verb works with besides its flags.
#[derive(Debug, Clone)]
pub struct Context {
    /// The way to talk.
    pub ui: Ui,
    /// Told by SIGINT and SIGTERM.
    pub cancel: Cancel,
    /// How the program was called.
    pub called: Called,
}

/// Parses `Cli`, runs `verb`, prints its failure and gives the exit code.
pub fn run<Cli, Verb, Work>(common: impl FnOnce(&Cli) -> &CommonFlags, verb: Verb) -> ExitCode
where
    Cli: CommandFactory + FromArgMatches,
    Verb: FnOnce(Cli, Context) -> Work,
    Work: Future<Output = Result<Exit, Failure>>,
{
    run_looking(Lookups::NONE, common, verb)
}

/// The same for a program that looks up more than files for who presses TAB.
pub fn run_looking<Cli, Verb, Work>(
    lookups: Lookups,
    common: impl FnOnce(&Cli) -> &CommonFlags,
    verb: Verb,
) -> ExitCode
where
    Cli: CommandFactory + FromArgMatches,
    Verb: FnOnce(Cli, Context) -> Work,
    Work: Future<Output = Result<Exit, Failure>>,
{
    let arguments = std::env::args_os().collect::<Vec<_>>();
    run_with(&arguments, lookups, common, verb)
}

/// The same with other arguments than the process's (its own name first).
pub fn run_with<Cli, Verb, Work>(
    arguments: &[OsString],
    lookups: Lookups,
    common: impl FnOnce(&Cli) -> &CommonFlags,
    verb: Verb,
) -> ExitCode
where
    Cli: CommandFactory + FromArgMatches,
    Verb: FnOnce(Cli, Context) -> Work,
    Work: Future<Output = Result<Exit, Failure>>,
{
    no_core_dumps();
    // Fails only when one is installed already, which is as good.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let program = Program {
        factory: Cli::command,
        lookups,
    };
    if let Some(exit) = asked::answered(program, arguments) {
        return exit;
    }
    let called = Called::new(arguments);
    let early = Ui::new(early_manners(arguments));
    panic::tell(early.clone(), called.program().to_owned());
    let parsed = match usage::parse(Cli::command(), &called, arguments) {
        Parsed::Matches(matches) => matches,
        Parsed::Shown(text) => return shown(&text, Exit::Done),
        Parsed::Asked(text) => return shown(&text, Exit::Usage),
        Parsed::Refused(failure) => return refused(&early, &failure),
    };
    let cli = match Cli::from_arg_matches(&parsed) {
        Ok(cli) => cli,
        Err(error) => return refused(&early, &Failure::new(Exit::Bug, error.to_string())),
    };
    let flags = common(&cli).clone();
    log::start(&flags);
    tracing::debug!(
        program = called.program(),
        version = env!("CARGO_PKG_VERSION"),
        "started"
    );
    let ui = Ui::new(flags.manners());
    panic::tell(ui.clone(), called.program().to_owned());
    let outcome = on_runtime(&ui, |cancel| {
        verb(
            cli,
            Context {
                ui: ui.clone(),
                cancel,
                called,
            },
        )
    });
    ExitCode::from(exit_of(&ui, outcome).code())
}

/// A panic anywhere outweighs what came of it.
fn exit_of(ui: &Ui, outcome: Result<Exit, Failure>) -> Exit {
    match outcome {
        _ if panic::seen() => Exit::Bug,
        Ok(exit) => exit,
        Err(failure) => {
            let cause = std::error::Error::source(&failure).map(ToString::to_string);
            tracing::debug!(?cause, exit = failure.exit.code(), "failed");
            ui.failure(&failure);
            failure.exit
        }
    }
}

fn no_core_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Where the limit may not be lowered it is the host's decision.
    let _kept = setrlimit(Resource::Core, none);
}

/// How to talk before the flags are parsed.
fn early_manners(arguments: &[OsString]) -> Manners {
    let said = |flag: &str, variable: &str| {
        let value = settings::typed(arguments, flag).or_else(|| std::env::var_os(variable));
        value.and_then(|value| value.into_string().ok())
    };
    let format = said("--log-format", super::env::LOG_FORMAT);
    let color = said("--color", super::env::COLOR);
    Manners {
        log_format: format.and_then(|text| read(&text)).unwrap_or_default(),
        color: color.and_then(|text| read(&text)).unwrap_or_default(),
        ..Manners::default()
    }
}

fn read<T: clap::ValueEnum>(text: &str) -> Option<T> {
    T::from_str(text, false).ok()
}

fn shown(text: &clap::Error, exit: Exit) -> ExitCode {
    // A closed stream is no reason to change the code of a usage text.
    let _closed = text.print();
    let _closed = std::io::stdout().flush();
    ExitCode::from(exit.code())
}

pub(super) fn refused(ui: &Ui, failure: &Failure) -> ExitCode {
    ui.failure(failure);
    ExitCode::from(failure.exit.code())
}

fn on_runtime<Work>(ui: &Ui, verb: impl FnOnce(Cancel) -> Work) -> Result<Exit, Failure>
where
    Work: Future<Output = Result<Exit, Failure>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Io, format!("cannot start: {error}")))?;
    let cancel = {
        let _entered = runtime.enter();
        signals::watch(ui)?
    };
    let watchers = runtime.metrics().num_alive_tasks();
    let work = AssertUnwindSafe(|| runtime.block_on(verb(cancel)));
    let result = catch_unwind(work).unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "it panicked")));
    if panic::seen() {
        finish_work(&runtime, watchers);
    }
    // A blocked read of stdin must not keep us.
    runtime.shutdown_background();
    result
}

/// What a panic cut off from its input aborts by itself, if it is left the time.
fn finish_work(runtime: &Runtime, watchers: usize) {
    let end = Instant::now() + LAST_WORK;
    while runtime.metrics().num_alive_tasks() > watchers && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
}
