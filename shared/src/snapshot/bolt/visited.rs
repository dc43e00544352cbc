//! A bit for each page of the file.

/// A set of page ids below the high-water mark.
#[derive(Debug, Clone, Default)]
pub(super) struct PageSet {
    words: Vec<u64>,
    pages: u64,
}

impl PageSet {
    /// An empty set for ids below `pages`. The caller has compared `pages` with the length
    /// of the file, which bounds the memory.
    pub(super) fn new(pages: u64) -> Self {
        let words = usize::try_from(pages.div_ceil(64)).unwrap_or(0);
        Self {
            words: vec![0; words],
            pages,
        }
    }

    /// Adds an id; false: it was there, or is none of the file.
    pub(super) fn insert(&mut self, id: u64) -> bool {
        let Some(word) = self.word(id) else {
            return false;
        };
        let bit = 1 << (id % 64);
        let fresh = self.words[word] & bit == 0;
        self.words[word] |= bit;
        fresh
    }

    /// Whether the id is in the set.
    pub(super) fn contains(&self, id: u64) -> bool {
        self.word(id)
            .is_some_and(|word| self.words[word] & (1 << (id % 64)) != 0)
    }

    /// How many ids are in the set.
    pub(super) fn count(&self) -> u64 {
        self.words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }

    fn word(&self, id: u64) -> Option<usize> {
        if id >= self.pages {
            return None;
        }
        usize::try_from(id / 64).ok()
    }
}
