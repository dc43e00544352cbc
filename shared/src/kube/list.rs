//! Lists in pages, of which only what is needed is kept.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::Api;
use super::error::{Cause, KubeError};

/// Objects of a page: the API server reads so many from etcd at once.
const PAGE: usize = 250;
/// Objects of one list that are kept: more than a cluster of 5,000 nodes has pods.
const MOST: usize = 300_000;
/// How often a list is begun anew when etcd compacted what it was read from.
const TRIES: usize = 3;

/// In which form objects come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Whole.
    Objects,
    /// Their metadata only: nothing of a Secret travels.
    Metadata,
}

impl Form {
    fn accept(self) -> &'static str {
        match self {
            Self::Objects => "application/json",
            Self::Metadata => {
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
            }
        }
    }
}

/// What was kept of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// It.
    pub items: Vec<T>,
    /// How many objects the whole list has.
    pub count: usize,
    /// etcd's revision at the first page.
    pub revision: Option<i64>,
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(default)]
    metadata: PageMetadata,
    /// Go writes an empty list as null.
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    more: String,
}

impl Api {
    /// Everything of one resource, page by page; `keep` makes of each object what is kept of it.
    /// A list that changed too much while it was read is read anew.
    ///
    /// # Errors
    /// It cannot be had whole.
    pub async fn list<T: DeserializeOwned, K>(
        &self,
        path: &str,
        form: Form,
        keep: impl Fn(T) -> Option<K>,
    ) -> Result<Listed<K>, KubeError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.list_once(path, form, &keep).await {
                Err(error) if error.cause == Cause::Gone && tries < TRIES => {}
                done => return done,
            }
        }
    }

    async fn list_once<T: DeserializeOwned, K>(
        &self,
        path: &str,
        form: Form,
        keep: &impl Fn(T) -> Option<K>,
    ) -> Result<Listed<K>, KubeError> {
        let mut listed = Listed {
            items: Vec::new(),
            count: 0,
            revision: None,
        };
        let mut more = String::new();
        loop {
            let page: Page<T> = self.get_as(&query(path, &more), form.accept()).await?;
            let revision = page.metadata.resource_version.parse().ok();
            listed.revision = listed.revision.or(revision);
            let items = page.items.unwrap_or_default();
            listed.count += items.len();
            listed.items.extend(items.into_iter().filter_map(keep));
            if listed.items.len() > MOST {
                let what = format!("more than {MOST} objects");
                return Err(self.error(path, what, Cause::Answer));
            }
            if page.metadata.more.is_empty() {
                return Ok(listed);
            }
            if page.metadata.more == more {
                let what = "its pages do not come to an end".to_owned();
                return Err(self.error(path, what, Cause::Answer));
            }
            more = page.metadata.more;
        }
    }
}

fn query(path: &str, more: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &PAGE.to_string());
    if !more.is_empty() {
        query.append_pair("continue", more);
    }
    // A path may bring a selector of its own.
    let sign = if path.contains('?') { '&' } else { '?' };
    format!("{path}{sign}{}", query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_asked_for_by_its_token() {
        assert_eq!(query("/api/v1/pods", ""), "/api/v1/pods?limit=250");
        assert_eq!(
            query("/a?labelSelector=b", ""),
            "/a?labelSelector=b&limit=250"
        );
        assert_eq!(
            query("/a?labelSelector=b", ""),
            "/a?labelSelector=b&limit=250"
        );
        assert_eq!(query("/a", "x+/="), "/a?limit=250&continue=x%2B%2F%3D");
    }
}
