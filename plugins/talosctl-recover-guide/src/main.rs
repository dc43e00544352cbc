//! `talosctl-recover-guide`: the runbook of a recovery, as one conversation.

mod ask;
mod bootstrap;
mod choose;
mod cli;
mod commands;
mod compare;
mod fetch;
mod fits;
mod guide;
mod recovered;
mod wipe;

use etcdbackup::cli::completion::Lookups;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run_looking(
        Lookups::ALL,
        |cli: &cli::RecoverGuide| &cli.common,
        guide::run,
    )
}
