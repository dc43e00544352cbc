//! `kubectl etcdbackup runbook`: this cluster's own recovery document.

use std::process::Output;

use e2e::golden::{compare, replaced};
use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY, World, text};
use s3_sim::{Operation, Policy};

use crate::configs::{numbered, world};
use crate::support::{backed_up, code, now, ok};

const PLACE: &str = "s3://backups/prod";

fn runbook(world: &World, more: &[&str]) -> Output {
    let given = ["runbook", PLACE, "--cluster-name", "prod"];
    world.ours("kubectl-etcdbackup", &[&given, more].concat())
}

/// Without what differs from run to run.
fn steady(world: &World, output: &Output) -> String {
    let shown = numbered(world, &text(&output.stdout));
    let shown = e2e::golden::filtered(world, &shown);
    let shown = replaced(&shown, r"\b20\d\d-\d\d-\d\d\b", "$$DAY");
    let shown = replaced(&shown, r"age:[0-9a-f]{16}", "age:$$FINGERPRINT");
    let shown = replaced(&shown, r"-[0-9a-f]{8}\.yaml\.age", "-$$RECIPIENTS.yaml.age");
    replaced(&shown, r"\b\d+ bytes", "$$N bytes")
}

#[test]
fn the_document_is_the_reviewed_one() {
    let world = world();
    ok(&backed_up(&world, &[PLACE], &[]));
    let verify = ["verify", PLACE, "--cluster-name", "prod"];
    ok(&world.ours("kubectl-etcdbackup", &verify));
    let save = [
        "configs",
        "save",
        PLACE,
        "-R",
        "recipients.txt",
        "--cluster-name",
        "prod",
    ];
    ok(&world.ours("kubectl-etcdbackup", &save));
    for (form, golden) in [("markdown", "prod.md"), ("html", "prod.html")] {
        let shown = runbook(&world, &["-o", form]);
        ok(&shown);
        assert_eq!(text(&shown.stderr), "");
        compare(&format!("runbook/{golden}"), &steady(&world, &shown));
    }
}

#[test]
fn with_nothing_at_hand_it_is_full_of_blanks_and_still_there() {
    let world = world();
    (0..4).for_each(|node| world.talos.take_down(node).unwrap());
    world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::write_only());
    let shown = runbook(&world, &[]);
    ok(&shown);
    let (document, talk) = (text(&shown.stdout), text(&shown.stderr));
    assert!(talk.contains("left blank"), "{talk}");
    // What the talosconfig knows is there all the same.
    let nodes: Vec<String> = (0..3).map(|node| world.talos.address(node)).collect();
    let export = format!("export ETCDBACKUP_ENDPOINTS={}", nodes.join(","));
    assert!(document.contains(&export), "{document}");
    assert!(
        document.contains("talosctl-recover-bootstrap -n"),
        "{document}"
    );
    // And without a talosconfig.
    std::fs::remove_file(world.path("talosconfig")).unwrap();
    let shown = runbook(&world, &["-o", "json"]);
    ok(&shown);
    assert!(text(&shown.stdout).contains("____CONTROL_PLANES____"));
    let unnamed = world.ours("kubectl-etcdbackup", &["runbook", PLACE]);
    assert_eq!(code(&unnamed), 2, "{}", text(&unnamed.stderr));
}

/// `now` with a runbook, as the role of a backup, with a key that may only write.
fn beside(world: &World, more: &[&str]) -> Output {
    let config = world.talos.talosconfig(&["os:etcd:backup"]).unwrap();
    config.write(&world.path("talosconfig")).unwrap();
    world.s3.allow(ACCESS_KEY, SECRET_KEY, Policy::write_only());
    world.s3.clear_requests();
    backed_up(world, &[PLACE], more)
}

#[test]
fn a_backup_leaves_one_beside_it_sealed_and_with_the_right_to_write_alone() {
    let world = world();
    for run in 1..=2 {
        // The second time by its variable.
        let now = match run {
            1 => beside(&world, &["--runbook"]),
            _ => now(&world, &[PLACE], &[])
                .env("ETCDBACKUP_RUNBOOK", "sealed")
                .output()
                .unwrap(),
        };
        ok(&now);
        assert_eq!(text(&now.stdout).lines().count(), 1, "a URL, and no more");
        let keys = world.s3.all_keys(BUCKET);
        let runbooks: Vec<&String> = keys
            .iter()
            .filter(|key| key.contains("/.runbook/"))
            .collect();
        assert_eq!(runbooks, ["prod/.runbook/prod.md.age"], "run {run}");
        let asked = world.s3.requests();
        assert!(
            asked
                .iter()
                .all(|one| one.operation == Operation::PutObject && one.status == Some(200)),
            "{asked:?}"
        );
    }
    let sealed = world
        .s3
        .object(BUCKET, "prod/.runbook/prod.md.age")
        .unwrap();
    std::fs::write(world.path("r.age"), sealed).unwrap();
    let opened = world.shell("age -d -i key.txt r.age");
    assert!(opened.status.success(), "{}", text(&opened.stderr));
    let document = text(&opened.stdout);
    // The role of a backup may ask etcd who its members are.
    for (node, name) in ["cp-1", "cp-2", "cp-3"].iter().enumerate() {
        let row = format!(
            "| `{name}` | `{}` | control plane |",
            world.talos.address(node)
        );
        assert!(document.contains(&row), "{row}\n{document}");
    }
    let newest = world
        .s3
        .keys(BUCKET, "prod")
        .into_iter()
        .next_back()
        .unwrap();
    assert!(
        document.contains(&format!("`s3://{BUCKET}/{newest}`")),
        "{document}"
    );
}

#[test]
fn in_the_clear_only_when_asked_and_what_fails_fails_no_backup() {
    let world = world();
    let clear = |how: &str| {
        let mut now = world.command(e2e::programs().join("kubectl-etcdbackup"));
        now.args(["now", "--direct", PLACE, "--no-encrypt", how])
            .output()
            .unwrap()
    };
    let refused = clear("--runbook");
    ok(&refused);
    assert!(
        text(&refused.stderr).contains("--runbook=plain"),
        "{}",
        text(&refused.stderr)
    );
    assert!(
        world
            .s3
            .all_keys(BUCKET)
            .iter()
            .all(|key| !key.contains(".runbook"))
    );
    ok(&clear("--runbook=plain"));
    let plain = world.s3.object(BUCKET, "prod/.runbook/sim.md").unwrap();
    assert!(
        text(&plain).starts_with("# Recovery of cluster sim\n"),
        "{}",
        text(&plain)
    );

    std::fs::create_dir(world.path("nas")).unwrap();
    std::fs::write(world.path("nas/.runbook"), "in the way").unwrap();
    let nas = format!("file://{}", world.path("nas").display());
    let now = backed_up(&world, &[&nas], &["--runbook"]);
    ok(&now);
    let said = text(&now.stderr);
    assert!(
        said.contains("warning: ") && said.contains("the runbook was not written"),
        "{said}"
    );
}
