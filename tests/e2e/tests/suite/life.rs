//! Sixty days of a cluster: a backup every hour, a verification and a prune every day, and the
//! troubles that such a time brings. At the end the store holds exactly what the policy says.
//!
//! The programs and the store are told the time; everything else is as it is in a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY, World, text};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use s3_sim::{Effect, Fault, Operation, S3Sim};
use talos_sim::Simulator;

use crate::prune::at;
use crate::support::{IN_PARTS, code, ok, sample};

const PLACE: &str = "s3://backups/prod";
const SIZE: usize = 40_000;
/// Above one part.
const LARGE: usize = 6 << 20;
const LOCK: SignedDuration = SignedDuration::from_hours(36);
const POLICY: [&str; 8] = [
    "--keep-hourly",
    "24",
    "--keep-daily",
    "10",
    "--keep-weekly",
    "5",
    "--keep-monthly",
    "6",
];

/// How long the cluster lives; shorter for an impatient look.
fn days() -> i64 {
    let days = std::env::var("ETCDBACKUP_LIFE_DAYS").ok();
    days.and_then(|days| days.parse().ok()).unwrap_or(60)
}

/// What must be in the store, by its own simple reckoning.
#[derive(Default)]
struct Ledger {
    present: BTreeSet<Timestamp>,
    verified: Option<Timestamp>,
}

impl Ledger {
    /// The newest of each of the last `count` periods, and the oldest of all while there are
    /// fewer.
    fn of_periods(
        &self,
        count: usize,
        period: impl Fn(&Timestamp) -> String,
    ) -> BTreeSet<Timestamp> {
        let mut newest: BTreeMap<String, Timestamp> = BTreeMap::new();
        for time in &self.present {
            newest.insert(period(time), *time);
        }
        let mut kept: BTreeSet<Timestamp> = newest.values().rev().take(count).copied().collect();
        if newest.len() < count {
            kept.extend(self.present.first());
        }
        kept
    }

    fn prune(&mut self, now: Timestamp) {
        let day = |time: &Timestamp| time.to_string()[..10].to_owned();
        let week = |time: &Timestamp| {
            let week = time.to_zoned(TimeZone::UTC).date().iso_week_date();
            format!("{}-{:02}", week.year(), week.week())
        };
        let mut kept = self.of_periods(24, |time| time.to_string()[..13].to_owned());
        kept.extend(self.of_periods(10, day));
        kept.extend(self.of_periods(5, week));
        kept.extend(self.of_periods(6, |time| time.to_string()[..7].to_owned()));
        match self.verified {
            Some(verified) => drop(kept.insert(verified)),
            None => kept.extend(self.present.iter().rev().take(7)),
        }
        self.present
            .retain(|time| kept.contains(time) || *time + LOCK >= now);
    }
}

struct Life {
    small: World,
    large: World,
    ledger: Ledger,
    failed: usize,
}

impl Life {
    fn begin() -> Self {
        let s3 = S3Sim::builder()
            .lockable_bucket(BUCKET)
            .credentials(ACCESS_KEY, SECRET_KEY)
            .start();
        let talos = Simulator::builder().snapshot_bytes(sample(SIZE));
        Self {
            small: World::of(talos.start().unwrap(), s3),
            large: World::serving(sample(LARGE)),
            ledger: Ledger::default(),
            failed: 0,
        }
    }

    /// What breaks in this hour, and whether the backup survives it.
    fn trouble(&self, hour: i64) -> bool {
        let fault = |operation, effect: Effect| {
            self.small.s3.inject(Fault::new(operation, effect).times(1));
        };
        let refuse = || Effect::Status(403, "AccessDenied".to_owned());
        match hour {
            hour if hour % 97 == 41 => fault(Operation::PutObject, refuse()),
            hour if hour % 200 == 125 => fault(Operation::UploadPart, refuse()),
            hour if hour % 53 == 20 => {
                fault(
                    Operation::PutObject,
                    Effect::Status(503, "SlowDown".to_owned()),
                );
                return true;
            }
            hour if hour % 61 == 30 => {
                fault(Operation::PutObject, Effect::LostAnswer);
                return true;
            }
            _ => return true,
        }
        false
    }

