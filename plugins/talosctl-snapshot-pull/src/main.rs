//! `talosctl-snapshot-pull`: fetch, decrypt and prove a stored snapshot.

mod choose;
mod cli;
mod pull;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run(|cli: &cli::Pull| &cli.common, pull::run)
}
