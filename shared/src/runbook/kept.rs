//! The runbook beside the backups: one per cluster, replaced by each run.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;

use super::FOLDER;
use crate::failure::{Exit, Failure};
use crate::seal::{Compression, Recipients, Sealer};
use crate::store::Store;

/// Its name, to stand below the prefix.
pub fn object_name(cluster: &str, sealed: bool) -> String {
    let end = if sealed { ".md.age" } else { ".md" };
    format!("{FOLDER}/{cluster}{end}")
}

/// Stores it, sealed for `recipients`; none: in the clear. Gives its URL.
///
/// # Errors
/// It cannot be encrypted; those of the store.
pub async fn keep(
    store: &Arc<dyn Store>,
    cluster: &str,
    text: &str,
    recipients: Option<&Recipients>,
) -> Result<String, Failure> {
    let sealed = seal(text, recipients).map_err(|error| {
        Failure::new(Exit::Config, format!("cannot encrypt the runbook: {error}"))
            .hint("check the recipients, and the age plugin if one is used")
    })?;
    let key = store.key_of(&object_name(cluster, recipients.is_some()));
    store.put(&key, Bytes::from(sealed), true).await?;
    Ok(store.url_of(&key))
}

fn seal(text: &str, recipients: Option<&Recipients>) -> io::Result<Vec<u8>> {
    let mut sealer = Sealer::new(Vec::new(), Compression::None, recipients)?;
    sealer.write_all(text.as_bytes())?;
    sealer.finish()
}
