//! The whole backup against what the machine allows, and against what people type today.

use std::collections::BTreeMap;

use e2e::{BUCKET, tool};

use crate::claims::Claim;
use crate::data::{self, Size};
use crate::machine::Machine;
use crate::measured::{self, How};
use crate::processes::cpu_seconds;
use crate::stages::{Bench, Stages};
use crate::world::{Snapshot, World};

/// Of what the machine allows.
const WANTED_SHARE: f64 = 0.8;
/// Against the shell pipeline.
const WANTED_FACTOR: f64 = 2.0;
const MIB: f64 = 1_048_576.0;

/// One run of `kubectl etcdbackup now --direct`, with the CPU seconds of everyone in it.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    pub(crate) cpu: [(&'static str, f64); 4],
    /// The client's CPU seconds by thread name.
    pub(crate) threads: BTreeMap<String, f64>,
}

impl Run {
    pub(crate) fn cpu_total(&self) -> f64 {
        self.cpu.iter().map(|(_, seconds)| seconds).sum()
    }
}

/// One run of the shell pipeline: its steps in order, with their seconds.
#[derive(Debug, Clone)]
pub(crate) struct Shell {
    pub(crate) steps: Vec<(String, f64)>,
}

impl Shell {
    pub(crate) fn seconds(&self) -> f64 {
        self.steps.iter().map(|(_, seconds)| seconds).sum()
    }
}

/// Everything that was measured in turns.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) bytes: u64,
    pub(crate) stored: u64,
    pub(crate) cores: usize,
    pub(crate) runs: Vec<Run>,
    pub(crate) shells: Vec<Shell>,
    pub(crate) stages: Stages,
}

pub(crate) fn measure(size: Size, turns: usize) -> Pipeline {
    let snapshot = data::of_etcd(size);
    let live = World::new(Snapshot::Etcd(&snapshot), 0);
    let file = World::new(Snapshot::File(&snapshot), 0);
    let bench = Bench::new(&live, &file, &snapshot);
    // Files in memory, connections' code paths, CPU clocks: not what is measured.
    let stored = stored_bytes(&run(&live).1);
    let (mut runs, mut shells) = (Vec::new(), Vec::new());
    let mut stages: Option<Stages> = None;
    for turn in 1..=turns {
        runs.push(run(&live).0);
        shells.push(shell(&live));
        let now = bench.turn(turn);
        stages = Some(stages.map_or(now, |before| before.best(now)));
        eprintln!(
            "turn {turn} of {turns}: ours {:.2} s, shell {:.2} s, stages alone {:.2?}",
            runs.last().map_or(0.0, |run| run.seconds),
            shells.last().map_or(0.0, Shell::seconds),
            now.whole().map(|(_, seconds)| seconds),
        );
    }
    Pipeline {
        bytes: bench.snapshot.len() as u64,
        stored,
        cores: Machine::here().cores,
        runs,
        shells,
        stages: stages.expect("at least one turn"),
    }
}

/// A run, and its receipt.
fn run(world: &World) -> (Run, String) {
    let servers = || {
        [
            cpu_seconds(world.etcd_process()),
            cpu_seconds(world.talos.id()),
            cpu_seconds(world.s3.id()),
        ]
    };
    let before = servers();
    let measured = measured::run(&world.now(&["-o", "json"]), How::default());
    let after = servers();
    assert!(measured.success, "the backup failed");
    let [etcd, talos, s3] = std::array::from_fn(|index| after[index] - before[index]);
    let run = Run {
        seconds: measured.seconds,
        cpu: [
            ("etcd", etcd),
            ("Talos API (simulator)", talos),
            ("kubectl-etcdbackup", measured.cpu),
            ("S3 server", s3),
        ],
        threads: measured.threads,
    };
    (run, measured.stdout)
}

fn stored_bytes(receipt: &str) -> u64 {
    let receipt: serde_json::Value = serde_json::from_str(receipt).expect("a receipt");
    receipt["stored"]["bytes"].as_u64().expect("a size")
}

