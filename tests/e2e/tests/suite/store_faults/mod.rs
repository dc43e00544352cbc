//! Every fault of a store, on every request of an upload: a correct object, or none and
//! nothing open; the right exit code; a message that names bucket, key and next step.

mod cases;

use std::collections::VecDeque;
use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use e2e::{BUCKET, World, text};
use s3_sim::{Effect, Fault, Operation, Policy, Repeat, Rules};

use self::cases::{At, Case, every_case};
use crate::support::{IN_PARTS, backed_up, check_pull, code, now, ok, refused, sample, serving};

/// Runs side by side: most of their time is waiting.
const WORKERS: usize = 8;
/// Three parts of at most 5 MiB.
const LARGE: usize = 12 << 20;
const SMALL: usize = 300_000;
/// One limit for each request, where an answer that never comes is what is tested.
const PATIENCE: &str = "5s";

/// The world's settings for one case.
fn environment(case: Case) -> Vec<(&'static str, &'static str)> {
    let mut variables = vec![
        ("AWS_MAX_ATTEMPTS", if case.always { "2" } else { "3" }),
        ("ETCDBACKUP_PART_SIZE", "5MiB"),
        ("ETCDBACKUP_COMPRESS", "none"),
    ];
    if case.strike.needs_patience() {
        variables.push(("ETCDBACKUP_S3_TIMEOUT", PATIENCE));
    }
    variables
}

