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
            let (limit, slots) = (self.lag_limit, self.slots.clone());
            // The timer needs the runtime, so it is made inside.
            let waited = self
                .runtime
                .block_on(async move { tokio::time::timeout(limit, slots.take()).await });
            match waited {
                Ok(Some(slot)) => return Ok(slot),
                // Never `Interrupted`: whoever writes would try for ever.
                Ok(None) => return Err(io::Error::other("stopped")),
                Err(_) => laggards.give_up(),
            }
        }
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
