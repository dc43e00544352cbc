//! How fast and in how much memory a snapshot is looked into, beside the official tool; and how
//! much of the damage to a large one structure alone tells.

use std::path::Path;
use std::process::Command;

use e2e::{programs, repository, tool};
use serde_json::Value;

use crate::claims::Claim;
use crate::data::{self, Size};
use crate::measured::{self, How, Measured};

const MIB: f64 = 1_048_576.0;
const GB: f64 = 1e9;
/// GB of file for each second of CPU.
const RATE: f64 = 0.5;
const MEMORY: f64 = 64.0 * MIB;
const MEMORY_PER_KEY: f64 = 100.0;
const VERBS: [&str; 3] = ["status", "check", "inventory"];
/// Of a snapshot a hundred times as large as those that `make test` damages.
const DAMAGED: (&str, &str) = ("2000", "before.snap.zst");

/// The best of all turns of one program.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) what: String,
    pub(crate) seconds: f64,
    pub(crate) cpu: f64,
    pub(crate) peak: u64,
}

/// Our verbs and the official tool over one file.
#[derive(Debug)]
pub(crate) struct Inspect {
    pub(crate) bytes: u64,
    pub(crate) live_keys: u64,
    pub(crate) ours: Vec<Reader>,
    pub(crate) official: Reader,
    /// What `damage` printed.
    pub(crate) damage: String,
}

pub(crate) fn measure(size: Size, turns: usize) -> Inspect {
    let snapshot = data::of_etcd(size);
    let mut ours: Vec<Reader> = VERBS.iter().map(|verb| Reader::new(verb)).collect();
    let mut official = Reader::new("etcdutl snapshot status");
    for turn in 1..=turns {
        for reader in &mut ours {
            let mut inspect = Command::new(programs().join("talosctl-snapshot-inspect"));
            inspect.arg(&reader.what).arg(&snapshot);
            reader.take(&inspect);
        }
        let mut etcdutl = Command::new(tool("etcd-3.5/etcdutl"));
        etcdutl.args(["snapshot", "status"]).arg(&snapshot);
        official.take(&etcdutl);
        eprintln!("looking inside, turn {turn} of {turns}");
    }
    Inspect {
        bytes: std::fs::metadata(&snapshot).expect("a snapshot").len(),
        live_keys: live_keys(&snapshot),
        ours,
        official,
        damage: damage(),
    }
}

fn live_keys(snapshot: &Path) -> u64 {
    let output = Command::new(programs().join("talosctl-snapshot-inspect"))
        .args(["status", "-o", "json"])
        .arg(snapshot)
        .output()
        .expect("talosctl-snapshot-inspect");
    let status: Value = serde_json::from_slice(&output.stdout).expect("a JSON object");
    status["totalKeys"]["3.6+"]
        .as_u64()
        .expect("a number of live keys")
}

fn damage() -> String {
    let (cases, fixture) = DAMAGED;
    eprintln!("damaging {fixture} in {cases} ways");
    let output = Command::new(programs().join("damage"))
        .args([cases, fixture])
        .current_dir(repository())
        .output()
        .expect("damage");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

impl Reader {
    fn new(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            seconds: f64::INFINITY,
            cpu: f64::INFINITY,
            peak: 0,
        }
    }

    /// One more turn.
    fn take(&mut self, command: &Command) {
        let Measured {
            seconds,
            cpu,
            peak,
            stdout,
            ..
        } = measured::run(command, How::default());
        // `check` ends in 1 when it has something to tell.
        assert!(!stdout.is_empty(), "{command:?} said nothing");
        self.seconds = self.seconds.min(seconds);
        self.cpu = self.cpu.min(cpu);
        self.peak = self.peak.max(peak);
    }
}

impl Inspect {
    /// GB of file for each second of CPU.
    pub(crate) fn rate(&self, reader: &Reader) -> f64 {
        self.bytes as f64 / GB / reader.cpu
    }

    fn memory_limit(&self) -> f64 {
        MEMORY + MEMORY_PER_KEY * self.live_keys as f64
    }

    pub(crate) fn claims(&self) -> Vec<Claim> {
        let most = |of: fn(&Reader) -> f64| {
            let readers = self.ours.iter();
            readers
                .max_by(|one, other| of(one).total_cmp(&of(other)))
                .expect("a verb")
        };
        let costly = most(|reader| reader.cpu);
        let slowest = most(|reader| reader.seconds);
        let biggest = most(|reader| reader.peak as f64);
        vec![
            Claim::new(
                format!(
                    "`status`, `check` and `inventory` each read {RATE} GB of file per CPU second"
                ),
                format!("{:.2} at least (`{}`)", self.rate(costly), costly.what),
                self.rate(costly) >= RATE,
            ),
            Claim::new(
                "each of them is faster than `etcdutl snapshot status`",
                format!(
                    "{:.2} s at most (`{}`) against {:.2} s",
                    slowest.seconds, slowest.what, self.official.seconds
                ),
                slowest.seconds < self.official.seconds,
            ),
            Claim::new(
                format!(
                    "each of them takes under 64 MiB and 100 bytes a live key ({:.0} MiB)",
                    self.memory_limit() / MIB
                ),
                format!(
                    "{:.0} MiB at most (`{}`)",
                    biggest.peak as f64 / MIB,
                    biggest.what
                ),
                (biggest.peak as f64) < self.memory_limit(),
            ),
        ]
    }
}
