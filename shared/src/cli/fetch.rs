//! An object of a store, fetched with its progress shown.

use super::{Context, format};
use crate::backup::{Meter, MeteredBody, Target, pull};
use crate::failure::Failure;
use crate::seal::Identities;
use crate::store::Body;

/// Fetches `body`, called `name`, into `target`, opened and proven, or `stored` as it lies in the
/// store, and tells what came.
///
/// # Errors
/// As [`pull`]'s.
pub async fn fetch(
    body: Box<dyn Body>,
    name: &str,
    identities: Identities,
    stored: bool,
    target: Target,
    context: &Context,
) -> Result<(), Failure> {
    let meter = Meter::default();
    let progress = context.ui.progress("pulling", &meter);
    let body = Box::new(MeteredBody::new(body, meter));
    let cancel = context.cancel.clone();
    let fetched = pull(body, name, identities, stored, target, cancel).await;
    drop(progress);
    let size = format::size(fetched?);
    context.ui.note(&if stored {
        format!("fetched {name} as stored, neither opened nor proven: {size}")
    } else {
        format!("fetched {name}: a proven snapshot of {size}")
    });
    Ok(())
}