    fn back_up(&mut self, hour: i64, now: Timestamp) {
        let survives = self.trouble(hour);
        let in_parts = hour % 50 == 25;
        let world = if in_parts { &self.large } else { &self.small };
        let arguments = [
            "now",
            "--direct",
            PLACE,
            "-R",
            "recipients.txt",
            "--cluster-name",
            "prod",
        ];
        let mut command = at(world, &now.to_string(), &arguments);
        command
            .args(["--lock-for", "36h", "--lock-mode", "compliance"])
            .env("AWS_ENDPOINT_URL_S3", self.small.s3.endpoint());
        if in_parts {
            // One key for all of them.
            command
                .args(IN_PARTS)
                .arg("-R")
                .arg(self.small.path("recipients.txt"));
        }
        let backup = command.output().unwrap();
        assert_eq!(
            code(&backup) == 0,
            survives,
            "{now}: {}",
            text(&backup.stderr)
        );
        self.small.s3.clear_faults();
        if survives {
            self.ledger.present.insert(now);
        } else {
            self.failed += 1;
        }
    }

    fn verify(&mut self, now: Timestamp) {
        self.small.s3.set_clock(SystemTime::from(now));
        let arguments = ["verify", PLACE];
        ok(&at(&self.small, &now.to_string(), &arguments)
            .output()
            .unwrap());
        self.ledger.verified = self.ledger.present.last().copied();
    }

    /// A day on which the store refuses the first delete: nothing goes, and the next one makes up
    /// for it.
    fn prune(&mut self, now: Timestamp, broken: bool) {
        self.small.s3.set_clock(SystemTime::from(now));
        if broken {
            let refuse = Effect::Status(503, "ServiceUnavailable".to_owned());
            self.small
                .s3
                .inject(Fault::new(Operation::DeleteObject, refuse));
        }
        let arguments = [&["prune", PLACE, "--delete"], &POLICY[..]].concat();
        let mut command = at(&self.small, &now.to_string(), &arguments);
        let pruned = command.env("AWS_MAX_ATTEMPTS", "1").output().unwrap();
        self.small.s3.clear_faults();
        let mut after = Ledger {
            present: self.ledger.present.clone(),
            verified: self.ledger.verified,
        };
        after.prune(now);
        match (broken, after.present == self.ledger.present) {
            (false, _) => ok(&pruned),
            (true, false) => assert_eq!(code(&pruned), 69, "{now}: {}", text(&pruned.stderr)),
            // Whatever goes is locked, and whether that was asked is of no matter.
            (true, true) => assert!([0, 69].contains(&code(&pruned)), "{now}"),
        }
        if code(&pruned) == 0 {
            self.ledger = after;
        }
    }

    fn stored(&self) -> BTreeSet<Timestamp> {
        let keys = self.small.s3.keys(BUCKET, "prod");
        let time = |key: &String| -> Timestamp {
            let name = key.strip_prefix("prod/prod-").unwrap();
            name.split(".snap").next().unwrap().parse().unwrap()
        };
        keys.iter().map(time).collect()
    }
}

#[test]
fn sixty_days_of_hourly_backups_end_with_exactly_what_the_policy_says() {
    let mut life = Life::begin();
    let first: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
    let days = days();
    for hour in 0..days * 24 {
        let now = first + SignedDuration::from_hours(hour);
        life.small.s3.set_clock(SystemTime::from(now));
        life.back_up(hour, now);
        match hour % 24 {
            3 => life.verify(now + SignedDuration::from_mins(20)),
            4 => {
                let last = hour / 24 == days - 1;
                life.prune(
                    now + SignedDuration::from_mins(30),
                    !last && hour / 24 % 9 == 5,
                );
                assert_eq!(life.stored(), life.ledger.present, "{now}");
            }
            _ => {}
        }
    }
    let now = first + SignedDuration::from_hours(days * 24);
    life.small.s3.set_clock(SystemTime::from(now));
    life.prune(now, false);
    assert_eq!(life.stored(), life.ledger.present);
    assert!(life.failed > 0 || days < 5, "some hours went wrong");
    let s3 = &life.small.s3;
    // Nothing belongs to nothing: no version, no marker, no manifest or record alone, no upload.
    assert_eq!(s3.all_keys_ever(BUCKET), s3.all_keys(BUCKET));
    assert_eq!(
        s3.keys(BUCKET, "prod/.manifest").len(),
        life.ledger.present.len()
    );
    for record in s3.keys(BUCKET, "prod/.verified") {
        let object = record.replace("/.verified/", "/").replace(".json", "");
        assert!(s3.object(BUCKET, &object).is_some(), "{record}");
    }
    assert!(s3.uploads(BUCKET).is_empty(), "{:?}", s3.uploads(BUCKET));
    assert!(life.stored().contains(&life.ledger.verified.unwrap()));
    let list = at(
        &life.small,
        &now.to_string(),
        &["list", PLACE, "--max-age", "2h"],
    )
    .output();
    ok(&list.unwrap());
    let all = at(&life.small, &now.to_string(), &["verify", PLACE, "--all"]).output();
    ok(&all.unwrap());
}
