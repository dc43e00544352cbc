//! MinIO, the S3 server most home clusters store to.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY, World, text, tool};
use tokio::runtime::Runtime;

use crate::etcd_tools::ETCD_3_5;
use crate::process::{Running, free_port, ours, wait_for};
use crate::support::{SIZE, ok, refused, serving};

const SNAPSHOTS: &str = "s3://backups/prod";

/// A server with one bucket, a client of the test's own, and a world to run our programs in.
struct Minio {
    world: World,
    endpoint: String,
    client: Client,
    runtime: Runtime,
    _running: Running,
    folder: tempfile::TempDir,
}

impl Minio {
    fn beside(world: World) -> Self {
        Self::with_bucket(world, false)
    }

    /// `lockable`: object lock is switched on when a bucket is made, and never later.
    fn with_bucket(world: World, lockable: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut running = Running::server(&tool("minio/minio"), |command| {
            command
                .env("HOME", folder.path())
                .env("MINIO_ROOT_USER", ACCESS_KEY)
                .env("MINIO_ROOT_PASSWORD", SECRET_KEY)
                .envs([("MINIO_BROWSER", "off"), ("MINIO_UPDATE", "off")])
                .args(["server", "--quiet", "--address", &address])
                .arg(folder.path().join("data"))
                .stdout(Stdio::null());
        });
        wait_for("MinIO", || {
            assert!(!running.has_ended(), "MinIO ended");
            TcpStream::connect(&address).ok()
        });
        let endpoint = format!("http://{address}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let minio = Self {
            world,
            client: client(&endpoint),
            endpoint,
            runtime: runtime.unwrap(),
            _running: running,
            folder,
        };
        wait_for("a bucket", || {
            let bucket = minio.client.create_bucket().bucket(BUCKET);
            let bucket = bucket.object_lock_enabled_for_bucket(lockable);
            minio.runtime.block_on(bucket.send()).ok()
        });
        minio
    }

    /// One of our programs, with MinIO where the world has its own S3 server.
    fn ours(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = ours(&self.world, program);
        command.env("AWS_ENDPOINT_URL_S3", &self.endpoint);
        command.args(arguments).output().unwrap()
    }

    /// Stores a file of the world's folder and says under which key.
    fn push(&self, file: &str, more: &[&str]) -> String {
        let arguments = ["-f", file, SNAPSHOTS, "-R", "recipients.txt"];
        let pushed = self.ours("talosctl-snapshot-push", &[&arguments, more].concat());
        ok(&pushed);
        let url = text(&pushed.stdout);
        let key = url.trim().strip_prefix("s3://backups/");
        key.unwrap_or_else(|| panic!("no URL of the bucket: {url}"))
            .to_owned()
    }

    fn pull(&self, source: &str) -> Vec<u8> {
        let arguments = [source, "-i", "key.txt", "-o", "pulled", "--force"];
        ok(&self.ours("talosctl-snapshot-pull", &arguments));
        fs::read(self.world.path("pulled")).unwrap()
    }

    /// The names that `list` prints.
    fn listed(&self) -> Vec<String> {
        let list = self.ours("kubectl-etcdbackup", &["list", SNAPSHOTS, "-o", "name"]);
        ok(&list);
        text(&list.stdout).lines().map(str::to_owned).collect()
    }

    /// How many parts an object was stored in.
    fn parts(&self, key: &str) -> u32 {
        let head = self.client.head_object().bucket(BUCKET).key(key).send();
        let etag = self.runtime.block_on(head).unwrap().e_tag.unwrap();
        let parts = etag.trim_matches('"').split_once('-');
        parts.map_or(1, |(_, parts)| parts.parse().unwrap())
    }

    fn keep_versions(&self) {
        let kept = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let request = self.client.put_bucket_versioning().bucket(BUCKET);
        let request = request.versioning_configuration(kept.build());
        self.runtime.block_on(request.send()).unwrap();
    }

    /// A URL that whoever has it may read for a minute.
    fn presigned(&self, key: &str) -> String {
        let minute = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
        let request = self.client.get_object().bucket(BUCKET).key(key);
        let signed = self.runtime.block_on(request.presigned(minute));
        signed.unwrap().uri().to_owned()
    }

    /// Files of uploads that were begun and neither completed nor aborted.
    fn open_uploads(&self) -> usize {
        files(&self.folder.path().join("data/.minio.sys/multipart"))
    }

