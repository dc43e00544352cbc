//! The backup as the cluster makes it: a Job of the CronJob that is installed, followed to its end.

use std::collections::VecDeque;

use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::cli::{Context, Ui};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::kube::Cluster;
use etcdbackup::scheduled::{self, Ended, Follow, Stopped, Tell};
use etcdbackup::store::Destination;

use crate::cli::{Now, Receipt};
use crate::fleet;

pub(super) async fn run(
    now: &Now,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    refuse_typed_destination(&context)?;
    let Some(names) = fleet::contexts(&now.fleet, kubernetes)? else {
        let text = one(now, kubernetes, &context, "").await?;
        context.ui.data(&text)?;
        return Ok(Exit::Done);
    };
    let ran = fleet::each(names, kubernetes, async |name, own| {
        one(now, own, &context, &format!("{name}: ")).await
    });
    let ran = ran.await;
    for (name, outcome) in &ran {
        match outcome {
            Ok(text) => context.ui.data(text)?,
            Err(failure) => context.ui.failure(&of_context(name, failure)),
        }
    }
    let exits = ran.iter().map(|(_, outcome)| match outcome {
        Ok(_) => Exit::Done,
        Err(failure) => failure.exit,
    });
    Ok(fleet::exit(exits))
}

fn of_context(name: &str, failure: &Failure) -> Failure {
    let told = Failure::new(failure.exit, format!("context `{name}`: {}", failure.what));
    match &failure.hint {
        Some(hint) => told.hint(hint.clone()),
        None => told,
    }
}

/// One cluster's backup: what belongs on stdout. `before`: stands before each line of talk.
async fn one(
    now: &Now,
    kubernetes: &KubernetesFlags,
    context: &Context,
    before: &str,
) -> Result<String, Failure> {
    let talk = Talk {
        ui: &context.ui,
        before,
    };
    let work = start(now, kubernetes, context, &talk);
    let mut cancel = context.cancel.clone();
    let (cluster, namespace, name) = cancel.unless_stopped(work).await??;
    if now.no_wait {
        return Ok(format!("job.batch/{name}\n"));
    }
    let how = Follow { limit: now.timeout };
    let following = scheduled::follow(&cluster, &namespace, &name, how, &talk);
    let gone = async || {
        if let Err(error) = scheduled::delete(&cluster, &namespace, &name).await {
            talk.note(&format!("Job `{name}` is left: {error}"));
        }
    };
    let followed = match cancel.unless_stopped(following).await {
        Ok(followed) => followed,
        Err(stopped) => {
            gone().await;
            let what = format!("stopped by a signal: Job `{name}` was deleted");
            return Err(Failure::new(stopped.exit, what).hint("run it again"));
        }
    };
    match followed {
        Ok((ended, lines)) => stored(ended, &lines, now.output, &talk),
        Err(Stopped { failure, stuck }) => {
            if stuck {
                gone().await;
            }
            Err(failure)
        }
    }
}

/// The Job, its namespace and the cluster.
async fn start(
    now: &Now,
    kubernetes: &KubernetesFlags,
    context: &Context,
    talk: &Talk<'_>,
) -> Result<(Cluster, String, String), Failure> {
    let direct = context.called.with(&["--direct"]);
    let otherwise = |failure: Failure| match failure.exit {
        // Never in silence another way than the one that was asked for.
        Exit::Unreachable => failure.hint(format!("back up from here: `{direct}`")),
        _ => failure,
    };
    let cluster = kubernetes.client()?.connect().await.map_err(otherwise)?;
    let found = scheduled::find(&cluster, now.cronjob.as_deref()).await;
    let Some(cron_job) = found.map_err(otherwise)? else {
        let what = "no CronJob that backs up is installed in this cluster";
        return Err(Failure::new(Exit::Config, what).hint(format!(
            "`kubectl etcdbackup manifests` renders one; from here: `{direct}`"
        )));
    };
    let namespace = cron_job.metadata.namespace.clone();
    if cron_job.spec.suspend {
        talk.note(&format!(
            "CronJob `{namespace}/{}` is suspended: nothing backs up by schedule",
            cron_job.metadata.name
        ));
    }
    let name = scheduled::start(&cluster, &cron_job).await?;
    talk.line(&format!("started Job `{namespace}/{name}`"));
    Ok((cluster, namespace, name))
}

/// What is typed beside `now` belongs to `--direct`: in the cluster the CronJob decides.
fn refuse_typed_destination(context: &Context) -> Result<(), Failure> {
    let typed = context.called.words().iter();
    let mut destinations = typed.filter(|word| word.contains("://") && !word.starts_with('-'));
    match destinations.next() {
        None => Ok(()),
        Some(word) => Err(Failure::new(
            Exit::Usage,
            format!("`{word}`: where a backup in the cluster goes is said by its CronJob"),
        )
        .hint(format!(
            "without it: `kubectl etcdbackup now`; from here: `{}`",
            context.called.with(&["--direct"])
        ))),
    }
}

/// stdout as the program in the pod had it.
fn stored(
    ended: Ended,
    lines: &VecDeque<String>,
    output: Receipt,
    talk: &Talk<'_>,
) -> Result<String, Failure> {
    if let Some(failure) = ended.failure {
        return Err(failure);
    }
    let receipt = ended.report.and_then(|report| report.receipt);
    let text = match (&receipt, output) {
        (Some(receipt), Receipt::Json) => {
            let json = serde_json::to_string(receipt).map_err(|error| {
                Failure::new(Exit::Bug, format!("cannot print the receipt: {error}"))
            })?;
            json + "\n"
        }
        (Some(receipt), Receipt::Name) => {
            let stored = receipt.copies.iter().filter(|copy| copy.error.is_none());
            stored.map(|copy| format!("{}\n", copy.url)).collect()
        }
        (None, Receipt::Json) => {
            talk.note("the pod left no report: set ETCDBACKUP_REPORT_FILE=/dev/termination-log in the CronJob");
            String::new()
        }
        // Without a report there is the log: URLs stand alone in their lines.
        (None, Receipt::Name) => lines
            .iter()
            .filter(|line| line.contains("://") && Destination::parse(line).is_ok())
            .map(|line| format!("{line}\n"))
            .collect(),
    };
    Ok(text)
}

struct Talk<'a> {
    ui: &'a Ui,
    before: &'a str,
}

impl Tell for Talk<'_> {
    fn note(&self, text: &str) {
        self.ui.warn(&format!("{}{text}", self.before));
    }

    fn line(&self, text: &str) {
        self.ui.note(&format!("{}{text}", self.before));
    }
}
