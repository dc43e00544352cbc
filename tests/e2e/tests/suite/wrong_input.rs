//! What comes back for wrong input: an exit code and two lines, reviewed in one golden.
//!
//! A case is a command line as an operator types it. `UPDATE_GOLDENS=1` rewrites the golden.

use std::process::Stdio;
use std::time::{Duration, Instant};

use e2e::golden::{compare, filtered};
use e2e::{World, text, tool};
use talos_sim::{Simulator, Validity};

use crate::support::{SIZE, ok};

/// A title, and a command line for bash.
type Case = (&'static str, &'static str);

/// A made-up post-quantum recipient: well-formed, and nobody's.
const POST_QUANTUM: &str = "age1pq1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sq5eur9";

/// Opens `protected.age`.
pub(crate) const PASSPHRASE: &str = "correct horse battery";

const STREAM: &[Case] = &[
    (
        "a text is no snapshot",
        "talosctl-snapshot-push s3://backups/prod -R recipients.txt < text.txt",
    ),
    (
        "nothing at all",
        "talosctl-snapshot-push s3://backups/prod -R recipients.txt < /dev/null",
    ),
    (
        "a copied database, without --raw",
        "talosctl-snapshot-push -f raw.db s3://backups/prod -R recipients.txt",
    ),
    (
        "a snapshot without its end",
        "head -c 20000 db.snapshot | talosctl-snapshot-push s3://backups/prod -R recipients.txt",
    ),
    (
        "a snapshot that lost its digest",
        "head -c -32 db.snapshot | talosctl-snapshot-push s3://backups/prod -R recipients.txt",
    ),
    (
        "a flipped bit",
        "talosctl-snapshot-push -f flipped.snapshot s3://backups/prod -R recipients.txt",
    ),
    (
        "a file that is not there",
        "talosctl-snapshot-push -f absent.snapshot s3://backups/prod -R recipients.txt",
    ),
    (
        "no program in front of the pipe",
        "script -qec 'talosctl-snapshot-push s3://backups/prod -R recipients.txt' /dev/null",
    ),
    (
        "a snapshot for the terminal",
        "script -qec 'talosctl-snapshot-take' /dev/null",
    ),
    (
        "a stored one for the terminal",
        "script -qec 'talosctl-snapshot-pull file://$PWD/nas -i key.txt' /dev/null",
    ),
];

const KEYS: &[Case] = &[
    (
        "no recipient",
        "talosctl-snapshot-push -f db.snapshot s3://backups/prod",
    ),
    (
        "a recipient, and none",
        "talosctl-snapshot-push -f db.snapshot s3://backups/prod -R recipients.txt --no-encrypt",
    ),
    (
        "an unknown recipient",
        "talosctl-snapshot-push -f db.snapshot s3://backups/prod -r nonsense",
    ),
    (
        "a post-quantum recipient without its plugin",
        "talosctl-snapshot-push -f db.snapshot s3://backups/prod -r $POST_QUANTUM",
    ),
    (
        "a recipient of a plugin that is not there",
        "talosctl-snapshot-push -f db.snapshot s3://backups/prod -r age1yubikey1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0jqmenk29",
    ),
    (
        "a secret key as recipient",
        "talosctl-snapshot-push -f db.snapshot s3://backups/prod -r \"$(grep SECRET key.txt)\"",
    ),
    (
        "no recipients file",
        "talosctl-snapshot-push -f db.snapshot s3://backups/prod -R absent.txt",
    ),
    (
        "a recipients file of something else",
        "talosctl-snapshot-push -f db.snapshot s3://backups/prod -R text.txt",
    ),
    (
        "stdin twice, to push",
        "talosctl-snapshot-push s3://backups/prod -R - < db.snapshot",
    ),
    (
        "no identity",
        "talosctl-snapshot-pull file://$PWD/nas -o back",
    ),
    (
        "the wrong identity",
        "talosctl-snapshot-pull file://$PWD/nas -i other.txt -o back",
    ),
    (
        "no identity file",
        "talosctl-snapshot-pull file://$PWD/nas -i absent.txt -o back",
    ),
    (
        "an identity file of something else",
        "talosctl-snapshot-pull file://$PWD/nas -i text.txt -o back",
    ),
    (
        "an identity on the command line",
        "talosctl-snapshot-pull file://$PWD/nas -i \"$(grep SECRET key.txt)\" -o back",
    ),
    (
        "a protected identity, and no terminal",
        "setsid talosctl-snapshot-pull file://$PWD/nas -i protected.age -o back < /dev/null",
    ),
    (
        "stdin twice, to pull",
        "talosctl-snapshot-pull file://$PWD/nas -i - -i - -o back < key.txt",
    ),
    (
        "an age file without its end",
        "talosctl-snapshot-pull file://$PWD/cut -i key.txt -o back",
    ),
    (
        "an age file without its header",
        "talosctl-snapshot-pull file://$PWD/nas/text.txt.age -i key.txt -o back",
    ),
];

