//! One window onto the file. Trees are walked in order, so a page is read once; what is read
//! ahead is known from the branch page above, not guessed.

use std::io;
use std::ops::Range;

use super::source::ReadAt;

/// Most bytes read ahead of what was asked for.
pub(super) const AHEAD: u64 = 256 * 1024;
/// A window larger than this is given back as soon as a small one does.
const KEEP: usize = 1024 * 1024;

/// The bytes of one stretch of the file.
#[derive(Debug, Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    begin: u64,
}

impl Window {
    /// Makes `length` bytes at `offset` available; reads up to `end` when it must read.
    /// Gives where they lie in [`Window::bytes`].
    pub(super) fn load(
        &mut self,
        source: &(impl ReadAt + ?Sized),
        offset: u64,
        length: usize,
        end: u64,
    ) -> io::Result<Range<usize>> {
        if let Some(range) = self.range(offset, length) {
            return Ok(range);
        }
        let ahead = usize::try_from(end.saturating_sub(offset).min(AHEAD)).unwrap_or(length);
        let wanted = length.max(ahead);
        if self.bytes.capacity() > KEEP && wanted < KEEP / 2 {
            self.bytes = Vec::new();
        }
        // What fails to be read must not be taken for what was read before.
        self.begin = u64::MAX;
        self.bytes.resize(wanted, 0);
        source.read_exact_at(&mut self.bytes, offset)?;
        self.begin = offset;
        Ok(0..length)
    }

    /// Holds bytes that are not read from the file: an inline bucket.
    pub(super) fn hold(&mut self, bytes: &[u8]) -> Range<usize> {
        self.begin = u64::MAX;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        0..bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether these bytes are here already.
    pub(super) fn has(&self, offset: u64, length: u64) -> bool {
        usize::try_from(length).is_ok_and(|length| self.range(offset, length).is_some())
    }

    fn range(&self, offset: u64, length: usize) -> Option<Range<usize>> {
        let begin = usize::try_from(offset.checked_sub(self.begin)?).ok()?;
        let end = begin.checked_add(length)?;
        (end <= self.bytes.len()).then_some(begin..end)
    }
}