    /// A backup as of some hours ago.
    fn push_aged(&self, hours: u64, more: &[&str]) {
        let push = ["-f", "taken", SNAPSHOTS, "-R", "recipients.txt"];
        let mut command = ours(&self.world, "talosctl-snapshot-push");
        command
            .env("AWS_ENDPOINT_URL_S3", &self.endpoint)
            .env("ETCDBACKUP_TEST_CLOCK", ago(hours))
            .args(push)
            .args(more);
        ok(&command.output().unwrap());
    }

    fn prune(&self) -> String {
        let arguments = [
            "prune",
            SNAPSHOTS,
            "--keep-last",
            "2",
            "--min-keep",
            "2",
            "--delete",
        ];
        let pruned = self.ours("kubectl-etcdbackup", &arguments);
        ok(&pruned);
        text(&pruned.stdout)
    }

    /// Versions and markers of the whole bucket.
    fn versions(&self) -> (usize, usize) {
        let request = self.client.list_object_versions().bucket(BUCKET);
        let listed = self.runtime.block_on(request.send()).unwrap();
        (listed.versions().len(), listed.delete_markers().len())
    }

    fn delete(&self, key: &str) {
        let request = self.client.delete_object().bucket(BUCKET).key(key);
        self.runtime.block_on(request.send()).unwrap();
    }
}

fn ago(hours: u64) -> String {
    let then = std::time::SystemTime::now() - Duration::from_secs(hours * 3600);
    let seconds = then
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let then = aws_sdk_s3::primitives::DateTime::from_secs(i64::try_from(seconds).unwrap());
    then.fmt(aws_sdk_s3::primitives::DateTimeFormat::DateTime)
        .unwrap()
}

fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let inside = entries.map(|entry| match entry.file_type().unwrap().is_dir() {
        true => files(&entry.path()),
        false => 1,
    });
    inside.sum()
}

fn client(endpoint: &str) -> Client {
    let settings = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"));
    Client::from_conf(settings.build())
}

/// A world whose folder has a snapshot in the file `taken`.
fn taken() -> World {
    let world = serving();
    fs::write(world.path("taken"), talos_sim::sample::snapshot(SIZE)).unwrap();
    world
}

#[test]
fn a_small_snapshot_is_one_object_and_comes_back() {
    let minio = Minio::beside(taken());
    let key = minio.push("taken", &[]);
    assert_eq!(minio.parts(&key), 1);
    let sample = talos_sim::sample::snapshot(SIZE);
    assert!(minio.pull(SNAPSHOTS) == sample, "other bytes");
    assert!(
        minio.pull(&format!("s3://{BUCKET}/{key}")) == sample,
        "other bytes"
    );
    assert_eq!(minio.listed(), [format!("s3://{BUCKET}/{key}")]);
    let list = ["list", SNAPSHOTS, "--max-age", "1h"];
    ok(&minio.ours("kubectl-etcdbackup", &list));
}

#[test]
fn a_large_snapshot_goes_up_in_parts_with_either_part_size() {
    let minio = Minio::beside(ETCD_3_5.world("20MiB"));
    let arguments = [
        "now",
        "--direct",
        SNAPSHOTS,
        "-R",
        "recipients.txt",
        "--compress",
        "none",
    ];
    for (more, size) in [(&[][..], 8 << 20), (&["--low-memory"], 5 << 20)] {
        let now = minio.ours("kubectl-etcdbackup", &[&arguments, more].concat());
        ok(&now);
        let url = text(&now.stdout).trim().to_owned();
        let pulled = minio.pull(&url);
        let parts = minio.parts(url.strip_prefix("s3://backups/").unwrap());
        assert!(parts > 1, "{parts}");
        assert_eq!(parts as usize, pulled.len().div_ceil(size), "{more:?}");
    }
    assert_eq!(minio.listed().len(), 2);
}

#[test]
fn a_damaged_snapshot_leaves_neither_object_nor_upload() {
    let minio = Minio::beside(ETCD_3_5.world("12MiB"));
    let take = ["-o", "taken"];
    ok(&minio.ours("talosctl-snapshot-take", &take));
    let path = minio.world.path("taken");
    let mut bytes = fs::read(&path).unwrap();
    let near_the_end = bytes.len() - 5000;
    bytes[near_the_end] ^= 1;
    fs::write(path, bytes).unwrap();
    let push = [
        "-f",
        "taken",
        SNAPSHOTS,
        "-R",
        "recipients.txt",
        "--compress",
        "none",
    ];
    refused(&minio.ours("talosctl-snapshot-push", &push), 65, "SHA-256");
    assert!(minio.listed().is_empty());
    assert_eq!(minio.open_uploads(), 0);
}

