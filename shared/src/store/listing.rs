//! All pages of a listing.

use super::{Object, Store, StoreError, StoreErrorKind};
use crate::failure::{Exit, Failure};

/// Gives every object under the destination's prefix to `take`, in key order. Only one page of
/// them is in memory.
///
/// # Errors
/// Those of the store; 69: it hands out the same page over and over.
pub async fn each(store: &dyn Store, mut take: impl FnMut(Object)) -> Result<(), StoreError> {
    let mut token: Option<String> = None;
    loop {
        let page = store.list(token.as_deref()).await?;
        page.objects.into_iter().for_each(&mut take);
        match page.next {
            None => return Ok(()),
            Some(next) if token.as_ref() == Some(&next) => {
                let place = store.url_of(store.key_of("").trim_end_matches('/'));
                let what = format!("cannot list `{place}`: the store repeats one page");
                return Err(StoreError {
                    kind: StoreErrorKind::Failed,
                    failure: Failure::new(Exit::Unreachable, what)
                        .hint("look for a proxy or gateway between here and the store"),
                });
            }
            next => token = next,
        }
    }
}
