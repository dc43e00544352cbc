//! Ages and long times, as flags: one number with its unit.

use jiff::SignedDuration;

/// `90m`, `12h`, `2d`, `4w`.
///
/// # Errors
/// It is no such time.
pub fn age(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "write it like 12h, 90m or 2d".to_owned();
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(seconds)
        // Beyond the calendar no time can be told.
        .filter(|seconds| *seconds < 1000 * 366 * 86_400)
        .map(SignedDuration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_with_their_unit() {
        for (text, hours) in [("12h", 12), ("2d", 48), ("1w", 168), ("120m", 2), ("0s", 0)] {
            assert_eq!(age(text), Ok(SignedDuration::from_hours(hours)), "{text}");
        }
        for wrong in [
            "",
            "12",
            "h",
            "12y",
            "-1h",
            "99999999999999999999d",
            "999999999w",
        ] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
