//! What two backups differ in: how the last one from before the damage is found.

use std::fs::File;

use etcdbackup::cli::Given;
use etcdbackup::cli::changes::{Report, compare};
use etcdbackup::cli::objects::{Snapshot, read_keys};
use etcdbackup::failure::{Exit, Failure};
use tokio::task::spawn_blocking;

use crate::guide::Guide;

impl Guide<'_> {
    /// Tells what is not the same in the one that was looked at before and in this one.
    pub(crate) async fn compare(&self, before: &Given, now: &Given) -> Result<(), Failure> {
        let (older, newer) = if now.facts.revision < before.facts.revision {
            (now, before)
        } else {
            (before, now)
        };
        let (first, second) = (&older.facts.name, &newer.facts.name);
        self.step(
            "Compare the two, the older first",
            &self.commands.diff(first, second),
        );
        let (first, second) = (self.records(older)?, self.records(newer)?);
        let work = async {
            spawn_blocking(move || compare(&first, &second, false))
                .await
                .unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "the comparison stopped half way")))
        };
        let report: Report = self.unless_stopped(work, "nothing was changed").await?;
        self.say(&report.text(false));
        Ok(())
    }

    fn records(&self, given: &Given) -> Result<Snapshot, Failure> {
        let name = given.facts.name.clone();
        let again = |error| {
            Failure::new(Exit::Io, format!("cannot open {name} again: {error}"))
                .hint("is the file still there?")
        };
        let file: File = given.file.try_clone().map_err(again)?;
        let config = self.cli.proof.machine_config.as_deref();
        Snapshot::open(name, file, None, config.map(read_keys).transpose()?)
    }
}
