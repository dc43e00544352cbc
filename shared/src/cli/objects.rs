//! What programs that read Kubernetes objects out of a snapshot share: the keys, the records, and
//! values in the clear where a key opens them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::Path;

use crate::failure::{Exit, Failure};
use crate::snapshot::bolt::Database;
use crate::snapshot::encryption::{Keyring, Opening, Sealed, parse_keys};
use crate::snapshot::finding::Finding;
use crate::snapshot::kubernetes::{Contents, Entry, Grammar};
use zeroize::Zeroizing;

/// A snapshot that is read record by record.
pub struct Snapshot {
    name: String,
    database: Database<File>,
    prefix: Option<String>,
    keyring: Option<Keyring>,
}

impl Snapshot {
    /// Opens the database `file`, called `name`. `prefix`: where the API server keeps its objects,
    /// none: found out. `keyring`: what opens encrypted values.
    ///
    /// # Errors
    /// 65: it is no database.
    pub fn open(
        name: String,
        file: File,
        prefix: Option<String>,
        keyring: Option<Keyring>,
    ) -> Result<Self, Failure> {
        let database = Database::open(file).map_err(|error| error.into_failure(&name))?;
        Ok(Self {
            name,
            database,
            prefix,
            keyring,
        })
    }

    /// The records.
    ///
    /// # Errors
    /// 65: it is damaged.
    pub fn contents(&self) -> Result<Contents<'_, File>, Failure> {
        Contents::find(&self.database, self.prefix.as_deref())
            .map_err(|finding| self.damaged(&finding))
    }

    /// Calls `each` with every live entry.
    ///
    /// # Errors
    /// 65: it is damaged; what `each` fails with.
    pub fn each_live(
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

    /// The value in the clear.
    ///
    /// # Errors
    /// Why there is none.
    pub fn clear<'a>(&self, entry: &Entry<'a>) -> Result<Clear<'a>, Closed> {
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

    /// The failure of a damaged place.
    pub fn damaged(&self, finding: &Finding) -> Failure {
        Failure::new(Exit::Data, format!("{} is damaged: {finding}", self.name))
            .hint("`talosctl-snapshot-inspect check` lists everything that is wrong with it")
    }
}

/// A value that can be read.
pub enum Clear<'a> {
    /// As it is stored.
    Stored(&'a [u8]),
    /// Decrypted.
    Opened(Zeroizing<Vec<u8>>),
}

impl Clear<'_> {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Stored(bytes) => bytes,
            Self::Opened(bytes) => bytes,
        }
    }
}

/// Why an encrypted value cannot be read.
#[derive(Debug, Clone)]
pub struct Closed {
    /// As `secretbox:key2`.
    pub encryption: String,
    /// What to do about it, or why nothing can be done.
    pub why: String,
}

/// What a key is called in listings: the object, or the key as it is.
pub fn key_text<'a>(entry: &Entry<'a>) -> Cow<'a, str> {
    String::from_utf8_lossy(entry.etcd_key)
}

/// Resources as reports for people call them: without the group where no other resource of the
/// report has the name.
pub struct ShortNames {
    ambiguous: BTreeSet<String>,
    wide: bool,
}

impl ShortNames {
    /// Of a report with these resources; `wide`: nothing is shortened.
    pub fn new<'a>(resources: impl Iterator<Item = &'a str>, wide: bool) -> Self {
        let all: BTreeSet<&str> = resources.collect();
        let (mut seen, mut ambiguous) = (BTreeSet::new(), BTreeSet::new());
        for resource in all {
            if !seen.insert(plural(resource)) {
                ambiguous.insert(plural(resource).to_owned());
            }
        }
        Self { ambiguous, wide }
    }

    /// One resource.
    pub fn of<'a>(&self, resource: &'a str) -> &'a str {
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
pub fn prefix_note(grammar: &Grammar) -> Option<String> {
    let prefix = grammar.prefix();
    (prefix != crate::snapshot::kubernetes::DEFAULT_PREFIX)
        .then(|| format!("the API server's keys begin with `{prefix}`"))
}

/// Reads a machine config or a secrets bundle.
///
/// # Errors
/// 78: it cannot be read, or holds no keys that are understood.
pub fn read_keys(file: &Path) -> Result<Keyring, Failure> {
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
