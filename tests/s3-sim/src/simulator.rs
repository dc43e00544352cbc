//! The server with everything a test asks of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use futures::FutureExt;
use s3s::service::S3ServiceBuilder;

use crate::backend::Backend;
use crate::fault::{Fault, Faults};
use crate::front::Front;
use crate::log::Log;
use crate::policy::{Guard, Keys, Policy};
use crate::request::Request;
use crate::rules::Rules;
use crate::server::{Answer, Server};
use crate::state::{Bucket, Content, Version, md5};

/// What to serve.
#[derive(Default)]
pub struct Builder {
    address: Option<SocketAddr>,
    buckets: Vec<(String, Bucket)>,
    keys: Keys,
    rules: Rules,
}

impl Builder {
    /// Where to listen; without it a free port of 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// A bucket that exists from the start.
    #[must_use]
    pub fn bucket(self, name: &str) -> Self {
        self.with(name, Bucket::default())
    }

    /// A bucket that keeps versions.
    #[must_use]
    pub fn versioned_bucket(self, name: &str) -> Self {
        let bucket = Bucket {
            versioned: true,
            ..Bucket::default()
        };
        self.with(name, bucket)
    }

    /// A bucket whose objects can be locked.
    #[must_use]
    pub fn lockable_bucket(self, name: &str) -> Self {
        let bucket = Bucket {
            lockable: true,
            ..Bucket::default()
        };
        self.with(name, bucket)
    }

    fn with(mut self, name: &str, bucket: Bucket) -> Self {
        self.buckets.push((name.to_owned(), bucket));
        self
    }

    /// A key that may do everything.
    #[must_use]
    pub fn credentials(self, access_key: &str, secret_key: &str) -> Self {
        self.restricted(access_key, secret_key, Policy::full())
    }

    /// A key that may do only this.
    #[must_use]
    pub fn restricted(self, access_key: &str, secret_key: &str, policy: Policy) -> Self {
        self.keys.add(access_key, secret_key, policy);
        self
    }

    /// How strict the store is.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Starts it, on a thread of its own. Without any key, whoever asks may do everything.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn try_start(self) -> std::io::Result<S3Sim> {
        let backend = Backend::default();
        {
            let mut state = backend.state();
            state.rules = self.rules;
            state.buckets.extend(self.buckets);
        }
        let keys = Arc::new(self.keys);
        let mut service = S3ServiceBuilder::new(backend.clone());
        if !keys.is_empty() {
            service.set_auth(Guard(Arc::clone(&keys)));
            service.set_access(Guard(Arc::clone(&keys)));
        }
        let front = Arc::new(Front {
            store: service.build(),
            log: Log::default(),
            faults: Faults::default(),
        });
        let serving = Arc::clone(&front);
        let answer: Answer =
            Arc::new(move |request, control| Arc::clone(&serving).answer(request, control).boxed());
        let address = self
            .address
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        Ok(S3Sim {
            server: Server::start(address, answer)?,
            backend,
            keys,
            front,
        })
    }

    /// The same.
    ///
    /// # Panics
    /// The address cannot be listened on.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a test without its server stops, with the reason"
    )]
    pub fn start(self) -> S3Sim {
        self.try_start().expect("an address to listen on")
    }
}

/// An open multipart upload, as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// Key it would publish.
    pub key: String,
    /// Upload id.
    pub id: String,
    /// Number and size of each part stored so far.
    pub parts: Vec<(u32, u64)>,
}

/// A version of an object, as a test looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Version id.
    pub id: String,
    /// Its bytes; none: a marker that hides the key.
    pub bytes: Option<Vec<u8>>,
}

