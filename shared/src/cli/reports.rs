//! Who else is told of a run, as flags.

use std::path::PathBuf;

use clap::Args;

use super::env;
use crate::report::{EventTarget, MetricSinks, Reporters, Sinks};

/// Where metrics go.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reports")]
pub struct MetricFlags {
    /// Write metrics for node_exporter's textfile collector
    #[arg(long, env = env::METRICS_FILE, hide_short_help = true, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
    /// Push metrics to this Pushgateway
    #[arg(long, env = env::PUSHGATEWAY, hide_short_help = true, value_name = "URL")]
    pub pushgateway: Option<String>,
}

impl MetricFlags {
    /// Where they go.
    pub fn sinks(&self) -> MetricSinks {
        MetricSinks {
            textfile: self.metrics_file.clone(),
            pushgateway: self.pushgateway.clone(),
        }
    }
}

/// Each opt-in; none of them ever fails the run.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Reports")]
pub struct ReportFlags {
    /// Write a JSON report of the run
    ///
    /// Write a JSON report of the run, whether it succeeds or not. In a pod /dev/termination-log
    /// makes it the pod's termination message, which `now` and `status` read.
    #[arg(long, env = env::REPORT_FILE, hide_short_help = true, value_name = "FILE")]
    pub report_file: Option<PathBuf>,
    /// Where metrics go.
    #[command(flatten)]
    pub metrics: MetricFlags,
    /// File with a URL to ping: /start, then as it is, or /fail
    ///
    /// File that holds a URL to ping, in the manner of healthchecks: URL/start at the begin, URL
    /// after a success, URL/fail with the last lines of the log after a failure. The URL is a
    /// secret: it is not taken from the command line.
    #[arg(long, env = env::PING_URL_FILE, hide_short_help = true, value_name = "FILE")]
    pub ping_url_file: Option<PathBuf>,
    /// Create an event on this CronJob of the pod's namespace
    #[arg(long, env = env::EVENT_ON, hide_short_help = true, value_name = "CRONJOB")]
    pub event_on: Option<String>,
}

impl ReportFlags {
    /// Who is told.
    pub fn reporters(&self) -> Reporters {
        Reporters::new(Sinks {
            json: self.report_file.clone(),
            metrics: self.metrics.sinks(),
            ping_url_file: self.ping_url_file.clone(),
            event: self
                .event_on
                .clone()
                .map(|cron_job| EventTarget { cron_job }),
        })
    }
}
