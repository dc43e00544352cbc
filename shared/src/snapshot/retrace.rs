//! The bytes that were checked, and no others.
//!
//! A raw copy has no digest that could prove it while it streams. Its structure was checked
//! before, so what is needed now is that the same bytes come by: [`Retrace`] compares length
//! and SHA-256 with those of the check.

use std::io::{self, Write};

use aws_lc_rs::digest::{Context, SHA256};

use super::check::Sound;
use super::stream::{FinishError, SnapshotError};

/// Passes a checked file through, and compares it.
pub struct Retrace<W> {
    inner: W,
    digest: Context,
    seen: u64,
    sound: Sound,
}

impl<W: Write> Retrace<W> {
    /// In front of `inner`; the bytes must be those of `sound`.
    pub fn new(inner: W, sound: Sound) -> Self {
        Self {
            inner,
            digest: Context::new(&SHA256),
            seen: 0,
            sound,
        }
    }

    /// Ends the stream: the inner writer and the proof, if the bytes were the checked ones.
    ///
    /// # Errors
    /// [`SnapshotError::Changed`].
    pub fn finish(self) -> Result<(W, Sound), FinishError> {
        let same = self.seen == self.sound.bytes
            && hex::encode(self.digest.finish().as_ref()) == self.sound.sha256;
        if same {
            Ok((self.inner, self.sound))
        } else {
            Err(FinishError::Refused(SnapshotError::Changed))
        }
    }
}

impl<W: Write> Write for Retrace<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(&bytes[..count]);
        self.seen += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
