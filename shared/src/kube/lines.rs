//! An answer that goes on: a log that is followed, or the changes of a watch, line by line.

use bytes::BytesMut;
use http_body_util::BodyExt;
use kube::client::Body;

use super::api::Api;
use super::error::{Cause, KubeError, of_client};

/// Bytes of one line: an object has 1.5 MiB at most, and some more as JSON.
const LONGEST: usize = 8 * 1024 * 1024;

/// Lines of one answer.
pub struct Lines {
    body: Body,
    api: Api,
    path: String,
    rest: BytesMut,
}

impl Lines {
    pub(super) fn new(body: Body, api: Api, path: &str) -> Self {
        Self {
            body,
            api,
            path: path.to_owned(),
            rest: BytesMut::new(),
        }
    }

    /// The next line, without its end; none: the server ended the answer. What stands behind
    /// the last line end is a line too. Safe to drop and to call again.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> Result<Option<String>, KubeError> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line = self.rest.split_to(end + 1);
                return Ok(Some(text(&line[..end])));
            }
            if self.rest.len() > LONGEST {
                let what = "a line longer than 8 MiB".to_owned();
                return Err(self.api.error(&self.path, what, Cause::Answer));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.rest.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => {
                    let (what, cause) = of_client(&error);
                    return Err(self.api.error(&self.path, what, cause));
                }
                None if self.rest.is_empty() => return Ok(None),
                None => return Ok(Some(text(&self.rest.split()))),
            }
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .trim_end_matches('\r')
        .to_owned()
}
