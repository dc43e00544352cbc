//! Which snapshots a policy keeps, as restic's users know it: so many of the last, of the last
//! hours, days, weeks, months and years that have one, and all, or one a period, within some
//! time before the newest. Periods are those of UTC; weeks begin on Monday.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::reasons::{Reasons, Rule};
use crate::failure::{Exit, Failure};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// How many to keep by one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// So many.
    Number(u32),
    /// All there are.
    Unlimited,
}

impl Default for Count {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl Count {
    fn is_spent(self) -> bool {
        self == Self::Number(0)
    }

    fn spend(&mut self) {
        if let Self::Number(left) = self {
            *left = left.saturating_sub(1);
        }
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unlimited" => Ok(Self::Unlimited),
            text => text
                .parse()
                .map(Self::Number)
                .map_err(|_| "write a number, or `unlimited`".to_owned()),
        }
    }
}

/// A time before the newest snapshot, as restic writes it: `2y5m7d3h`, where `m` is months.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Within {
    /// Years.
    pub years: u16,
    /// Months.
    pub months: u16,
    /// Days.
    pub days: u16,
    /// Hours.
    pub hours: u16,
}

impl Within {
    fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// This long before `newest`, in milliseconds; what lies beyond the calendar is long ago.
    fn before(self, newest: i64) -> i64 {
        let span = Span::new()
            .years(self.years.min(9_999))
            .months(self.months)
            .days(self.days)
            .hours(self.hours);
        Timestamp::from_millisecond(newest)
            .and_then(|newest| newest.to_zoned(TimeZone::UTC).checked_sub(span))
            .map_or(i64::MIN, |at| at.timestamp().as_millisecond())
    }
}

impl FromStr for Within {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write it like 7d or 2y5m7d3h: years, months, days, hours".to_owned();
        let mut within = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number = rest[..end].parse().map_err(|_| wrong())?;
            let place = match rest.as_bytes()[end] {
                b'y' => &mut within.years,
                b'm' => &mut within.months,
                b'd' => &mut within.days,
                b'h' => &mut within.hours,
                _ => return Err(wrong()),
            };
            *place = number;
            rest = &rest[end + 1..];
        }
        if within.is_zero() {
            return Err(wrong());
        }
        Ok(within)
    }
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.years, 'y'),
            (self.months, 'm'),
            (self.days, 'd'),
            (self.hours, 'h'),
        ];
        for (number, unit) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{number}{unit}")?;
        }
        Ok(())
    }
}

/// What to keep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policy {
    /// By number, in the order of [`Rule::COUNTED`].
    pub counts: [Count; 6],
    /// By time before the newest, in the order of [`Rule::WITHIN`].
    pub within: [Option<Within>; 6],
}

impl Policy {
    /// Whether it would keep nothing.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| count.is_spent()) && self.within.iter().all(Option::is_none)
    }

    /// The same, refused if it would keep nothing.
    ///
    /// # Errors
    /// 2: it is empty.
    pub fn checked(self) -> Result<Self, Failure> {
        if !self.is_empty() {
            return Ok(self);
        }
        Err(
            Failure::new(Exit::Usage, "an empty policy keeps nothing: refused")
                .hint("say what to keep, for example `--keep-last 7 --keep-daily 14 --keep-weekly 8 --keep-monthly 12`"),
        )
    }

    /// Why each of these snapshots is kept, the newest first (milliseconds, falling); no reason:
    /// the policy keeps it not. The oldest is also kept by every rule that has something left,
    /// so that a young history grows to its length.
    pub fn apply(&self, times: &[i64]) -> Vec<Reasons> {
        let Some(newest) = times.first() else {
            return Vec::new();
        };
        let cuts = self
            .within
            .map(|within| within.map(|one| one.before(*newest)));
        let mut left = self.counts;
        let mut seen = [None; 12];
        let last = times.len() - 1;
        let reasons = |(number, time): (usize, &i64)| {
            let mut reasons = Reasons::default();
            for (at, rule) in Rule::ALL.into_iter().enumerate() {
                let holds = match at.checked_sub(Rule::COUNTED.len()) {
                    None => !left[at].is_spent(),
                    Some(within) => cuts[within].is_some_and(|cut| *time > cut),
                };
                if !holds {
                    continue;
                }
                let period = Some(period(rule, *time, number));
                if period != seen[at] {
                    reasons.add(rule);
                } else if number == last {
                    reasons.add_oldest(rule);
                } else {
                    continue;
                }
                seen[at] = period;
                if let Some(count) = left.get_mut(at) {
                    count.spend();
                }
            }
            reasons
        };
        times.iter().enumerate().map(reasons).collect()
    }
}

