//! When it runs: a line of cron, and how long nothing happens between two runs at most.

use std::time::Duration;

use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::failure::{Exit, Failure};

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
        let within_a_day = HOURS.contains(&(seconds / HOUR)) && seconds % HOUR == 0;
        if seconds % MINUTE != 0
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
        let fields = Fields::read(line).map_err(|why| wrong(&why))?;
        let interval = fields
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

/// What each field allows, one bit per value.
struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether both kinds of days are limited: then either is enough.
    either: bool,
}

const MONTH_NAMES: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAY_NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Fields {
    fn read(line: &str) -> Result<Self, String> {
        let line = match line {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            other => other,
        };
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!("it has {} fields", fields.len()));
        };
        let weekdays = field(weekday, 0, 7, &WEEKDAY_NAMES, 0)?;
        let open = |text: &str| text.starts_with(['*', '?']);
        Ok(Self {
            minutes: field(minute, 0, 59, &[], 0)?,
            hours: field(hour, 0, 23, &[], 0)?,
            days: field(day, 1, 31, &[], 0)?,
            months: field(month, 1, 12, &MONTH_NAMES, 1)?,
            // Sunday is 0 and 7.
            weekdays: weekdays | (weekdays >> 7 & 1),
            either: !open(day) && !open(weekday),
        })
    }

    fn allows(&self, day: Date) -> bool {
        let has = |bits: u64, place: i8| bits >> place & 1 == 1;
        let of_month = has(self.days, day.day());
        let of_week = has(self.weekdays, day.weekday().to_sunday_zero_offset());
        let right_day = if self.either {
            of_month || of_week
        } else {
            of_month && of_week
        };
        has(self.months, day.month()) && right_day
    }

    /// Looks at eight years and a bit, in which every day of a calendar comes twice.
    fn longest_gap(&self) -> Option<Duration> {
        let bits = |bits: u64| (0..60).filter(move |place| bits >> place & 1 == 1);
        let of_day: Vec<u64> = bits(self.hours)
            .flat_map(|hour| bits(self.minutes).map(move |minute| hour * HOUR + minute * MINUTE))
            .collect();
        let first = date(2024, 1, 1);
        let (mut last, mut longest) = (None, None);
        for index in 0..3000_u64 {
            let day = first.checked_add(i64::try_from(index).ok()?.days()).ok()?;
            if !self.allows(day) {
                continue;
            }
            for second in &of_day {
                let at = index * DAY + second;
                longest = longest.max(last.map(|last| at - last));
                last = Some(at);
            }
        }
        longest.map(Duration::from_secs)
    }
}

/// One field: a list of values, ranges and steps.
fn field(
    text: &str,
    least: u64,
    most: u64,
    names: &[&str],
    first_name: u64,
) -> Result<u64, String> {
    let value = |text: &str| -> Result<u64, String> {
        let lower = text.to_ascii_lowercase();
        let named = names.iter().position(|name| *name == lower);
        let number = match named {
            Some(place) => u64::try_from(place).ok().map(|place| place + first_name),
            None => text.parse().ok(),
        };
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("`{text}` is not between {least} and {most}"))
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, None),
            Some((range, step)) => {
                let step = step.parse::<usize>().ok().filter(|step| *step > 0);
                (
                    range,
                    Some(step.ok_or_else(|| format!("`{part}` has no step"))?),
                )
            }
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (least, most),
            Some((from, to)) => (value(from)?, value(to)?),
            None if step.is_some() => (value(range)?, most),
            None => (value(range)?, value(range)?),
        };
        if from > to {
            return Err(format!("`{part}` runs backwards"));
        }
        bits |= (from..=to)
            .step_by(step.unwrap_or(1))
            .fold(0, |bits, one| bits | 1 << one);
    }
    Ok(bits)
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
            ("5 4 * * 7", 24 * 7),
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
