//! Everyone who asked to be told.

use std::path::PathBuf;

use super::event::{self, EventTarget};
use super::metrics::{self, Sample};
use super::model::RunReport;
use super::{file, ping, pushgateway};
use crate::verify::Verification;

/// Where metrics go; nothing is checked yet.
#[derive(Debug, Clone, Default)]
pub struct MetricSinks {
    /// For the textfile collector.
    pub textfile: Option<PathBuf>,
    /// A Pushgateway's URL.
    pub pushgateway: Option<String>,
}

impl MetricSinks {
    async fn tell(&self, samples: &[Sample], cluster: &str) -> Vec<String> {
        let textfile = self.textfile.as_ref();
        let written = textfile.map(|path| file::textfile(path, samples));
        let pushed = match &self.pushgateway {
            Some(url) => Some(pushgateway::push(url, samples, cluster).await),
            None => None,
        };
        warnings([
            ("the metrics were not written", written),
            ("the metrics were not pushed", pushed),
        ])
    }

    /// Tells of verifications. Gives what could not be told: warnings.
    pub async fn verified(&self, found: &[Verification]) -> Vec<String> {
        let mut untold = Vec::new();
        for (cluster, samples) in metrics::of_verifications(found) {
            untold.extend(self.tell(&samples, &cluster).await);
        }
        untold
    }
}

/// Where reports of a run go; nothing is checked yet.
#[derive(Debug, Clone, Default)]
pub struct Sinks {
    /// JSON.
    pub json: Option<PathBuf>,
    /// Metrics.
    pub metrics: MetricSinks,
    /// File that holds a ping URL.
    pub ping_url_file: Option<PathBuf>,
    /// What an event is about.
    pub event: Option<EventTarget>,
}

/// Tells all sinks.
#[derive(Debug, Clone, Default)]
pub struct Reporters(Sinks);

impl Reporters {
    /// Of these.
    pub fn new(sinks: Sinks) -> Self {
        Self(sinks)
    }

    /// A run begins. Gives what could not be told: warnings.
    pub async fn begin(&self) -> Vec<String> {
        let Some(file) = &self.0.ping_url_file else {
            return Vec::new();
        };
        let told = match ping::url(file) {
            Ok(url) => ping::start(&url).await,
            Err(error) => Err(error),
        };
        warnings([("the begin was not pinged", Some(told))])
    }

    /// A run is over: `tail` has the last lines of its log. Gives what could not be told:
    /// warnings.
    pub async fn end(&self, report: &RunReport, tail: &str) -> Vec<String> {
        let cluster = report.cluster.clone().unwrap_or_default();
        let Sinks {
            json,
            metrics: sinks,
            ping_url_file,
            event,
        } = &self.0;
        let json = json.as_ref().map(|path| file::json(path, report));
        let samples = metrics::of_run(report, &cluster);
        let measured = sinks.tell(&samples, &cluster);
        let pinged = async {
            match ping_url_file.as_deref().map(ping::url)? {
                Ok(url) => Some(ping::end(&url, report, tail).await),
                Err(error) => Some(Err(error)),
            }
        };
        let created = async {
            match event {
                Some(target) => Some(event::create(target, report).await),
                None => None,
            }
        };
        let (measured, pinged, created) = tokio::join!(measured, pinged, created);
        let mut untold = warnings([
            ("the report was not written", json),
            ("the end was not pinged", pinged),
            ("the event was not created", created),
        ]);
        untold.extend(measured);
        untold
    }
}

/// What was tried and did not succeed.
fn warnings<const N: usize>(told: [(&str, Option<Result<(), String>>); N]) -> Vec<String> {
    let failed = told.into_iter().filter_map(|(what, told)| {
        let error = told?.err()?;
        Some(format!("{what}: {error}"))
    });
    failed.collect()
}
