//! What changed, for who watches.

use serde_json::{Value as Json, json};
use tokio::sync::watch;

/// One change.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) revision: i64,
    pub(crate) group: String,
    pub(crate) resource: String,
    kind: &'static str,
    pub(crate) object: Json,
}

impl Change {
    /// As a watch tells it.
    pub(crate) fn line(&self) -> String {
        json!({"type": self.kind, "object": self.object}).to_string() + "\n"
    }
}

/// All changes since the start.
pub(crate) struct Changes {
    all: Vec<Change>,
    told: watch::Sender<usize>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            told: watch::Sender::new(0),
        }
    }
}

impl Changes {
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(crate) fn add(
        &mut self,
        (group, resource): (&str, &str),
        kind: &'static str,
        revision: i64,
        object: &Json,
    ) {
        self.all.push(Change {
            revision,
            group: group.to_owned(),
            resource: resource.to_owned(),
            kind,
            object: object.clone(),
        });
        self.told.send_replace(self.all.len());
    }

    /// Tells how many there are.
    pub(crate) fn count(&self) -> watch::Receiver<usize> {
        self.told.subscribe()
    }

    /// From the one of this number on.
    pub(crate) fn from(&self, number: usize) -> &[Change] {
        self.all.get(number..).unwrap_or_default()
    }
}
