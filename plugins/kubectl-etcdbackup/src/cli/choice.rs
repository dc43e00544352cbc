//! Which objects of a place: flags of `copy` and `rekey`.

use clap::Args;
use etcdbackup::cli::env;
use etcdbackup::clock;
use etcdbackup::transfer::Choice;
use jiff::Timestamp;

/// Without any: the newest.
#[derive(Debug, Args)]
pub(crate) struct ChoiceFlags {
    /// Every snapshot
    #[arg(long, env = env::TRANSFER_ALL, conflicts_with_all = ["latest", "since"])]
    pub(crate) all: bool,
    /// The newest only: what happens anyway
    #[arg(long, conflicts_with = "since", hide_short_help = true)]
    pub(crate) latest: bool,
    /// Those since a time, or of so long: 7d
    #[arg(long, env = env::SINCE, value_parser = since, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
    /// Only this cluster
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
}

impl ChoiceFlags {
    pub(crate) fn choice(&self) -> Choice {
        match (self.all, self.since) {
            (true, _) => Choice::All,
            (false, Some(time)) => Choice::Since(time),
            (false, None) => Choice::Newest,
        }
    }
}

fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let long = etcdbackup::cli::age(text)
        .map_err(|_| "write a time like 2026-01-02T00:00:00Z, or 7d".to_owned())?;
    clock::now()
        .checked_sub(long)
        .map_err(|_| "that is before all times".to_owned())
}
