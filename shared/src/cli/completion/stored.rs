//! Destinations that are configured, and the snapshots in the one that is typed.

use clap::{ArgMatches, FromArgMatches};

use super::remembered;
use super::values::Value;
use super::words::Words;
use crate::catalogue::{self, Entry, Kind, ObjectName};
use crate::cli::env;
use crate::cli::flags::StoreFlags;
use crate::clock;
use crate::store::{self, Destination, StoreOptions};
use crate::units::span;

/// As many as a person looks through.
const NEWEST: usize = 50;

/// What begins like `typed`: a destination until its folder is typed, then what lies there,
/// newest first.
pub(super) fn find(words: &Words, typed: &str) -> Vec<Value> {
    let Some(matches) = words.matches() else {
        return Vec::new();
    };
    let mut found = destinations(&matches);
    if let Some(folder) = folder(typed)
        && let Ok(flags) = StoreFlags::from_arg_matches(&matches)
    {
        found.extend(snapshots(folder, flags.options()));
    }
    if typed.is_empty() {
        found.extend(["s3://", "file:///"].map(|start| (start.to_owned(), String::new())));
    }
    found
}

/// Those of the variable or the profile, with the `/` that goes on.
fn destinations(matches: &ArgMatches) -> Vec<Value> {
    let arguments = matches.ids().filter(|id| {
        let id = id.as_str();
        matches!(id, "destinations" | "destination" | "source")
    });
    let said = |id: &clap::Id| -> Vec<String> {
        let values = matches.try_get_many::<String>(id.as_str());
        values
            .ok()
            .flatten()
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    };
    let help = format!("from {} or the profile", env::DESTINATION);
    arguments
        .flat_map(said)
        .map(|destination| {
            (
                format!("{}/", destination.trim_end_matches('/')),
                help.clone(),
            )
        })
        .collect()
}

/// `s3://bucket/prefix` of `s3://bucket/prefix/na`; none while there is no place to look into.
fn folder(typed: &str) -> Option<&str> {
    let start = typed.find("://")? + 3;
    let end = typed[start..].rfind('/')? + start;
    (end > start || typed.starts_with("file:")).then(|| &typed[..end])
}

fn snapshots(folder: &str, options: StoreOptions) -> Vec<Value> {
    let Ok(destination) = Destination::parse(folder) else {
        return Vec::new();
    };
    let place = format!(
        "{destination} {:?} {:?} {:?}",
        options.s3_endpoint,
        options.s3_profile,
        ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_PROFILE"].map(std::env::var_os)
    );
    remembered::within(&place, async move {
        let store = store::open(&destination, &options).await.ok()?;
        let prefix = match &destination {
            Destination::S3 { prefix, .. } => prefix.as_str(),
            Destination::File { .. } => "",
        };
        let now = clock::now();
        let entries = catalogue::read(store.as_ref(), prefix, now).await.ok()?;
        let mut dated: Vec<(&Entry, &ObjectName)> = entries
            .iter()
            .filter_map(|entry| match &entry.kind {
                Kind::Snapshot(name) => Some((entry, name)),
                _ => None,
            })
            .collect();
        dated.sort_by_key(|(_, name)| std::cmp::Reverse(name.taken_at));
        dated.truncate(NEWEST);
        let value = |(entry, name): (&Entry, &ObjectName)| {
            let age = now.as_second().saturating_sub(name.taken_at.as_second());
            let age = span(u64::try_from(age).unwrap_or_default());
            (store.url_of(&entry.key), format!("{age} old"))
        };
        Some(dated.into_iter().map(value).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_looked_into_once_its_folder_is_typed() {
        for (typed, place) in [
            ("", None),
            ("s3:/", None),
            ("s3://", None),
            ("s3://bucket", None),
            ("s3://bucket/", Some("s3://bucket")),
            ("s3://bucket/pro", Some("s3://bucket")),
            ("s3://bucket/prod/", Some("s3://bucket/prod")),
            ("file:///mnt/na", Some("file:///mnt")),
        ] {
            assert_eq!(folder(typed), place, "{typed}");
        }
    }
}
