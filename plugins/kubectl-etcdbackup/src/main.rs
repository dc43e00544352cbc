//! `kubectl etcdbackup`: back up the etcd of Talos Linux clusters.

mod cli;
mod completion;
mod configs;
mod copy;
mod fleet;
mod installed;
mod link;
mod list;
mod manifests;
mod now;
mod prune;
mod rekey;
mod runbook;
mod status;
mod table;
mod talos_backup;
mod verify;

use cli::Verb;
use etcdbackup::cli::Context;
use etcdbackup::cli::completion::Lookups;
use etcdbackup::failure::{Exit, Failure};

fn main() -> std::process::ExitCode {
    let arguments = talos_backup::arguments(std::env::args_os().collect());
    etcdbackup::cli::run_with(
        &arguments,
        Lookups::ALL,
        |cli: &cli::Etcdbackup| &cli.common,
        run,
    )
}

async fn run(cli: cli::Etcdbackup, context: Context) -> Result<Exit, Failure> {
    match cli.verb {
        Verb::Now(now) => now::run(*now, &cli.kubernetes, context).await,
        Verb::Status(status) => status::run(&status, &cli.kubernetes, context).await,
        Verb::List(list) => list::run(*list, &cli.kubernetes, context).await,
        Verb::Verify(verify) => verify::run(*verify, &cli.kubernetes, context).await,
        Verb::Copy(copy) => copy::run(*copy, &cli.kubernetes, context).await,
        Verb::Rekey(rekey) => rekey::run(*rekey, &cli.kubernetes, context).await,
        Verb::Prune(prune) => prune::run(*prune, &cli.kubernetes, context).await,
        Verb::Configs(configs) => configs::run(*configs, context).await,
        Verb::Runbook(flags) => runbook::run(*flags, context).await,
        Verb::Completion(flags) => completion::run(&flags, &context),
        Verb::Link(flags) => link::run(&flags, &context),
        Verb::Manifests(flags) => manifests::run(*flags, &cli.kubernetes, context).await,
    }
}
