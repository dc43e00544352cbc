//! `talosctl-snapshot-pull`: fetch, decrypt and prove a stored snapshot.

mod choose;
mod cli;
mod pull;

use etcdbackup::cli::completion::Lookups;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run_looking(Lookups::STORE, |cli: &cli::Pull| &cli.common, pull::run)
}
