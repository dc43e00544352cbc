//! Pages of a listing, each found by a seek: a bucket of 100,000 objects is walked once, not
//! once a page.

use std::collections::BTreeMap;
use std::ops::Bound;

/// What a page is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) prefix: &'a str,
    /// Groups keys up to the next delimiter after the prefix.
    pub(crate) delimiter: Option<&'a str>,
    /// Only keys, and groups, after this.
    pub(crate) after: Option<&'a str>,
    pub(crate) most: usize,
}

/// One line of a page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Listed<'a, T> {
    Key(&'a str, T),
    /// A group of keys that begin so.
    Group(String),
}

impl<T> Listed<'_, T> {
    /// What a next page begins after.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Key(key, _) => key,
            Self::Group(prefix) => prefix,
        }
    }
}

/// A page of those entries for which `shown` gives something, and whether more follow.
pub(crate) fn page<'a, V, T>(
    entries: &'a BTreeMap<String, V>,
    wanted: Wanted<'_>,
    shown: impl Fn(&'a V) -> Option<T>,
) -> (Vec<Listed<'a, T>>, bool) {
    let mut lines = Vec::new();
    let mut from = first(wanted);
    loop {
        let mut group = None;
        for (key, value) in entries.range((from.clone(), Bound::Unbounded)) {
            if !key.starts_with(wanted.prefix) {
                break;
            }
            let Some(value) = shown(value) else { continue };
            if lines.len() == wanted.most {
                return (lines, true);
            }
            group = group_of(key, wanted);
            if group.is_some() {
                break;
            }
            lines.push(Listed::Key(key, value));
        }
        let Some(prefix) = group else {
            return (lines, false);
        };
        // One seek goes past the whole group.
        from = Bound::Excluded(past(&prefix));
        lines.push(Listed::Group(prefix));
    }
}

fn first(wanted: Wanted<'_>) -> Bound<String> {
    match wanted.after {
        Some(after) if after >= wanted.prefix => {
            let in_group = after.len() > wanted.prefix.len()
                && wanted
                    .delimiter
                    .is_some_and(|delimiter| after.ends_with(delimiter));
            Bound::Excluded(if in_group {
                past(after)
            } else {
                after.to_owned()
            })
        }
        _ => Bound::Included(wanted.prefix.to_owned()),
    }
}

/// After every key that begins with `prefix`.
fn past(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

fn group_of(key: &str, wanted: Wanted<'_>) -> Option<String> {
    let delimiter = wanted.delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.get(wanted.prefix.len()..)?;
    let end = wanted.prefix.len() + rest.find(delimiter)? + delimiter.len();
    key.get(..end).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(entries: &BTreeMap<String, bool>, wanted: Wanted<'_>) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let wanted = Wanted {
                after: after.as_deref(),
                ..wanted
            };
            let (lines, more) = page(entries, wanted, |shown| shown.then_some(()));
            after = lines.last().map(|line| line.name().to_owned());
            pages.push(lines.iter().map(|line| line.name().to_owned()).collect());
            if !more {
                return pages;
            }
        }
    }

    fn entries(keys: &[&str]) -> BTreeMap<String, bool> {
        keys.iter()
            .map(|key| ((*key).to_owned(), !key.ends_with("hidden")))
            .collect()
    }

    #[test]
    fn pages_join_and_hidden_keys_are_none() {
        let entries = entries(&["a", "p/1", "p/2", "p/2hidden", "p//3", "p/4", "pq"]);
        let wanted = Wanted {
            prefix: "p/",
            most: 2,
            ..Wanted::default()
        };
        assert_eq!(walk(&entries, wanted), [["p//3", "p/1"], ["p/2", "p/4"]]);
    }

    #[test]
    fn groups_count_once() {
        let entries = entries(&[
            "a", "b/1", "b/2", "b/c/3", "c", "d/1", "d/hidden", "e/hidden",
        ]);
        let wanted = Wanted {
            delimiter: Some("/"),
            most: 2,
            ..Wanted::default()
        };
        assert_eq!(walk(&entries, wanted), [["a", "b/"], ["c", "d/"]]);
        let wanted = Wanted {
            prefix: "b/",
            most: 9,
            ..wanted
        };
        assert_eq!(walk(&entries, wanted), [["b/1", "b/2", "b/c/"]]);
    }
}
