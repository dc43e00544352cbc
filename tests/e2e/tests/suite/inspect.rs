//! `talosctl-snapshot-inspect status` and `check`, as a user meets them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use e2e::{golden, programs, repository, text};

use crate::support::{code, ok, refused};

/// Widest line of a report.
const WIDTH: usize = 80;

/// A folder with snapshots to look at.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A fixture, unpacked.
    fn fixture(&self, name: &str) -> Vec<u8> {
        let packed = repository().join(format!("tests/fixtures/{name}.snap.zst"));
        let bytes = zstd::decode_all(&*std::fs::read(packed).unwrap()).unwrap();
        self.file(&format!("{name}.snap"), &bytes);
        bytes
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", programs().display()))
            .env("TMPDIR", self.0.path());
        command
    }

    /// `talosctl-snapshot-inspect ARGUMENTS`.
    fn inspect(&self, arguments: &str) -> Output {
        self.command(programs().join("talosctl-snapshot-inspect"))
            .args(arguments.split(' '))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn shell(&self, script: &str) -> Output {
        self.command("bash").args(["-c", script]).output().unwrap()
    }

    /// A report for people, which a terminal of 80 columns shows without breaking a line.
    fn report(&self, name: &str, arguments: &str) {
        let output = self.inspect(arguments);
        for line in text(&output.stdout).lines() {
            // A digest is one word and cannot be broken.
            let fits = line.chars().count() <= WIDTH || !line.trim().contains(' ');
            assert!(fits, "{line}");
        }
        compare(
            name,
            &format!("talosctl-snapshot-inspect {arguments}"),
            &output,
        );
    }
}

/// Compares what a command says, and its exit code, with the golden of this name.
fn compare(name: &str, command: &str, output: &Output) {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let said = match &*stderr {
        "" => String::new(),
        stderr => format!("--- stderr\n{stderr}"),
    };
    let shown = format!("$ {command}\n{stdout}{said}--- exit {}\n", code(output));
    golden::compare(&format!("inspect/{name}.txt"), &shown);
}

/// Changes one byte.
fn flip(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 0x40;
    bytes
}

#[test]
fn reports_read_well() {
    let desk = Desk::new();
    let small = desk.fixture("small");
    desk.fixture("tiny");
    desk.report("status", "status tiny.snap");
    desk.report("status-wide", "status -o wide small.snap");
    desk.report("check-clean", "check small.snap");
    // A leaf page of bucket `key`, and a value elsewhere.
    let mut broken = flip(&small, 4096 * 5 + 20);
    broken = flip(&broken, 4096 * 9 + 24);
    desk.file("broken.snap", &broken);
    desk.report("check-damaged", "check broken.snap");
    desk.report("check-damaged-wide", "check -o wide broken.snap");
    desk.file("cut.snap", &small[..small.len() - 32]);
    desk.report("check-digest-none", "check cut.snap");
    let before = desk.fixture("before");
    desk.file("cut.snap", &before[..before.len() - 32]);
    desk.report("check-digest-lost", "check cut.snap");
    desk.file("changed.snap", &flip(&small, small.len() - 8000));
    desk.report("check-digest-wrong", "check changed.snap");
    for (name, arguments) in [
        ("status-json", "status -o json tiny.snap"),
        ("status-yaml", "status -o yaml tiny.snap"),
        ("check-json", "check -o json broken.snap"),
        ("status-damaged", "status broken.snap"),
    ] {
        let output = desk.inspect(arguments);
        compare(
            name,
            &format!("talosctl-snapshot-inspect {arguments}"),
            &output,
        );
    }
}

#[test]
fn what_is_no_plain_snapshot_is_named() {
    let desk = Desk::new();
    let tiny = desk.fixture("tiny");
    desk.file("text", &b"no snapshot at all ".repeat(10));
    desk.file("empty", b"");
    desk.file("half.snap", &tiny[..9000]);
    desk.file("five-less.snap", &tiny[..tiny.len() - 5]);
    desk.file("packed", b"\x28\xb5\x2f\xfd rest of a zstd file");
    desk.file("sealed", b"age-encryption.org/v1\n-> X25519 x\n");
    desk.file("armored", b"-----BEGIN AGE ENCRYPTED FILE-----\nabc\n");
    let mut swapped = tiny.clone();
    for page in [0, 4096] {
        swapped[page + 16..page + 20].reverse();
    }
    desk.file("s390x.snap", &swapped);
    for verb in ["status", "check"] {
        for (file, word) in [
            ("text", "not an etcd snapshot"),
            ("empty", "no data"),
            ("half.snap", "cut short: 9000 of 20512 bytes"),
            ("five-less.snap", "cut short: 20507 of 20512 bytes"),
            ("packed", "a zstd file"),
            ("sealed", "an age file"),
            ("armored", "an age file"),
            ("s390x.snap", "big-endian"),
        ] {
            refused(&desk.inspect(&format!("{verb} {file}")), 65, word);
            let piped = desk.shell(&format!("cat {file} | talosctl-snapshot-inspect {verb}"));
            refused(&piped, 65, word);
        }
        refused(
            &desk.inspect(&format!("{verb} no-such-file")),
            74,
            "no-such-file",
        );
        refused(&desk.inspect(&format!("{verb} .")), 2, "folder");
    }
}