const PLACES: &[Case] = &[
    (
        "no destination",
        "talosctl-snapshot-push -f db.snapshot -R recipients.txt",
    ),
    ("no source", "talosctl-snapshot-pull -i key.txt -o back"),
    ("nothing to list", "kubectl-etcdbackup list"),
    (
        "no scheme",
        "talosctl-snapshot-push -f db.snapshot /mnt/nas -R recipients.txt",
    ),
    (
        "another scheme",
        "talosctl-snapshot-push -f db.snapshot gs://backups/prod -R recipients.txt",
    ),
    (
        "a web address",
        "talosctl-snapshot-pull 'https://store/b/k?X-Amz-Signature=planted' -o back",
    ),
    (
        "no such bucket, to push",
        "talosctl-snapshot-push -f db.snapshot s3://absent/prod -R recipients.txt",
    ),
    (
        "no such bucket, to list",
        "kubectl-etcdbackup list s3://absent/prod",
    ),
    (
        "no such object",
        "talosctl-snapshot-pull s3://backups/prod/absent.snap.age -i key.txt -o back",
    ),
    (
        "nothing under the prefix",
        "talosctl-snapshot-pull s3://backups/empty -i key.txt -o back",
    ),
    (
        "an endpoint that is none",
        "kubectl-etcdbackup list s3://backups/prod --s3-endpoint s3.example.com",
    ),
    (
        "the wrong secret key",
        "AWS_SECRET_ACCESS_KEY=wrong kubectl-etcdbackup list s3://backups/prod",
    ),
    (
        "no credentials",
        "env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY kubectl-etcdbackup list s3://backups/prod",
    ),
    (
        "a folder that is not there",
        "kubectl-etcdbackup list file://$PWD/absent",
    ),
    (
        "two clusters under one prefix",
        "talosctl-snapshot-pull file://$PWD/two -i key.txt -o back",
    ),
    (
        "a time that is none",
        "talosctl-snapshot-pull file://$PWD/nas --at yesterday -i key.txt -o back",
    ),
    (
        "a time before all",
        "talosctl-snapshot-pull file://$PWD/nas --at 2001-01-01T00:00:00Z -i key.txt -o back",
    ),
    (
        "a time for one object",
        "talosctl-snapshot-pull file://$PWD/nas/a.snap --at 2001-01-01T00:00:00Z -i key.txt -o back",
    ),
    (
        "an unusable newest",
        "talosctl-snapshot-pull file://$PWD/damaged -i key.txt -o back",
    ),
    (
        "an empty newest",
        "talosctl-snapshot-pull file://$PWD/hollow -i key.txt -o back",
    ),
    (
        "an existing file",
        "talosctl-snapshot-pull file://$PWD/nas -i key.txt -o text.txt",
    ),
    (
        "no such folder for the file",
        "talosctl-snapshot-pull file://$PWD/nas -i key.txt -o absent/back",
    ),
    (
        "a file as folder",
        "talosctl-snapshot-take -o text.txt/back",
    ),
    ("a full disk", "talosctl-snapshot-take -o /dev/full"),
    (
        "a presigned URL that is none",
        "echo nonsense | talosctl-snapshot-pull --url-file - -o back",
    ),
];

const SETTINGS: &[Case] = &[
    ("an unknown flag", "talosctl-snapshot-take --outputt back"),
    (
        "an unknown compression",
        "talosctl-snapshot-push -f db.snapshot s3://backups/prod -R recipients.txt --compress gzip",
    ),
    (
        "an unknown format",
        "kubectl-etcdbackup list s3://backups/prod -o xml",
    ),
    (
        "an age that is none",
        "kubectl-etcdbackup list s3://backups/prod --max-age soon",
    ),
    (
        "a destination beside the backup in the cluster",
        "kubectl-etcdbackup now s3://backups/prod -R recipients.txt",
    ),
    (
        "a wrong variable",
        "ETCDBACKUP_S3_PATH_STYLE=sideways kubectl-etcdbackup list s3://backups/prod",
    ),
    (
        "no such profile",
        "kubectl-etcdbackup list --config settings.yaml --profile test",
    ),
    (
        "no such configuration",
        "kubectl-etcdbackup list --config absent.yaml",
    ),
    (
        "a misspelt setting",
        "kubectl-etcdbackup list --config misspelt.yaml",
    ),
    (
        "a guard lowered in the configuration",
        "kubectl-etcdbackup list --config lowered.yaml",
    ),
    (
        "a secret in the configuration",
        "kubectl-etcdbackup list --config secret.yaml",
    ),
    (
        "a wrong value in the configuration",
        "kubectl-etcdbackup list --config value.yaml",
    ),
];

