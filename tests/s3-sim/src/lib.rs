//! An S3 server on loopback for tests and the demo: s3s-fs over a temporary folder, with
//! signatures checked. It stops, and its folder goes, when it is dropped.

#![allow(
    clippy::expect_used,
    reason = "a server that cannot start stops the test, with the reason"
)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder as Connections;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What to serve.
#[derive(Default)]
pub struct Builder {
    buckets: Vec<String>,
    credentials: Option<(String, String)>,
}

impl Builder {
    /// A bucket that exists from the start.
    #[must_use]
    pub fn bucket(mut self, name: &str) -> Self {
        self.buckets.push(name.to_owned());
        self
    }

    /// The only key that may do anything.
    #[must_use]
    pub fn credentials(mut self, access_key: &str, secret_key: &str) -> Self {
        self.credentials = Some((access_key.to_owned(), secret_key.to_owned()));
        self
    }

    /// Starts it on a free port, on a thread of its own.
    ///
    /// # Panics
    /// No folder, no port.
    #[must_use]
    pub fn start(self) -> S3Sim {
        let folder = tempfile::tempdir().expect("a folder");
        for bucket in &self.buckets {
            std::fs::create_dir(folder.path().join(bucket)).expect("a bucket");
        }
        let mut service =
            S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a file system"));
        if let Some((access_key, secret_key)) = &self.credentials {
            service.set_auth(SimpleAuth::from_single(access_key, secret_key.as_str()));
        }
        let service = service.build();
        let (ready, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || serve(&service, &ready, stopped));
        let address = address.recv().expect("a listening server");
        S3Sim {
            folder,
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

fn serve(
    service: &S3Service,
    ready: &mpsc::Sender<SocketAddr>,
    mut stopped: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        ready
            .send(listener.local_addr().expect("an address"))
            .expect("a waiting starter");
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = &mut stopped => return,
            };
            let Ok((socket, _)) = accepted else { continue };
            let service = service.clone();
            tokio::spawn(async move {
                // A client that goes away is no event for a server.
                let _gone = Connections::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    runtime.shutdown_background();
}

/// A running server.
pub struct S3Sim {
    folder: tempfile::TempDir,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl S3Sim {
    /// What to serve is said first.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// URL to give to clients.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the bytes of a key lie.
    #[must_use]
    pub fn path(&self, bucket: &str, key: &str) -> PathBuf {
        self.folder.path().join(bucket).join(key)
    }

    /// Keys directly in one folder of a bucket, sorted; manifests lie in a folder of their own.
    #[must_use]
    pub fn keys(&self, bucket: &str, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(bucket, folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut keys: Vec<String> = entries
            .filter(|entry| entry.path().is_file())
            .map(|entry| format!("{folder}/{}", entry.file_name().to_string_lossy()))
            .collect();
        keys.sort();
        keys
    }

    /// Puts bytes under a key, as another tool would have.
    ///
    /// # Panics
    /// The folder cannot be written.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let path = self.path(bucket, key);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a written object");
    }
}

impl Drop for S3Sim {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _stopped_before = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
