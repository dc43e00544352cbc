//! How sizes, ages and times look, once for all programs.

use jiff::Timestamp;
use serde::Serialize;

use crate::failure::{Exit, Failure};
pub(super) use crate::units::span;

/// `9.8 MiB`: one decimal below ten, base 1024, always with its unit.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// `3h12m`: an age as kubectl prints it, by its two largest units.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - since.as_second();
    if seconds < 0 {
        return format!("in {}", span(seconds.unsigned_abs()));
    }
    span(seconds.unsigned_abs())
}

/// A value as YAML.
///
/// # Errors
/// 70: it cannot be written as YAML.
pub fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    serde_saphyr::to_string(value)
        .map_err(|error| Failure::new(Exit::Bug, format!("cannot print YAML: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_have_units() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(10_276_044), "9.8 MiB");
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| age(Timestamp::from_second(1_000_000 - seconds).unwrap(), now);
        assert_eq!(ago(5), "5s");
        assert_eq!(ago(600), "10m");
        assert_eq!(ago(11_520), "3h12m");
        assert_eq!(ago(200_000), "2d7h");
        assert_eq!(ago(-300), "in 5m");
    }
}