const TALOS: &[Case] = &[
    (
        "no talosconfig",
        "env -u TALOSCONFIG talosctl-snapshot-take -o back",
    ),
    (
        "a talosconfig that is not there",
        "talosctl-snapshot-take --talosconfig absent -o back",
    ),
    (
        "a talosconfig of something else",
        "talosctl-snapshot-take --talosconfig text.txt -o back",
    ),
    (
        "an unknown context",
        "talosctl-snapshot-take --context staging -o back",
    ),
    (
        "an expired certificate",
        "talosctl-snapshot-take --talosconfig expired -o back",
    ),
    (
        "another cluster's certificate",
        "talosctl-snapshot-take --talosconfig stranger -n $NODE1 -o back",
    ),
    (
        "a reader's role",
        "talosctl-snapshot-take --talosconfig reader -n $NODE1 -o back",
    ),
    (
        "a worker as endpoint",
        "talosctl-snapshot-take -n $NODE1 -e $WORKER -o back",
    ),
    (
        "a worker as node",
        "talosctl-snapshot-take --talosconfig admin -n $WORKER -o back",
    ),
    (
        "nobody there",
        "talosctl-snapshot-take -n $NODE1 -e 127.0.0.1:9 -o back",
    ),
];

#[test]
fn every_wrong_input_has_its_code_and_two_lines() {
    let world = world();
    let mut report = String::new();
    for (title, cases) in [
        ("The stream", STREAM),
        ("Keys", KEYS),
        ("Places", PLACES),
        ("Settings", SETTINGS),
        ("Talos", TALOS),
    ] {
        report += &format!("# {title}\n\n");
        for case in cases {
            report += &run(&world, case);
        }
    }
    assert!(
        world.s3.keys(e2e::BUCKET, "prod").is_empty(),
        "something was published"
    );
    assert!(!world.path("back").exists() && !world.path("back.part").exists());
    compare("wrong_input.txt", &report);
}

/// One case as the golden shows it.
fn run(world: &World, (title, line): &Case) -> String {
    let nodes = world.talos.nodes();
    let output = world
        .command("bash")
        .args(["-o", "pipefail", "-c", line])
        .env("POST_QUANTUM", POST_QUANTUM)
        .env("NODE1", nodes[0].address.to_string())
        .env("WORKER", nodes[3].address.to_string())
        .env("TERM", "dumb")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    // `script` shows both streams of what it runs on its own stdout.
    let shown = filtered(world, &(text(&output.stderr) + &text(&output.stdout)));
    let code = output.status.code().unwrap();
    assert_ne!(code, 0, "{title}: {shown}");
    let lines: Vec<&str> = shown.lines().collect();
    let two = matches!(lines.as_slice(), [.., error, hint] if error.starts_with("error: ") && hint.starts_with("hint: "));
    let others = lines
        .iter()
        .rev()
        .skip(2)
        .all(|line| line.starts_with("warning: "));
    assert!(two && others, "{title} says no two lines:\n{shown}");
    format!("## {title}\n$ {line}\n{shown}exit {code}\n\n")
}

