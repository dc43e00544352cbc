//! Salvage: every database that is left, saved to files before anything is wiped.
//!
//! A running etcd gives a snapshot of itself also without a quorum: it reads its own database.
//! Only where none runs the file is copied: it has no digest, may be torn when something writes
//! to it, and lacks what is only in the write-ahead log.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::data::{DATABASE, DataState};
use super::file::FileFacts;
use super::known::{Known, Why};
use super::survey::{NodeSurvey, Survey};
use crate::backup::{Cancel, PullTarget, TalosSource, take, take_unproven};
use crate::failure::{Exit, Failure};
use crate::talos::{StreamTimeouts, Talos};

/// What was saved, and what was not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Salvage {
    /// One database each.
    pub saved: Vec<Saved>,
    /// Nodes of which nothing was saved.
    pub missed: Vec<Missed>,
}

/// The database of a node in a file.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Saved {
    /// Whose it is.
    pub node: String,
    /// Where it lies now.
    pub path: PathBuf,
    /// Whether it is a raw copy of the file.
    pub raw: bool,
    /// Why no snapshot could be taken, where one was tried.
    pub no_snapshot: Option<String>,
    /// What it is worth; unknown: it is no database, or could not be read again.
    pub facts: Known<FileFacts>,
}

/// A node of which nothing was saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Missed {
    /// The node.
    pub node: String,
    /// Why.
    pub why: String,
    /// Whether there is nothing to save: its directory was seen to be empty.
    pub empty: bool,
}

/// Which of the saved ones to restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommended<'a> {
    /// This one.
    pub node: &'a str,
    /// What must be known before it is used, one sentence each.
    pub warnings: Vec<String>,
}

impl Saved {
    /// Its facts, if nothing in it is damaged.
    fn sound(&self) -> Option<&FileFacts> {
        let facts = self.facts.get()?;
        (facts.damage.is_empty() && facts.digest_holds != Some(false)).then_some(facts)
    }
}

impl Salvage {
    /// The newest sound one: the highest revision, then what Raft had applied, and of equal ones
    /// the snapshot, whose bytes are proven. None: none is sound.
    pub fn recommended(&self) -> Option<Recommended<'_>> {
        let sound = self
            .saved
            .iter()
            .filter_map(|one| Some((one, one.sound()?)));
        // Of equal ones the first, as `max_by` takes the last.
        let (best, facts) = sound.rev().max_by(|left, right| newer(*left, *right))?;
        Some(Recommended {
            node: &best.node,
            warnings: self.warnings(best, facts),
        })
    }

    fn warnings(&self, best: &Saved, facts: &FileFacts) -> Vec<String> {
        let mut warnings = Vec::new();
        let others = self.saved.iter().filter(|one| one.node != best.node);
        for (other, its) in others.filter_map(|one| Some((one, one.facts.get()?))) {
            // Applied indexes of one log grow with the revisions.
            if (its.term, its.applied_index) > (facts.term, facts.applied_index) {
                warnings.push(format!(
                    "node {} is ahead by Raft's count and behind by revision: the two are not of one history, compare them",
                    other.node
                ));
            } else if best.raw && !other.raw && other.sound().is_some() {
                warnings.push(format!(
                    "it is a raw copy, {} revisions ahead of the proven snapshot of node {}",
                    facts.revision - its.revision,
                    other.node
                ));
            }
            if its.revision > facts.revision {
                warnings.push(format!(
                    "node {} has a newer revision ({}), in a file that is damaged",
                    other.node, its.revision
                ));
            }
        }
        let silent = self.missed.iter().filter(|missed| !missed.empty);
        warnings.extend(silent.map(|missed| {
            format!(
                "node {} was not saved and may hold a newer one",
                missed.node
            )
        }));
        warnings
    }
}

fn newer(left: (&Saved, &FileFacts), right: (&Saved, &FileFacts)) -> Ordering {
    let key = |(saved, facts): (&Saved, &FileFacts)| {
        (facts.revision, facts.term, facts.applied_index, !saved.raw)
    };
    key(left).cmp(&key(right))
}

