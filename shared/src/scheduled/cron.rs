//! When a CronJob runs next: the five fields that Kubernetes accepts (robfig/cron, its standard
//! parser), in the time zone of the CronJob.

use std::path::Path;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A schedule, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Days of month and week narrow each other only if one of them is `*`; else either will do.
    either_day: bool,
}

/// Where Linux and macOS keep their time zones.
const ZONES: &str = "/usr/share/zoneinfo";

/// How far ahead a run is looked for: a leap day comes within eight years.
const YEARS: i64 = 8;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Schedule {
    /// Reads `*/5 3 * * mon-fri` or `@daily`. None: the API server would refuse it, or it is
    /// `@every`, which runs by the controller's own start.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            text => text,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return None;
        };
        let any = |field: &str| field.starts_with(['*', '?']);
        Some(Self {
            minutes: set(minutes, 0, 59, &[])?,
            hours: set(hours, 0, 23, &[])?,
            days: set(days, 1, 31, &[])?,
            months: set(months, 1, 12, &MONTHS)?,
            weekdays: set(weekdays, 0, 6, &WEEKDAYS)?,
            either_day: !any(days) && !any(weekdays),
        })
    }

    /// The first run after `after`, in this time zone.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = zone.to_datetime(after);
        let last = local.date().checked_add(YEARS.years()).ok()?;
        let mut date = local.date();
        while date <= last {
            if self.has_date(date) {
                let runs = self.times(date).filter_map(|time| {
                    let run = zone.to_timestamp(time).ok()?;
                    // An hour that a change of clocks leaves out has no run.
                    (zone.to_datetime(run) == time).then_some(run)
                });
                let found = runs.filter(|run| *run > after).min();
                if found.is_some() {
                    return found;
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The longest time between two runs, in a zone without a change of clocks. None: it never
    /// comes true. In eight years and a bit every day of a calendar comes twice.
    pub fn longest_gap(&self) -> Option<Duration> {
        let first = jiff::civil::date(2024, 1, 1);
        let days = std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(3000);
        let runs = days
            .filter(|day| self.has_date(*day))
            .flat_map(|day| self.times(day));
        let (mut last, mut longest) = (None::<DateTime>, None);
        for run in runs {
            let gap = last.map(|last| run.duration_since(last).unsigned_abs());
            longest = longest.max(gap);
            last = Some(run);
        }
        longest
    }

    fn has_date(&self, date: Date) -> bool {
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        let fits = if self.either_day {
            day || weekday
        } else {
            day && weekday
        };
        fits && has(self.months, date.month())
    }

    fn times(&self, date: Date) -> impl Iterator<Item = DateTime> + '_ {
        let hours = (0..24).filter(|hour| has(self.hours, *hour));
        hours.flat_map(move |hour| {
            let minutes = (0..60).filter(|minute| has(self.minutes, *minute));
            minutes.map(move |minute| date.at(hour, minute, 0, 0))
        })
    }
}

/// The next two runs of a CronJob. None: its schedule or time zone is not known here.
pub fn next_runs(
    schedule: &str,
    zone: Option<&str>,
    now: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    // An old habit that the API server still lets stand in objects of long ago.
    let (zone, schedule) = match schedule.split_once(' ') {
        Some((first, rest)) if first.starts_with("TZ=") || first.starts_with("CRON_TZ=") => {
            (first.split_once('=').map(|(_, zone)| zone), rest)
        }
        _ => (zone, schedule),
    };
    let zone = zone.map_or(Some(TimeZone::UTC), time_zone)?;
    let schedule = Schedule::parse(schedule)?;
    let first = schedule.next(now, &zone)?;
    Some((first, schedule.next(first, &zone)?))
}

/// A time zone of this machine's database.
fn time_zone(name: &str) -> Option<TimeZone> {
    if matches!(name, "UTC" | "Etc/UTC") {
        return Some(TimeZone::UTC);
    }
    // The name comes from the cluster: it leads nowhere but into the database.
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
    if !name.split('/').all(plain) {
        return None;
    }
    let rules = std::fs::read(Path::new(ZONES).join(name)).ok()?;
    TimeZone::tzif(name, &rules).ok()
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| set >> value & 1 == 1)
}

/// The values of a field as bits.
fn set(field: &str, low: u32, high: u32, names: &[&str]) -> Option<u64> {
    let mut parts = field.split(',');
    parts.try_fold(0, |all, part| Some(all | range(part, low, high, names)?))
}

