//! `kubectl etcdbackup`: back up the etcd of Talos Linux clusters.

mod cli;
mod list;
mod now;
mod talos_backup;

use cli::Verb;
use etcdbackup::cli::Context;
use etcdbackup::failure::{Exit, Failure};

fn main() -> std::process::ExitCode {
    etcdbackup::cli::run(|cli: &cli::Etcdbackup| &cli.common, run)
}

async fn run(cli: cli::Etcdbackup, context: Context) -> Result<Exit, Failure> {
    match cli.verb {
        Verb::Now(now) => now::run(*now, context).await,
        Verb::List(list) => list::run(*list, context).await,
    }
}
