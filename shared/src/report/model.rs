//! A run's report: one JSON object, small enough for a pod's termination message.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backup::Receipt;
use crate::failure::{Exit, Failure};

/// The version written and read.
const VERSION: u32 = 1;
/// Bytes of a termination message that Kubernetes keeps (`terminationMessagePath`).
const TERMINATION_LIMIT: usize = 4096;

/// What a run did.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// Version of this form.
    pub version: u32,
    /// Our name of the cluster, as far as the run came to know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// When it began: RFC 3339, UTC.
    #[serde(default)]
    pub started_at: String,
    /// When it ended: RFC 3339, UTC.
    #[serde(default)]
    pub ended_at: String,
    /// How long it took.
    #[serde(default)]
    pub duration_seconds: f64,
    /// Whether enough copies are stored.
    pub success: bool,
    /// What the program ended with.
    pub exit_code: u8,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// What was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// Program and version.
    #[serde(default)]
    pub tool: String,
}

/// A failure, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// What was tried, where, and what came back.
    pub what: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&Failure> for RunError {
    fn from(failure: &Failure) -> Self {
        Self {
            what: failure.what.clone(),
            hint: failure.hint.clone(),
        }
    }
}

impl RunReport {
    /// Of a run that began then and is over now.
    pub fn new(began: Timestamp, exit: Exit) -> Self {
        let now = Timestamp::now();
        Self {
            version: VERSION,
            cluster: None,
            started_at: began.to_string(),
            ended_at: now.to_string(),
            duration_seconds: now.duration_since(began).as_secs_f64().max(0.0),
            success: exit == Exit::Done,
            exit_code: exit.code(),
            error: None,
            receipt: None,
            tool: concat!("etcdbackup ", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Strings and numbers: there is nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The same, within what Kubernetes keeps of a termination message: words are cut, and a
    /// receipt of very many copies is left out.
    pub(super) fn to_termination_message(&self) -> String {
        let whole = self.to_json();
        if whole.len() <= TERMINATION_LIMIT {
            return whole;
        }
        let short = |text: &str| text.chars().take(400).collect::<String>();
        let cut = Self {
            error: self.error.as_ref().map(|error| RunError {
                what: short(&error.what),
                hint: error.hint.as_deref().map(short),
            }),
            ..self.clone()
        };
        let json = cut.to_json();
        if json.len() <= TERMINATION_LIMIT {
            return json;
        }
        Self {
            receipt: None,
            ..cut
        }
        .to_json()
    }

    /// Reads one back; what is none, or of another version, is none.
    pub fn read(text: &str) -> Option<Self> {
        let report: Self = serde_json::from_str(text.trim()).ok()?;
        (report.version == VERSION).then_some(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_back_and_other_text_is_none() {
        let mut report = RunReport::new(Timestamp::now(), Exit::Data);
        report.error = Some(RunError {
            what: "w".to_owned(),
            hint: None,
        });
        let read = RunReport::read(&report.to_json()).unwrap();
        assert_eq!((read.exit_code, read.success), (65, false));
        assert_eq!(read.error, report.error);
        for other in [
            "",
            "error: no",
            "{}",
            r#"{"version":2,"success":true,"exitCode":0}"#,
        ] {
            assert!(RunReport::read(other).is_none(), "{other}");
        }
    }

    #[test]
    fn a_termination_message_is_never_cut_by_kubernetes() {
        let mut report = RunReport::new(Timestamp::now(), Exit::Data);
        report.error = Some(RunError {
            what: "ü".repeat(5000),
            hint: Some("h".repeat(5000)),
        });
        let message = report.to_termination_message();
        assert!(message.len() <= TERMINATION_LIMIT, "{}", message.len());
        let read = RunReport::read(&message).unwrap();
        assert!(read.error.unwrap().what.starts_with('ü'));
    }
}
