//! `talosctl-recover-wipe`: the step that makes room for a restore.

mod cli;
mod wipe;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run(|cli: &cli::RecoverWipe| &cli.common, wipe::run)
}
