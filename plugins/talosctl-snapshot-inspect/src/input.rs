//! The snapshot to look at: a file in place, or stdin spooled to one.

use std::fs::File;

use etcdbackup::cli::Context;
use etcdbackup::cli::objects::{Snapshot, read_keys};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::encryption::Keyring;
use etcdbackup::snapshot::spool::spool;
use etcdbackup::snapshot::{Checked, check};

use crate::cli::{InputFlags, KeyFlags, PrefixFlags};
use crate::work::blocking;

/// An open snapshot, which can be read at any place.
#[derive(Debug)]
pub(crate) struct Input {
    /// For messages: `stdin`, ``file `db.snapshot` ``.
    pub(crate) name: String,
    pub(crate) file: File,
}

impl Input {
    /// Opens the file, or keeps what comes from a pipe.
    pub(crate) async fn open(flags: &InputFlags, context: &Context) -> Result<Self, Failure> {
        let folder = flags.spool_dir.clone();
        if flags.file == "-" {
            context.ui.stdin_gives_bytes()?;
            let file = blocking(context, move || {
                spool(std::io::stdin().lock(), "stdin", folder.as_deref())
            });
            return Ok(Self {
                name: "stdin".to_owned(),
                file: file.await?,
            });
        }
        let (path, name) = (flags.file.clone(), format!("file `{}`", flags.file));
        let shown = name.clone();
        let file = blocking(context, move || {
            let unopened = |error| {
                Failure::new(Exit::Io, format!("cannot open {shown}: {error}"))
                    .hint("check the path")
            };
            let file = File::open(&path).map_err(unopened)?;
            let kind = file.metadata().map_err(unopened)?.file_type();
            if kind.is_dir() {
                return Err(Failure::new(Exit::Usage, format!("`{path}` is a folder"))
                    .hint("name the snapshot in it"));
            }
            // A pipe or a device behind a path: no place in it can be read twice.
            if kind.is_file() {
                Ok(file)
            } else {
                spool(file, &shown, folder.as_deref())
            }
        });
        Ok(Self {
            file: file.await?,
            name,
        })
    }

    /// Its records, with the keys that open them.
    pub(crate) fn snapshot(
        self,
        prefix: &PrefixFlags,
        keys: &KeyFlags,
    ) -> Result<Snapshot, Failure> {
        let prefix = prefix.etcd_prefix.clone();
        Snapshot::open(self.name, self.file, prefix, keyring(keys)?)
    }

    /// The whole check.
    pub(crate) async fn check(self, context: &Context) -> Result<Checked, Failure> {
        blocking(context, move || self.checked()).await
    }

    /// The same, on this thread.
    pub(crate) fn checked(&self) -> Result<Checked, Failure> {
        check(&self.file).map_err(|error| error.into_failure(&self.name))
    }

    /// The same file once more, for another reader.
    pub(crate) fn again(&self) -> Result<Self, Failure> {
        let file = self.file.try_clone().map_err(|error| {
            Failure::new(
                Exit::Io,
                format!("cannot open {} again: {error}", self.name),
            )
        })?;
        Ok(Self {
            name: self.name.clone(),
            file,
        })
    }
}

/// The keys of the file that is named; none: none is.
pub(crate) fn keyring(flags: &KeyFlags) -> Result<Option<Keyring>, Failure> {
    let file = flags.machine_config.as_deref().or(flags.secrets.as_deref());
    file.map(read_keys).transpose()
}
