//! A bucket with a history: how long a listing and a plan take, and how much memory.

use std::time::{Duration, SystemTime};

use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY, programs, user_command};
use jiff::{SignedDuration, Timestamp};
use s3_sim::S3Sim;

use crate::claims::Claim;
use crate::data;
use crate::measured::{self, How, Measured};

const MIB: f64 = 1_048_576.0;
const SECONDS: f64 = 10.0;
const PEAK: f64 = 100.0;
/// Of a million objects: their memory alone is promised.
const MANY_PEAK: f64 = 150.0;
const PLACE: &str = "s3://backups/prod";

/// One verb over all objects.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) verb: &'static str,
    pub(crate) objects: usize,
    pub(crate) seconds: f64,
    /// MiB.
    pub(crate) peak: f64,
    success: bool,
}

/// All of them, over a long history and over one that nobody has.
#[derive(Debug)]
pub(crate) struct Listing {
    usual: Vec<Run>,
    many: Vec<Run>,
}

const VERBS: [(&str, &[&str]); 6] = [
    ("list", &["list", PLACE]),
    ("list -o wide", &["list", PLACE, "-o", "wide"]),
    ("list -o name", &["list", PLACE, "-o", "name"]),
    ("list -o json", &["list", PLACE, "-o", "json"]),
    ("list -o yaml", &["list", PLACE, "-o", "yaml"]),
    (
        "prune (dry run)",
        &[
            "prune",
            PLACE,
            "--keep-hourly",
            "48",
            "--keep-daily",
            "30",
            "--keep-monthly",
            "24",
        ],
    ),
];

pub(crate) fn measure(objects: usize, many: usize) -> Listing {
    Listing {
        usual: runs(objects),
        many: runs(many),
    }
}

fn runs(objects: usize) -> Vec<Run> {
    let s3 = history(objects);
    let folder = tempfile::tempdir_in(data::folder()).expect("a folder");
    let runs = VERBS.into_iter().map(|(verb, arguments)| {
        let program = programs().join("kubectl-etcdbackup");
        let mut command = user_command(program, folder.path(), &s3.endpoint());
        command.args(arguments);
        let how = How {
            discard: true,
            ..How::default()
        };
        let Measured {
            success,
            seconds,
            peak,
            ..
        } = measured::run(&command, how);
        Run {
            verb,
            objects,
            seconds,
            peak: peak as f64 / MIB,
            success,
        }
    });
    runs.collect()
}

/// Hourly snapshots until now, each with its manifest.
fn history(objects: usize) -> S3Sim {
    let s3 = S3Sim::builder()
        .bucket(BUCKET)
        .credentials(ACCESS_KEY, SECRET_KEY)
        .start();
    let (mut taken_at, mut modified) = (Timestamp::now(), SystemTime::now());
    for _ in 0..objects {
        let name = format!("prod-{taken_at:.3}.snap.zst.age");
        s3.put_dated(BUCKET, &format!("prod/{name}"), b"x", modified);
        s3.put_dated(
            BUCKET,
            &format!("prod/.manifest/{name}.json"),
            b"{}",
            modified,
        );
        taken_at -= SignedDuration::from_hours(1);
        modified -= Duration::from_secs(3600);
    }
    s3
}

impl Listing {
    pub(crate) fn claims(&self) -> Vec<Claim> {
        let usual = |run: &Run| {
            Claim::new(
                format!(
                    "{} over {} objects and their manifests: under {SECONDS:.0} s and {PEAK:.0} MiB",
                    run.verb, run.objects
                ),
                format!("{:.1} s, {:.1} MiB", run.seconds, run.peak),
                run.success && run.seconds < SECONDS && run.peak < PEAK,
            )
        };
        let many = |run: &Run| {
            Claim::new(
                format!(
                    "{} over {} objects and their manifests: under {MANY_PEAK:.0} MiB",
                    run.verb, run.objects
                ),
                format!("{:.1} MiB in {:.1} s", run.peak, run.seconds),
                run.success && run.peak < MANY_PEAK,
            )
        };
        let claims = self.usual.iter().map(usual);
        claims.chain(self.many.iter().map(many)).collect()
    }
}
