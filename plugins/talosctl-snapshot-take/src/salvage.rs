//! `--salvage`: every database that is left, and the one to restore.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use etcdbackup::cli::table::table;
use etcdbackup::cli::{Context, format, text};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::recovery::{
    Beforehand, FileFacts, Known, Recommended, Salvage, Saved, salvage, survey,
};
use etcdbackup::talos::Talos;
use jiff::Timestamp;

use crate::cli::Take;

const HEADER: [&str; 7] = [
    "NODE", "SAVED", "SIZE", "REVISION", "TERM", "APPLIED", "STATE",
];

pub(crate) async fn run(cli: &Take, context: &Context) -> Result<Exit, Failure> {
    let talos = Talos::connect(&cli.talos.selection())?;
    talos.notes().iter().for_each(|note| context.ui.warn(note));
    let folder = folder(&cli.output, &talos);
    context.ui.note("looking at every control plane");
    let mut cancel = context.cancel.clone();
    let survey = cancel
        .unless_stopped(survey(&talos, &Beforehand::default()))
        .await?;
    let how = (folder.as_path(), cli.limits.timeouts());
    let salvage = salvage(&talos, &survey, how, &context.cancel, |node| {
        context.ui.note(&format!("saving from {}", node.title()));
    })
    .await?;
    let recommended = salvage.recommended();
    context.ui.report(&shown(&salvage, recommended.as_ref()))?;
    exit(&salvage, recommended.is_some())
}

/// A name of its own for every run, unless one was given.
fn folder(output: &Path, talos: &Talos) -> PathBuf {
    if output == Path::new("-") {
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        PathBuf::from(format!("{}-salvage-{now}", talos.context()))
    } else {
        output.to_owned()
    }
}

fn shown(salvage: &Salvage, recommended: Option<&Recommended<'_>>) -> String {
    let rows: Vec<_> = salvage.saved.iter().map(row).collect();
    let mut out = table(HEADER, &[2, 3, 4, 5], &rows);
    for saved in &salvage.saved {
        if let Some(why) = &saved.no_snapshot {
            let first = format!("{}: no snapshot, so a raw copy: ", saved.node);
            out += &text::wrapped(&first, "  ", why);
        }
        if let Known::Unknown(unknown) = &saved.facts {
            out += &text::wrapped(&format!("{}: ", saved.node), "  ", &unknown.reason);
        }
    }
    for missed in &salvage.missed {
        out += &text::wrapped(
            &format!("{}: nothing saved: ", missed.node),
            "  ",
            &missed.why,
        );
    }
    let best = recommended.and_then(|best| {
        let saved = salvage.saved.iter().find(|saved| saved.node == best.node)?;
        Some((saved, &best.warnings))
    });
    if let Some((saved, warnings)) = best {
        out += &advice(saved, warnings);
    }
    out
}

fn row(saved: &Saved) -> [String; 7] {
    let how = if saved.raw { "raw copy" } else { "snapshot" };
    let dash = || "-".to_owned();
    let number = |value: Option<u64>| value.map_or_else(dash, |value| value.to_string());
    match &saved.facts {
        Known::Is(facts) => [
            saved.node.clone(),
            how.to_owned(),
            format::size(facts.bytes),
            facts.revision.to_string(),
            number(facts.term),
            number(facts.applied_index),
            state(facts),
        ],
        Known::Unknown(_) => [
            saved.node.clone(),
            how.to_owned(),
            dash(),
            dash(),
            dash(),
            dash(),
            "no database".to_owned(),
        ],
    }
}

fn state(facts: &FileFacts) -> String {
    match (facts.damage.len(), facts.suspicions.len()) {
        (0, 0) => "sound".to_owned(),
        (0, odd) => format!("sound, {odd} odd"),
        (damaged, _) => format!("damaged ({damaged})"),
    }
}

fn advice(saved: &Saved, warnings: &[String]) -> String {
    let path = saved.path.display();
    let mut out = String::new();
    let _infallible = writeln!(out, "\nRestore {path}: the newest that is sound");
    for warning in warnings {
        out += &text::wrapped("- ", "  ", warning);
    }
    let raw = if saved.raw { "--raw " } else { "" };
    let _infallible = write!(
        out,
        "\nKeep all of them. Next: store it; does it bring the cluster back?\n  \
         talosctl-snapshot-push {raw}-f {path} DESTINATION -R RECIPIENTS\n  \
         talosctl-recover-check snapshot {path}\n"
    );
    out
}

/// 0 only with something to restore in hand.
fn exit(salvage: &Salvage, sound: bool) -> Result<Exit, Failure> {
    if sound {
        return Ok(Exit::Done);
    }
    if !salvage.saved.is_empty() {
        return Err(Failure::new(Exit::Data, "no database that was saved is sound")
            .hint("`talosctl-snapshot-inspect check FILE` tells what is damaged; restore from a backup: `kubectl etcdbackup list`"));
    }
    if salvage.missed.iter().all(|missed| missed.empty) {
        return Err(Failure::new(
            Exit::No,
            "there is no database to save: every directory is empty",
        )
        .hint("restore from a backup: `kubectl etcdbackup list`"));
    }
    Err(Failure::new(
        Exit::Unreachable,
        "nothing was saved from any control plane",
    )
    .hint("the reasons are above: bring one of them back, or name others with `-n`"))
}
