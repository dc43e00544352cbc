//! Every stage of the pipeline measured alone: in front of it and behind it is only what
//! costs next to nothing.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use e2e::{ACCESS_KEY, BUCKET, SECRET_KEY};
use etcdbackup::backup::{BATCHES, Cancel, Feed, PushPlan, SnapshotSource, SourceError, push};
use etcdbackup::seal::{Compression, Recipients, Sealer};
use etcdbackup::snapshot::Verifier;
use etcdbackup::store::{
    Body, Credentials, Destination, Page, Store, StoreError, StoreOptions, Upload,
};
use etcdbackup::talos::{Selection, StreamTimeouts, Talos};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;

use crate::world::World;

/// As the programs cut it: what comes from a source at once, a part, parts in flight.
const BATCH: usize = 128 * 1024;
const PART: usize = 8 << 20;
const SLOTS: usize = 4;

/// Seconds that each stage took for the whole snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stages {
    /// etcd streams its snapshot.
    pub(crate) etcd: f64,
    /// The Talos API: messages of 1 KiB over mTLS, simulator and our client.
    pub(crate) talos: f64,
    /// Proof, compression, encryption, hash of what is stored: one thread.
    pub(crate) pack: f64,
    /// The upload of what is stored: our client and the S3 server.
    pub(crate) store: f64,
    /// Inside `pack`: the proof.
    pub(crate) verify: f64,
    /// Inside `pack`: zstd at level 3.
    pub(crate) compress: f64,
    /// Inside `pack`: age, of what is compressed.
    pub(crate) encrypt: f64,
}

impl Stages {
    /// The shorter time of each stage.
    pub(crate) fn best(self, other: Self) -> Self {
        Self {
            etcd: self.etcd.min(other.etcd),
            talos: self.talos.min(other.talos),
            pack: self.pack.min(other.pack),
            store: self.store.min(other.store),
            verify: self.verify.min(other.verify),
            compress: self.compress.min(other.compress),
            encrypt: self.encrypt.min(other.encrypt),
        }
    }

    /// The stages that can hold the pipeline up, with their names.
    pub(crate) fn whole(&self) -> [(&'static str, f64); 4] {
        [
            ("etcd: snapshot stream", self.etcd),
            ("Talos API: 1 KiB messages over mTLS, both ends", self.talos),
            ("pack: proof, zstd 3, age, hash of the result", self.pack),
            ("S3: upload of the result, both ends", self.store),
        ]
    }
}

/// What the stages need.
pub(crate) struct Bench<'a> {
    /// With a real etcd.
    pub(crate) live: &'a World,
    /// Whose simulator serves the same snapshot from a file.
    pub(crate) file: &'a World,
    /// The snapshot, in memory.
    pub(crate) snapshot: Bytes,
    runtime: Runtime,
    recipients: Arc<Recipients>,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(live: &'a World, file: &'a World, snapshot: &Path) -> Self {
        // As the programs run.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let recipients = Recipients::read(&[live.recipient()], &[], false);
        let recipients = recipients.expect("a recipient").expect("a recipient");
        Self {
            live,
            file,
            snapshot: std::fs::read(snapshot).expect("a snapshot").into(),
            runtime,
            recipients: Arc::new(recipients),
        }
    }

    /// Measures every stage once.
    pub(crate) fn turn(&self, turn: usize) -> Stages {
        let etcd = self.etcd();
        let talos = self.talos();
        let (pack, parts) = self.pack();
        let store = self.store(&parts, turn);
        let verify = timed(|| write(Verifier::new(io::sink()), &self.snapshot)).0;
        let (compress, compressed) = timed(|| {
            let sealer = Sealer::new(Vec::new(), Compression::default(), None);
            write(sealer.expect("a stage"), &self.snapshot)
                .finish()
                .expect("a compressed snapshot")
        });
        let (encrypt, ()) = timed(|| {
            let sealer = Sealer::new(io::sink(), Compression::None, Some(&self.recipients));
            let written = write(sealer.expect("a stage"), &compressed);
            written.finish().expect("an encrypted snapshot");
        });
        Stages {
            etcd,
            talos,
            pack,
            store,
            verify,
            compress,
            encrypt,
        }
    }

    fn etcd(&self) -> f64 {
        let read = talos_sim::read_snapshot(self.live.node());
        let (seconds, bytes) = timed(|| self.runtime.block_on(read));
        assert_eq!(bytes.expect("a snapshot"), self.snapshot.len() as u64);
        seconds
    }

    fn talos(&self) -> f64 {
        let selection = Selection {
            talosconfig: Some(self.file.path("talosconfig")),
            ..Selection::default()
        };
        let (seconds, bytes) = timed(|| {
            self.runtime.block_on(async {
                let talos = Talos::connect(&selection).expect("a client");
                let node = self.file.node().to_string();
                let mut stream = talos
                    .snapshot(&node, &StreamTimeouts::default())
                    .await
                    .expect("a stream");
                let mut bytes = 0;
                let mut batch = BytesMut::with_capacity(BATCH);
                while stream.read(&mut batch, BATCH / 2).await.expect("a message") {
                    bytes += batch.len();
                    batch.clear();
                }
                bytes
            })
        });
        assert_eq!(bytes, self.snapshot.len());
        seconds
    }

