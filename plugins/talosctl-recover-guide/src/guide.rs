//! The conversation: every start begins with a look, and so lands where the cluster is.

use std::future::Future;

use etcdbackup::cli::ui::printable;
use etcdbackup::cli::{Context, Given, findings, look, recovery_text};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::checks::{Client, Evidence};
use etcdbackup::recovery::kubernetes::Kubernetes;
use etcdbackup::recovery::machine_config::Configs;
use etcdbackup::recovery::{
    Assertion, Beforehand, FileFacts, Judgement, NodeSurvey, Report, Survey, Verdict, bootstrap,
};
use etcdbackup::talos::{Member, Talos};

use crate::ask::Asks;
use crate::cli::RecoverGuide;
use crate::commands::Commands;

const INTRODUCTION: &str = "\
The recovery of a control plane, one step after the other. Each step shows its
command behind `$`, which does the same by itself. Nothing is wiped and nothing
is bootstrapped before you have typed the cluster's name. Ctrl-C stops; started
again, this goes on where the cluster is.
";

/// What the conversation is held with.
pub(crate) struct Guide<'a> {
    pub(crate) cli: &'a RecoverGuide,
    pub(crate) context: &'a Context,
    pub(crate) talos: &'a Talos,
    pub(crate) asks: Asks,
    pub(crate) commands: Commands,
}

/// A look, and what follows from it.
pub(crate) struct Seen {
    pub(crate) survey: Survey,
    pub(crate) judgement: Judgement,
    /// Only where it is asked whether the cluster is back.
    pub(crate) kubernetes: Option<Kubernetes>,
    /// Only where it is asked whether the nodes are fit.
    pub(crate) configs: Option<Configs>,
}

/// Where the cluster is.
enum Stage<'s> {
    /// etcd is well.
    Well,
    /// etcd was restored on this node, and others have not joined yet.
    Joins(&'s NodeSurvey),
    /// Only a backup brings it back.
    Restore,
    /// Nothing that a restore would help.
    Repair,
}

pub(crate) async fn run(cli: RecoverGuide, context: Context) -> Result<Exit, Failure> {
    let asks = Asks::at_terminal(&context.cancel, &context.ui)?;
    let talos = Talos::connect(&cli.recover.reach.selection(&cli.recover.nodes))?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let commands = Commands::new(&cli);
    let guide = Guide {
        cli: &cli,
        context: &context,
        talos: &talos,
        asks,
        commands,
    };
    guide.converse().await
}

