//! A panic anywhere in a program: exit code 70, two lines that say where and never what, and no
//! half upload.
//!
//! The test harness has its own ideas about panics, so this process starts itself again as the
//! program that panics.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "tests stop at the first surprise"
)]

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use clap::Parser;
use etcdbackup::backup::{Feed, PushPlan, ReaderSource, SnapshotSource, SourceError, push, take};
use etcdbackup::cli::flags::CommonFlags;
use etcdbackup::cli::{Context, run};
use etcdbackup::failure::{Exit, Failure};
use etcdbackup::seal::Compression;
use etcdbackup::store::{self, Destination, StoreOptions};
use tokio::sync::mpsc::Sender;

const CHILD: &str = "CLI_PANIC_CHILD";
/// What a panic might say, and nobody shall read.
const PLANTED: &str = "planted-secret-in-a-panic";

#[derive(Debug, Parser)]
#[command(name = "sample")]
struct Sample {
    /// Where the panic happens, and a folder.
    place: String,
    folder: String,
    #[command(flatten)]
    common: CommonFlags,
}

fn main() -> ExitCode {
    if std::env::var_os(CHILD).is_some() {
        return run(|cli: &Sample| &cli.common, child);
    }
    for place in ["verb", "task", "stage", "source"] {
        let folder = tempfile::tempdir().unwrap();
        let output = start(place, folder.path());
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(70), "{place}: {stderr}");
        assert!(!stderr.contains(PLANTED), "{place}: {stderr}");
        let lines: Vec<&str> = stderr.lines().collect();
        let two = matches!(lines.as_slice(), [error, hint]
            if error.starts_with("error: `") && error.contains("tests/cli_panic.rs:")
                && hint.starts_with("hint: please report"));
        assert!(two, "{place}: {stderr}");
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .collect();
        assert!(left.is_empty(), "{place} left {left:?}");
    }
    println!("cli_panic: 4 cases passed");
    ExitCode::SUCCESS
}

fn start(place: &str, folder: &Path) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([place, folder.to_str().unwrap()])
        .env(CHILD, "1");
    child.output().unwrap()
}

async fn child(cli: Sample, context: Context) -> Result<Exit, Failure> {
    match cli.place.as_str() {
        "verb" => panic!("{PLANTED}"),
        // Its result is lost, and the verb ends well: a bug all the same.
        "task" => drop(tokio::spawn(async { panic!("{PLANTED}") }).await),
        "stage" => {
            let mut source = ReaderSource::new(io::Cursor::new(snapshot()), "bytes");
            let taken = take(&mut source, Trap, context.cancel).await;
            return taken.map(|_| Exit::Done).map_err(|error| error.failure);
        }
        _ => drop(
            push(
                &mut Broken(cli.folder.clone()),
                plan(&cli.folder).await,
                context.cancel,
            )
            .await,
        ),
    }
    Ok(Exit::Done)
}

fn snapshot() -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/fixtures/before.snap.zst"
    );
    zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()
}

/// Small parts into a folder, so that an upload has begun when the source breaks.
async fn plan(folder: &str) -> PushPlan {
    let destination = Destination::parse(&format!("file://{folder}")).unwrap();
    let store = store::open(&destination, &StoreOptions::default())
        .await
        .unwrap();
    PushPlan {
        raw: None,
        compression: Compression::None,
        recipients: None,
        part_size: 64 * 1024,
        batches: 4,
        slots: 2,
        lag_limit: Duration::from_secs(5),
        destinations: vec![(Arc::clone(&store), store.key_of("object"))],
    }
}

/// A writer that panics in the thread of the stages.
struct Trap;

impl Write for Trap {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("{PLANTED}")
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A source that panics once an upload lies half in the store.
struct Broken(String);

#[async_trait]
impl SnapshotSource for Broken {
    fn name(&self) -> String {
        "a broken source".to_owned()
    }
    fn is_live(&self) -> bool {
        false
    }
    async fn feed(&mut self, to: Sender<Feed>) -> Result<(), SourceError> {
        let snapshot = Bytes::from(snapshot());
        for start in (0..512 * 1024).step_by(64 * 1024) {
            to.send(Feed::Data(snapshot.slice(start..start + 64 * 1024)))
                .await
                .unwrap();
        }
        // Not before the first part is written; the limit shows as a missing panic.
        for _ in 0..1000 {
            if std::fs::read_dir(&self.0).unwrap().next().is_some() {
                panic!("{PLANTED}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}
