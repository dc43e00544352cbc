//! Peak memory, whatever the size of the snapshot and however slow the store; and no file
//! written, by programs that the kernel would end if they tried.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::BUCKET;

use crate::claims::Claim;
use crate::data::{self, Size};
use crate::measured::{self, How};
use crate::world::{Snapshot, World};

const MIB: f64 = 1_048_576.0;
const LIMIT: f64 = 100.0;
const LOW_LIMIT: f64 = 40.0;
/// How much more the largest snapshot may take than the smallest.
const GROWTH: f64 = 10.0;
/// Milliseconds that a slow store takes for each part: longer than a part takes to fill.
const SLOW: u64 = 400;
/// The real pages that longer snapshots are made of.
const MODEL: Size = Size(64 << 20);
const HIGH_LEVELS: Size = Size(64 << 20);

/// What must hold for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Low,
    /// Printed only.
    High,
}

/// One run.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) what: String,
    pub(crate) size: Size,
    pub(crate) slow: bool,
    /// MiB.
    pub(crate) peak: f64,
    /// Bytes it caused to be written to storage.
    pub(crate) written: u64,
    /// Whether it ended well under a limit of no byte in any file.
    success: bool,
    kind: Kind,
}

/// Everything about memory.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) cases: Vec<Case>,
    /// Whether a program that does write a file is stopped by the same limit.
    control_stopped: bool,
}

/// Runs that differ in nothing but the size.
const NOW: &[(&str, &[&str], Kind)] = &[
    ("now", &[], Kind::Normal),
    (
        "now to a second store",
        &["s3://backups/second"],
        Kind::Normal,
    ),
    ("now --low-memory", &["--low-memory"], Kind::Low),
];

pub(crate) fn measure(sizes: &[Size]) -> Memory {
    let model = data::of_etcd(MODEL);
    let mut cases = Vec::new();
    for &size in sizes {
        let snapshot = data::of_pages(size, &model);
        for slow in [false, true] {
            for &(what, flags, kind) in NOW {
                let world = World::new(Snapshot::File(&snapshot), if slow { SLOW } else { 0 });
                cases.push(case(what, size, slow, kind, &world.now(flags), true));
            }
        }
        cases.extend(others(size, &snapshot));
    }
    let smallest = *sizes.first().expect("a size");
    let snapshot = data::of_pages(smallest, &model);
    cases.extend(levels(1..=9, smallest, &snapshot, Kind::Normal));
    let snapshot = data::of_pages(HIGH_LEVELS, &model);
    cases.extend(levels([12, 15, 19], HIGH_LEVELS, &snapshot, Kind::High));
    Memory {
        cases,
        control_stopped: control(&snapshot),
    }
}

/// `take`, `push` and `pull`.
fn others(size: Size, snapshot: &Path) -> Vec<Case> {
    let world = World::new(Snapshot::File(snapshot), 0);
    let destination = format!("s3://{BUCKET}/prod");
    let take = world.command("talosctl-snapshot-take", &["-o", "-"]);
    let file = snapshot.display().to_string();
    let push = world.command(
        "talosctl-snapshot-push",
        &["-f", &file, &destination, "-R", "recipients.txt"],
    );
    let pull = world.command(
        "talosctl-snapshot-pull",
        &[&destination, "-i", "key.txt", "-o", "-"],
    );
    let of = |what: &str, command: &Command| {
        let discard = !what.contains("push");
        case(what, size, false, Kind::Normal, command, discard)
    };
    vec![
        of("talosctl-snapshot-take", &take),
        of("talosctl-snapshot-push", &push),
        of("talosctl-snapshot-pull", &pull),
    ]
}

fn levels(
    levels: impl IntoIterator<Item = u32>,
    size: Size,
    snapshot: &Path,
    kind: Kind,
) -> Vec<Case> {
    let one = |level: u32| {
        let world = World::new(Snapshot::File(snapshot), SLOW);
        let how = format!("zstd:{level}");
        let command = world.now(&["--compress", &how]);
        let what = format!("now --compress {how}");
        case(&what, size, true, kind, &command, true)
    };
    levels.into_iter().map(one).collect()
}

fn case(what: &str, size: Size, slow: bool, kind: Kind, command: &Command, discard: bool) -> Case {
    let how = How {
        no_files: true,
        discard,
    };
    let measured = measured::run(command, how);
    let case = Case {
        what: what.to_owned(),
        size,
        slow,
        peak: measured.peak as f64 / MIB,
        written: measured.written,
        success: measured.success,
        kind,
    };
    eprintln!(
        "{what}, {size}{}: {:.0} MiB",
        if slow { ", slow store" } else { "" },
        case.peak
    );
    case
}

/// The limit that the cases run under stops a program that writes its output to a file.
fn control(snapshot: &Path) -> bool {
    let world = World::new(Snapshot::File(snapshot), 0);
    let output: PathBuf = world.path("written.snapshot");
    let output = output.display().to_string();
    let take = world.command("talosctl-snapshot-take", &["-o", &output]);
    let how = How {
        no_files: true,
        discard: true,
    };
    !measured::run(&take, how).success
}

impl Memory {
    pub(crate) fn claims(&self) -> Vec<Claim> {
        let mut claims = vec![
            self.under("peak memory", LIMIT, Kind::Normal),
            self.under("peak memory with --low-memory", LOW_LIMIT, Kind::Low),
        ];
        claims.extend(NOW.iter().map(|(what, ..)| self.growth(what)));
        let wrote = self.cases.iter().filter(|case| !case.success).count();
        claims.push(Claim::new(
            "no program writes a file: all run where the kernel lets none write a byte",
            format!(
                "{} of {} runs succeed; one that shall write a file {}",
                self.cases.len() - wrote,
                self.cases.len(),
                if self.control_stopped {
                    "is stopped"
                } else {
                    "is not"
                }
            ),
            wrote == 0 && self.control_stopped,
        ));
        claims
    }

    fn under(&self, what: &str, limit: f64, kind: Kind) -> Claim {
        let cases = self.cases.iter().filter(|case| case.kind == kind);
        let highest = cases.max_by(|one, other| one.peak.total_cmp(&other.peak));
        let highest = highest.expect("a case");
        Claim::new(
            format!("{what} is under {limit} MiB, for every size, also with a slow store"),
            format!(
                "{:.0} MiB at most (`{}`, {})",
                highest.peak, highest.what, highest.size
            ),
            highest.peak < limit,
        )
    }

    /// The largest snapshot takes no more than the smallest, with a store of either kind.
    fn growth(&self, what: &str) -> Claim {
        let mut most = 0.0_f64;
        for slow in [false, true] {
            let peaks = self
                .cases
                .iter()
                .filter(|case| case.what == what && case.slow == slow)
                .map(|case| case.peak);
            let peaks: Vec<f64> = peaks.collect();
            let (first, last) = (
                peaks.first().expect("a case"),
                peaks.last().expect("a case"),
            );
            most = most.max(last - first);
        }
        Claim::new(
            format!(
                "`{what}` takes as much for the largest snapshot as for the smallest (within {GROWTH} MiB)"
            ),
            format!("{most:+.1} MiB"),
            most < GROWTH,
        )
    }
}