/// Which hour, day and so on it belongs to; for rules that count each snapshot, its number.
fn period(rule: Rule, time: i64, number: usize) -> i64 {
    match rule {
        Rule::Last | Rule::Within => i64::try_from(number).unwrap_or(i64::MAX),
        Rule::Hourly | Rule::WithinHourly => time.div_euclid(HOUR),
        Rule::Daily | Rule::WithinDaily => time.div_euclid(DAY),
        // The first of January 1970 was a Thursday.
        Rule::Weekly | Rule::WithinWeekly => (time.div_euclid(DAY) + 3).div_euclid(7),
        Rule::Monthly | Rule::WithinMonthly => {
            let date = date(time);
            i64::from(date.year()) * 12 + i64::from(date.month())
        }
        Rule::Yearly | Rule::WithinYearly => i64::from(date(time).year()),
    }
}

fn date(time: i64) -> Date {
    Timestamp::from_millisecond(time)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::UTC)
        .date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_restics() {
        let within: Within = "2y5m7d3h".parse().unwrap();
        let wanted = Within {
            years: 2,
            months: 5,
            days: 7,
            hours: 3,
        };
        assert_eq!(within, wanted);
        assert_eq!(within.to_string(), "2y5m7d3h");
        assert_eq!("30d".parse::<Within>().unwrap().to_string(), "30d");
        for wrong in ["", "0d", "7", "1w", "d", "1d2", "-1d", "99999d", "1ü"] {
            assert!(wrong.parse::<Within>().is_err(), "{wrong}");
        }
        let newest: Timestamp = "2026-03-31T12:00:00Z".parse().unwrap();
        let cut = |text: &str| {
            let before = text
                .parse::<Within>()
                .unwrap()
                .before(newest.as_millisecond());
            Timestamp::from_millisecond(before).unwrap().to_string()
        };
        assert_eq!(cut("1m"), "2026-02-28T12:00:00Z");
        assert_eq!(cut("1y1d1h"), "2025-03-30T11:00:00Z");
        let long_ago = "60000y".parse::<Within>().unwrap().before(0);
        assert!(long_ago < -9_000 * 365 * DAY, "{long_ago}");
    }

    #[test]
    fn an_empty_policy_is_refused() {
        assert_eq!(Policy::default().checked().unwrap_err().exit, Exit::Usage);
        let mut policy = Policy::default();
        policy.counts[2] = Count::Number(1);
        assert!(policy.checked().is_ok());
        let mut policy = Policy::default();
        policy.within[0] = Some("1h".parse().unwrap());
        assert!(policy.checked().is_ok());
        assert_eq!("unlimited".parse(), Ok(Count::Unlimited));
        assert!("-1".parse::<Count>().is_err());
    }

    #[test]
    fn periods_are_those_of_the_calendar_also_before_1970() {
        let period = |rule, text: &str| {
            let time: Timestamp = text.parse().unwrap();
            period(rule, time.as_millisecond(), 0)
        };
        for (rule, left, right, same) in [
            (
                Rule::Hourly,
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:59:59.999Z",
                true,
            ),
            (
                Rule::Hourly,
                "2026-01-01T00:59:59Z",
                "2026-01-01T01:00:00Z",
                false,
            ),
            (
                Rule::Daily,
                "1969-12-31T23:59:59Z",
                "1970-01-01T00:00:00Z",
                false,
            ),
            // Of one ISO week, though of two years.
            (
                Rule::Weekly,
                "2024-12-30T00:00:00Z",
                "2025-01-05T23:59:59Z",
                true,
            ),
            (
                Rule::Weekly,
                "2025-01-05T23:59:59Z",
                "2025-01-06T00:00:00Z",
                false,
            ),
            (
                Rule::Weekly,
                "1969-12-28T23:00:00Z",
                "1969-12-29T00:00:00Z",
                false,
            ),
            (
                Rule::Monthly,
                "2024-02-29T23:00:00Z",
                "2024-02-01T00:00:00Z",
                true,
            ),
            (
                Rule::Monthly,
                "2023-02-01T00:00:00Z",
                "2024-02-01T00:00:00Z",
                false,
            ),
            (
                Rule::Yearly,
                "2024-12-30T00:00:00Z",
                "2025-01-01T00:00:00Z",
                false,
            ),
        ] {
            let equal = period(rule, left) == period(rule, right);
            assert_eq!(equal, same, "{rule:?} {left} {right}");
        }
    }
}