#[test]
fn stdin_is_spooled_to_a_file_without_a_name() {
    let desk = Desk::new();
    let small = desk.fixture("small");
    let file = desk.inspect("status -o json small.snap");
    ok(&file);
    for script in [
        "cat small.snap | talosctl-snapshot-inspect status -o json",
        "talosctl-snapshot-inspect status -o json < small.snap",
        "talosctl-snapshot-inspect status -o json <(cat small.snap)",
    ] {
        let piped = desk.shell(script);
        ok(&piped);
        assert_eq!(text(&piped.stdout), text(&file.stdout), "{script}");
    }
    let nowhere = desk.shell("talosctl-snapshot-inspect check --spool-dir nowhere < small.snap");
    refused(&nowhere, 74, "nowhere");
    // While it waits for the rest, what came lies in no folder, and only we can read it.
    std::fs::create_dir(desk.path("spool")).unwrap();
    let mut child = desk
        .command(programs().join("talosctl-snapshot-inspect"))
        .args(["check", "--spool-dir", "spool"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &small[..40_000]).unwrap();
    let spooled = wait_for_spool(child.id());
    assert!(spooled.ends_with("(deleted)"), "{spooled}");
    assert_eq!(std::fs::read_dir(desk.path("spool")).unwrap().count(), 0);
    std::io::Write::write_all(&mut stdin, &small[40_000..]).unwrap();
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// What the open file in the folder `spool` is called by the kernel.
fn wait_for_spool(process: u32) -> String {
    let folder = format!("/proc/{process}/fd");
    for _ in 0..200 {
        let names = std::fs::read_dir(Path::new(&folder)).unwrap().flatten();
        let spooled = names
            .filter_map(|name| std::fs::read_link(name.path()).ok())
            .map(|target| target.display().to_string())
            .find(|target| target.contains("/spool/"));
        if let Some(spooled) = spooled {
            return spooled;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("nothing was spooled");
}

#[test]
fn tee_passes_a_good_stream_and_withholds_the_end_of_a_bad_one() {
    let desk = Desk::new();
    let small = desk.fixture("small");
    let good = desk.shell("talosctl-snapshot-inspect check --tee < small.snap");
    ok(&good);
    assert_eq!(good.stdout, small);
    compare(
        "tee",
        "talosctl-snapshot-inspect check --tee < small.snap > out",
        &stderr_of(&good),
    );
    for at in [30, 5000, small.len() - 1] {
        desk.file("bad.snap", &flip(&small, at));
        let bad = desk
            .shell("talosctl-snapshot-inspect check --tee --report report.json -o json < bad.snap");
        refused(&bad, 65, "its end was withheld");
        assert!(bad.stdout.len() + 32 <= small.len(), "changed at {at}");
        let report = std::fs::read(desk.path("report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["verdict"], "damaged");
    }
    let cut = desk.shell("head -c 30000 small.snap | talosctl-snapshot-inspect check --tee");
    refused(&cut, 65, "cut short: 30000 of 53280 bytes");
    assert_eq!(cut.stdout.len(), 30_000 - 32);
    let closed = desk.shell(
        "set -o pipefail; talosctl-snapshot-inspect check --tee < small.snap | head -c 100 >/dev/null",
    );
    assert!([0, 74].contains(&code(&closed)), "{}", text(&closed.stderr));
    refused(&desk.inspect("check --tee small.snap"), 2, "takes no FILE");
}

fn stderr_of(output: &Output) -> Output {
    Output {
        stdout: Vec::new(),
        ..output.clone()
    }
}

#[test]
fn nothing_is_written_to_the_snapshot() {
    let desk = Desk::new();
    let small = desk.fixture("small");
    let path = desk.path("small.snap");
    let mut rights = std::fs::metadata(&path).unwrap().permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&path, rights).unwrap();
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    ok(&desk.inspect("check small.snap"));
    ok(&desk.inspect("status small.snap"));
    assert_eq!(std::fs::read(&path).unwrap(), small);
    assert_eq!(
        std::fs::metadata(&path).unwrap().modified().unwrap(),
        before
    );
}