/// A world with everything the cases name.
fn world() -> World {
    let talos = Simulator::builder()
        .workers(1)
        .snapshot_bytes(talos_sim::sample::snapshot(SIZE))
        .start()
        .unwrap();
    let world = World::around(talos);
    let script = "
        echo 'this is no snapshot, and longer than the eighty bytes that a page of a database begins with' > text.txt
        talosctl-snapshot-take -q -o db.snapshot
        cp db.snapshot flipped.snapshot
        printf '\\xff' | dd of=flipped.snapshot bs=1 seek=70000 conv=notrunc status=none
        age-keygen -o other.txt 2> /dev/null
        mkdir nas cut damaged hollow two
        for name in nas damaged two; do
            talosctl-snapshot-push -q -f db.snapshot file://$PWD/$name -R recipients.txt --cluster-name prod > /dev/null
        done
        cp text.txt nas/text.txt.age
        head -c 30000 nas/prod-*.age > cut/prod-2026-01-02T03-04-05.000Z.snap.zst.age
        mv damaged/prod-*.age damaged/prod-2026-01-01T00-00-00.000Z.snap.zst.age
        head -c 30000 nas/prod-*.age > damaged/prod-2026-01-02T03-04-05.000Z.snap.zst.age
        cp damaged/prod-2026-01-01* hollow/
        : > hollow/prod-2026-01-02T03-04-05.000Z.snap.zst.age
        cp damaged/prod-2026-01-01* two/lab-2026-01-01T00-00-00.000Z.snap.zst.age
        printf 'profiles:\\n  prod:\\n    destination: s3://backups/prod\\n' > settings.yaml
        printf 'profiles:\\n  prod:\\n    recipient-file: recipients.txt\\n' > misspelt.yaml
        printf 'profiles:\\n  prod:\\n    no-encrypt: true\\n' > lowered.yaml
        printf 'profiles:\\n  prod:\\n    aws-secret-access-key: planted\\n' > secret.yaml
        printf 'profile: prod\\nprofiles:\\n  prod:\\n    log-format: xml\\n' > value.yaml
    ";
    ok(&world.shell(script));
    talosconfigs(&world);
    protect(&world);
    raw_database(&world);
    world
}

fn talosconfigs(world: &World) {
    let stranger = Simulator::builder()
        .snapshot_bytes(Vec::new())
        .start()
        .unwrap();
    let client = |simulator: &Simulator, role, validity| {
        world
            .talos
            .talosconfig_for(simulator.authority().client(&[role], validity).unwrap())
    };
    let configs = [
        (
            "expired",
            client(&world.talos, "os:admin", Validity::expired()),
        ),
        (
            "reader",
            client(&world.talos, "os:reader", Validity::year()),
        ),
        ("admin", client(&world.talos, "os:admin", Validity::year())),
        ("stranger", client(&stranger, "os:admin", Validity::year())),
    ];
    for (name, config) in configs {
        config.write(&world.path(name)).unwrap();
    }
}

/// `protected.age`: `key.txt` behind a passphrase.
pub(crate) fn protect(world: &World) {
    use std::io::Write;
    let mut recipient = age::scrypt::Recipient::new(PASSPHRASE.to_owned().into());
    recipient.set_work_factor(4);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
    let file = std::fs::File::create(world.path("protected.age")).unwrap();
    let mut to = encryptor.wrap_output(file).unwrap();
    to.write_all(&std::fs::read(world.path("key.txt")).unwrap())
        .unwrap();
    to.finish().unwrap();
}

/// `raw.db`: the database file of an etcd that has run and was stopped.
fn raw_database(world: &World) {
    let free = || {
        std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    };
    let (client, peer) = (format!("http://{}", free()), format!("http://{}", free()));
    let mut etcd = world
        .command(tool("etcd-3.5/etcd"))
        .args([
            "--data-dir",
            "etcd",
            "--name",
            "raw",
            "--logger",
            "zap",
            "--log-level",
            "error",
        ])
        .args([
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            &client,
        ])
        .args([
            "--listen-peer-urls",
            &peer,
            "--initial-advertise-peer-urls",
            &peer,
        ])
        .args(["--initial-cluster", &format!("raw={peer}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let put = || {
        let put = world
            .command(tool("etcd-3.5/etcdctl"))
            .args([
                "--endpoints",
                &client,
                "--dial-timeout",
                "1s",
                "put",
                "/registry/x",
                "y",
            ])
            .output();
        put.unwrap().status.success()
    };
    let end = Instant::now() + Duration::from_secs(30);
    while !put() {
        assert!(Instant::now() < end, "etcd does not answer");
        std::thread::sleep(Duration::from_millis(100));
    }
    // bbolt writes in batches of 100 ms.
    std::thread::sleep(Duration::from_millis(500));
    etcd.kill().unwrap();
    etcd.wait().unwrap();
    std::fs::copy(world.path("etcd/member/snap/db"), world.path("raw.db")).unwrap();
}

#[test]
fn an_unreachable_store_is_given_up_after_its_attempts() {
    let world = crate::support::serving();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let list = world.ours(
        "kubectl-etcdbackup",
        &[
            "list",
            "s3://backups/prod",
            "--s3-endpoint",
            &format!("http://{closed}"),
        ],
    );
    let shown = filtered(&world, &text(&list.stderr));
    compare(
        "unreachable_store.txt",
        &format!("{shown}exit {}\n", list.status.code().unwrap()),
    );
}