/// Saves the database of every control plane of `survey` into `folder`, which is made, private.
/// `told` is called before each node. What is saved stays, whatever comes after it.
///
/// # Errors
/// 74: the folder cannot be made or written; 130, 143: a stop. What a node refuses is told in
/// [`Salvage::missed`].
pub async fn salvage(
    talos: &Talos,
    survey: &Survey,
    (folder, timeouts): (&Path, StreamTimeouts),
    cancel: &Cancel,
    told: impl Fn(&NodeSurvey),
) -> Result<Salvage, Failure> {
    make(folder)?;
    let mut salvage = Salvage {
        saved: Vec::new(),
        missed: Vec::new(),
    };
    for node in &survey.nodes {
        let missed = |why: String, empty| Missed {
            node: node.node.clone(),
            why,
            empty,
        };
        // Who may only take backups is refused the questions, not the snapshot.
        if let Known::Unknown(unknown) = &node.reached
            && unknown.why != Why::NotPermitted
        {
            salvage.missed.push(missed(unknown.reason.clone(), false));
            continue;
        }
        let is_empty = |data: &super::DataDirectory| data.state() == DataState::Empty;
        if node.storage.data.is_and(is_empty) && node.status.get().is_none() {
            salvage
                .missed
                .push(missed("its data directory is empty".to_owned(), true));
            continue;
        }
        told(node);
        let from = Origin {
            talos,
            node,
            timeouts,
            cancel,
        };
        match from.save(folder).await? {
            Ok(saved) => salvage.saved.push(saved),
            Err(why) => salvage.missed.push(missed(why, false)),
        }
    }
    Ok(salvage)
}

fn make(folder: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    match builder.mode(0o700).create(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => {
            let what = format!("cannot make the folder `{}`: {error}", folder.display());
            Err(Failure::new(Exit::Io, what).hint("name another one with `-o`"))
        }
    }
}

/// Where one database comes from.
struct Origin<'a> {
    talos: &'a Talos,
    node: &'a NodeSurvey,
    timeouts: StreamTimeouts,
    cancel: &'a Cancel,
}

impl Origin<'_> {
    /// The inner error: this node gives nothing, and others may.
    async fn save(&self, folder: &Path) -> Result<Result<Saved, String>, Failure> {
        let refused = if self.may_run() {
            match self.snapshot(folder).await? {
                Ok(path) => return Ok(Ok(self.looked_at(path, false, None).await)),
                Err(why) => Some(why),
            }
        } else {
            None
        };
        Ok(match self.raw_copy(folder).await? {
            Ok(path) => Ok(self.looked_at(path, true, refused).await),
            Err(why) => Err(refused.map_or(why.clone(), |first| format!("{first}; {why}"))),
        })
    }

    /// Whether its etcd may run: a role that may only take backups is not told.
    fn may_run(&self) -> bool {
        let stopped = self.node.services.get().is_some()
            && self
                .node
                .etcd_service()
                .is_none_or(|etcd| etcd.state != "Running");
        self.node.status.get().is_some() || !stopped
    }

    async fn snapshot(&self, folder: &Path) -> Result<Result<PathBuf, String>, Failure> {
        let path = self.path(folder, "snapshot");
        let mut source = TalosSource::new(self.talos, &self.node.node, self.timeouts);
        let target = PullTarget::File(path.clone(), false).open()?;
        let taken = take(&mut source, target, self.cancel.clone()).await;
        let taken = taken.map(|(target, _)| target);
        named(taken.map_err(|error| error.failure), path)
    }

    async fn raw_copy(&self, folder: &Path) -> Result<Result<PathBuf, String>, Failure> {
        let path = self.path(folder, "raw.db");
        let mut source = TalosSource::file(self.talos, &self.node.node, DATABASE, self.timeouts);
        let target = PullTarget::File(path.clone(), false).open()?;
        let taken = take_unproven(&mut source, target, self.cancel.clone()).await;
        named(taken.map_err(|error| error.failure), path)
    }

    /// `:` of an IPv6 address is not for every file system.
    fn path(&self, folder: &Path, kind: &str) -> PathBuf {
        folder.join(format!("{}.{kind}", self.node.node.replace(':', "-")))
    }

    async fn looked_at(&self, path: PathBuf, raw: bool, no_snapshot: Option<String>) -> Saved {
        let file = path.clone();
        let looked = spawn_blocking(move || facts(&file)).await;
        let facts = match looked {
            Ok(Ok(facts)) => Known::Is(facts),
            Ok(Err(failure)) => Known::not_asked(failure.what),
            Err(_) => Known::not_asked("the check stopped half way"),
        };
        Saved {
            node: self.node.node.clone(),
            path,
            raw,
            no_snapshot,
            facts,
        }
    }
}

