//! Sizes as a small picture.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar a value. The scale begins at nothing, so that a small change looks small; only growth
/// that matters is seen. Empty without values.
pub fn sparkline(values: &[u64]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let last = BARS.len() - 1;
    values
        .iter()
        .map(|value| {
            let share = *value as f64 / most as f64 * last as f64;
            BARS[(share.round() as usize).min(last)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion() {
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[0, 0]), "▁▁");
        assert_eq!(sparkline(&[5, 5]), "██");
        assert_eq!(sparkline(&[0, 50, 100]), "▁▅█");
        assert_eq!(sparkline(&[u64::MAX, 0]), "█▁");
    }
}
