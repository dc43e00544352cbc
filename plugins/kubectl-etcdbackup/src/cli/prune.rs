//! Flags of `prune`.

use clap::Args;
use etcdbackup::cli::flags::StoreFlags;
use etcdbackup::cli::{age, env};
use etcdbackup::retention::{Count, Policy, Safety, Within};
use jiff::SignedDuration;

use super::Format;

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Destinations: s3://…, file:///DIR [default: the CronJob's]
    #[arg(env = env::DESTINATION, value_name = "DEST")]
    pub(crate) destinations: Vec<String>,
    #[command(flatten)]
    pub(crate) keep: KeepFlags,
    /// Delete; without it a dry run
    #[arg(long)]
    pub(crate) delete: bool,
    /// Also delete manifests and records of objects that are gone, and end old uploads
    ///
    /// With --delete: also delete manifests and records of verifications whose objects are gone,
    /// and end uploads that were begun more than a day ago. Without it they are only reported.
    #[arg(long, env = env::ORPHANS, hide_short_help = true)]
    pub(crate) orphans: bool,
    /// Newest that stay in any case [default: 7, unless one is verified]
    #[arg(long, env = env::MIN_KEEP, value_name = "N", hide_short_help = true)]
    pub(crate) min_keep: Option<usize>,
    /// Delete nothing if more would go
    #[arg(long, env = env::MAX_DELETE, hide_short_help = true, value_name = "N")]
    pub(crate) max_delete: Option<usize>,
    /// How often there is a backup [default: as the list shows]
    ///
    /// How often there is a backup: 1h, 1d. Where the newest is older than two of these, nothing
    /// is deleted. Without it, the median distance of those that are there, an hour at least.
    #[arg(long, env = env::INTERVAL, value_parser = age, value_name = "TIME", hide_short_help = true)]
    pub(crate) interval: Option<SignedDuration>,
    /// Only this cluster
    #[arg(long, env = env::CLUSTER_NAME, value_name = "NAME")]
    pub(crate) cluster_name: Option<String>,
    /// table, wide, json, yaml or name
    #[arg(
        short,
        long,
        hide_possible_values = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
}

/// What to keep of each cluster; what any of them keeps stays. N may be `unlimited`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keep, of each cluster (UTC; N may be `unlimited`)")]
pub(crate) struct KeepFlags {
    /// The newest N
    #[arg(long, env = env::KEEP_LAST, value_name = "N")]
    pub(crate) keep_last: Option<Count>,
    /// The newest of each of N hours that have one
    #[arg(long, env = env::KEEP_HOURLY, value_name = "N")]
    pub(crate) keep_hourly: Option<Count>,
    /// … of each of N days
    #[arg(long, env = env::KEEP_DAILY, value_name = "N")]
    pub(crate) keep_daily: Option<Count>,
    /// … of each of N weeks
    #[arg(long, env = env::KEEP_WEEKLY, value_name = "N")]
    pub(crate) keep_weekly: Option<Count>,
    /// … of each of N months
    #[arg(long, env = env::KEEP_MONTHLY, value_name = "N")]
    pub(crate) keep_monthly: Option<Count>,
    /// … of each of N years
    #[arg(long, env = env::KEEP_YEARLY, value_name = "N")]
    pub(crate) keep_yearly: Option<Count>,
    /// All up to this long before the newest
    ///
    /// All that are this much older than the newest at most, as restic writes it: 2y5m7d3h is
    /// two years, five months, seven days and three hours.
    #[arg(long, env = env::KEEP_WITHIN, value_name = "SPAN")]
    pub(crate) keep_within: Option<Within>,
    /// One of each hour within SPAN
    #[arg(long, env = env::KEEP_WITHIN_HOURLY, value_name = "SPAN", hide_short_help = true)]
    pub(crate) keep_within_hourly: Option<Within>,
    /// One of each day within SPAN
    #[arg(long, env = env::KEEP_WITHIN_DAILY, value_name = "SPAN", hide_short_help = true)]
    pub(crate) keep_within_daily: Option<Within>,
    /// One of each week within SPAN
    #[arg(long, env = env::KEEP_WITHIN_WEEKLY, value_name = "SPAN", hide_short_help = true)]
    pub(crate) keep_within_weekly: Option<Within>,
    /// One of each month within SPAN
    #[arg(long, env = env::KEEP_WITHIN_MONTHLY, value_name = "SPAN", hide_short_help = true)]
    pub(crate) keep_within_monthly: Option<Within>,
    /// One of each year within SPAN
    #[arg(long, env = env::KEEP_WITHIN_YEARLY, value_name = "SPAN", hide_short_help = true)]
    pub(crate) keep_within_yearly: Option<Within>,
}

impl Prune {
    /// As the planner takes it.
    pub(crate) fn policy(&self) -> Policy {
        let keep = &self.keep;
        let counts = [
            keep.keep_last,
            keep.keep_hourly,
            keep.keep_daily,
            keep.keep_weekly,
            keep.keep_monthly,
            keep.keep_yearly,
        ];
        Policy {
            counts: counts.map(Option::unwrap_or_default),
            within: [
                keep.keep_within,
                keep.keep_within_hourly,
                keep.keep_within_daily,
                keep.keep_within_weekly,
                keep.keep_within_monthly,
                keep.keep_within_yearly,
            ],
        }
    }

    /// What holds beside it.
    pub(crate) fn safety(&self) -> Safety {
        Safety {
            min_keep: self.min_keep,
            interval: self.interval,
            max_delete: self.max_delete,
        }
    }
}
