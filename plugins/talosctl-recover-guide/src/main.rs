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

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run(|cli: &cli::RecoverGuide| &cli.common, guide::run)
}
