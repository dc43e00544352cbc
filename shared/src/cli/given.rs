//! The snapshot that was named: a file in place, or stdin or an object of a store, spooled to one.

use std::fs::File;
use std::path::Path;

use tokio::task::spawn_blocking;

use super::{Chosen, Context, StoredFlags, Wish, fetch, name_older};
use crate::backup::PullTarget;
use crate::failure::{Exit, Failure};
use crate::recovery::kubernetes::Baseline;
use crate::recovery::machine_config::Served;
use crate::recovery::{FileFacts, Known, Survey};
use crate::snapshot::encryption::{Keyring, parse_keys};
use crate::snapshot::spool::{spool, unlinked};
use crate::talos::Talos;

/// An open snapshot, and what it is worth by itself.
#[derive(Debug)]
pub struct Given {
    /// The file: its place is nobody's matter.
    pub file: File,
    /// What it is worth.
    pub facts: FileFacts,
}

impl Given {
    /// Opens and checks it.
    ///
    /// # Errors
    /// 2: it is a folder, a URL, or a terminal; 65: it is no database; 74: it cannot be read.
    pub async fn open(
        name: &str,
        spool_dir: Option<&Path>,
        context: &Context,
    ) -> Result<Self, Failure> {
        if is_url(name) {
            return Err(
                Failure::new(Exit::Usage, format!("`{name}` is no file")).hint(format!(
                    "fetch it, into a file or through a pipe: `talosctl-snapshot-pull {name} -i IDENTITY`"
                )),
            );
        }
        if name == "-" {
            context.ui.stdin_gives_bytes()?;
        }
        let (name, folder) = (name.to_owned(), spool_dir.map(Path::to_owned));
        blocking(move || {
            let file = open(&name, folder.as_deref())?;
            let shown = if name == "-" { "stdin" } else { &name };
            let facts = FileFacts::of(&file, shown)?;
            Ok(Self { file, facts })
        })
        .await
    }

    /// As [`Self::open`], and what a URL names is fetched, opened and proven before.
    ///
    /// # Errors
    /// Those of [`Self::open`], [`Chosen::find`] and [`fetch`].
    pub async fn find(
        name: &str,
        stored: &StoredFlags,
        spool_dir: Option<&Path>,
        context: &Context,
    ) -> Result<Self, Failure> {
        let identities = stored.identities(name == "-");
        identities.check()?;
        if !is_url(name) {
            return Self::open(name, spool_dir, context).await;
        }
        let wish = Wish {
            source: name,
            at: None,
            cluster_name: stored.cluster_name.as_deref(),
            store: stored.store.options(),
        };
        let Chosen { body, name, older } = Chosen::find(&wish, context).await?;
        let file = unlinked(&name, spool_dir)?;
        let target = PullTarget::Spool(again(&file, &name)?).open()?;
        fetch(body, &name, identities, false, target, context)
            .await
            .map_err(|failure| name_older(failure, older))?;
        blocking(move || {
            let facts = FileFacts::of(&file, &name)?;
            Ok(Self { file, facts })
        })
        .await
    }

    /// What it had, for a comparison with the live cluster.
    ///
    /// # Errors
    /// 65: it is damaged; 74: it cannot be read.
    pub async fn baseline(self) -> Result<Baseline, Failure> {
        blocking(move || Baseline::of(&self.file, &self.facts)).await
    }

    /// What its cluster serves to the outside.
    ///
    /// # Errors
    /// 65: it is damaged; 74: it cannot be read.
    pub async fn served(&self) -> Result<Served, Failure> {
        let (file, name) = (
            again(&self.file, &self.facts.name)?,
            self.facts.name.clone(),
        );
        blocking(move || Served::of(&file, &name)).await
    }

    /// The same with the keys of a machine config tried: of a file, or of the first control
    /// plane that shows its own.
    ///
    /// # Errors
    /// 78: the machine config cannot be read; 74: the file cannot.
    pub async fn with_keys(
        self,
        config: Option<&Path>,
        talos: &Talos,
        survey: &Survey,
    ) -> Result<Self, Failure> {
        let Self { file, mut facts } = self;
        let (keys, of) = match config {
            Some(path) => keys_of_file(path)?,
            None => match live_keys(talos, survey).await? {
                Known::Is(found) => found,
                Known::Unknown(unknown) => {
                    facts.keys = Known::Unknown(unknown);
                    return Ok(Self { file, facts });
                }
            },
        };
        blocking(move || {
            // What is damaged is told by its structure; keys cannot be tried on it.
            if facts.damage.is_empty() {
                facts.try_keys(&file, &keys, &of)?;
            }
            Ok(Self { file, facts })
        })
        .await
    }
}

fn is_url(name: &str) -> bool {
    name.contains("://")
}

/// The same file once more.
fn again(file: &File, name: &str) -> Result<File, Failure> {
    file.try_clone()
        .map_err(|error| Failure::new(Exit::Io, format!("cannot open {name} again: {error}")))
}

fn open(name: &str, folder: Option<&Path>) -> Result<File, Failure> {
    if name == "-" {
        return spool(std::io::stdin().lock(), "stdin", folder);
    }
    let unopened = |error: std::io::Error| {
        Failure::new(Exit::Io, format!("cannot open file `{name}`: {error}")).hint("check the path")
    };
    let file = File::open(name).map_err(unopened)?;
    let kind = file.metadata().map_err(unopened)?.file_type();
    if kind.is_dir() {
        return Err(Failure::new(Exit::Usage, format!("`{name}` is a folder"))
            .hint("name the snapshot in it"));
    }
    // A pipe behind a path: no place in it can be read twice.
    if kind.is_file() {
        Ok(file)
    } else {
        spool(file, name, folder)
    }
}

fn keys_of_file(path: &Path) -> Result<(Keyring, String), Failure> {
    let shown = format!("file `{}`", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::Config, format!("cannot read {shown}: {error}")).hint("check the path")
    })?;
    Ok((parse_keys(&text, &shown)?, shown))
}

async fn live_keys(talos: &Talos, survey: &Survey) -> Result<Known<(Keyring, String)>, Failure> {
    let reached = survey
        .nodes
        .iter()
        .filter(|node| node.reached.get().is_some());
    let mut last = Known::not_asked("no control plane was there to show its machine config");
    for node in reached {
        match talos.machine_config(&node.node).await {
            Ok(text) => {
                let shown = format!("node {}", node.node);
                return Ok(Known::Is((parse_keys(&text, &shown)?, shown)));
            }
            Err(error) => last = Known::from(Err(error)),
        }
    }
    Ok(last)
}

/// Long work on a file, on a thread of its own. A signal does not wait for it: it only reads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "the work stopped half way")))
}
