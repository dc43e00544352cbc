//! How long the programs take to say their version, and how big they are.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use e2e::{programs, repository};

use crate::claims::Claim;

const TURNS: usize = 41;
const LIMIT_MS: f64 = 10.0;
const COMPLETION_MS: f64 = 50.0;
const MB: f64 = 1_000_000.0;
const WITHOUT_KUBE: f64 = 15.0;
const WITH_KUBE: f64 = 20.0;

/// One program of the suite.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    /// Median milliseconds of `--version`.
    pub(crate) milliseconds: f64,
    /// Of the file, in millions of bytes.
    pub(crate) megabytes: f64,
    /// Whether it speaks to Kubernetes.
    pub(crate) kube: bool,
}

/// All programs beside the smallest there is.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) all: Vec<Program>,
    /// Median milliseconds of `/bin/true`.
    pub(crate) nothing: f64,
    /// Median milliseconds in which the first TAB is answered, by the program that kubectl starts.
    pub(crate) completion: f64,
}

pub(crate) fn measure() -> Programs {
    let mut names: Vec<String> = std::fs::read_dir(repository().join("plugins"))
        .expect("the plugins")
        .map(|entry| entry.expect("a plugin").file_name().into_string())
        .collect::<Result<_, _>>()
        .expect("plain names");
    names.sort();
    let mut times = vec![Vec::with_capacity(TURNS); names.len()];
    let mut nothing = Vec::with_capacity(TURNS);
    for _ in 0..TURNS {
        nothing.push(start(Path::new("/bin/true")));
        for (name, times) in names.iter().zip(&mut times) {
            times.push(start(&programs().join(name)));
        }
    }
    let completion = (0..TURNS).map(|_| answer(&["__complete", ""])).collect();
    let all = names.into_iter().zip(times).map(|(name, times)| {
        let file = std::fs::metadata(programs().join(&name)).expect("a built program");
        Program {
            milliseconds: median(times),
            megabytes: file.len() as f64 / MB,
            kube: speaks_kubernetes(&name),
            name,
        }
    });
    Programs {
        all: all.collect(),
        nothing: median(nothing),
        completion: median(completion),
    }
}

fn start(program: &Path) -> f64 {
    timed(program, &["--version"])
}

/// `kubectl etcdbackup <TAB>` without kubectl's own start.
fn answer(words: &[&str]) -> f64 {
    timed(&programs().join("kubectl-etcdbackup"), words)
}

fn timed(program: &Path, words: &[&str]) -> f64 {
    let begun = Instant::now();
    let status = Command::new(program)
        .args(words)
        .stdout(Stdio::null())
        .status();
    let seconds = begun.elapsed().as_secs_f64();
    let status = status.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    assert!(status.success(), "{}: {status}", program.display());
    seconds * 1000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Whether the Kubernetes client is among what a program is built of.
fn speaks_kubernetes(name: &str) -> bool {
    let output = Command::new("cargo")
        .args(["tree", "--locked", "--offline", "--edges", "normal"])
        .args(["--prefix", "none", "--package", name])
        .current_dir(repository())
        .output()
        .expect("cargo");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .any(|line| line.starts_with("kube-client "))
}

impl Programs {
    pub(crate) fn claims(&self) -> Vec<Claim> {
        let slowest = self
            .all
            .iter()
            .max_by(|one, other| one.milliseconds.total_cmp(&other.milliseconds))
            .expect("a program");
        let start = Claim::new(
            format!("every program says its version in under {LIMIT_MS} ms"),
            format!(
                "{:.1} ms ({}), /bin/true {:.1} ms",
                slowest.milliseconds, slowest.name, self.nothing
            ),
            slowest.milliseconds < LIMIT_MS,
        );
        let sizes = [(false, WITHOUT_KUBE), (true, WITH_KUBE)];
        let sizes = sizes
            .into_iter()
            .filter_map(|(kube, limit)| self.biggest(kube, limit));
        let completion = Claim::new(
            format!("`kubectl etcdbackup <TAB>` is answered in under {COMPLETION_MS} ms"),
            format!(
                "{:.1} ms, /bin/true {:.1} ms",
                self.completion, self.nothing
            ),
            self.completion < COMPLETION_MS,
        );
        [start, completion].into_iter().chain(sizes).collect()
    }

    fn biggest(&self, kube: bool, limit: f64) -> Option<Claim> {
        let biggest = self
            .all
            .iter()
            .filter(|program| program.kube == kube)
            .max_by(|one, other| one.megabytes.total_cmp(&other.megabytes))?;
        let which = if kube { "with" } else { "without" };
        Some(Claim::new(
            format!("programs {which} the Kubernetes client are under {limit} MB"),
            format!("{:.1} MB ({})", biggest.megabytes, biggest.name),
            biggest.megabytes < limit,
        ))
    }
}
