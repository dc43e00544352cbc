//! What the verbs about Kubernetes objects share: the keys, the records of a snapshot, and
//! values in the clear where a key opens them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::bolt::Database;
use etcdbackup::snapshot::encryption::{Keyring, Opening, Sealed, parse_keys};
use etcdbackup::snapshot::finding::Finding;
use etcdbackup::snapshot::kubernetes::{Contents, Entry, Grammar};
use zeroize::Zeroizing;

use crate::cli::{KeyFlags, PrefixFlags};
use crate::input::Input;

/// A snapshot that is read record by record.
pub(crate) struct Snapshot {
    name: String,
    database: Database<File>,
    prefix: Option<String>,
    keyring: Option<Keyring>,
}

impl Snapshot {
    /// Opens the database; reads the keys, where a file of keys is named.
    pub(crate) fn open(
        input: Input,
        prefix: &PrefixFlags,
        keys: &KeyFlags,
    ) -> Result<Self, Failure> {
        let database =
            Database::open(input.file).map_err(|error| error.into_failure(&input.name))?;
        Ok(Self {
            name: input.name,
            database,
            prefix: prefix.etcd_prefix.clone(),
            keyring: keyring(keys)?,
        })
    }

    /// The records.
    pub(crate) fn contents(&self) -> Result<Contents<'_, File>, Failure> {
        Contents::find(&self.database, self.prefix.as_deref())
            .map_err(|finding| self.damaged(&finding))
    }

    /// Calls `each` with every live entry.
    pub(crate) fn each_live(
        &self,
        contents: &Contents<'_, File>,
        mut each: impl FnMut(Entry<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut failed = None;
        let walked = contents.each_live(|entry| match each(entry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                failed = Some(failure);
                ControlFlow::Break(())
            }
        });
        walked.map_err(|finding| self.damaged(&finding))?;
        failed.map_or(Ok(()), Err)
    }

    /// The value in the clear; an error says why there is none.
    pub(crate) fn clear<'a>(&self, entry: &Entry<'a>) -> Result<Clear<'a>, Closed> {
        let Some(sealed) = Sealed::parse(entry.value) else {
            return Ok(Clear::Stored(entry.value));
        };
        let closed = |why: &str| Closed {
            encryption: sealed.label(),
            why: why.to_owned(),
        };
        let Some(keyring) = &self.keyring else {
            return Err(closed(
                "give its keys with `--machine-config FILE` or `--secrets FILE`",
            ));
        };
        match keyring.open(entry.place(), &sealed) {
            Opening::Opened(plain) | Opening::Misplaced { plain, .. } => Ok(Clear::Opened(plain)),
            Opening::Foreign => Err(closed("it holds another object than its key says")),
            Opening::NoKey => Err(closed("no key of the configuration opens it: see `keys`")),
            Opening::Kms => Err(closed("its key lies in a service")),
            Opening::Unknown => Err(closed("this provider is not known")),
        }
    }

    pub(crate) fn damaged(&self, finding: &Finding) -> Failure {
        Failure::new(Exit::Data, format!("{} is damaged: {finding}", self.name))
            .hint("`talosctl-snapshot-inspect check` lists everything that is wrong with it")
    }
}

/// A value that can be read.
pub(crate) enum Clear<'a> {
    /// As it is stored.
    Stored(&'a [u8]),
    /// Decrypted.
    Opened(Zeroizing<Vec<u8>>),
}

impl Clear<'_> {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Stored(bytes) => bytes,
            Self::Opened(bytes) => bytes,
        }
    }
}

/// Why an encrypted value cannot be read.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    /// As `secretbox:key2`.
    pub(crate) encryption: String,
    /// What to do about it, or why nothing can be done.
    pub(crate) why: String,
}

/// What a key is called in listings: the object, or the key as it is.
pub(crate) fn key_text<'a>(entry: &Entry<'a>) -> Cow<'a, str> {
    String::from_utf8_lossy(entry.etcd_key)
}

/// Resources as reports for people call them: without the group where no other resource of the
/// report has the name.
pub(crate) struct ShortNames {
    ambiguous: BTreeSet<String>,
    wide: bool,
}

impl ShortNames {
    /// Of a report with these resources; `wide`: nothing is shortened.
    pub(crate) fn new<'a>(resources: impl Iterator<Item = &'a str>, wide: bool) -> Self {
        let all: BTreeSet<&str> = resources.collect();
        let (mut seen, mut ambiguous) = (BTreeSet::new(), BTreeSet::new());
        for resource in all {
            if !seen.insert(plural(resource)) {
                ambiguous.insert(plural(resource).to_owned());
            }
        }
        Self { ambiguous, wide }
    }

    pub(crate) fn of<'a>(&self, resource: &'a str) -> &'a str {
        let short = plural(resource);
        if self.wide || self.ambiguous.contains(short) {
            resource
        } else {
            short
        }
    }
}

fn plural(resource: &str) -> &str {
    resource
        .split_once('.')
        .map_or(resource, |(plural, _)| plural)
}

/// Says so where the keys have another prefix than Talos' API server gives them.
pub(crate) fn prefix_note(grammar: &Grammar) -> Option<String> {
    let prefix = grammar.prefix();
    (prefix != etcdbackup::snapshot::kubernetes::DEFAULT_PREFIX)
        .then(|| format!("the API server's keys begin with `{prefix}`"))
}

/// The keys of a file.
pub(crate) fn keyring(flags: &KeyFlags) -> Result<Option<Keyring>, Failure> {
    let file = flags.machine_config.as_deref().or(flags.secrets.as_deref());
    file.map(read_keys).transpose()
}

/// Reads a machine config or a secrets bundle.
pub(crate) fn read_keys(file: &Path) -> Result<Keyring, Failure> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
        Failure::new(Exit::Config, format!("cannot read `{}`: {error}", file.display()))
            .hint("name a machine config with `--machine-config` or a secrets bundle with `--secrets`")
    })?;
    parse_keys(&text, &file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::ShortNames;

    #[test]
    fn groups_are_left_out_where_nothing_is_lost() {
        let all = [
            "serviceaccounts",
            "serviceaccounts.talos.dev",
            "deployments.apps",
        ];
        let names = ShortNames::new(all.into_iter(), false);
        assert_eq!(
            all.map(|name| names.of(name)),
            [
                "serviceaccounts",
                "serviceaccounts.talos.dev",
                "deployments"
            ]
        );
        let wide = ShortNames::new(all.into_iter(), true);
        assert_eq!(wide.of("deployments.apps"), "deployments.apps");
    }
}
