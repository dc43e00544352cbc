//! Answers that go on: watches and logs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

use crate::answer::{Question, place, status};
use crate::selector::has_labels;
use crate::server::{Body, Shared, held, response, whole};

/// How long a watch lasts unless it says.
const WATCH: u64 = 300;

/// `cut`: the answer ends after its first line.
pub(crate) fn respond(shared: &Arc<Shared>, question: &Question, cut: bool) -> Response<Body> {
    let Some((group, resource, namespace, name)) = place(&question.path) else {
        let (code, body) = status(404, "the server could not find the requested resource");
        return response(code, whole(body));
    };
    let (sender, receiver) = mpsc::channel(16);
    let line = Lines { sender, cut };
    let shared = Arc::clone(shared);
    if question.watch {
        let wanted = Wanted {
            group,
            resource,
            namespace,
            labels: question.labels.clone(),
            after: question.revision,
        };
        let limit = Duration::from_secs(question.timeout.unwrap_or(WATCH));
        tokio::spawn(tokio::time::timeout(limit, watch(shared, wanted, line)));
    } else {
        let kubelet = held(&shared.kubelet).clone();
        let log = kubelet
            .and_then(|kubelet| kubelet.log(&namespace, name.as_deref().unwrap_or_default()));
        let Some(log) = log else {
            let (code, body) = status(404, "there is no such pod, or it has not begun");
            return response(code, whole(body));
        };
        let (since, follow) = (question.since, question.follow);
        tokio::spawn(async move { log.send(since, follow, line).await });
    }
    response(200, body(receiver))
}

fn body(receiver: mpsc::Receiver<String>) -> Body {
    let frames = futures::stream::unfold(receiver, |mut receiver| async {
        let line = receiver.recv().await?;
        Some((
            Ok::<_, Infallible>(Frame::data(Bytes::from(line))),
            receiver,
        ))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// The lines of one answer.
pub(crate) struct Lines {
    sender: mpsc::Sender<String>,
    cut: bool,
}

impl Lines {
    /// Whether somebody still listens.
    pub(crate) async fn send(&self, line: String) -> bool {
        self.sender.send(line).await.is_ok() && !self.cut
    }
}

struct Wanted {
    group: String,
    resource: String,
    namespace: String,
    labels: String,
    after: i64,
}

async fn watch(shared: Arc<Shared>, wanted: Wanted, lines: Lines) {
    let mut count = held(&shared.changes).count();
    let mut sent = 0;
    loop {
        let new: Vec<String> = {
            let changes = held(&shared.changes);
            let new = changes.from(sent);
            sent += new.len();
            let own = new.iter().filter(|change| {
                (&change.group, &change.resource) == (&wanted.group, &wanted.resource)
                    && change.revision > wanted.after
                    && change.object["metadata"]["namespace"] == wanted.namespace.as_str()
                    && has_labels(&change.object, &wanted.labels)
            });
            own.map(crate::changes::Change::line).collect()
        };
        for line in new {
            if !lines.send(line).await {
                return;
            }
        }
        if count.changed().await.is_err() {
            return;
        }
    }
}