impl Guide<'_> {
    async fn converse(&self) -> Result<Exit, Failure> {
        self.say(INTRODUCTION);
        let seen = self.look(None).await?;
        match seen.stage() {
            Stage::Well => {
                self.say("There is nothing to restore. What else there is to know:\n");
                self.recovered(false).await
            }
            Stage::Joins(node) => {
                self.join(&seen, node).await?;
                self.recovered(!self.cli.dry_run).await
            }
            Stage::Repair => self.repair(&seen),
            Stage::Restore => self.restore(&seen).await,
        }
    }

    async fn restore(&self, seen: &Seen) -> Result<Exit, Failure> {
        if !self.survivors_are_saved(seen).await? {
            return Ok(Exit::No);
        }
        let given = self.backup().await?;
        let mut seen = self.look(Some(&given.facts)).await?;
        if !matches!(seen.stage(), Stage::Restore) {
            return Err(Failure::new(
                Exit::Temporary,
                "the cluster is not what it was a moment ago",
            )
            .hint("is somebody else at it? run it again"));
        }
        let given = self.fits(given, &mut seen).await?;
        let Some(seen) = self.make_room(&given, seen).await? else {
            return Ok(Exit::Done);
        };
        if self.bootstrap(&given, &seen).await? {
            self.recovered(true).await
        } else {
            Ok(Exit::Done)
        }
    }

    /// Looks at every control plane, those of the snapshot at hand too, and tells the verdict.
    pub(crate) async fn look(&self, file: Option<&FileFacts>) -> Result<Seen, Failure> {
        let name = file.map(|file| file.name.as_str());
        self.step(
            "Look at every control plane",
            &self.commands.check("unrecoverable", name),
        );
        let beforehand = self.beforehand(file.map_or(&[], |file| &file.members));
        let (flags, folder) = (&self.cli.look, self.cli.proof.spool_dir.as_deref());
        let work = async { Ok(look(self.context, self.talos, &beforehand, flags, folder).await) };
        let (survey, judgement) = self.unless_stopped(work, "nothing was changed").await?;
        self.say(&recovery_text::control_planes(&survey, &judgement));
        self.say(&recovery_text::verdict(&judgement));
        Ok(Seen {
            survey,
            judgement,
            kubernetes: None,
            configs: None,
        })
    }

    pub(crate) fn beforehand(&self, members: &[Member]) -> Beforehand {
        Beforehand {
            snapshot_members: members.to_vec(),
            lost: self.cli.recover.reach.lost.clone(),
        }
    }

    /// What is to be done where a restore would not help.
    fn repair(&self, seen: &Seen) -> Result<Exit, Failure> {
        self.report(Assertion::Unrecoverable, seen, None, |report| {
            self.say(&findings(&self.context.ui, &report.findings, false));
            self.say(&recovery_text::next(report));
            self.say("Nothing was changed. Run this again afterwards.\n");
            Ok(report.exit())
        })
    }

    /// A database that survives is newer than a backup: it is saved first. False: it is not yet.
    async fn survivors_are_saved(&self, seen: &Seen) -> Result<bool, Failure> {
        if seen.judgement.verdict != Verdict::Salvageable {
            return Ok(true);
        }
        self.report(Assertion::Unrecoverable, seen, None, |report| {
            self.say(&recovery_text::next(report));
            Ok(())
        })?;
        self.say("What was saved can be the backup: name its file to the next question.\n");
        let saved = self.asks.yes("Is each of them saved, or not wanted", false);
        let saved = saved.await?;
        if !saved {
            self.say("Nothing was changed. Save them, then run this again.\n");
        }
        Ok(saved)
    }

    /// A heading, and the command that does the step by itself.
    pub(crate) fn step(&self, what: &str, command: &str) {
        self.say(&format!("\n== {what}\n   $ {}\n", printable(command)));
    }

    pub(crate) fn say(&self, text: &str) {
        self.context.ui.say(text);
    }

    /// Lets `tell` tell a sentence of the check.
    pub(crate) fn report<T>(
        &self,
        assertion: Assertion,
        seen: &Seen,
        file: Option<&FileFacts>,
        tell: impl FnOnce(&Report<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let client = Client {
            roles: self.talos.roles().to_vec(),
            end: self.talos.certificate_end(),
        };
        let evidence = Evidence {
            survey: &seen.survey,
            judgement: &seen.judgement,
            client: &client,
            file,
            kubernetes: seen.kubernetes.as_ref(),
            configs: seen.configs.as_ref(),
        };
        let again = |more: &[&str]| self.context.called.with(more);
        tell(&Report::new(assertion, &evidence, &again))
    }

    /// Ends work at a signal; `left` says how it leaves things.
    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
        left: &str,
    ) -> Result<T, Failure> {
        let mut cancel = self.context.cancel.clone();
        tokio::select! {
            done = work => done,
            exit = cancel.requested() => Err(
                Failure::new(exit, format!("stopped by a signal: {left}"))
                    .hint("run it again: it goes on where the cluster is"),
            ),
        }
    }

    /// A snapshot on this machine, checked by itself.
    pub(crate) async fn open(&self, file: &str) -> Result<Given, Failure> {
        if file == "-" {
            return Err(
                Failure::new(Exit::Usage, "stdin is the terminal that answers")
                    .hint("name a file, or where the backups lie"),
            );
        }
        self.unless_stopped(
            Given::open(file, self.cli.proof.spool_dir.as_deref(), self.context),
            "nothing was changed",
        )
        .await
    }
}

impl Seen {
    fn stage(&self) -> Stage<'_> {
        match self.judgement.verdict {
            Verdict::Healthy => Stage::Well,
            Verdict::Degraded => {
                bootstrap::unfinished(&self.survey).map_or(Stage::Repair, Stage::Joins)
            }
            Verdict::Blocked | Verdict::Unknown => Stage::Repair,
            Verdict::Salvageable | Verdict::Lost | Verdict::AwaitingBootstrap => Stage::Restore,
        }
    }
}
