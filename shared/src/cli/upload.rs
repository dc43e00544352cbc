//! How a snapshot is cut on its way, as flags.

use clap::Args;

use super::env;

const MIB: usize = 1024 * 1024;

/// For the curious: the defaults are measured.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub struct UploadFlags {
    /// Size of an uploaded part, 5MiB to 1GiB [default: 8MiB]
    #[arg(long, env = env::PART_SIZE, hide_short_help = true, value_parser = part_size, value_name = "SIZE")]
    pub part_size: Option<usize>,
    /// Parts on their way at once, 1 to 64 [default: 3]
    #[arg(long, env = env::CONCURRENCY, hide_short_help = true, value_parser = clap::value_parser!(u8).range(1..=64), value_name = "N")]
    pub concurrency: Option<u8>,
}

/// Stores refuse smaller parts, and memory holds several.
fn part_size(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "MiB" | "M" => MIB,
        "GiB" | "G" => 1024 * MIB,
        _ => return Err("write it like 16MiB".to_owned()),
    };
    let number: usize = digits.parse().map_err(|_| "no such number".to_owned())?;
    number
        .checked_mul(unit)
        .filter(|bytes| (5 * MIB..=1024 * MIB).contains(bytes))
        .ok_or_else(|| "between 5MiB and 1GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_and_bounds() {
        for (text, bytes) in [("5MiB", 5 * MIB), ("16M", 16 * MIB), ("1GiB", 1024 * MIB)] {
            assert_eq!(part_size(text), Ok(bytes));
        }
        for wrong in [
            "",
            "5",
            "MiB",
            "4MiB",
            "2GiB",
            "5TiB",
            "-5MiB",
            "99999999999999999999G",
        ] {
            assert!(part_size(wrong).is_err(), "{wrong}");
        }
    }
}
