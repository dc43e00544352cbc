//! Whether the cluster is back.

use std::time::{Duration, Instant};

use etcdbackup::cli::{findings, recovery_text};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::{Assertion, Severity, judge, kubernetes, survey};

use crate::guide::{Guide, Seen};

/// How long what was restored a moment ago may take until nothing is the matter any more.
const SETTLES: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK: Duration = Duration::from_secs(3);

impl Guide<'_> {
    /// Proves it; after a `restore` with some patience.
    pub(crate) async fn recovered(&self, restore: bool) -> Result<Exit, Failure> {
        self.step(
            "Prove that it is back",
            &self.commands.check("recovered", None),
        );
        let until = Instant::now() + if restore { SETTLES } else { Duration::ZERO };
        let left = "etcd is back, and what is left is only looked at";
        let mut told = false;
        loop {
            let seen = self
                .unless_stopped(async { Ok(self.seen().await) }, left)
                .await?;
            let exit = self.report(Assertion::Recovered, &seen, None, |report| {
                let failed = report
                    .findings
                    .iter()
                    .any(|one| one.severity == Severity::Fail);
                if failed && Instant::now() < until {
                    return Ok(None);
                }
                self.say(&findings(&self.context.ui, &report.findings, false));
                self.say(&recovery_text::sentence(report));
                Ok(Some(if failed { Exit::No } else { Exit::Done }))
            })?;
            if let Some(exit) = exit {
                self.say(&farewell(exit, restore));
                return Ok(exit);
            }
            if !told {
                told = true;
                let seconds = SETTLES.as_secs();
                let text = format!("not all is well yet: looking again, for {seconds} s at most");
                self.context.ui.note(&text);
            }
            let pause = async {
                tokio::time::sleep(LOOK).await;
                Ok(())
            };
            self.unless_stopped(pause, left).await?;
        }
    }

    async fn seen(&self) -> Seen {
        let survey = survey(self.talos, &self.beforehand(&[])).await;
        let judgement = judge(&survey);
        let kubernetes = kubernetes::look(self.talos, &survey, None, None).await;
        Seen {
            survey,
            judgement,
            kubernetes: Some(kubernetes),
            configs: None,
        }
    }
}

fn farewell(exit: Exit, restore: bool) -> String {
    let state = match exit {
        Exit::Done => "etcd is well.",
        _ => "etcd answers, and not all is well: see what failed.",
    };
    let rest = if restore {
        " What is unknown above is looked at by hand, and a new\nbackup is taken: steps 9 and 10 of docs/runbook.md.\n"
    } else {
        " Nothing was changed.\n"
    };
    format!("\n{state}{rest}")
}
