//! Every request since the start, in the order in which they came.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::request::Request;

/// One request, and its answer's status once there is one.
pub(crate) struct Entry {
    request: Request,
    status: OnceLock<u16>,
}

impl Entry {
    pub(crate) fn answered(&self, status: u16) {
        // A request has one answer.
        let _again = self.status.set(status);
    }
}

/// The requests.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<Arc<Entry>>>);

impl Log {
    pub(crate) fn begin(&self, request: Request) -> Arc<Entry> {
        let entry = Arc::new(Entry {
            request,
            status: OnceLock::new(),
        });
        self.entries().push(Arc::clone(&entry));
        entry
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        let read = |entry: &Arc<Entry>| {
            let mut request = entry.request.clone();
            request.status = entry.status.get().copied();
            request
        };
        self.entries().iter().map(read).collect()
    }

    pub(crate) fn clear(&self) {
        self.entries().clear();
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
