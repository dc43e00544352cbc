//! The memory that parts are made of: so many buffers and no more, each lent until nobody
//! holds a byte of it.
//!
//! A part may outlive its upload: the connection that sent it keeps its bytes until it turns
//! to them again. So a buffer is free when its bytes are, not when the store has answered;
//! and it is filled again rather than given back to the allocator, which may keep it beside
//! the next one. A connection that never turns to them again must not stop the backup:
//! [`Slots::renew`].

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The buffers of one run.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
    count: usize,
    size: usize,
}

/// A buffer that is being filled.
#[derive(Debug)]
pub(super) struct Slot {
    buffer: Vec<u8>,
    slots: Slots,
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    /// `count` buffers of `size` bytes, none of them made yet.
    pub(super) fn new(count: usize, size: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            idle: Arc::default(),
            count,
            size,
        }
    }

    /// Waits for an empty buffer; none: closed.
    pub(super) async fn take(self) -> Option<Slot> {
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        let idle = self.idle().pop();
        Some(Slot {
            buffer: idle.unwrap_or_else(|| Vec::with_capacity(self.size)),
            slots: self,
            _permit: permit,
        })
    }

    /// As many buffers again, where all of them are held by what is in use no more.
    pub(super) fn renew(&self) {
        self.free.add_permits(self.count);
    }

    /// Nobody gets a buffer any more, and whoever waits is told.
    pub(super) fn close(&self) {
        self.free.close();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Takes what has room of `bytes`, and tells how much that was.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.slots.size - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        count
    }

    /// Whether it has no room left.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() == self.slots.size
    }

    /// Its bytes, which hold the slot for as long as any copy of them lives.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Slot {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Slot {
    /// The buffer goes back before the permit does: whoever gets the permit finds it.
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.slots.idle().push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn refused(slots: &Slots) -> bool {
        let soon = Duration::from_millis(20);
        tokio::time::timeout(soon, slots.clone().take())
            .await
            .is_err()
    }

    #[tokio::test]
    async fn a_slot_is_taken_while_anyone_holds_its_bytes() {
        let slots = Slots::new(1, 4);
        let mut slot = slots.clone().take().await.unwrap();
        assert_eq!(slot.fill(b"abcdef"), 4);
        assert!(slot.is_full());
        let body = slot.into_bytes();
        let kept_by_the_connection = body.slice(1..);
        drop(body);
        assert!(refused(&slots).await);
        assert_eq!(&kept_by_the_connection[..], b"bcd");
        drop(kept_by_the_connection);
        assert!(!refused(&slots).await);
    }

    #[tokio::test]
    async fn no_more_memory_is_made_than_there_are_slots() {
        let slots = Slots::new(2, 1 << 10);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let mut one = slots.clone().take().await.unwrap();
            let mut other = slots.clone().take().await.unwrap();
            one.fill(b"one");
            other.fill(b"other");
            assert_eq!((one.as_ref(), other.as_ref()), (&b"one"[..], &b"other"[..]));
            seen.extend([one.buffer.as_ptr() as usize, other.buffer.as_ptr() as usize]);
        }
        assert_eq!(seen.len(), 2);
    }

    #[tokio::test]
    async fn whoever_waits_is_told_of_the_close() {
        let slots = Slots::new(1, 1);
        let held = slots.clone().take().await;
        let waiting = tokio::spawn(slots.clone().take());
        tokio::task::yield_now().await;
        slots.close();
        assert!(waiting.await.unwrap().is_none());
        drop(held);
        assert!(slots.take().await.is_none());
    }
}
