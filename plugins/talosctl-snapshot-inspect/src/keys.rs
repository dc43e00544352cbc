//! `keys`: whether the keys of a machine config open the Secrets of a snapshot.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use etcdbackup::cli::Context;
use etcdbackup::cli::objects::prefix_note;
use etcdbackup::cli::table::table;
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::encryption::{
    AuthorityVerdict, Counts, Keyring, KeysReport, Stored, Tally, parse_keys,
};
use etcdbackup::talos::{Talos, TalosError};
use serde::Serialize;

use crate::cli::{KeyFlags, Keys};
use crate::input::{Input, keyring};
use crate::output::{line, render, wrapped};
use crate::work::blocking;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    verdict: &'static str,
    config_keys: Vec<String>,
    config_services: Vec<String>,
    values: Vec<Group>,
    unreadable: u64,
    not_testable: u64,
    cluster_ca: Authority,
    #[serde(skip)]
    hints: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Group {
    #[serde(flatten)]
    stored: Stored,
    #[serde(flatten)]
    tally: Tally,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Authority {
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<String>,
}

pub(crate) async fn run(verb: Keys, context: Context) -> Result<Exit, Failure> {
    let Some(keys) = keys(&verb, &context).await? else {
        return Err(Failure::new(Exit::Usage, "no keys to try")
            .hint("name a machine config with `--machine-config FILE`, a secrets bundle with `--secrets FILE`, or a node with `-n NODE`"));
    };
    let input = Input::open(&verb.input, &context).await?;
    let (format, prefix) = (verb.output, verb.prefix);
    let (report, note) = blocking(&context, move || {
        let snapshot = input.snapshot(&prefix, &KeyFlags::default())?;
        let contents = snapshot.contents()?;
        let mut report = KeysReport::new(&keys);
        let walked = contents.each(|entry| {
            report.see(entry.place(), entry.value, entry.live);
            ControlFlow::Continue(())
        });
        walked.map_err(|finding| snapshot.damaged(&finding))?;
        Ok((Report::new(&report, &keys), prefix_note(contents.grammar())))
    })
    .await?;
    note.iter().for_each(|note| context.ui.note(note));
    context
        .ui
        .data(&render(format, &report, |wide| text(&report, wide))?)?;
    Ok(report.exit())
}

/// Of a file, or else of the live node that is named.
async fn keys(verb: &Keys, context: &Context) -> Result<Option<Keyring>, Failure> {
    if let Some(keys) = keyring(&verb.keys)? {
        return Ok(Some(keys));
    }
    let [node] = &verb.talos.nodes[..] else {
        let several = verb.talos.nodes.len() > 1;
        let refused = Failure::new(Exit::Usage, "the keys of one node are tried at a time");
        return if several {
            Err(refused.hint("name one control-plane node with `-n`"))
        } else {
            Ok(None)
        };
    };
    let talos = Talos::connect(&verb.talos.selection())?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let mut cancel = context.cancel.clone();
    let text = tokio::select! {
        text = talos.machine_config(node) => text.map_err(unread)?,
        exit = cancel.requested() => return Err(Failure::new(exit, "stopped by a signal").hint("run it again")),
    };
    parse_keys(&text, &format!("node {node}")).map(Some)
}

/// A machine config holds every key of the cluster: few roles may read it.
fn unread(error: TalosError) -> Failure {
    let denied = error.is_denied();
    let failure = error.into_failure();
    if denied {
        return failure.hint("reading a machine config needs role os:admin; a saved one does as well: `--machine-config FILE`");
    }
    failure
}

impl Report {
    fn new(report: &KeysReport<'_>, keys: &Keyring) -> Self {
        let groups = report.tallies().iter().map(|(stored, tally)| Group {
            stored: stored.clone(),
            tally: tally.clone(),
        });
        let cluster_ca = Authority::new(report.authority());
        let unreadable = report.unreadable();
        let verdict = match (unreadable, cluster_ca.verdict, report.in_services()) {
            (1.., _, _) => "unreadable",
            (0, "different", _) => "other cluster",
            (0, _, 1..) => "not testable",
            (0, _, 0) => "readable",
        };
        Self {
            verdict,
            config_keys: keys.labels(),
            config_services: keys.services().into_iter().map(str::to_owned).collect(),
            values: groups.collect(),
            unreadable,
            not_testable: report.in_services(),
            cluster_ca,
            hints: hints(report),
        }
    }

    fn exit(&self) -> Exit {
        match self.verdict {
            "unreadable" | "other cluster" => Exit::No,
            _ => Exit::Done,
        }
    }
}

impl Authority {
    fn new(verdict: AuthorityVerdict) -> Self {
        let (verdict, snapshot, config) = match verdict {
            AuthorityVerdict::Same(both) => ("same", Some(both.clone()), Some(both)),
            AuthorityVerdict::Different { snapshot, config } => {
                ("different", Some(snapshot), Some(config))
            }
            AuthorityVerdict::NotInConfig => ("not in config", None, None),
            AuthorityVerdict::NotInSnapshot => ("not in snapshot", None, None),
        };
        Self {
            verdict,
            snapshot,
            config,
        }
    }

    fn text(&self) -> String {
        match (self.verdict, &self.snapshot, &self.config) {
            ("same", Some(both), _) => format!("the config's ({both})"),
            ("different", Some(snapshot), Some(config)) => {
                format!(
                    "{snapshot} in the snapshot, {config} in the config: they are of two clusters"
                )
            }
            ("not in config", ..) => "not compared: the config names none".to_owned(),
            _ => "not compared: the snapshot has no kube-root-ca.crt".to_owned(),
        }
    }
}

/// What to do about live values that cannot be read.
fn hints(report: &KeysReport<'_>) -> Vec<String> {
    let mut hints = BTreeSet::new();
    for (stored, tally) in report.tallies() {
        let counts = &tally.live;
        let (what, fits) = (
            &stored.encryption,
            tally.fits.iter().cloned().collect::<Vec<_>>().join(", "),
        );
        if counts.misplaced > 0 {
            hints.insert(format!("the config has the key of {what} as {fits}: the key is right, so give it the provider and name that the values ask for"));
        }
        if counts.no_key > 0 {
            hints.insert(format!("no key of the config opens {what}: use the config or the secrets bundle this cluster was made with"));
        }
        if counts.plain_refused > 0 {
            hints.insert("the config has no `identity` provider: the API server could not read what is not encrypted; add it last".to_owned());
        }
        if counts.foreign > 0 {
            hints.insert(format!("values of {what} open and hold another object than their key says: someone moved them"));
        }
    }
    hints.into_iter().collect()
}

fn text(report: &Report, wide: bool) -> String {
    let rows: Vec<_> = report
        .values
        .iter()
        .filter(|group| wide || group.tally.live.total > 0)
        .map(|group| {
            let resource = if group.stored.resource.is_empty() {
                "(other keys)"
            } else {
                &group.stored.resource
            };
            let number = |number: u64| number.to_string();
            let what = outcome(&group.stored, &group.tally);
            [
                resource.to_owned(),
                group.stored.encryption.clone(),
                number(group.tally.live.total),
                number(group.tally.historic.total),
                what,
            ]
        })
        .collect();
    let config = if report.config_keys.is_empty() {
        "no keys".to_owned()
    } else {
        report.config_keys.join(", ")
    };
    let mut parts = vec![
        table(
            ["RESOURCE", "STORED AS", "LIVE", "OLDER", "WITH THIS CONFIG"],
            &[2, 3],
            &rows,
        ),
        line(
            "Config",
            &[&[config], &report.config_services[..]].concat().join(", "),
        ) + &line("Cluster CA", &report.cluster_ca.text())
            + &line("Verdict", &verdict(report)),
    ];
    let examples: Vec<String> = report
        .values
        .iter()
        .flat_map(|group| &group.tally.examples)
        .map(|key| wrapped("  ", "  ", key))
        .collect();
    if !examples.is_empty() {
        parts.push(format!(
            "Cannot be read, among others:\n{}",
            examples.concat()
        ));
    }
    if !report.hints.is_empty() {
        let hints: Vec<String> = report
            .hints
            .iter()
            .map(|hint| wrapped("hint: ", "  ", hint))
            .collect();
        parts.push(hints.concat());
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// `24 opened`, `right key, named secretbox:key1`.
fn outcome(stored: &Stored, tally: &Tally) -> String {
    let counts = if tally.live.total > 0 {
        &tally.live
    } else {
        &tally.historic
    };
    let plain = stored.encryption == "plaintext";
    let fits: Vec<&str> = tally.fits.iter().map(String::as_str).collect();
    let told = [
        (
            counts.opened,
            if plain {
                "read".to_owned()
            } else {
                "opened".to_owned()
            },
        ),
        (
            counts.misplaced,
            format!("right key, but as {}", fits.join(", ")),
        ),
        (counts.no_key, "no key opens".to_owned()),
        (counts.plain_refused, "refused: no `identity`".to_owned()),
        (counts.foreign, "of another key".to_owned()),
        (counts.kms, "in a KMS, not testable".to_owned()),
        (counts.unknown, "provider unknown".to_owned()),
    ];
    let told: Vec<(u64, String)> = told.into_iter().filter(|(count, _)| *count > 0).collect();
    match &told[..] {
        [(_, what)] => what.clone(),
        several => several
            .iter()
            .map(|(count, what)| format!("{count} {what}"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn verdict(report: &Report) -> String {
    let total: u64 = report
        .values
        .iter()
        .map(|group| total(&group.tally.live))
        .sum();
    match report.verdict {
        "unreadable" => format!(
            "{} of {total} live values cannot be read with this config",
            report.unreadable
        ),
        "other cluster" => "the keys fit, and the cluster CA is of another cluster".to_owned(),
        "not testable" => format!(
            "{} of {total} live values need their KMS; the rest can be read",
            report.not_testable
        ),
        _ if total == 0 => "nothing is encrypted".to_owned(),
        _ => "every live Secret can be read with this config".to_owned(),
    }
}

fn total(counts: &Counts) -> u64 {
    counts.total
}
