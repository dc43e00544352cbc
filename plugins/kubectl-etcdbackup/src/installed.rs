//! Where backups lie when nobody says: as the CronJob that is installed has it.

use std::collections::BTreeMap;

use etcdbackup::cli::Context;
use etcdbackup::cli::env;
use etcdbackup::cli::flags::{KubernetesFlags, PathStyleFlag, StoreFlags};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::scheduled;

/// What a CronJob says of its store: its variables that are not empty.
#[derive(Debug, Default)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    pub(crate) fn new(variables: BTreeMap<String, String>) -> Self {
        let said = variables.into_iter();
        Self(said.filter(|(_, value)| !value.is_empty()).collect())
    }

    fn get(&self, name: &str) -> Option<&String> {
        self.0.get(name)
    }

    /// Where it backs up to.
    pub(crate) fn destinations(&self) -> Vec<String> {
        let said = self.get(env::DESTINATION).map(String::as_str);
        let words = said.unwrap_or_default().split_whitespace();
        words.map(str::to_owned).collect()
    }

    /// Its name of the cluster.
    pub(crate) fn cluster_name(&self) -> Option<&String> {
        self.get(env::CLUSTER_NAME)
    }

    /// How its store is reached, where nothing else is said.
    pub(crate) fn fill(&self, store: &mut StoreFlags) {
        let or = |said: &mut Option<String>, name| {
            if said.is_none() {
                *said = self.get(name).cloned();
            }
        };
        or(&mut store.s3_endpoint, env::S3_ENDPOINT);
        or(&mut store.s3_region, env::S3_REGION);
        let style = self.get(env::S3_PATH_STYLE).map(String::as_str);
        if matches!(store.s3_path_style, PathStyleFlag::Auto) {
            store.s3_path_style = match style {
                Some("path") => PathStyleFlag::Path,
                Some("virtual") => PathStyleFlag::Virtual,
                _ => PathStyleFlag::Auto,
            };
        }
    }
}

/// Fills in what the CronJob says, where no destination was named.
///
/// # Errors
/// 2: none was named, and none is installed that says one.
pub(crate) async fn fill(
    destinations: &mut Vec<String>,
    store: &mut StoreFlags,
    cluster_name: &mut Option<String>,
    kubernetes: &KubernetesFlags,
    context: &Context,
) -> Result<(), Failure> {
    if !destinations.is_empty() {
        return Ok(());
    }
    let mut cancel = context.cancel.clone();
    let settings = cancel.unless_stopped(settings(kubernetes)).await?;
    let why = match settings {
        Ok(settings) => {
            *destinations = settings.destinations();
            settings.fill(store);
            if cluster_name.is_none() {
                *cluster_name = settings.cluster_name().cloned();
            }
            "no CronJob that says one is installed in this cluster".to_owned()
        }
        Err(failure) => failure.what,
    };
    if destinations.is_empty() {
        let what = format!("no destination was named, and none is known: {why}");
        let command = context.called.with(&["s3://BUCKET/PREFIX"]);
        return Err(Failure::new(Exit::Usage, what).hint(format!("name one: `{command}`")));
    }
    let known = destinations.join(" ");
    context.ui.note(&format!("as the CronJob has it: {known}"));
    Ok(())
}

/// The same for a verb that takes one destination.
///
/// # Errors
/// 2: none was named, and none is installed that says one, or it says several.
pub(crate) async fn only(
    place: Option<&String>,
    store: &mut StoreFlags,
    cluster_name: &mut Option<String>,
    kubernetes: &KubernetesFlags,
    context: &Context,
) -> Result<String, Failure> {
    let mut places: Vec<String> = place.cloned().into_iter().collect();
    fill(&mut places, store, cluster_name, kubernetes, context).await?;
    if let [place] = places.as_slice() {
        return Ok(place.clone());
    }
    let what = format!("the CronJob has {} destinations", places.len());
    Err(Failure::new(Exit::Usage, what).hint(format!("name one: {}", places.join(", "))))
}

/// Of the only CronJob there is.
async fn settings(kubernetes: &KubernetesFlags) -> Result<Settings, Failure> {
    let cluster = kubernetes.client()?.connect().await?;
    let Some(cron_job) = scheduled::find(&cluster, None).await? else {
        return Ok(Settings::default());
    };
    let variables = scheduled::settings(&cluster, &cron_job).await?;
    Ok(Settings::new(variables))
}
