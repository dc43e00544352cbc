//! The one step that makes a cluster, and the wait for those that join it.

use etcdbackup::cli::{Given, Telling};
use etcdbackup::cli::{findings, recovery_text};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::bootstrap::{
    Order, Outcome, allowed, bootstrap, finish, proposed, restart_kubelets, voting,
};
use etcdbackup::recovery::{Assertion, NodeSurvey};

use crate::guide::{Guide, Seen};

impl Guide<'_> {
    /// Bootstraps one control plane. False: it would, and this is a dry run.
    pub(crate) async fn bootstrap(&self, given: &Given, seen: &Seen) -> Result<bool, Failure> {
        let name = &given.facts.name;
        self.step(
            "Do they all wait",
            &self.commands.check("preparing", Some(name)),
        );
        self.report(Assertion::Preparing, seen, Some(&given.facts), |report| {
            self.say(&findings(&self.context.ui, &report.findings, false));
            self.say(&recovery_text::sentence(report));
            Ok(())
        })?;
        let target = self.target(seen).await?;
        self.step(
            "Bootstrap one control plane",
            &self.commands.bootstrap(&target.node, name),
        );
        let beforehand = self.beforehand(&given.facts.members);
        let order = Order {
            node: &target.node,
            file: &given.file,
            facts: &given.facts,
            raw: false,
            beforehand: &beforehand,
            dry_run: self.cli.dry_run,
            limits: self.cli.limits.limits(),
        };
        allowed(&seen.survey, &order)?;
        let cluster = seen.survey.cluster_called()?;
        self.say(&plan(&cluster, seen, target, given));
        if self.cli.dry_run {
            self.say("A dry run ends here: nothing was changed.\n");
            return Ok(false);
        }
        let kept = "nothing was bootstrapped";
        self.asks.name_of(&cluster, kept).await?;
        let telling = Telling::new(&self.context.ui);
        let mut cancel = self.context.cancel.clone();
        let outcome = tokio::select! {
            done = bootstrap(self.talos, &seen.survey, &order, &telling) => done?,
            exit = cancel.requested() => return Err(stopped(exit, telling.has_begun())),
        };
        self.back(outcome, &telling).await?;
        Ok(true)
    }

    /// Waits for those that join a control plane that was restored before.
    pub(crate) async fn join(&self, seen: &Seen, target: &NodeSurvey) -> Result<(), Failure> {
        self.say(&format!(
            "etcd was restored on node {}: the others join it by themselves, and nobody\nelse is bootstrapped.\n",
            target.title()
        ));
        if self.cli.dry_run {
            return Ok(());
        }
        let telling = Telling::new(&self.context.ui);
        let limit = self.cli.limits.join_timeout;
        let work = finish(self.talos, &seen.survey, target, limit, &telling);
        let outcome = self
            .unless_stopped(work, "the others go on joining by themselves")
            .await?;
        self.back(outcome, &telling).await
    }

    async fn target<'s>(&self, seen: &'s Seen) -> Result<&'s NodeSurvey, Failure> {
        let default = proposed(&seen.survey).map(|node| node.node.as_str());
        loop {
            let question = "Which control plane is bootstrapped";
            let answer = self.asks.line(question, default).await?;
            match seen.survey.called(&answer) {
                Some(node) => return Ok(node),
                None => self.say("no control plane of the table is called so\n"),
            }
        }
    }

    async fn back(&self, outcome: Outcome, telling: &Telling<'_>) -> Result<(), Failure> {
        let Outcome::Back { members, nodes } = outcome else {
            return Ok(());
        };
        self.say(&format!("etcd is back: {}\n", voting(&members)));
        let restart = format!("talosctl -n {} service kubelet restart", nodes.join(","));
        self.step("Restart the kubelets", &restart);
        self.say("They remember a newer state than the restored one. Pods go on running.\n");
        if !self.asks.yes("Restart them now", true).await? {
            return Ok(());
        }
        let work = restart_kubelets(self.talos, &nodes, telling);
        // etcd is back: a kubelet that is not there yet is told, and no reason to stop.
        match self.unless_stopped(work, "etcd is back").await {
            Err(failure) if failure.exit == Exit::Temporary => {
                self.context.ui.failure(&failure);
                Ok(())
            }
            done => done,
        }
    }
}

/// What will be done, with the addresses of those it is done to.
fn plan(cluster: &str, seen: &Seen, target: &NodeSurvey, given: &Given) -> String {
    let addresses = |node: &NodeSurvey| {
        let own = node.addresses.get();
        own.map_or_else(|| node.node.clone(), |own| own.join(", "))
    };
    let mut text = format!(
        "cluster {cluster}\n{}: gets {} and is bootstrapped ({})\n",
        target.title(),
        given.facts.name,
        addresses(target)
    );
    let reached = |node: &&NodeSurvey| node.reached.get().is_some() && node.node != target.node;
    for node in seen.survey.nodes.iter().filter(reached) {
        text += &format!(
            "{}: joins it by itself ({})\n",
            node.title(),
            addresses(node)
        );
    }
    text + "Autoscalers, DNS controllers and GitOps act as soon as the API answers: stop\nthose that must not see an old state before you go on.\n"
}

fn stopped(exit: Exit, begun: bool) -> Failure {
    let what = if begun {
        "stopped by a signal; the restore goes on by itself"
    } else {
        "stopped by a signal; no bootstrap was asked for"
    };
    Failure::new(exit, what).hint("run it again: it goes on where the cluster is")
}