    fn pack(&self) -> (f64, Vec<Bytes>) {
        let store = Arc::new(Kept::default());
        let plan = PushPlan {
            compression: Compression::default(),
            recipients: Some(Arc::clone(&self.recipients)),
            raw: None,
            part_size: PART,
            batches: BATCHES,
            slots: SLOTS,
            lag_limit: Duration::from_secs(60),
            destinations: vec![(Arc::clone(&store) as Arc<dyn Store>, "key".to_owned())],
        };
        let mut source = InMemory(self.snapshot.clone());
        let (_nobody_stops, told) = watch::channel(None);
        let (seconds, pushed) =
            timed(|| self.runtime.block_on(push(&mut source, plan, Cancel(told))));
        let bytes = pushed
            .map_err(|error| error.failure)
            .expect("a push")
            .proof
            .bytes();
        assert_eq!(bytes, self.snapshot.len() as u64);
        let parts = store.0.lock().expect("parts").clone();
        (seconds, parts)
    }

    fn store(&self, parts: &[Bytes], turn: usize) -> f64 {
        let options = StoreOptions {
            s3_endpoint: Some(self.live.s3_endpoint().to_owned()),
            s3_credentials: Some(Credentials {
                access_key_id: ACCESS_KEY.to_owned(),
                secret_access_key: SECRET_KEY.to_owned(),
                session_token: None,
            }),
            ..StoreOptions::default()
        };
        let destination = Destination::parse(&format!("s3://{BUCKET}/alone-{turn}"));
        let destination = destination.expect("a URL");
        let upload = async {
            let store = etcdbackup::store::open(&destination, &options).await;
            let store = store.expect("a store");
            let upload = store.begin(&store.key_of("object"), PART as u64).await?;
            let upload: Arc<dyn Upload> = Arc::from(upload);
            let mut running = tokio::task::JoinSet::new();
            for (index, part) in parts.iter().enumerate() {
                if running.len() == SLOTS {
                    running
                        .join_next()
                        .await
                        .expect("a part")
                        .expect("a part")?;
                }
                let (upload, part) = (Arc::clone(&upload), part.clone());
                running.spawn(async move {
                    let offset = (index * PART) as u64;
                    upload.part(index as u32 + 1, offset, part).await
                });
            }
            while let Some(done) = running.join_next().await {
                done.expect("a part")?;
            }
            upload.complete(parts.len() as u32).await
        };
        let (seconds, result) = timed(|| self.runtime.block_on(upload));
        result.expect("an upload");
        seconds
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let result = work();
    (begun.elapsed().as_secs_f64(), result)
}

/// As a source's batches come.
fn write<W: Write>(mut to: W, bytes: &[u8]) -> W {
    for batch in bytes.chunks(BATCH) {
        to.write_all(batch).expect("a written batch");
    }
    to
}

/// A source that costs nothing.
struct InMemory(Bytes);

#[async_trait]
impl SnapshotSource for InMemory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn is_live(&self) -> bool {
        false
    }

    async fn feed(&mut self, to: Sender<Feed>) -> Result<(), SourceError> {
        while !self.0.is_empty() {
            let batch = self.0.split_to(BATCH.min(self.0.len()));
            if to.send(Feed::Data(batch)).await.is_err() {
                return Ok(());
            }
        }
        to.send(Feed::End).await.ok();
        Ok(())
    }
}

/// A store that costs nothing, and keeps the parts for the next stage.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<Bytes>>>);

#[async_trait]
impl Upload for Kept {
    fn id(&self) -> &str {
        "kept"
    }

    async fn part(&self, number: u32, _offset: u64, body: Bytes) -> Result<(), StoreError> {
        let mut parts = self.0.lock().expect("parts");
        let number = number as usize;
        if parts.len() < number {
            parts.resize(number, Bytes::new());
        }
        // A copy: what is held is memory that the next parts wait for.
        parts[number - 1] = Bytes::copy_from_slice(&body);
        Ok(())
    }

    async fn complete(&self, _parts: u32) -> Result<(), StoreError> {
        Ok(())
    }

    async fn abort(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Store for Kept {
    fn key_of(&self, name: &str) -> String {
        name.to_owned()
    }

    fn url_of(&self, key: &str) -> String {
        format!("memory:{key}")
    }

    fn moved(&self) -> u64 {
        let parts = self.0.lock().expect("parts");
        parts.iter().map(|part| part.len() as u64).sum()
    }

    async fn put(&self, _key: &str, body: Bytes, _overwrite: bool) -> Result<(), StoreError> {
        self.part(1, 0, body).await
    }

    async fn begin(&self, _key: &str, _part_size: u64) -> Result<Box<dyn Upload>, StoreError> {
        Ok(Box::new(self.clone()))
    }

    async fn list(&self, _page: Option<&str>) -> Result<Page, StoreError> {
        panic!("nothing is listed here")
    }

    async fn open(&self, _key: &str) -> Result<Box<dyn Body>, StoreError> {
        panic!("nothing is read here")
    }
}
