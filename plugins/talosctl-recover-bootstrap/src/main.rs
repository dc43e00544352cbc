//! `talosctl-recover-bootstrap`: the step that brings etcd back.

mod bootstrap;
mod cli;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run(|cli: &cli::RecoverBootstrap| &cli.common, bootstrap::run)
}
