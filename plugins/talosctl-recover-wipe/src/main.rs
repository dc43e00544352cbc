//! `talosctl-recover-wipe`: the step that makes room for a restore.

mod cli;
mod wipe;

use etcdbackup::cli::completion::Lookups;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run_looking(
        Lookups::STORE,
        |cli: &cli::RecoverWipe| &cli.common,
        wipe::run,
    )
}
