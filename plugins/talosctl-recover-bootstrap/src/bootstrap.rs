//! Proves, looks, restores, tells.

use etcdbackup::cli::{Context, Given, Telling};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::bootstrap::{Order, Outcome, bootstrap, restart_kubelets, voting};
use etcdbackup::recovery::{Beforehand, survey};
use etcdbackup::talos::Talos;

use crate::cli::RecoverBootstrap;

pub(crate) async fn run(cli: RecoverBootstrap, context: Context) -> Result<Exit, Failure> {
    let telling = Telling::new(&context.ui);
    let mut cancel = context.cancel.clone();
    tokio::select! {
        done = recovered(&cli, &context, &telling) => done,
        exit = cancel.requested() => Err(if telling.has_begun() {
            Failure::new(exit, "stopped by a signal; the restore goes on by itself")
                .hint("run it again to wait for it: nothing is done twice")
        } else {
            Failure::new(exit, "stopped by a signal; no bootstrap was asked for").hint("run it again")
        }),
    }
}

async fn recovered(
    cli: &RecoverBootstrap,
    context: &Context,
    telling: &Telling<'_>,
) -> Result<Exit, Failure> {
    let [node] = cli.nodes.as_slice() else {
        return Err(
            Failure::new(Exit::Usage, "exactly one node is bootstrapped")
                .hint("name it with `-n NODE`; the others join it by themselves"),
        );
    };
    let talos = Talos::connect(&cli.reach.selection(&cli.nodes))?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let file = cli.recover_from.as_ref().unwrap_or(&cli.file);
    let given = Given::open(file, cli.proof.spool_dir.as_deref(), context).await?;
    let beforehand = Beforehand {
        snapshot_members: given.facts.members.clone(),
        lost: cli.reach.lost.clone(),
    };
    context.ui.note("looking at every control plane");
    let seen = survey(&talos, &beforehand).await;
    let given = given
        .with_keys(cli.proof.machine_config.as_deref(), &talos, &seen)
        .await?;
    let order = Order {
        node,
        file: &given.file,
        facts: &given.facts,
        raw: cli.raw,
        beforehand: &beforehand,
        dry_run: cli.dry_run,
        limits: cli.limits.limits(),
    };
    for warning in given.facts.must_pass(&seen)? {
        context.ui.warn(&format!("{}: {warning}", given.facts.name));
    }
    match bootstrap(&talos, &seen, &order, telling).await? {
        Outcome::Would => {
            let line = format!(
                "would upload {} bytes to node {node} and bootstrap it; nothing was changed\n",
                given.facts.bytes
            );
            context.ui.report(&line)?;
        }
        Outcome::Back { members, nodes } => {
            context.ui.report(&format!(
                "etcd is back: {}\nnext: talosctl-recover-check recovered\n",
                voting(&members)
            ))?;
            if cli.restart_kubelets {
                restart_kubelets(&talos, &nodes, telling).await?;
            } else {
                context.ui.note(&format!(
                    "kubelets and controllers know a newer state than this one: `talosctl -n {} service kubelet restart`",
                    nodes.join(",")
                ));
            }
        }
    }
    Ok(Exit::Done)
}
