//! The snapshots that are backed up: one of a real etcd full of Kubernetes-shaped objects, and
//! longer or shorter ones made of its pages. Kept under `target/bench` from run to run.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use e2e::{repository, tool};
use talos_sim::{Fill, Simulator};

const PAGE: usize = talos_sim::sample::PAGE;
const TRAILER: usize = talos_sim::sample::TRAILER;
/// Offsets in a meta page: the meta itself, its count of pages, its checksum.
const META: usize = 16;
const PAGES: usize = META + 40;
const CHECKSUM: usize = META + 56;
/// How often each object is written.
const REVISIONS: u32 = 4;

/// A number of bytes, as `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse()? {
            Fill::Bytes(bytes) => Ok(Self(bytes)),
            Fill::Objects(_) => Err(format!("`{text}` is no size like 64MiB")),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes % (1 << 30) == 0 => write!(f, "{} GiB", bytes >> 30),
            bytes => write!(f, "{} MiB", bytes >> 20),
        }
    }
}

/// The folder for what is kept.
pub(crate) fn folder() -> PathBuf {
    let folder = repository().join("target/bench");
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A snapshot of at least `size` bytes that `etcdctl` saved from a real etcd. Every object was
/// written several times: most of what a cluster's etcd holds are old revisions.
pub(crate) fn of_etcd(size: Size) -> PathBuf {
    let path = folder().join(format!("etcd-{}.snapshot", size.0));
    if path.exists() {
        return path;
    }
    eprintln!("filling a real etcd for a snapshot of {size}, once");
    let simulator = Simulator::builder()
        .control_planes(1)
        .etcd(&tool("etcd-3.5/etcd"))
        .start()
        .expect("a simulator");
    let part = path.with_extension("part");
    let mut saved = 0;
    while saved < size.0 {
        // Each fill begins with the same objects.
        let all = size.0 / u64::from(REVISIONS);
        let missing = ((size.0 - saved) / 2 + (1 << 20)).min(all);
        simulator.fill(Fill::Bytes(missing)).expect("a filled etcd");
        save(&simulator, &part);
        saved = fs::metadata(&part).expect("a snapshot").len();
    }
    fs::rename(part, &path).expect("a kept snapshot");
    path
}

fn save(simulator: &Simulator, to: &Path) {
    fs::remove_file(to).ok();
    let status = Command::new(tool("etcd-3.5/etcdctl"))
        .args(["--endpoints", &simulator.etcd_endpoints()[0]])
        .args(["snapshot", "save"])
        .arg(to)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("etcdctl").success(), "etcdctl snapshot save");
}

/// A snapshot of about `size` bytes whose pages are those of `model`, over and over: length,
/// meta pages and digest are those of a real one, its tree is not.
pub(crate) fn of_pages(size: Size, model: &Path) -> PathBuf {
    let path = folder().join(format!("pages-{}.snapshot", size.0));
    if path.exists() {
        return path;
    }
    let model = fs::read(model).expect("a snapshot");
    let (head, rest) = model[..model.len() - TRAILER].split_at(2 * PAGE);
    let pages = size.0 / PAGE as u64;
    let part = path.with_extension("part");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&part).expect("a file"));
    let mut digest = Context::new(&SHA256);
    let mut write = |bytes: &[u8]| {
        digest.update(bytes);
        file.write_all(bytes).expect("space for a snapshot");
    };
    for meta in head.chunks(PAGE) {
        write(&with_pages(meta, pages));
    }
    let mut left = (pages - 2) as usize * PAGE;
    while left > 0 {
        let now = left.min(rest.len());
        write(&rest[..now]);
        left -= now;
    }
    file.write_all(digest.finish().as_ref()).expect("space");
    file.flush().expect("space");
    fs::rename(part, &path).expect("a kept snapshot");
    path
}

/// A meta page that promises so many pages.
fn with_pages(meta: &[u8], pages: u64) -> Vec<u8> {
    let mut meta = meta.to_vec();
    meta[PAGES..PAGES + 8].copy_from_slice(&pages.to_le_bytes());
    let checksum = meta[META..CHECKSUM]
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    meta[CHECKSUM..CHECKSUM + 8].copy_from_slice(&checksum.to_le_bytes());
    meta
}
