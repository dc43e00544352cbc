//! Progress of a long transfer: a bar where a person watches, sparse log lines at `-v` where
//! nobody does.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::format;
use super::ui::Ui;
use crate::backup::Meter;

/// How often the bar looks at the meter.
const TICK: Duration = Duration::from_millis(100);
/// Log lines come after this time, then after twice as long each, up to the last value.
const FIRST_LINE: Duration = Duration::from_secs(2);
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

const KNOWN: &str = "{msg} [{bar:20}] {bytes}/{total_bytes} {binary_bytes_per_sec}, {eta} left";
const UNKNOWN: &str = "{msg} {bytes} {binary_bytes_per_sec}";

/// Shows a transfer until it is dropped.
pub struct Progress {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Ui {
    /// Shows what `meter` counts, called `what` (`taking from node 10.0.0.2`).
    pub fn progress(&self, what: impl Into<String>, meter: &Meter) -> Progress {
        let what = what.into();
        let bar = self
            .bars
            .add(ProgressBar::no_length().with_message(super::ui::printable(&what)));
        bar.set_style(style(UNKNOWN));
        let task = tokio::spawn(watch(what, meter.clone(), bar.clone()));
        Progress { bar, task }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

async fn watch(what: String, meter: Meter, bar: ProgressBar) {
    let begun = Instant::now();
    let mut pause = FIRST_LINE;
    let mut next_line = begun + pause;
    loop {
        sleep(TICK).await;
        if let Some(total) = meter.total().filter(|total| bar.length() != Some(*total)) {
            bar.set_style(style(KNOWN));
            bar.set_length(total);
        }
        bar.set_position(meter.done());
        if Instant::now() >= next_line {
            tracing::info!(
                "{what}: {}",
                line(meter.done(), meter.total(), begun.elapsed())
            );
            pause = (pause * 2).min(LONGEST_SILENCE);
            next_line = Instant::now() + pause;
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are ours; should one be wrong, the plain bar is as true.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `96.0 MiB of 1.2 GiB (7%), 45.1 MiB/s, 25s left`.
fn line(done: u64, total: Option<u64>, elapsed: Duration) -> String {
    let rate = done as f64 / elapsed.as_secs_f64().max(0.001);
    let speed = format!("{}/s", format::size(rate as u64));
    match total {
        Some(total) if rate >= 1.0 => {
            let left = Duration::from_secs_f64(total.saturating_sub(done) as f64 / rate);
            let percent = done.min(total) * 100 / total.max(1);
            format!(
                "{} of {} ({percent}%), {speed}, {} left",
                format::size(done),
                format::size(total),
                format::span(left.as_secs())
            )
        }
        Some(total) => format!("{} of {}", format::size(done), format::size(total)),
        None => format!("{}, {speed}", format::size(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long_yet() {
        const MIB: u64 = 1024 * 1024;
        let after = Duration::from_secs(2);
        assert_eq!(
            line(20 * MIB, Some(100 * MIB), after),
            "20.0 MiB of 100.0 MiB (20%), 10.0 MiB/s, 8s left"
        );
        assert_eq!(line(0, Some(MIB), after), "0 B of 1.0 MiB");
        assert_eq!(line(20 * MIB, None, after), "20.0 MiB, 10.0 MiB/s");
        for template in [KNOWN, UNKNOWN] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
