//! `talosctl-recover-check`: which sentence of the recovery runbook is true.

mod check;
mod cli;
mod output;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run(|cli: &cli::RecoverCheck| &cli.common, check::run)
}
