//! `talosctl-snapshot-push`: prove, compress, encrypt and store a snapshot.

mod cli;
mod push;

use etcdbackup::cli::completion::Lookups;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run_looking(Lookups::STORE, |cli: &cli::Push| &cli.common, push::run)
}
