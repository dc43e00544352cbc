//! `talosctl-snapshot-inspect`: what is in a snapshot, and what it is worth.

mod check;
mod cli;
mod diff;
mod drill;
mod get;
mod input;
mod inventory;
mod keys;
mod ls;
mod output;
mod status;
mod tee;
mod wanted;
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
            Verb::Ls(verb) => ls::run(verb, context).await,
            Verb::Get(verb) => get::run(verb, context).await,
            Verb::Inventory(verb) => inventory::run(verb, context).await,
            Verb::Diff(verb) => diff::run(verb, context).await,
            Verb::Keys(verb) => keys::run(verb, context).await,
        },
    )
}