#[test]
fn a_presigned_url_is_enough_to_pull_and_a_changed_one_is_not() {
    let minio = Minio::beside(taken());
    let key = minio.push("taken", &[]);
    let url = minio.presigned(&key);
    let pull = || {
        let arguments = [
            "--url-file",
            "url",
            "-i",
            "key.txt",
            "-o",
            "pulled",
            "--force",
        ];
        minio.ours("talosctl-snapshot-pull", &arguments)
    };
    fs::write(minio.world.path("url"), &url).unwrap();
    ok(&pull());
    let pulled = fs::read(minio.world.path("pulled")).unwrap();
    assert!(pulled == talos_sim::sample::snapshot(SIZE), "other bytes");
    fs::write(
        minio.world.path("url"),
        url.replace("Expires=60", "Expires=61"),
    )
    .unwrap();
    refused(&pull(), 77, "URL");
}

#[test]
fn wrong_credentials_and_buckets_are_told_apart() {
    let minio = Minio::beside(taken());
    let push = |destination: &str, key: &str, secret: &str| {
        let mut command = ours(&minio.world, "talosctl-snapshot-push");
        command
            .env("AWS_ENDPOINT_URL_S3", &minio.endpoint)
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", secret)
            .args(["-f", "taken", destination, "-R", "recipients.txt"]);
        command.output().unwrap()
    };
    refused(&push(SNAPSHOTS, ACCESS_KEY, "no-such-secret"), 77, BUCKET);
    refused(&push(SNAPSHOTS, "NOSUCHKEY", SECRET_KEY), 77, BUCKET);
    refused(
        &push("s3://elsewhere/prod", ACCESS_KEY, SECRET_KEY),
        78,
        "elsewhere",
    );
    assert!(minio.listed().is_empty());
    let pull = ["s3://elsewhere/prod", "-i", "key.txt", "-o", "pulled"];
    refused(
        &minio.ours("talosctl-snapshot-pull", &pull),
        78,
        "elsewhere",
    );
}

#[test]
fn in_a_bucket_with_versions_what_was_deleted_is_gone() {
    let minio = Minio::beside(taken());
    minio.keep_versions();
    let first = minio.push("taken", &[]);
    let second = minio.push("taken", &["--no-manifest"]);
    assert_ne!(first, second);
    minio.delete(&second);
    assert_eq!(minio.listed(), [format!("s3://{BUCKET}/{first}")]);
    assert!(
        minio.pull(SNAPSHOTS) == talos_sim::sample::snapshot(SIZE),
        "other bytes"
    );
    let gone = [
        &format!("s3://{BUCKET}/{second}"),
        "-i",
        "key.txt",
        "-o",
        "gone",
    ];
    refused(&minio.ours("talosctl-snapshot-pull", &gone), 78, &second);
}

#[test]
fn a_prune_by_version_leaves_no_version_and_no_marker() {
    let minio = Minio::beside(taken());
    minio.keep_versions();
    for hours in (0..6).rev() {
        minio.push_aged(hours, &[]);
    }
    let verify = ["verify", SNAPSHOTS];
    ok(&minio.ours("kubectl-etcdbackup", &verify));
    ok(&minio.ours("kubectl-etcdbackup", &verify));
    minio.prune();
    assert_eq!(minio.listed().len(), 2);
    // Two objects, two manifests, and both records of the newest.
    assert_eq!(minio.versions(), (6, 0));
    assert_eq!(minio.open_uploads(), 0);
}

#[test]
fn a_locked_object_is_said_to_be_and_stays() {
    let minio = Minio::with_bucket(taken(), true);
    for hours in (0..5).rev() {
        let locked = ["--lock-for", "2d", "--lock-mode", "compliance"];
        minio.push_aged(hours, if hours == 3 { &locked } else { &[] });
    }
    let table = minio.prune();
    assert_eq!(table.matches("locked until").count(), 1, "{table}");
    assert_eq!(minio.listed().len(), 3);
    assert_eq!(minio.versions(), (6, 0));
    let plain = Minio::beside(taken());
    let push = [
        "-f",
        "taken",
        SNAPSHOTS,
        "-R",
        "recipients.txt",
        "--lock-for",
        "1d",
    ];
    refused(
        &plain.ours("talosctl-snapshot-push", &push),
        78,
        "--lock-for",
    );
}

#[test]
fn path_style_by_word_works_as_by_itself() {
    let minio = Minio::beside(taken());
    let endpoint = minio.endpoint.clone();
    let key = minio.push(
        "taken",
        &["--s3-endpoint", &endpoint, "--s3-path-style", "path"],
    );
    assert!(minio.pull(&format!("s3://{BUCKET}/{key}")) == talos_sim::sample::snapshot(SIZE));
}
