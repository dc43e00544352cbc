//! When it runs: a line of cron, and how long nothing happens between two runs at most.

use std::time::Duration;

use crate::failure::{Exit, Failure};
use crate::scheduled;

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// As cron and Kubernetes read it.
    pub cron: String,
    /// The longest time between two runs.
    pub interval: Duration,
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Intervals that divide an hour or a day.
const MINUTES: [u64; 5] = [10, 15, 20, 30, 60];
const HOURS: [u64; 8] = [1, 2, 3, 4, 6, 8, 12, 24];

impl Schedule {
    /// So often, at a minute that follows from the cluster's name: not every cluster asks the
    /// same store at the same time, and none at the full hour, when everything else runs.
    ///
    /// # Errors
    /// 2: it does not divide an hour or a day.
    pub fn every(interval: Duration, cluster: &str) -> Result<Self, Failure> {
        let seconds = interval.as_secs();
        let within_an_hour = MINUTES.contains(&(seconds / MINUTE));
        let within_a_day = HOURS.contains(&(seconds / HOUR)) && seconds.is_multiple_of(HOUR);
        if !seconds.is_multiple_of(MINUTE)
            || interval.subsec_nanos() != 0
            || !(within_an_hour || within_a_day)
        {
            return Err(Failure::new(Exit::Usage, "this interval does not divide an hour or a day")
                .hint("take 10m, 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h with `--every`, or write a line of cron with `--schedule`"));
        }
        if seconds == DAY {
            return Ok(Self::daily(cluster));
        }
        let minutes = seconds / MINUTE;
        let first = minute(cluster, minutes.min(60));
        let cron = if minutes < 60 {
            let all: Vec<String> = (first..60)
                .step_by(usize::try_from(minutes).unwrap_or(60))
                .map(|minute| minute.to_string())
                .collect();
            format!("{} * * * *", all.join(","))
        } else {
            match seconds / HOUR {
                1 => format!("{first} * * * *"),
                hours => format!("{first} */{hours} * * *"),
            }
        };
        Ok(Self { cron, interval })
    }

    /// Once a day, at a time that follows from the cluster's name.
    pub(super) fn daily(cluster: &str) -> Self {
        let (minute, hour) = (minute(cluster, 60), hash(cluster) / 60 % 6);
        Self {
            cron: format!("{minute} {hour} * * *"),
            interval: Duration::from_secs(DAY),
        }
    }

    /// As a line of cron says.
    ///
    /// # Errors
    /// 2: it is none, or never comes true.
    pub fn cron(line: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::new(Exit::Usage, format!("`{line}` is no schedule: {why}"))
                .hint("five fields, as `17 */6 * * *`: minute, hour, day of the month, month, day of the week")
        };
        let read = scheduled::Schedule::parse(line);
        let read = read.ok_or_else(|| wrong("Kubernetes would not take it"))?;
        let interval = read
            .longest_gap()
            .ok_or_else(|| wrong("it never comes true"))?;
        Ok(Self {
            cron: line.to_owned(),
            interval,
        })
    }
}

/// Neither 0 nor beyond the interval.
fn minute(cluster: &str, minutes: u64) -> u64 {
    1 + hash(cluster) % (minutes - 1)
}

/// FNV-1a: the same on every machine and in every version.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_minute_follows_from_the_name_and_is_never_the_full_hour() {
        let six = Duration::from_secs(6 * HOUR);
        let prod = Schedule::every(six, "prod").unwrap();
        assert_eq!(prod, Schedule::every(six, "prod").unwrap());
        assert_ne!(prod.cron, Schedule::every(six, "lab").unwrap().cron);
        for cluster in ["", "a", "prod", "lab", "x-1", "x-2"] {
            for minutes in [10, 15, 20, 30, 60] {
                assert!((1..minutes).contains(&minute(cluster, minutes)));
            }
        }
    }

    #[test]
    fn a_written_schedule_has_the_interval_it_was_made_for() {
        for minutes in MINUTES
            .iter()
            .copied()
            .chain(HOURS.iter().map(|hours| hours * 60))
        {
            let interval = Duration::from_secs(minutes * MINUTE);
            for cluster in ["prod", "lab", "edge-17"] {
                let made = Schedule::every(interval, cluster).unwrap();
                assert_eq!(
                    Schedule::cron(&made.cron).unwrap().interval,
                    interval,
                    "{}",
                    made.cron
                );
            }
        }
        for odd in [7, 45, 90, 300, 0] {
            let failure = Schedule::every(Duration::from_secs(odd * MINUTE), "x").unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{odd}");
        }
    }

    #[test]
    fn lines_of_cron_are_read_as_cron_does() {
        for (line, hours) in [
            ("0/10 * * * *", 0),
            ("@daily", 24),
            ("5 4 * * sun", 24 * 7),
            ("5 4 * * mon-fri", 24 * 3),
            ("0 6,18 * * *", 12),
            ("0 0 1 * *", 24 * 31),
            // Either of the two kinds of days.
            ("0 0 1 * mon", 24 * 7),
            ("0 0 29 feb *", 24 * (3 * 365 + 366)),
        ] {
            let interval = Schedule::cron(line).unwrap().interval;
            assert_eq!(interval.as_secs() / HOUR, hours, "{line}");
        }
        for line in [
            "",
            "* * * *",
            "60 * * * *",
            "* * 0 * *",
            "*/0 * * * *",
            "5-1 * * * *",
            "0 0 31 2 *",
            "5 4 * * 7",
        ] {
            assert_eq!(
                Schedule::cron(line).unwrap_err().exit,
                Exit::Usage,
                "{line}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd_to_be_answered(line in "[0-9*/, -]{0,20}") {
            drop(Schedule::cron(&line));
        }
    }
}
