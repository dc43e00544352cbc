//! `talosctl-snapshot-inspect`: what is in a snapshot, and what it is worth.

mod check;
mod cli;
mod drill;
mod input;
mod output;
mod status;
mod tee;
mod work;

use cli::{Inspect, Verb};

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run(
        |cli: &Inspect| &cli.common,
        async |cli, context| match cli.verb {
            Verb::Status(verb) => status::run(verb, context).await,
            Verb::Check(verb) if verb.tee => tee::run(verb, context).await,
            Verb::Check(verb) => check::run(verb, context).await,
            Verb::Drill(verb) => drill::run(verb, context).await,
        },
    )
}
