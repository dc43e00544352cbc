//! `talosctl-recover-check`: which sentence of the recovery runbook is true.

mod check;
mod cli;
mod output;

use etcdbackup::cli::completion::Lookups;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run_looking(
        Lookups::ALL,
        |cli: &cli::RecoverCheck| &cli.common,
        check::run,
    )
}