/// Step by step through files, as runbooks have it.
fn shell(world: &World) -> Shell {
    let script = format!(
        r#"
        step() {{ now=$EPOCHREALTIME; echo "$now $1"; }}
        step start
        etcdctl --endpoints {etcd} snapshot save db.snapshot >/dev/null 2>&1
        step "etcdctl snapshot save"
        zstd -q -3 db.snapshot -o db.snapshot.zst
        step "zstd -3"
        age -R recipients.txt -o db.snapshot.zst.age db.snapshot.zst
        step "age"
        aws s3 cp --only-show-errors db.snapshot.zst.age s3://{BUCKET}/shell/db.snapshot.zst.age
        step "aws s3 cp"
        rm db.snapshot db.snapshot.zst db.snapshot.zst.age
        "#,
        etcd = world.etcd_url(),
    );
    let path = format!(
        "{}:{}:{}:/usr/bin:/bin",
        tool("etcd-3.5").display(),
        tool("age").display(),
        tool("aws").display()
    );
    let mut command = world.command("bash", &["-o", "pipefail", "-ec", &script]);
    command
        .env("PATH", path)
        .env("AWS_DEFAULT_REGION", "us-east-1");
    let measured = measured::run(&command, How::default());
    assert!(measured.success, "the shell pipeline failed");
    let marks: Vec<(f64, &str)> = measured
        .stdout
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(time, step)| (time.parse().expect("a time"), step))
        .collect();
    let steps = marks
        .windows(2)
        .map(|pair| (pair[1].1.to_owned(), pair[1].0 - pair[0].0));
    Shell {
        steps: steps.collect(),
    }
}

impl Pipeline {
    /// MiB of snapshot a second.
    pub(crate) fn rate(&self, seconds: f64) -> f64 {
        self.bytes as f64 / MIB / seconds
    }

    /// The fastest of ours.
    pub(crate) fn best(&self) -> &Run {
        let by_time = |one: &&Run, other: &&Run| one.seconds.total_cmp(&other.seconds);
        self.runs.iter().min_by(by_time).expect("a turn")
    }

    /// The fastest of the shell's.
    pub(crate) fn best_shell(&self) -> &Shell {
        let by_time = |one: &&Shell, other: &&Shell| one.seconds().total_cmp(&other.seconds());
        self.shells.iter().min_by(by_time).expect("a turn")
    }

    /// The stage that takes longest alone, and its seconds.
    pub(crate) fn slowest(&self) -> (&'static str, f64) {
        let stages = self.stages.whole();
        let by_time = |one: &(&str, f64), other: &(&str, f64)| one.1.total_cmp(&other.1);
        stages.into_iter().max_by(by_time).expect("a stage")
    }

    /// Seconds that all cores need for the work of all processes, from the thriftiest run.
    pub(crate) fn cpu_bound(&self) -> f64 {
        let least = self.runs.iter().map(Run::cpu_total);
        least.fold(f64::INFINITY, f64::min) / self.cores as f64
    }

    /// The shortest time that the machine allows.
    pub(crate) fn allowed(&self) -> f64 {
        self.slowest().1.max(self.cpu_bound())
    }

    pub(crate) fn claims(&self) -> Vec<Claim> {
        let ours = self.best().seconds;
        let share = self.allowed() / ours;
        let factor = self.best_shell().seconds() / ours;
        vec![
            Claim::new(
                format!("the pipeline reaches {WANTED_SHARE} of what the machine allows"),
                format!(
                    "{share:.2} ({:.0} of {:.0} MiB/s)",
                    self.rate(ours),
                    self.rate(self.allowed())
                ),
                share >= WANTED_SHARE,
            ),
            Claim::new(
                format!("the pipeline is {WANTED_FACTOR} times as fast as the shell's"),
                format!(
                    "{factor:.2} ({:.0} against {:.0} MiB/s)",
                    self.rate(ours),
                    self.rate(self.best_shell().seconds())
                ),
                factor >= WANTED_FACTOR,
            ),
        ]
    }
}