fn range(part: &str, low: u32, high: u32, names: &[&str]) -> Option<u64> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step.parse().ok().filter(|step| *step > 0)?)),
        None => (part, None),
    };
    let value = |text: &str| value(text, low, high, names);
    let (first, last) = match (range, range.split_once('-')) {
        ("*" | "?", _) => (low, high),
        (_, Some((first, last))) => (value(first)?, value(last)?),
        // `5/15` is `5-59/15`.
        (one, None) if step.is_some() => (value(one)?, high),
        (one, None) => (value(one)?, value(one)?),
    };
    let all = (first..=last).step_by(step.unwrap_or(1));
    (first <= last).then(|| all.fold(0, |all, bit| all | 1 << bit))
}

fn value(text: &str, low: u32, high: u32, names: &[&str]) -> Option<u32> {
    let lower = text.to_ascii_lowercase();
    let number = match names.iter().position(|name| *name == lower) {
        Some(place) => u32::try_from(place).ok()? + low,
        None => text.parse().ok()?,
    };
    (low..=high).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(schedule: &str, after: &str) -> String {
        let schedule = Schedule::parse(schedule).unwrap();
        let next = schedule.next(after.parse().unwrap(), &TimeZone::UTC);
        next.map_or_else(String::new, |next| next.to_string())
    }

    #[test]
    fn runs_as_kubernetes_reads_them() {
        for (schedule, after, expected) in [
            ("0 * * * *", "2026-01-02T03:04:05Z", "2026-01-02T04:00:00Z"),
            ("0 * * * *", "2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z"),
            (
                "*/15 * * * *",
                "2026-01-02T03:04:05Z",
                "2026-01-02T03:15:00Z",
            ),
            (
                "7/20 3 * * *",
                "2026-01-02T03:08:00Z",
                "2026-01-02T03:27:00Z",
            ),
            (
                "30 2 * * mon-fri",
                "2026-01-02T03:00:00Z",
                "2026-01-05T02:30:00Z",
            ),
            ("@daily", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("@weekly", "2026-01-02T00:00:00Z", "2026-01-04T00:00:00Z"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            // Both days are named: either will do.
            (
                "0 0 13 * fri",
                "2026-01-03T00:00:00Z",
                "2026-01-09T00:00:00Z",
            ),
            // One of them is any: both must hold.
            (
                "0 0 */2 * fri",
                "2026-01-03T00:00:00Z",
                "2026-01-09T00:00:00Z",
            ),
            ("0 0 30 2 *", "2026-01-01T00:00:00Z", ""),
            (
                "1,3 5-6 * Dec SUN",
                "2026-01-01T00:00:00Z",
                "2026-12-06T05:01:00Z",
            ),
        ] {
            assert_eq!(next(schedule, after), expected, "{schedule} after {after}");
        }
    }

    #[test]
    fn what_the_api_server_refuses_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "5-1 * * * *",
            "*/0 * * * *",
            "x * * * *",
            "@often",
            "@every 1h",
        ] {
            assert_eq!(Schedule::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_time_zone_counts_and_clocks_that_change() {
        let now = "2026-03-28T12:00:00Z".parse().unwrap();
        let (first, second) = next_runs("30 2 * * *", Some("Europe/Berlin"), now).unwrap();
        // On the 29th there is no half past two.
        assert_eq!(first.to_string(), "2026-03-30T00:30:00Z");
        assert_eq!(second.to_string(), "2026-03-31T00:30:00Z");
        let old = next_runs("TZ=Asia/Tokyo 0 9 * * *", None, now).unwrap();
        assert_eq!(old.0.to_string(), "2026-03-29T00:00:00Z");
        for wrong in ["Mars/Olympus", "../zoneinfo/UTC", "/etc/passwd", ""] {
            assert_eq!(next_runs("0 * * * *", Some(wrong), now), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_run_is_always_later_and_fits(minute in 0_i8..60, hour in 0_i8..24, after in 0_i64..4_000_000_000) {
            let after = Timestamp::from_second(after).unwrap();
            let schedule = Schedule::parse(&format!("{minute} {hour} * * *")).unwrap();
            let run = schedule.next(after, &TimeZone::UTC).unwrap();
            prop_assert!(run > after);
            prop_assert!(run.as_second() - after.as_second() <= 86_400);
            let time = TimeZone::UTC.to_datetime(run);
            prop_assert_eq!((time.hour(), time.minute()), (hour, minute));
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,40}") {
            let _read = Schedule::parse(&text);
        }
    }
}
