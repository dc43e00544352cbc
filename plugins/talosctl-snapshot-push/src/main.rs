//! `talosctl-snapshot-push`: prove, compress, encrypt and store a snapshot.

mod cli;
mod push;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run(|cli: &cli::Push| &cli.common, push::run)
}
