//! Room for the restore: what still holds something of etcd is wiped, and nothing else.

use etcdbackup::cli::Given;
use etcdbackup::failure::Failure;
use etcdbackup::recovery::wipe::{Order, not_empty, plan, wipe};

use crate::guide::{Guide, Seen};

impl Guide<'_> {
    /// Wipes where needed; what is seen then. None: it would be wiped, and this is a dry run.
    pub(crate) async fn make_room(
        &self,
        given: &Given,
        seen: Seen,
    ) -> Result<Option<Seen>, Failure> {
        let nodes = not_empty(&seen.survey);
        if nodes.is_empty() {
            return Ok(Some(seen));
        }
        let name = &given.facts.name;
        let command = self.commands.wipe(&nodes, name, &self.given_up());
        self.step("Wipe what is left of etcd", &command);
        let order = Order {
            nodes: &nodes,
            facts: &given.facts,
            lose_local_data: self.cli.losses.lose_local_data,
            lose_database: &self.cli.losses.lose_database,
            discard_cluster: None,
        };
        let plan = plan(&seen.survey, &seen.judgement, &order)?;
        self.say(&plan.text());
        if self.cli.dry_run {
            self.say(&format!(
                "A dry run ends here: nothing was changed. Then comes\n   $ {}\n",
                self.commands.bootstrap("NODE", name)
            ));
            return Ok(None);
        }
        self.say("A wipe of EPHEMERAL takes images, logs and local volumes with it.\n");
        self.asks
            .name_of(&plan.cluster, "nothing was wiped")
            .await?;
        let note = |text: &str| self.context.ui.note(text);
        let work = wipe(self.talos, &plan, self.cli.losses.wipe_timeout, &note);
        let left = "a wipe that was asked for goes on by itself";
        self.unless_stopped(work, left).await?;
        self.look(Some(&given.facts)).await.map(Some)
    }

    /// What was given up at the command line, as the wipe by itself takes it.
    fn given_up(&self) -> Vec<String> {
        let databases = self.cli.losses.lose_database.iter();
        let databases = databases.flat_map(|node| ["--lose-database".to_owned(), node.clone()]);
        let local = self.cli.losses.lose_local_data;
        databases
            .chain(local.then(|| "--lose-local-data".to_owned()))
            .collect()
    }
}
