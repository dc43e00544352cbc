//! Whether the backup can bring this cluster back, and whether the nodes are fit for it.

use etcdbackup::cli::{Given, configs, findings, recovery_text};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::Assertion;

use crate::guide::{Guide, Seen};

impl Guide<'_> {
    /// The backup, its keys tried.
    pub(crate) async fn fits(&self, given: Given, seen: &mut Seen) -> Result<Given, Failure> {
        let name = given.facts.name.clone();
        self.step(
            "Check it against this cluster",
            &self.commands.check("snapshot", Some(&name)),
        );
        let config = self.cli.proof.machine_config.as_deref();
        let keys = given.with_keys(config, self.talos, &seen.survey);
        let given = self.unless_stopped(keys, "nothing was changed").await?;
        self.report(Assertion::Snapshot, seen, Some(&given.facts), |report| {
            self.say(&findings(&self.context.ui, &report.findings, false));
            self.say(&recovery_text::sentence(report));
            Ok(())
        })?;
        given.facts.must_pass(&seen.survey)?;
        self.step(
            "Check the nodes",
            &self.commands.check("nodes", Some(&name)),
        );
        let configs = configs(self.talos, &seen.survey, Vec::new(), Some(&given));
        seen.configs = Some(self.unless_stopped(configs, "nothing was changed").await?);
        let (exit, next) = self.report(Assertion::Nodes, seen, Some(&given.facts), |report| {
            self.say(&findings(&self.context.ui, &report.findings, false));
            self.say(&recovery_text::sentence(report));
            Ok((report.exit(), report.next.what.clone()))
        })?;
        if exit == Exit::Done || self.asks.yes("Go on all the same", false).await? {
            return Ok(given);
        }
        Err(Failure::new(
            exit,
            "the nodes are not fit for a restore: nothing was changed",
        )
        .hint(next))
    }
}
