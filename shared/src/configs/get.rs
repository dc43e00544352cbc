//! A saved machine config, fetched, opened and compared with its name.

use std::io::{Read, Write};

use zeroize::Zeroizing;

use super::name::fingerprint;
use super::saved::SavedConfig;
use crate::backup::{Target, output_failure};
use crate::failure::{Exit, Failure};
use crate::seal::{self, Identities, OpenError};
use crate::store::Store;

/// Bytes of a machine config: twice what Talos' API can carry.
const LIMIT: usize = 64 * 1024 * 1024;

/// Fetches `saved` from `store`, and opens it.
///
/// # Errors
/// Those of the store; 65: it does not open, or is not what its name says; 78: no identity.
pub async fn opened(
    store: &dyn Store,
    saved: &SavedConfig,
    identities: &Identities,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let stored = stored(store, saved).await?;
    let (url, identities) = (saved.url.clone(), identities.clone());
    // A protected identity asks, and its key takes a while.
    let opening = tokio::task::spawn_blocking(move || open(&stored, &url, &identities));
    let config = opening
        .await
        .unwrap_or_else(|_| Err(Failure::new(Exit::Bug, "the opening thread stopped")))?;
    if fingerprint(&config) != saved.fingerprint {
        let what = format!("{}: its content is not what its name says", saved.url);
        return Err(Failure::new(Exit::Data, what)
            .hint("this copy is damaged or was replaced: take an older one with `--at TIME`"));
    }
    Ok(config)
}

/// Writes an opened config, and publishes the file.
///
/// # Errors
/// 74: it cannot be written.
pub fn deliver(config: &[u8], mut target: Target) -> Result<(), Failure> {
    target
        .write_all(config)
        .map_err(|error| output_failure(&error))?;
    target.publish()
}

async fn stored(store: &dyn Store, saved: &SavedConfig) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut body = store.open(&saved.key).await?;
    let mut bytes = Zeroizing::new(Vec::new());
    while let Some(chunk) = body.next().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LIMIT {
            return Err(too_large(&saved.url));
        }
    }
    Ok(bytes)
}

fn open(stored: &[u8], url: &str, identities: &Identities) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let (clear, _content) =
        seal::open(stored, identities).map_err(|error| error.into_failure(url))?;
    let mut config = Zeroizing::new(Vec::with_capacity(stored.len()));
    let most = LIMIT as u64 + 1;
    clear
        .take(most)
        .read_to_end(&mut config)
        .map_err(|error| OpenError::Io(error).into_failure(url))?;
    if config.len() > LIMIT {
        return Err(too_large(url));
    }
    Ok(config)
}

fn too_large(url: &str) -> Failure {
    Failure::new(
        Exit::Data,
        format!("{url} is too large for a machine config"),
    )
    .hint("take an older one with `--at TIME`")
}
