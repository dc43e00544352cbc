//! How long a snapshot stream may take, as flags.

use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;

use super::env;
use crate::talos::StreamTimeouts;

/// The three limits of a snapshot stream: Talos itself has none.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct StreamFlags {
    /// How long the first bytes may take
    #[arg(long, env = env::FIRST_BYTE_TIMEOUT, hide_short_help = true, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub first_byte_timeout: Duration,
    /// How long nothing may come in between
    #[arg(long, env = env::IDLE_TIMEOUT, hide_short_help = true, default_value = "30s", value_parser = duration, value_name = "TIME")]
    pub idle_timeout: Duration,
    /// How long one snapshot may take in all
    #[arg(long, env = env::STREAM_TIMEOUT, hide_short_help = true, default_value = "1h", value_parser = duration, value_name = "TIME")]
    pub stream_timeout: Duration,
}

impl StreamFlags {
    /// As the Talos client takes them.
    pub fn timeouts(&self) -> StreamTimeouts {
        StreamTimeouts {
            first: self.first_byte_timeout,
            idle: self.idle_timeout,
            total: self.stream_timeout,
        }
    }
}

/// `30s`, `5m`, `1h 30m`; none is not an answer.
///
/// # Errors
/// It is no time.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().ok();
    parsed
        .and_then(|span| Duration::try_from(span).ok())
        .filter(|span| !span.is_zero())
        .ok_or_else(|| "write a time like 30s, 5m or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("1h", 3600), ("1h30m", 5400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "30", "-5s", "0s", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
