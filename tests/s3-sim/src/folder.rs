//! The server of the demo: s3s-fs over a folder, where a person can look at what is stored.
//! Signatures are checked; there are no versions, locks, open uploads or faults.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;

use crate::front::plain;
use crate::server::{Answer, Server};

/// A running server; it stops, and its folder goes, when it is dropped.
pub struct FolderServer {
    folder: tempfile::TempDir,
    server: Server,
}

impl FolderServer {
    /// Serves buckets of these names to this key.
    ///
    /// # Errors
    /// No folder, no port.
    pub fn start(buckets: &[&str], access_key: &str, secret_key: &str) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for bucket in buckets {
            std::fs::create_dir(folder.path().join(bucket))?;
        }
        let files = FileSystem::new(folder.path())
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(access_key, secret_key));
        let service = service.build();
        let answer: Answer = Arc::new(move |request, _| plain(service.clone(), request).boxed());
        let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), answer)?;
        Ok(Self { folder, server })
    }

    /// URL to give to clients.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Where the bytes of a key lie.
    #[must_use]
    pub fn path(&self, bucket: &str, key: &str) -> PathBuf {
        Path::join(self.folder.path(), bucket).join(key)
    }
}