fn facts(path: &Path) -> Result<FileFacts, Failure> {
    let shown = path.display().to_string();
    let unread =
        |error: io::Error| Failure::new(Exit::Io, format!("cannot read `{shown}` again: {error}"));
    FileFacts::of(&File::open(path).map_err(unread)?, &shown)
}

/// Gives what was taken its name. Our own disk and a stop end the salvage; all else is the
/// node's.
fn named(
    taken: Result<crate::backup::Target, Failure>,
    path: PathBuf,
) -> Result<Result<PathBuf, String>, Failure> {
    match taken {
        Ok(target) => target.publish().map(|()| Ok(path)),
        Err(failure)
            if matches!(
                failure.exit,
                Exit::Io | Exit::Interrupted | Exit::Terminated
            ) =>
        {
            Err(failure)
        }
        Err(failure) => Ok(Err(failure.what)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn saved(node: &str, raw: bool, revision: i64, index: u64) -> Saved {
        Saved {
            node: node.to_owned(),
            path: PathBuf::from(node),
            raw,
            no_snapshot: None,
            facts: Known::Is(FileFacts {
                digest_holds: (!raw).then_some(true),
                revision,
                term: Some(3),
                applied_index: Some(index),
                ..samples::file()
            }),
        }
    }

    fn damaged(mut saved: Saved) -> Saved {
        if let Known::Is(facts) = &mut saved.facts {
            facts.damage.push("page 7".to_owned());
        }
        saved
    }

    fn of(saved: Vec<Saved>) -> Salvage {
        Salvage {
            saved,
            missed: Vec::new(),
        }
    }

    #[test]
    fn the_newest_sound_one_is_recommended_and_of_equal_ones_the_proven() {
        let equal = of(vec![saved("a", false, 9, 20), saved("b", true, 9, 20)]);
        assert_eq!(
            equal.recommended(),
            Some(Recommended {
                node: "a",
                warnings: Vec::new()
            })
        );
        let ahead = of(vec![saved("a", false, 9, 20), saved("b", true, 12, 23)]);
        let best = ahead.recommended().unwrap();
        assert_eq!(best.node, "b");
        assert!(best.warnings[0].contains("3 revisions ahead"), "{best:?}");
        let torn = of(vec![
            saved("a", false, 9, 20),
            damaged(saved("b", true, 12, 23)),
        ]);
        let best = torn.recommended().unwrap();
        assert_eq!(best.node, "a");
        assert!(
            best.warnings.iter().any(|one| one.contains("damaged")),
            "{best:?}"
        );
        assert_eq!(
            of(vec![damaged(saved("a", true, 9, 20))]).recommended(),
            None
        );
    }

    #[test]
    fn what_is_not_of_one_history_and_what_was_not_seen_is_said() {
        let mut two = of(vec![saved("a", false, 9, 200), saved("b", false, 12, 23)]);
        two.missed.push(Missed {
            node: "c".to_owned(),
            why: "silent".to_owned(),
            empty: false,
        });
        let best = two.recommended().unwrap();
        assert_eq!(best.node, "b");
        assert!(best.warnings[0].contains("not of one history"), "{best:?}");
        assert!(
            best.warnings[1].contains("node c was not saved"),
            "{best:?}"
        );
        two.missed[0].empty = true;
        assert_eq!(two.recommended().unwrap().warnings.len(), 1);
    }
}
