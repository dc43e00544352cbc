//! The log of a pod, followed; taken up where a connection broke.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::look::patient;
use crate::kube::{Api, KubeError};

/// Lines that are remembered.
const REMEMBERED: usize = 200;

/// How far a pod's log was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) pod: String,
    /// The time of the last line: a line has the time to the nanosecond.
    last: Option<Timestamp>,
    /// The last lines.
    pub(super) lines: VecDeque<String>,
}

impl Log {
    pub(super) fn of(pod: &str) -> Self {
        Self {
            pod: pod.to_owned(),
            ..Self::default()
        }
    }

    /// Reads until the container has ended or the connection does, and tells each new line.
    ///
    /// # Errors
    /// The log cannot be had.
    pub(super) async fn read(
        &mut self,
        api: &Api,
        namespace: &str,
        tell: &dyn Fn(&str),
    ) -> Result<(), KubeError> {
        let path = self.path(namespace);
        let mut lines = patient(async || api.lines(&path).await).await?;
        while let Some(line) = lines.next().await? {
            if let Some(text) = self.take(&line) {
                tell(&text);
            }
        }
        Ok(())
    }

    fn path(&self, namespace: &str) -> String {
        let pod = &self.pod;
        let path =
            format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?follow=true&timestamps=true");
        match self.last {
            // The API takes whole seconds: what was told already is passed over.
            Some(last) => format!("{path}&sinceTime={}", whole_second(last)),
            None => path,
        }
    }

    /// The text of a line that was not told yet.
    fn take(&mut self, line: &str) -> Option<String> {
        let (time, text) = line.split_once(' ').unwrap_or((line, ""));
        let Ok(time) = time.parse::<Timestamp>() else {
            return Some(line.to_owned());
        };
        if self.last.is_some_and(|last| time <= last) {
            return None;
        }
        self.last = Some(time);
        if self.lines.len() == REMEMBERED {
            self.lines.pop_front();
        }
        self.lines.push_back(text.to_owned());
        Some(text.to_owned())
    }
}

fn whole_second(time: Timestamp) -> String {
    let second = Timestamp::from_second(time.as_second());
    second.unwrap_or(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_once_however_often_it_comes() {
        let mut log = Log::of("p");
        assert!(!log.path("n").contains("sinceTime"));
        let first = "2026-01-02T03:04:05.100000000Z one two";
        let second = "2026-01-02T03:04:05.200000000Z";
        assert_eq!(log.take(first).as_deref(), Some("one two"));
        assert_eq!(log.take(second).as_deref(), Some(""));
        assert_eq!(log.take(first), None);
        assert_eq!(log.take(second), None);
        assert!(log.path("n").ends_with("&sinceTime=2026-01-02T03:04:05Z"));
        assert_eq!(log.lines, ["one two", ""]);
        assert_eq!(log.take("no time here").as_deref(), Some("no time here"));
    }
}
