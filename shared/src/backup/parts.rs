//! Cuts what is stored into parts of one size, and hands each to every lane.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::laggards::{Laggards, Watched};
use crate::snapshot::Proof;

/// One part; its slot is free again when the last lane dropped it.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) offset: u64,
    pub(super) body: Bytes,
    pub(super) last: bool,
    _slot: OwnedSemaphorePermit,
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
    slots: Arc<Semaphore>,
    lag_limit: Duration,
    runtime: Handle,
    part_size: usize,
    slot: Option<OwnedSemaphorePermit>,
    buffer: Vec<u8>,
    number: u32,
    offset: u64,
}

impl PartWriter {
    pub(super) fn new(
        lanes: Vec<LaneSender>,
        slots: Arc<Semaphore>,
        part_size: usize,
        lag_limit: Duration,
        runtime: Handle,
    ) -> Self {
        Self {
            lanes,
            slots,
            lag_limit,
            runtime,
            part_size,
            slot: None,
            buffer: Vec::new(),
            number: 0,
            offset: 0,
        }
    }

    /// Sends the last part. Only a proven snapshot gets one.
    pub(super) fn finish(mut self, _proof: &Proof) -> io::Result<u64> {
        self.take_slot()?;
        self.send(true)?;
        Ok(self.offset)
    }

    /// The slot comes before the bytes: a full pool stops the stages before it.
    fn take_slot(&mut self) -> io::Result<()> {
        if self.slot.is_some() {
            return Ok(());
        }
        let mut laggards = self.laggards();
        loop {
            let (limit, slots) = (self.lag_limit, Arc::clone(&self.slots));
            // The timer needs the runtime, so it is made inside.
            let waited = self
                .runtime
                .block_on(async move { tokio::time::timeout(limit, slots.acquire_owned()).await });
            match waited {
                Ok(Ok(slot)) => {
                    self.slot = Some(slot);
                    self.buffer = Vec::with_capacity(self.part_size);
                    return Ok(());
                }
                // Never `Interrupted`: whoever writes would try for ever.
                Ok(Err(_)) => return Err(io::Error::other("stopped")),
                Err(_) => laggards.give_up(),
            }
        }
    }

    fn laggards(&self) -> Laggards {
        let watched = self.lanes.iter().map(|lane| Arc::clone(&lane.watched));
        Laggards::new(watched.collect())
    }

    fn send(&mut self, last: bool) -> io::Result<()> {
        let body = Bytes::from(std::mem::take(&mut self.buffer));
        let Some(slot) = self.slot.take() else {
            return Err(io::Error::other("a part without a slot"));
        };
        self.number += 1;
        let part = Arc::new(Part {
            number: self.number,
            offset: self.offset,
            body,
            last,
            _slot: slot,
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
        // A full part goes only when more bytes come: the end is told by `finish`.
        if self.buffer.len() == self.part_size && !bytes.is_empty() {
            self.send(false)?;
        }
        self.take_slot()?;
        let count = bytes.len().min(self.part_size - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
