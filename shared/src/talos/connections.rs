//! The channels to all endpoints. They are made anew when the talosconfig has another certificate:
//! in a pod Talos renews it, and a run, its waiting and its retries may outlive the old one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::certificate;
use super::config::{self, Context, Selection};
use super::endpoint::Endpoint;
use super::probe::Probe;
use crate::failure::{Exit, Failure};
use jiff::Timestamp;

/// What one certificate gives.
pub(super) struct Connections {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) probe: Probe,
}

impl Connections {
    /// Nothing is dialled yet. 78: the certificates cannot be used.
    fn new(context: &Context) -> Result<Self, Failure> {
        let endpoints = context
            .endpoints
            .iter()
            .map(|endpoint| Endpoint::new(endpoint, context))
            .collect::<Result<_, _>>()?;
        let probe = Probe::new(context).ok_or_else(|| {
            let what = format!(
                "talosconfig `{}`: the certificates of context `{}` cannot be used",
                context.file.display(),
                context.name
            );
            Failure::new(Exit::Config, what).hint("get a new talosconfig")
        })?;
        Ok(Self { endpoints, probe })
    }
}

/// The connections of what the talosconfig says now.
pub(super) struct Current {
    file: PathBuf,
    selection: Selection,
    state: Mutex<State>,
}

struct State {
    connections: Arc<Connections>,
    certificate: String,
    endpoints: Vec<String>,
    written: Option<Written>,
}

/// What tells that a file is another one: when it was written, and its length.
type Written = (SystemTime, u64);

impl Current {
    /// Of a context that was just read by this selection.
    pub(super) fn new(context: &Context, selection: &Selection) -> Result<Self, Failure> {
        Ok(Self {
            file: context.file.clone(),
            selection: Selection {
                talosconfig: Some(context.file.clone()),
                context: Some(context.name.clone()),
                ..selection.clone()
            },
            state: Mutex::new(State {
                connections: Arc::new(Connections::new(context)?),
                certificate: context.certificate.clone(),
                endpoints: context.endpoints.clone(),
                written: written(&context.file),
            }),
        })
    }

    /// The connections to use for the next call.
    pub(super) fn get(&self) -> Arc<Connections> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = written(&self.file);
        if written.is_some() && written != state.written {
            state.written = written;
            self.renew(&mut state);
        }
        Arc::clone(&state.connections)
    }

    /// A file that is being written, cannot be read or means another cluster changes nothing.
    fn renew(&self, state: &mut State) {
        let Ok(context) = config::load(&self.selection) else {
            return;
        };
        let other = context.certificate != state.certificate;
        if !other || context.endpoints != state.endpoints {
            return;
        }
        let valid = certificate::read(&context, Timestamp::now()).is_ok();
        if let (true, Ok(connections)) = (valid, Connections::new(&context)) {
            tracing::debug!(file = %self.file.display(), "another certificate");
            state.connections = Arc::new(connections);
            state.certificate = context.certificate;
        }
    }
}

fn written(file: &Path) -> Option<Written> {
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len()))
}
