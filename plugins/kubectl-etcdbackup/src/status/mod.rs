//! `status`: how the backups are, on one screen.

mod beside;
mod fleet_table;
mod screen;

use std::io::IsTerminal;

use etcdbackup::cli::flags::KubernetesFlags;
use etcdbackup::cli::{Context, format};
use etcdbackup::clock;
use etcdbackup::configs::{self, Live, Reading};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::status::{self, Asked, Seen, TalosAccess};
use etcdbackup::talos::Talos;
use jiff::Timestamp;

use crate::cli::{Status, StatusFormat};
use crate::fleet;
use crate::installed::Settings;

/// Clears a terminal and goes to its upper left corner.
const CLEAR: &str = "\x1b[H\x1b[2J";

pub(crate) async fn run(
    flags: &Status,
    kubernetes: &KubernetesFlags,
    context: Context,
) -> Result<Exit, Failure> {
    let mut cancel = context.cancel.clone();
    let contexts = fleet::contexts(&flags.fleet, kubernetes)?;
    loop {
        let shown = match &contexts {
            None => {
                cancel
                    .unless_stopped(one(flags, kubernetes, &context))
                    .await??
            }
            Some(names) => {
                cancel
                    .unless_stopped(several(names, flags, kubernetes))
                    .await??
            }
        };
        let (text, exit) = shown;
        let clear = flags.watch && std::io::stdout().is_terminal();
        context.ui.report(&if clear {
            format!("{CLEAR}{text}")
        } else {
            text
        })?;
        if !flags.watch {
            return Ok(exit);
        }
        cancel
            .unless_stopped(tokio::time::sleep(flags.every))
            .await?;
    }
}

async fn one(
    flags: &Status,
    kubernetes: &KubernetesFlags,
    context: &Context,
) -> Result<(String, Exit), Failure> {
    let talos = Talos::connect(&flags.talos.selection());
    let running = match &talos {
        Ok(talos) if flags.live => Some((talos.context(), configs::read(talos).await)),
        _ => None,
    };
    let mut looked = look(flags, kubernetes, running.as_ref()).await?;
    match talos {
        Ok(talos) => looked.talos = Some(access(&talos)),
        Err(failure) => looked.unseen.push(format!("Talos: {}", failure.what)),
    }
    status::judge(&mut looked, flags.max_age, clock::now());
    let text = match flags.output {
        StatusFormat::Table => screen::render(&looked, clock::now(), &context.ui),
        StatusFormat::Yaml => format::yaml(&looked)?,
        StatusFormat::Json => json(&looked)?,
    };
    Ok((text, exit(&looked)))
}

/// The same of several clusters. Of Talos nothing is said: which context of the talosconfig is
/// which of the kubeconfig is not known.
async fn several(
    names: &[String],
    flags: &Status,
    kubernetes: &KubernetesFlags,
) -> Result<(String, Exit), Failure> {
    let looked = fleet::each(names.to_vec(), kubernetes, async |_, own| {
        look(flags, own, None).await.map(|mut looked| {
            status::judge(&mut looked, flags.max_age, clock::now());
            looked
        })
    });
    let looked = looked.await;
    let exits = looked.iter().map(|(_, one)| match one {
        Ok(looked) => exit(looked),
        Err(failure) => failure.exit,
    });
    let exit = fleet::exit(exits);
    let text = match flags.output {
        StatusFormat::Table => fleet_table::render(&looked, clock::now()),
        StatusFormat::Yaml => format::yaml(&fleet_table::values(&looked))?,
        StatusFormat::Json => json(&fleet_table::values(&looked))?,
    };
    Ok((text, exit))
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|json| json + "\n")
        .map_err(|error| Failure::new(Exit::Bug, format!("cannot print JSON: {error}")))
}

/// Stale is no; and where no destination can be seen, nothing is known to be fresh.
fn exit(looked: &status::Status) -> Exit {
    let unseen = looked
        .destinations
        .iter()
        .all(|place| place.error.is_some());
    match (looked.stale.is_empty(), unseen) {
        (false, _) => Exit::No,
        (true, true) => Exit::Unreachable,
        (true, false) => Exit::Done,
    }
}

/// What the machines run with, if they were asked: the Talos context, and each control plane.
type Running<'a> = (&'a str, Vec<Reading>);

async fn look(
    flags: &Status,
    kubernetes: &KubernetesFlags,
    running: Option<&Running<'_>>,
) -> Result<status::Status, Failure> {
    let now = clock::now();
    let mut seen = match in_cluster(flags, kubernetes, now).await {
        Ok(seen) => seen,
        // A name that fits none, or several that fit: no reason to show something else.
        Err(failure) if failure.exit == Exit::Usage || flags.cronjob.is_some() => {
            return Err(failure);
        }
        Err(failure) if flags.destinations.is_empty() => return Err(failure),
        Err(failure) => Seen {
            unseen: vec![format!("the cluster: {}", failure.what)],
            ..Seen::default()
        },
    };
    let mut looked = status::Status {
        at: now.to_string(),
        schedule: seen.schedule.take(),
        runs: std::mem::take(&mut seen.runs),
        unseen: std::mem::take(&mut seen.unseen),
        ..status::Status::default()
    };
    let settings = Settings::new(std::mem::take(&mut seen.settings));
    let named = flags.cluster_name.as_ref().or(settings.cluster_name());
    let cluster = named.map(String::as_str);
    let mut store = flags.store.clone();
    if flags.destinations.is_empty() {
        settings.fill(&mut store);
    }
    let live = running.map(|(context, readings)| Live::of(cluster.unwrap_or(context), readings));
    let asked = Asked {
        options: &store.options(),
        cluster,
        live: live.as_ref(),
        now,
    };
    for destination in places(flags, &settings) {
        let place = status::look_at_place(&destination, &asked).await;
        let unseen = place.error.iter().chain(&place.unseen);
        let unseen = unseen.map(|what| format!("{destination}: {what}"));
        looked.unseen.extend(unseen);
        looked.destinations.push(place);
    }
    if looked.destinations.is_empty() {
        let unknown = "where backups lie: name a destination";
        looked.unseen.push(unknown.to_owned());
    }
    looked.unseen.extend(running.into_iter().flat_map(untold));
    Ok(looked)
}

/// Machine configs that could not be read.
fn untold((_, readings): &Running<'_>) -> Vec<String> {
    if readings.is_empty() {
        return vec!["machine configs: no control plane is known".to_owned()];
    }
    let untold = readings.iter().filter_map(|one| {
        let failure = one.config.as_ref().err()?;
        Some(format!("{}: {}", one.name, failure.what))
    });
    untold.collect()
}

async fn in_cluster(
    flags: &Status,
    kubernetes: &KubernetesFlags,
    now: Timestamp,
) -> Result<Seen, Failure> {
    let cluster = kubernetes.client()?.connect().await?;
    status::look_at_cluster(&cluster, flags.cronjob.as_deref(), now).await
}

/// What was named, else what the CronJob says.
fn places(flags: &Status, settings: &Settings) -> Vec<String> {
    if flags.destinations.is_empty() {
        settings.destinations()
    } else {
        flags.destinations.clone()
    }
}

fn access(talos: &Talos) -> TalosAccess {
    TalosAccess {
        context: talos.context().to_owned(),
        certificate_end: talos.certificate_end().to_string(),
        roles: talos.roles().to_vec(),
    }
}
