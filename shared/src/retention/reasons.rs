//! Why a snapshot stays. Small, since there is one for each of a million.

use std::fmt;

/// A rule of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    /// `--keep-last`.
    Last,
    /// `--keep-hourly`.
    Hourly,
    /// `--keep-daily`.
    Daily,
    /// `--keep-weekly`.
    Weekly,
    /// `--keep-monthly`.
    Monthly,
    /// `--keep-yearly`.
    Yearly,
    /// `--keep-within`.
    Within,
    /// `--keep-within-hourly`.
    WithinHourly,
    /// `--keep-within-daily`.
    WithinDaily,
    /// `--keep-within-weekly`.
    WithinWeekly,
    /// `--keep-within-monthly`.
    WithinMonthly,
    /// `--keep-within-yearly`.
    WithinYearly,
}

impl Rule {
    /// Those that keep a number.
    pub const COUNTED: [Self; 6] = [
        Self::Last,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
    ];
    /// Those that keep by the time before the newest.
    pub const WITHIN: [Self; 6] = [
        Self::Within,
        Self::WithinHourly,
        Self::WithinDaily,
        Self::WithinWeekly,
        Self::WithinMonthly,
        Self::WithinYearly,
    ];
    /// All of them, the counted first.
    pub const ALL: [Self; 12] = [
        Self::Last,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
        Self::Within,
        Self::WithinHourly,
        Self::WithinDaily,
        Self::WithinWeekly,
        Self::WithinMonthly,
        Self::WithinYearly,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Within => "within",
            Self::WithinHourly => "hourly within",
            Self::WithinDaily => "daily within",
            Self::WithinWeekly => "weekly within",
            Self::WithinMonthly => "monthly within",
            Self::WithinYearly => "yearly within",
        }
    }
}

/// Why nothing is deleted, whatever the policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Guard {
    /// It is the newest one that was verified.
    NewestVerified,
    /// It is among the newest that stay in any case.
    MinKeep,
    /// The newest is too old: backups stopped.
    Stopped,
    /// More would go than `--max-delete` allows.
    MaxDelete,
    /// The newest is not what its manifest says.
    Doubtful,
}

impl Guard {
    const ALL: [Self; 5] = [
        Self::NewestVerified,
        Self::MinKeep,
        Self::Stopped,
        Self::MaxDelete,
        Self::Doubtful,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::NewestVerified => "newest verified",
            Self::MinKeep => "min-keep",
            Self::Stopped => "backups stopped",
            Self::MaxDelete => "max-delete",
            Self::Doubtful => "newest doubtful",
        }
    }
}

/// A set of reasons; empty: nothing keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reasons(u32);

const OLDEST: u8 = 12;
const GUARDS: u8 = 24;

impl Reasons {
    /// Whether anything keeps it.
    pub fn keep(self) -> bool {
        self.0 != 0
    }

    /// Kept by a rule.
    pub fn add(&mut self, rule: Rule) {
        self.0 |= 1 << rule as u8;
    }

    /// Kept by a rule only as the oldest.
    pub fn add_oldest(&mut self, rule: Rule) {
        self.0 |= 1 << (OLDEST + rule as u8);
    }

    /// Kept by a guard.
    pub fn guard(&mut self, guard: Guard) {
        self.0 |= 1 << (GUARDS + guard as u8);
    }

    /// Whether this guard keeps it.
    pub fn has_guard(self, guard: Guard) -> bool {
        self.0 & (1 << (GUARDS + guard as u8)) != 0
    }

    /// Each in a word or two, the guards first.
    pub fn words(self) -> Vec<String> {
        let has = |bit: u8| self.0 & (1 << bit) != 0;
        let guards = Guard::ALL
            .into_iter()
            .filter(|guard| self.has_guard(*guard));
        let rules = Rule::ALL.into_iter().filter(|rule| has(*rule as u8));
        let oldest = Rule::ALL
            .into_iter()
            .filter(|rule| has(OLDEST + *rule as u8));
        guards
            .map(|guard| guard.word().to_owned())
            .chain(rules.map(|rule| rule.word().to_owned()))
            .chain(oldest.map(|rule| format!("oldest {}", rule.word())))
            .collect()
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            words if words.is_empty() => f.write_str("no rule keeps it"),
            words => f.write_str(&words.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_bit_and_a_word_of_its_own() {
        let mut all = Reasons::default();
        assert_eq!(
            (all.keep(), all.to_string()),
            (false, "no rule keeps it".into())
        );
        for rule in Rule::ALL {
            all.add(rule);
            all.add_oldest(rule);
        }
        Guard::ALL.into_iter().for_each(|guard| all.guard(guard));
        let mut words = all.words();
        assert_eq!(words.len(), 29);
        words.sort();
        words.dedup();
        assert_eq!(words.len(), 29);
        assert_eq!(Rule::ALL[..6], Rule::COUNTED);
        assert_eq!(Rule::ALL[6..], Rule::WITHIN);
    }
}
