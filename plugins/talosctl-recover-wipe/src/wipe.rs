//! Looks, judges, asks for the name, wipes.

use etcdbackup::cli::{Context, Given, look};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::wipe::{Order, Plan, plan, wipe};
use etcdbackup::recovery::{Beforehand, Verdict};
use etcdbackup::talos::Talos;

use crate::cli::RecoverWipe;

pub(crate) async fn run(cli: RecoverWipe, context: Context) -> Result<Exit, Failure> {
    let mut cancel = context.cancel.clone();
    tokio::select! {
        done = wiped(&cli, &context) => done,
        exit = cancel.requested() => Err(
            Failure::new(exit, "stopped by a signal; a wipe that was asked for goes on by itself")
                .hint("run it again: what is empty by then is left alone"),
        ),
    }
}

async fn wiped(cli: &RecoverWipe, context: &Context) -> Result<Exit, Failure> {
    if cli.nodes.is_empty() {
        return Err(Failure::new(Exit::Usage, "no node is named")
            .hint("name those that are wiped: `-n NODE,NODE`"));
    }
    let talos = Talos::connect(&cli.reach.selection(&cli.nodes))?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let given = Given::find(
        &cli.restore_from,
        &cli.stored,
        cli.proof.spool_dir.as_deref(),
        context,
    )
    .await?;
    let beforehand = Beforehand {
        snapshot_members: given.facts.members.clone(),
        lost: cli.reach.lost.clone(),
    };
    context.ui.note("looking at every control plane");
    let (survey, judgement) = look(
        context,
        &talos,
        &beforehand,
        &cli.look,
        cli.proof.spool_dir.as_deref(),
    )
    .await;
    let given = given
        .with_keys(cli.proof.machine_config.as_deref(), &talos, &survey)
        .await?;
    let order = Order {
        nodes: &cli.nodes,
        facts: &given.facts,
        lose_local_data: cli.losses.lose_local_data,
        lose_database: &cli.losses.lose_database,
        discard_cluster: cli.discard_cluster.as_deref(),
    };
    let plan = plan(&survey, &judgement, &order)?;
    for warning in given.facts.must_pass(&survey)? {
        context.ui.warn(&format!("{}: {warning}", given.facts.name));
    }
    context.ui.report(&plan.text())?;
    if plan.wipe.is_empty() || cli.dry_run {
        return Ok(Exit::Done);
    }
    confirmed(cli, &plan)?;
    let note = |text: &str| context.ui.note(text);
    wipe(&talos, &plan, cli.losses.wipe_timeout, &note).await?;
    // With a quorum the node joins again by itself; without one it waits.
    let joins = matches!(judgement.verdict, Verdict::Healthy | Verdict::Degraded)
        && cli.discard_cluster.is_none();
    context.ui.report(if joins {
        "next: talosctl-recover-check\n"
    } else {
        "next: talosctl-recover-check preparing\n"
    })?;
    Ok(Exit::Done)
}

fn confirmed(cli: &RecoverWipe, plan: &Plan) -> Result<(), Failure> {
    match &cli.confirm {
        Some(name) if *name == plan.cluster => Ok(()),
        Some(name) => Err(Failure::new(
            Exit::Usage,
            format!(
                "`--confirm {name}` is not this cluster: it is called {}",
                plan.cluster
            ),
        )
        .hint("is it the right talosconfig context? nothing was changed")),
        None => Err(
            Failure::new(Exit::Usage, "not confirmed: nothing was changed").hint(format!(
                "is this what you want? say its name: `--confirm {}`",
                plan.cluster
            )),
        ),
    }
}
