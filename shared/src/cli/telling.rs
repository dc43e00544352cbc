//! How a bootstrap tells what it does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Progress, Ui};
use crate::backup::Meter;
use crate::recovery::bootstrap::Told;

/// Talks through the user's terminal or log.
pub struct Telling<'a> {
    ui: &'a Ui,
    progress: Mutex<Option<Progress>>,
    begun: AtomicBool,
}

impl<'a> Telling<'a> {
    /// To this user; nothing was begun yet.
    pub fn new(ui: &'a Ui) -> Self {
        Self {
            ui,
            progress: Mutex::new(None),
            begun: AtomicBool::new(false),
        }
    }

    /// Whether Bootstrap was asked for: from there on it goes on by itself.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    fn show(&self, progress: Option<Progress>) {
        if let Ok(mut shown) = self.progress.lock() {
            *shown = progress;
        }
    }
}

impl Told for Telling<'_> {
    fn note(&self, text: &str) {
        self.ui.note(text);
    }

    fn warn(&self, text: &str) {
        self.ui.warn(text);
    }

    fn upload(&self, node: &str, bytes: u64) -> Box<dyn Fn(usize) + Send + Sync> {
        self.ui
            .note(&format!("uploading {bytes} bytes to node {node}"));
        let meter = Meter::default();
        meter.expect(bytes);
        self.show(Some(
            self.ui
                .progress(format!("uploading to node {node}"), &meter),
        ));
        Box::new(move |bytes| meter.add(bytes))
    }

    fn uploaded(&self) {
        self.show(None);
    }

    fn begins(&self) {
        self.begun.store(true, Ordering::Relaxed);
        self.ui.note("bootstrapping");
    }
}
