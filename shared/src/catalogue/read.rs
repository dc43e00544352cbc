//! Reads the listing of a destination, all pages of it.

use jiff::Timestamp;

use super::entry::{Entry, classify};
use crate::failure::Failure;
use crate::store::{self, Store};

/// Every object of the destination with `prefix` (as in its [`crate::store::Destination`];
/// empty for a folder), in key order. Objects that are no part of it are dropped page by page.
///
/// # Errors
/// Those of the store; 69: it hands out the same page over and over.
pub async fn read(store: &dyn Store, prefix: &str, now: Timestamp) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let take = |object| entries.extend(classify(&object, prefix, now));
    store::each(store, take).await?;
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use bytes::Bytes;

    use super::*;
    use crate::failure::Exit;
    use crate::store::{
        Body, Destination, Object, Page, StoreError, StoreErrorKind, StoreOptions, Upload,
    };

    /// A store that can only list: these pages, by number.
    struct Pages {
        names: Vec<&'static str>,
        /// The page that says it is followed by itself.
        stuck: Option<usize>,
    }

    fn refused<T>() -> Result<T, StoreError> {
        let failure = Failure::new(Exit::Bug, "only lists");
        let kind = StoreErrorKind::Failed;
        Err(StoreError { kind, failure })
    }

    #[async_trait]
    impl Store for Pages {
        fn key_of(&self, name: &str) -> String {
            format!("p/{name}")
        }
        fn url_of(&self, key: &str) -> String {
            format!("s3://bucket/{key}")
        }
        fn moved(&self) -> u64 {
            0
        }
        async fn put(&self, _: &str, _: Bytes, _: bool) -> Result<(), StoreError> {
            refused()
        }
        async fn begin(&self, _: &str, _: u64) -> Result<Box<dyn Upload>, StoreError> {
            refused()
        }
        async fn list(&self, page: Option<&str>) -> Result<Page, StoreError> {
            let number: usize = page.map_or(0, |page| page.parse().unwrap());
            let next = if self.stuck == Some(number) {
                number
            } else {
                number + 1
            };
            Ok(Page {
                objects: vec![Object {
                    key: self.key_of(self.names[number]),
                    size: 1,
                    modified: None,
                }],
                next: (next < self.names.len()).then(|| next.to_string()),
            })
        }
        async fn open(&self, _: &str) -> Result<Box<dyn Body>, StoreError> {
            refused()
        }
    }

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    #[tokio::test]
    async fn every_page_is_followed_and_strangers_are_dropped() {
        let names = vec!["deeper/x.snap", "a.snap", "deeper/y.snap", "b.snap"];
        let entries = read(&Pages { names, stuck: None }, "p", now())
            .await
            .unwrap();
        let keys: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["p/a.snap", "p/b.snap"]);
    }

    #[tokio::test]
    async fn a_listing_that_never_ends_is_an_error() {
        let names = vec!["a.snap", "b.snap", "c.snap"];
        let stuck = Some(1);
        let failure = read(&Pages { names, stuck }, "p", now()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Unreachable);
    }

    #[tokio::test]
    async fn a_folder_is_read_with_an_empty_prefix() {
        let folder = tempfile::tempdir().unwrap();
        let name = "c-2026-01-01T00:00:00.000Z.snap";
        let destination =
            Destination::parse(&format!("file://{}", folder.path().display())).unwrap();
        let store = crate::store::open(&destination, &StoreOptions::default())
            .await
            .unwrap();
        let manifest = store.key_of(&super::super::manifest_name(name));
        for key in [store.key_of(name), manifest] {
            store
                .put(&key, Bytes::from_static(b"x"), false)
                .await
                .unwrap();
        }
        let entries = read(store.as_ref(), "", now()).await.unwrap();
        let kinds: Vec<_> = entries.into_iter().map(|entry| entry.kind).collect();
        let snapshot = super::super::ObjectName::parse(name).unwrap();
        assert_eq!(
            kinds,
            [
                super::super::Kind::Manifest,
                super::super::Kind::Snapshot(snapshot)
            ]
        );
    }
}
