//! Everyone who asked to be told.

use std::path::PathBuf;

use super::event::{self, EventTarget};
use super::model::RunReport;
use super::{file, ping, pushgateway};

/// Where reports go; nothing is checked yet.
#[derive(Debug, Clone, Default)]
pub struct Sinks {
    /// JSON.
    pub json: Option<PathBuf>,
    /// Metrics for the textfile collector.
    pub textfile: Option<PathBuf>,
    /// A Pushgateway's URL.
    pub pushgateway: Option<String>,
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
        warnings([("the begin was not pinged", told)])
    }

    /// A run is over: `tail` has the last lines of its log. Gives what could not be told:
    /// warnings.
    pub async fn end(&self, report: &RunReport, tail: &str) -> Vec<String> {
        let cluster = report.cluster.clone().unwrap_or_default();
        let Sinks {
            json,
            textfile,
            pushgateway,
            ping_url_file,
            event,
        } = &self.0;
        let json = json.as_ref().map(|path| file::json(path, report));
        let textfile = textfile
            .as_ref()
            .map(|path| file::textfile(path, report, &cluster));
        let pushed = async {
            match pushgateway {
                Some(url) => Some(pushgateway::push(url, report, &cluster).await),
                None => None,
            }
        };
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
        let (pushed, pinged, created) = tokio::join!(pushed, pinged, created);
        let all = [
            ("the report was not written", json),
            ("the metrics were not written", textfile),
            ("the metrics were not pushed", pushed),
            ("the end was not pinged", pinged),
            ("the event was not created", created),
        ];
        warnings(all.map(|(what, told)| (what, told.unwrap_or(Ok(())))))
    }
}

fn warnings<const N: usize>(told: [(&str, Result<(), String>); N]) -> Vec<String> {
    told.into_iter()
        .filter_map(|(what, told)| Some(format!("{what}: {}", told.err()?)))
        .collect()
}
