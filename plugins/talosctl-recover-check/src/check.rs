//! Looks, judges, tells.

use etcdbackup::cli::{Context, Given, configs, look};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::kube::Access;
use etcdbackup::recovery::checks::{Client, Evidence};
use etcdbackup::recovery::kubernetes::{self, Baseline};
use etcdbackup::recovery::machine_config::read_saved;
use etcdbackup::recovery::{Assertion, Beforehand, Report};
use etcdbackup::talos::Talos;

use crate::cli::{RecoverCheck, Sentence};
use crate::output;

pub(crate) async fn run(cli: RecoverCheck, context: Context) -> Result<Exit, Failure> {
    let assertion = cli.assertion.map_or(Assertion::Triage, Sentence::assertion);
    if assertion == Assertion::Snapshot && cli.file.is_none() {
        return Err(Failure::new(Exit::Usage, "no snapshot is named")
            .hint("name a file or a URL: `talosctl-recover-check snapshot FILE`"));
    }
    if assertion != Assertion::Nodes && !cli.saved_configs.is_empty() {
        context
            .ui
            .warn("`--saved-configs` is of use to `nodes` only");
    }
    if assertion != Assertion::Recovered && cli.against.is_some() {
        context.ui.warn("`--against` is of use to `recovered` only");
    }
    let mut cancel = context.cancel.clone();
    let work = checked(&cli, assertion, &context);
    tokio::select! {
        done = work => done,
        exit = cancel.requested() => Err(Failure::new(exit, "stopped by a signal").hint("run it again: nothing was changed")),
    }
}

async fn checked(
    cli: &RecoverCheck,
    assertion: Assertion,
    context: &Context,
) -> Result<Exit, Failure> {
    let (named, against) = if assertion == Assertion::Recovered {
        let named = Access::named(&cli.kube.selection())?;
        (named, against(cli, context).await?)
    } else {
        (None, None)
    };
    let saved = match assertion {
        Assertion::Nodes => Some(read_saved(&cli.saved_configs)?),
        _ => None,
    };
    let talos = Talos::connect(&cli.recover.reach.selection(&cli.recover.nodes))?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let given = match &cli.file {
        Some(name) => Some(given(cli, name, context).await?),
        None => None,
    };
    let beforehand = Beforehand {
        snapshot_members: given
            .as_ref()
            .map(|given| given.facts.members.clone())
            .unwrap_or_default(),
        lost: cli.recover.reach.lost.clone(),
    };
    let (survey, judgement) = look(
        context,
        &talos,
        &beforehand,
        &cli.look,
        cli.proof.spool_dir.as_deref(),
    )
    .await;
    let configs = match saved {
        Some(saved) => Some(configs(&talos, &survey, saved, given.as_ref()).await?),
        None => None,
    };
    let facts = match given {
        Some(given) => Some(
            given
                .with_keys(cli.proof.machine_config.as_deref(), &talos, &survey)
                .await?
                .facts,
        ),
        None => None,
    };
    let kubernetes = if assertion == Assertion::Recovered {
        Some(kubernetes::look(&talos, &survey, named.as_ref(), against.as_ref()).await)
    } else {
        None
    };
    let client = Client {
        roles: talos.roles().to_vec(),
        end: talos.certificate_end(),
    };
    let evidence = Evidence {
        survey: &survey,
        judgement: &judgement,
        client: &client,
        file: facts.as_ref(),
        kubernetes: kubernetes.as_ref(),
        configs: configs.as_ref(),
    };
    tell(cli, assertion, &evidence, context)
}

async fn given(cli: &RecoverCheck, name: &str, context: &Context) -> Result<Given, Failure> {
    Given::find(name, &cli.stored, cli.proof.spool_dir.as_deref(), context).await
}

/// What the snapshot had that the live cluster is compared with.
async fn against(cli: &RecoverCheck, context: &Context) -> Result<Option<Baseline>, Failure> {
    let Some(name) = &cli.against else {
        return Ok(None);
    };
    if name == "-" && cli.file.as_deref() == Some("-") {
        return Err(Failure::new(Exit::Usage, "stdin is named twice")
            .hint("give one of both snapshots as a file"));
    }
    let given = given(cli, name, context).await?;
    given.baseline().await.map(Some)
}

fn tell(
    cli: &RecoverCheck,
    assertion: Assertion,
    evidence: &Evidence<'_>,
    context: &Context,
) -> Result<Exit, Failure> {
    let report = Report::new(assertion, evidence, &|more| context.called.with(more));
    context
        .ui
        .report(&output::render(cli.output, &report, &context.ui)?)?;
    Ok(report.exit())
}
