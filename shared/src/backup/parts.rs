//! Cuts what is stored into parts of one size, and hands each to every lane.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

use super::laggards::{Laggards, Watched};
use super::slots::{Slot, Slots};
use crate::snapshot::Proof;

/// How long the bytes of parts may be held when all of them are stored: longer than a connection
/// that is in use needs to let go of them.
const AFTERMATH: Duration = Duration::from_secs(2);

/// One part; its slot is free again when the last lane, and the last of its connections,
/// dropped the bytes.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) offset: u64,
    pub(super) body: Bytes,
    pub(super) last: bool,
}

/// The writing end of a lane.
pub(super) struct LaneSender {
    /// Unbounded by itself: slots bound it.
    pub(super) parts: UnboundedSender<Arc<Part>>,
    pub(super) watched: Arc<Watched>,
}

/// Gathers bytes into parts. Dropped without [`PartWriter::finish`], no lane ever sees a
/// last part, and every lane aborts.
pub(super) struct PartWriter {
    lanes: Vec<LaneSender>,
    slots: Slots,
    lag_limit: Duration,
    runtime: Handle,
    slot: Option<Slot>,
    number: u32,
    offset: u64,
}

impl PartWriter {
    pub(super) fn new(
        lanes: Vec<LaneSender>,
        slots: Slots,
        lag_limit: Duration,
        runtime: Handle,
    ) -> Self {
        Self {
            lanes,
            slots,
            lag_limit,
            runtime,
            slot: None,
            number: 0,
            offset: 0,
        }
    }

    /// Sends the last part. Only a proven snapshot gets one.
    pub(super) fn finish(mut self, _proof: &Proof) -> io::Result<u64> {
        let slot = self.take_slot()?;
        self.send(slot, true)?;
        Ok(self.offset)
    }

    /// The slot comes before the bytes: a full pool stops the stages before it.
    fn take_slot(&mut self) -> io::Result<Slot> {
        if let Some(slot) = self.slot.take() {
            return Ok(slot);
        }
        let mut laggards = self.laggards();
        loop {
            let limit = match self.all_stored() {
                true => self.lag_limit.min(AFTERMATH),
                false => self.lag_limit,
            };
            let slots = self.slots.clone();
            // The timer needs the runtime, so it is made inside.
            let waited = self
                .runtime
                .block_on(async move { tokio::time::timeout(limit, slots.take()).await });
            match waited {
                Ok(Some(slot)) => return Ok(slot),
                // Never `Interrupted`: whoever writes would try for ever.
                Ok(None) => return Err(io::Error::other("stopped")),
                // No destination can be the reason, but a connection that somebody left open.
                Err(_) if self.all_stored() => self.slots.renew(),
                Err(_) => laggards.give_up(),
            }
        }
    }

    /// Whether no lane has a part on its way.
    fn all_stored(&self) -> bool {
        self.lanes.iter().all(|lane| lane.watched.has_none())
    }

    fn laggards(&self) -> Laggards {
        let watched = self.lanes.iter().map(|lane| Arc::clone(&lane.watched));
        Laggards::new(watched.collect())
    }

    fn send(&mut self, slot: Slot, last: bool) -> io::Result<()> {
        self.number += 1;
        let part = Arc::new(Part {
            number: self.number,
            offset: self.offset,
            body: slot.into_bytes(),
            last,
        });
        self.offset += part.body.len() as u64;
        let mut reached = false;
        for lane in &self.lanes {
            lane.watched.pending.fetch_add(1, Ordering::AcqRel);
            reached |= lane.parts.send(Arc::clone(&part)).is_ok();
        }
        // With no lane left the reason is theirs to tell.
        if reached {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "no destination is left",
            ))
        }
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut slot = self.take_slot()?;
        // A full part goes only when more bytes come: the end is told by `finish`.
        if slot.is_full() && !bytes.is_empty() {
            self.send(slot, false)?;
            slot = self.take_slot()?;
        }
        let count = slot.fill(bytes);
        self.slot = Some(slot);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::store::{self, Destination, Store, StoreOptions};

    /// A writer of parts of four bytes with two slots, and its one lane.
    fn writer(store: Arc<dyn Store>) -> (PartWriter, mpsc::UnboundedReceiver<Arc<Part>>) {
        let (parts, lane) = mpsc::unbounded_channel();
        let watched = Arc::new(Watched::new(store));
        let lanes = vec![LaneSender { parts, watched }];
        let limit = Duration::from_millis(20);
        let runtime = Handle::current();
        let writer = PartWriter::new(lanes, Slots::new(2, 4), limit, runtime);
        (writer, lane)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn bytes_that_are_held_after_they_were_stored_do_not_stop_the_next_parts() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let url = Destination::parse(&url).unwrap();
        let store = store::open(&url, &StoreOptions::default()).await;
        let (mut writer, mut lane) = writer(store.unwrap());
        let watched = Arc::clone(&writer.lanes[0].watched);
        let written = std::thread::spawn(move || writer.write_all(&[7; 40]).map(|()| writer));
        let mut held = Vec::new();
        while let Some(part) = lane.recv().await {
            held.push(part.body.clone());
            watched.pending.fetch_sub(1, Ordering::AcqRel);
            if held.len() == 9 {
                break;
            }
        }
        assert!(held.iter().all(|body| body[..] == [7; 4]));
        assert!(written.join().unwrap().is_ok());
    }
}
