//! Small requests, repeated a few times where that may help.

use std::time::Duration;

/// How often, and how long is waited in between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Sends `body`. A URL is named in errors by its host only.
pub(super) async fn post(
    url: &str,
    content_type: &'static str,
    body: Vec<u8>,
) -> Result<(), String> {
    let mut tries = 1;
    loop {
        match crate::store::post(url, content_type, body.clone()).await {
            Err(error) if tries < TRIES => {
                tracing::debug!(error, "sent again");
                tokio::time::sleep(PAUSE).await;
                tries += 1;
            }
            done => return done,
        }
    }
}