/// Runs `cases` side by side; one line for each that did not end as wanted.
fn run(cases: Vec<Case>, check: impl Fn(usize, Case) -> Result<(), String> + Sync) {
    let queue: Mutex<VecDeque<(usize, Case)>> = Mutex::new(cases.into_iter().enumerate().collect());
    let failures = Mutex::new(Vec::new());
    // The lock is free again before the case runs.
    let next = || lock(&queue).pop_front();
    let work = || {
        while let Some((number, case)) = next() {
            if let Err(failure) = check(number, case) {
                lock(&failures).push(format!("{case:?}: {failure}"));
            }
        }
    };
    std::thread::scope(|scope| {
        (0..WORKERS).for_each(|_| drop(scope.spawn(work)));
    });
    let failures = lock(&failures);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the store holds after a case, and what the program said.
fn judge(world: &World, prefix: &str, case: Case, output: &Output) -> Result<(), String> {
    let wanted = case.wanted();
    let stderr = text(&output.stderr);
    let require = |holds: bool, what: &str| match holds {
        true => Ok(()),
        false => Err(format!("{what}; wanted {wanted:?}; said: {stderr}")),
    };
    let exit = code(output);
    require(exit == wanted.exit, &format!("exit {exit}"))?;
    let keys = world.s3.keys(BUCKET, prefix);
    require(
        keys.len() == usize::from(wanted.object),
        &format!("objects {keys:?}"),
    )?;
    let manifests = world.s3.keys(BUCKET, &format!("{prefix}/.manifest"));
    require(manifests.len() == usize::from(exit == 0), "the manifest")?;
    let open = open_uploads(world, prefix);
    require(
        wanted.open != open.is_empty(),
        &format!("open uploads {open:?}"),
    )?;
    let named = stderr.contains(&format!("s3://{BUCKET}/{prefix}/{prefix}-"));
    require(exit == 0 || named, "no bucket and key in the message")?;
    let lines = |start: &str| {
        stderr
            .lines()
            .filter(|line| line.starts_with(start))
            .count()
    };
    let told = (lines("error: "), lines("hint: ").min(1));
    require(
        told == if exit == 0 { (0, 0) } else { (1, 1) },
        "not two lines",
    )?;
    if wanted.open && case.at == At::Abort {
        require(stderr.contains(&open[0]), "the upload id is not named")?;
        require(
            stderr.contains("abort-multipart-upload"),
            "no command to remove it",
        )?;
    }
    let remark = exit == 0 && case.at == At::Create && case.strike.is_carried_out();
    require(
        !remark || stderr.contains("may remain"),
        "the first upload is not told",
    )
}

/// Ids of the open uploads below a prefix.
fn open_uploads(world: &World, prefix: &str) -> Vec<String> {
    let start = format!("{prefix}/");
    let uploads = world.s3.uploads(BUCKET).into_iter();
    uploads
        .filter(|upload| upload.key.starts_with(&start))
        .map(|upload| upload.id)
        .collect()
}

#[test]
fn push_meets_every_fault_of_a_store() {
    let world = World::serving(sample(SMALL));
    let large = sample(LARGE);
    let small = sample(SMALL);
    std::fs::write(world.path("large"), large).unwrap();
    std::fs::write(world.path("small"), small).unwrap();
    run(every_case(), |number, case| {
        let prefix = format!("case{number}");
        case.inject(&world, &prefix);
        let (file, bytes) = match case.at {
            At::Put => ("small", small),
            _ => ("large", large),
        };
        let destination = format!("s3://{BUCKET}/{prefix}");
        let output = world
            .command(e2e::programs().join("talosctl-snapshot-push"))
            .args(["-f", file, &destination, "--no-encrypt"])
            .envs(environment(case))
            .output()
            .unwrap();
        judge(&world, &prefix, case, &output)?;
        // Neither compressed nor encrypted: what is stored is the snapshot.
        match world.s3.keys(BUCKET, &prefix).first() {
            Some(key) if world.s3.object(BUCKET, key).as_deref() != Some(bytes) => {
                Err("another object was stored".to_owned())
            }
            _ => Ok(()),
        }
    });
}

#[test]
fn now_meets_the_lasting_faults_of_a_store() {
    let sizes = [SMALL, LARGE].map(|size| World::serving(sample(size)));
    let cases = every_case().into_iter().filter(|case| case.always);
    run(cases.collect(), |number, case| {
        let world = &sizes[usize::from(case.at != At::Put)];
        let prefix = format!("case{number}");
        case.inject(world, &prefix);
        let destination = format!("s3://{BUCKET}/{prefix}");
        let output = now(world, &[&destination], &["--cluster-name", &prefix])
            .envs(environment(case))
            .output()
            .unwrap();
        judge(world, &prefix, case, &output)?;
        match world.s3.keys(BUCKET, &prefix).first() {
            Some(key) => check_pull(world, key, if case.at == At::Put { SMALL } else { LARGE }),
            None => Ok(()),
        }
    });
}

#[test]
fn a_fast_drip_and_slow_ears_are_no_faults() {
    let world = World::serving(sample(LARGE));
    for operation in [
        Operation::CreateMultipartUpload,
        Operation::UploadPart,
        Operation::CompleteMultipartUpload,
    ] {
        let pause = Duration::from_millis(2);
        world
            .s3
            .inject(Fault::new(operation, Effect::Drip(pause)).times(2));
        world
            .s3
            .inject(Fault::new(operation, Effect::SlowReceive(pause)));
    }
    ok(&backed_up(&world, &["s3://backups/prod"], &IN_PARTS));
    let key = &world.s3.keys(BUCKET, "prod")[0];
    check_pull(&world, key, LARGE).unwrap();
}

fn push_small(world: &World, more: &[&str]) -> Output {
    let mut arguments = vec!["-f", "small", "s3://backups/prod", "--no-encrypt"];
    arguments.extend(more);
    let small = sample(SMALL);
    std::fs::write(world.path("small"), small).unwrap();
    world.ours("talosctl-snapshot-push", &arguments)
}

#[test]
fn transient_refusals_are_asked_again() {
    for (status, name) in [
        (429, ""),
        (408, ""),
        (400, "RequestTimeout"),
        (409, "OperationAborted"),
    ] {
        let world = serving();
        let effect = Effect::Status(status, name.to_owned());
        world
            .s3
            .inject(Fault::new(Operation::PutObject, effect).times(1));
        ok(&push_small(&world, &[]));
        let requests = world.s3.requests();
        assert_eq!(
            requests.len(),
            3,
            "{status} {name}: the object twice, the manifest"
        );
    }
}

#[test]
fn an_existing_object_is_never_overwritten_and_the_next_millisecond_is_as_good() {
    let exists = || Effect::Status(412, "PreconditionFailed".to_owned());
    let world = serving();
    world.s3.inject(Fault::new(Operation::PutObject, exists()));
    let output = push_small(&world, &[]);
    refused(&output, 75, "exists");
    assert!(text(&output.stderr).contains("s3://backups/prod/prod-"));
    let requests = world.s3.requests();
    let mut names: Vec<&str> = requests.iter().map(|one| one.key.as_str()).collect();
    names.dedup();
    assert_eq!((requests.len(), names.len()), (4, 4), "each name once");
    for request in &requests {
        let condition = request.header("if-none-match") == Some("*");
        assert!(condition, "asked without a condition");
    }
    let world = serving();
    world
        .s3
        .inject(Fault::new(Operation::PutObject, exists()).times(1));
    ok(&push_small(&world, &[]));
    let [object] = &world.s3.keys(BUCKET, "prod")[..] else {
        panic!("{:?}", world.s3.all_keys(BUCKET));
    };
    assert_ne!(object, &world.s3.requests()[0].key);
    let manifest = object.replace("prod/", "prod/.manifest/") + ".json";
    let manifest = text(&world.s3.object(BUCKET, &manifest).unwrap());
    assert!(
        manifest.contains(object.strip_prefix("prod/").unwrap()),
        "{manifest}"
    );
    check_pull(&world, object, crate::support::SIZE).unwrap();
    // Parts belong to the name they were sent under.
    let world = World::serving(sample(LARGE));
    world
        .s3
        .inject(Fault::new(Operation::CompleteMultipartUpload, exists()).times(1));
    let now = backed_up(&world, &["s3://backups/prod"], &IN_PARTS);
    refused(&now, 75, "its parts were sent under that name");
    assert!(world.s3.uploads(BUCKET).is_empty());
}

#[test]
fn a_repeated_complete_is_read_by_what_the_store_answers() {
    for (repeat, exit) in [
        (Repeat::Condition, 0),
        (Repeat::Success, 0),
        (Repeat::NoSuchUpload, 75),
    ] {
        let world = World::serving(sample(LARGE));
        world.s3.set_rules(Rules {
            repeated_complete: repeat,
            ..Rules::aws()
        });
        world
            .s3
            .inject(Fault::new(Operation::CompleteMultipartUpload, Effect::LostAnswer).times(1));
        let now = backed_up(&world, &["s3://backups/prod"], &IN_PARTS);
        assert_eq!(code(&now), exit, "{repeat:?}: {}", text(&now.stderr));
        if exit == 75 {
            let upload = world.s3.requests();
            let upload = upload.iter().find_map(|request| request.upload_id.clone());
            refused(&now, 75, &upload.unwrap());
        }
        assert!(world.s3.uploads(BUCKET).is_empty());
        check_pull(&world, &world.s3.keys(BUCKET, "prod")[0], LARGE).unwrap();
    }
}

#[test]
fn a_refused_snapshot_whose_upload_stays_open_says_both() {
    let world = World::serving(sample(LARGE));
    let policy = Policy::write_only().without(Operation::AbortMultipartUpload);
    world.s3.allow(e2e::ACCESS_KEY, e2e::SECRET_KEY, policy);
    let mut broken = sample(LARGE).to_vec();
    broken[LARGE / 2] ^= 1;
    std::fs::write(world.path("broken"), broken).unwrap();
    let push = world.ours(
        "talosctl-snapshot-push",
        &[
            "-f",
            "broken",
            "s3://backups/prod",
            "--no-encrypt",
            "--compress",
            "none",
            "--part-size",
            "5MiB",
        ],
    );
    let open = world.s3.uploads(BUCKET);
    assert_eq!(open.len(), 1);
    refused(&push, 75, &open[0].id);
    refused(&push, 75, "SHA-256");
    assert!(world.s3.all_keys(BUCKET).is_empty());
}

#[test]
fn an_archive_that_is_cut_on_the_way_back_is_taken_up_again() {
    let world = World::serving(sample(LARGE));
    ok(&backed_up(
        &world,
        &["s3://backups/prod"],
        &["--compress", "none"],
    ));
    let key = world.s3.keys(BUCKET, "prod").remove(0);
    for bytes in [100, 500_000, 7_000_000] {
        let cut = Fault::new(Operation::GetObject, Effect::CutAnswer(bytes));
        world.s3.inject(cut.times(1));
    }
    check_pull(&world, &key, LARGE).unwrap();
    let ranges = world.s3.requests();
    let ranges: Vec<_> = ranges
        .iter()
        .filter_map(|request| request.header("range"))
        .collect();
    assert!(!ranges.is_empty(), "it was never taken up again");
}
