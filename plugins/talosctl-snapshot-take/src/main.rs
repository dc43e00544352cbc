//! `talosctl-snapshot-take`: a proven etcd snapshot over the Talos API.

mod cli;
mod salvage;
mod take;

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run(|cli: &cli::Take| &cli.common, take::run)
}
