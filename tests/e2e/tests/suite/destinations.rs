//! Several destinations in one pass: each has its own fate, and each is told.

use std::process::Output;
use std::time::Duration;

use e2e::{ACCESS_KEY, SECRET_KEY, World, text};
use s3_sim::{Effect, Fault, Operation, S3Sim};
use talos_sim::Simulator;

use crate::support::{self, IN_PARTS, code, refused, sample};

const LARGE: usize = 40 << 20;
const WRITING: [Operation; 5] = [
    Operation::PutObject,
    Operation::CreateMultipartUpload,
    Operation::UploadPart,
    Operation::CompleteMultipartUpload,
    Operation::AbortMultipartUpload,
];

/// A world with three buckets, and a snapshot of several parts.
fn world() -> World {
    let talos = Simulator::builder()
        .snapshot_bytes(sample(LARGE).to_vec())
        .start()
        .unwrap();
    let s3 = S3Sim::builder()
        .bucket("good")
        .bucket("hanging")
        .bucket("failing")
        .credentials(ACCESS_KEY, SECRET_KEY);
    let world = World::of(talos, s3.start());
    std::fs::create_dir(world.path("nas")).unwrap();
    world
}

fn now(world: &World, destinations: &[&str], more: &[&str]) -> Output {
    support::now(world, destinations, &IN_PARTS)
        .args(more)
        .env("AWS_MAX_ATTEMPTS", "2")
        .output()
        .unwrap()
}

fn fail(world: &World) {
    for operation in WRITING {
        let denied = Effect::Status(403, "AccessDenied".to_owned());
        world
            .s3
            .inject(Fault::new(operation, denied).bucket("failing"));
    }
}

fn hang(world: &World) {
    for operation in WRITING {
        world
            .s3
            .inject(Fault::new(operation, Effect::Hang).bucket("hanging"));
    }
}

/// Names of the snapshots in the folder.
fn in_folder(world: &World) -> Vec<String> {
    let names = std::fs::read_dir(world.path("nas")).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with(".manifest"))
        .collect()
}

#[test]
fn a_failing_and_a_hanging_store_do_not_cost_the_good_copies() {
    let world = world();
    fail(&world);
    hang(&world);
    let folder = format!("file://{}", world.path("nas").display());
    let destinations = [
        "s3://hanging/prod",
        "s3://failing/prod",
        folder.as_str(),
        "s3://good/prod",
    ];
    let output = now(&world, &destinations, &["--s3-timeout", "3s", "-o", "json"]);
    let stderr = text(&output.stderr);
    refused(&output, 75, "s3://hanging/prod/prod-");
    assert!(stderr.contains("s3://failing/prod/prod-"), "{stderr}");
    assert!(stderr.contains("s3:PutObject"), "{stderr}");
    assert_eq!(in_folder(&world).len(), 1, "{:?}", in_folder(&world));
    assert_eq!(world.s3.keys("good", "prod").len(), 1);
    assert!(world.s3.all_keys("failing").is_empty() && world.s3.all_keys("hanging").is_empty());
    let receipt: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let copies = receipt["copies"].as_array().unwrap();
    let failed: Vec<bool> = copies
        .iter()
        .map(|copy| copy["error"].is_string())
        .collect();
    assert_eq!(
        failed,
        [true, true, false, false],
        "in the order they were given"
    );
    let stored = std::fs::read(world.path("nas").join(&in_folder(&world)[0])).unwrap();
    let key = &world.s3.keys("good", "prod")[0];
    assert!(
        world.s3.object("good", key).unwrap() == stored,
        "two different copies"
    );
}

#[test]
fn enough_copies_are_enough() {
    let world = world();
    fail(&world);
    let destinations = ["s3://failing/prod", "s3://good/prod"];
    let all = now(&world, &destinations, &[]);
    assert_eq!(code(&all), 77, "{}", text(&all.stderr));
    let one = now(&world, &destinations, &["--min-copies", "1", "-o", "name"]);
    assert_eq!(code(&one), 0, "{}", text(&one.stderr));
    let stdout = text(&one.stdout);
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    assert!(stdout.starts_with("s3://good/prod/prod-"), "{stdout}");
    assert!(text(&one.stderr).contains("s3://failing/prod/prod-"));
    let none = now(
        &world,
        &["s3://failing/a", "s3://failing/b"],
        &["--min-copies", "1"],
    );
    refused(&none, 77, "s3://failing/a/prod-");
    refused(&none, 77, "s3://failing/b/prod-");
}

/// With the product's own limits: a store that stands still is left out long before its own
/// timeouts and attempts are used up.
#[test]
fn a_store_that_stands_still_is_left_out() {
    let world = world();
    hang(&world);
    let folder = format!("file://{}", world.path("nas").display());
    let output = now(&world, &["s3://hanging/prod", &folder], &[]);
    refused(&output, 75, "stood still");
    assert_eq!(in_folder(&world).len(), 1);
}

/// It moves, if slowly: leaving it out would cost this copy every time.
#[test]
fn a_slow_store_is_waited_for() {
    let world = world();
    for operation in [Operation::UploadPart, Operation::CompleteMultipartUpload] {
        let slow = Effect::SlowReceive(Duration::from_millis(10));
        world.s3.inject(Fault::new(operation, slow).bucket("good"));
    }
    let folder = format!("file://{}", world.path("nas").display());
    let output = now(&world, &["s3://good/prod", &folder], &[]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert_eq!(world.s3.keys("good", "prod").len(), 1);
}