/// A running server; it stops when it is dropped.
pub struct S3Sim {
    server: Server,
    backend: Backend,
    keys: Arc<Keys>,
    front: Arc<Front>,
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
        format!("http://{}", self.server.address)
    }

    /// Adds a key, or changes what it may do.
    pub fn allow(&self, access_key: &str, secret_key: &str, policy: Policy) {
        self.keys.add(access_key, secret_key, policy);
    }

    /// Changes how strict the store is.
    pub fn set_rules(&self, rules: Rules) {
        self.backend.state().rules = rules;
    }

    /// Sets the clock by which locks hold and changes are dated.
    pub fn set_clock(&self, now: SystemTime) {
        self.backend.state().clock = Some(now);
    }

    /// Until when the newest version of a key is locked.
    #[must_use]
    pub fn locked_until(&self, bucket: &str, key: &str) -> Option<SystemTime> {
        let mut state = self.backend.state();
        let newest = state.bucket(bucket).ok()?.newest(key)?;
        newest.retention.map(|retention| retention.until)
    }

    /// Puts the newest version of a key under a legal hold, or lifts it.
    pub fn hold(&self, bucket: &str, key: &str, held: bool) {
        if let Ok(bucket) = self.backend.state().bucket(bucket)
            && let Ok(version) = bucket.version_mut(key, None)
        {
            version.legal_hold = held;
        }
    }

    /// Every key of a bucket that has a version or a marker, whether a reader sees it or not.
    #[must_use]
    pub fn all_keys_ever(&self, bucket: &str) -> Vec<String> {
        let mut state = self.backend.state();
        let keys = state.bucket(bucket).map(|bucket| bucket.objects.keys());
        keys.into_iter().flatten().cloned().collect()
    }

    /// Plans a fault, after those that are planned.
    pub fn inject(&self, fault: Fault) {
        self.front.faults.plan(fault);
    }

    /// Plans no fault any more.
    pub fn clear_faults(&self) {
        self.front.faults.clear();
    }

    /// All requests since the start or the last [`S3Sim::clear_requests`].
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.front.log.requests()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.front.log.clear();
    }

    /// The bytes a reader of a key would get.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let mut state = self.backend.state();
        let bucket = state.bucket(bucket).ok()?;
        let content = bucket.newest(key)?.content.as_ref()?;
        Some(content.to_vec())
    }

    /// All versions of a key, the newest first.
    #[must_use]
    pub fn versions(&self, bucket: &str, key: &str) -> Vec<ObjectVersion> {
        let mut state = self.backend.state();
        let versions = state
            .bucket(bucket)
            .ok()
            .and_then(|bucket| bucket.objects.get(key));
        let shown = |version: &Version| ObjectVersion {
            id: version.id.clone(),
            bytes: version.content.as_ref().map(Content::to_vec),
        };
        versions.into_iter().flatten().rev().map(shown).collect()
    }

    /// Keys directly in one folder of a bucket (empty: the bucket itself), in order; manifests
    /// lie in a folder of their own.
    #[must_use]
    pub fn keys(&self, bucket: &str, folder: &str) -> Vec<String> {
        let start = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let mut keys = self.all_keys(bucket);
        keys.retain(|key| {
            key.strip_prefix(&start)
                .is_some_and(|name| !name.contains('/'))
        });
        keys
    }

    /// Every key of a bucket that a reader sees, in order.
    #[must_use]
    pub fn all_keys(&self, bucket: &str) -> Vec<String> {
        let mut state = self.backend.state();
        let Ok(bucket) = state.bucket(bucket) else {
            return Vec::new();
        };
        let keys = bucket.objects.keys();
        keys.filter(|key| bucket.newest(key).is_some())
            .cloned()
            .collect()
    }

    /// The open uploads of a bucket.
    #[must_use]
    pub fn uploads(&self, bucket: &str) -> Vec<OpenUpload> {
        let mut state = self.backend.state();
        let Ok(bucket) = state.bucket(bucket) else {
            return Vec::new();
        };
        let uploads = bucket.uploads.iter();
        uploads
            .map(|((key, id), upload)| OpenUpload {
                key: key.clone(),
                id: id.clone(),
                parts: upload
                    .parts
                    .iter()
                    .map(|(number, part)| (*number, part.body.len() as u64))
                    .collect(),
            })
            .collect()
    }

    /// Puts bytes under a key, as another tool would have. A missing bucket stays missing.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8]) {
        self.put_dated(bucket, key, bytes, SystemTime::now());
    }

    /// The same, last changed at another time.
    pub fn put_dated(&self, bucket: &str, key: &str, bytes: &[u8], modified: SystemTime) {
        let content = Content::new(vec![bytes.to_vec().into()]);
        let version = Version {
            modified,
            ..Version::new(content, md5(bytes))
        };
        self.backend.state().store(bucket, key, None, version).ok();
    }

    /// Forgets a key with all its versions, whatever locks say.
    pub fn remove(&self, bucket: &str, key: &str) {
        if let Ok(bucket) = self.backend.state().bucket(bucket) {
            bucket.objects.remove(key);
        }
    }
}
