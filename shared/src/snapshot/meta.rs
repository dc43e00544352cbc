//! The two meta pages at the start of a bbolt file.
//!
//! Layout and rules: bbolt's `internal/common/meta.go`. A meta is valid when magic,
//! version and checksum hold; in a streamed snapshot both name the same root, and page 0
//! carries the transaction id of page 1 plus one (etcd synthesises them from one read
//! transaction).

/// Bytes of a page that hold page header and meta.
pub const META_BYTES: usize = 80;
/// Bytes of the SHA-256 that ends a streamed snapshot.
pub const TRAILER_BYTES: u64 = 32;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 1024..=16 * 1024 * 1024;

/// A valid meta page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Bytes of a page; a power of two, 1 KiB to 16 MiB.
    pub page_size: u32,
    /// Page id of the root bucket's root page.
    pub root: u64,
    /// Page id of the freelist; all ones: not stored.
    pub freelist: u64,
    /// Number of pages: every page id is below it.
    pub high_water_mark: u64,
    /// Transaction id.
    pub txid: u64,
}

/// Why bytes are not a meta page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// Fewer than [`META_BYTES`] bytes.
    #[error("shorter than a page header")]
    Short,
    /// Not bbolt's magic number.
    #[error("no bbolt magic number")]
    Magic,
    /// bbolt's magic number with its bytes reversed: written by an s390x node.
    #[error("written by a big-endian machine (s390x), which Talos never is")]
    BigEndian,
    /// A version other than 2.
    #[error("bbolt version {0}, not 2")]
    Version(u32),
    /// The FNV-1a checksum does not hold.
    #[error("checksum of the meta page is wrong")]
    Checksum,
    /// A page size or page count no etcd writes.
    #[error("page size {0} or page count {1} cannot be")]
    Geometry(u32, u64),
}

impl Meta {
    /// Reads a meta page from its first [`META_BYTES`] bytes.
    ///
    /// # Errors
    /// [`MetaError`] says which rule does not hold.
    pub fn parse(page: &[u8]) -> Result<Self, MetaError> {
        let page = page.get(..META_BYTES).ok_or(MetaError::Short)?;
        match u32_at(page, 16) {
            MAGIC => {}
            magic if magic == MAGIC.swap_bytes() => return Err(MetaError::BigEndian),
            _ => return Err(MetaError::Magic),
        }
        let version = u32_at(page, 20);
        if version != VERSION {
            return Err(MetaError::Version(version));
        }
        if fnv1a(&page[16..72]) != u64_at(page, 72) {
            return Err(MetaError::Checksum);
        }
        let meta = Self {
            page_size: u32_at(page, 24),
            root: u64_at(page, 32),
            freelist: u64_at(page, 48),
            high_water_mark: u64_at(page, 56),
            txid: u64_at(page, 64),
        };
        let sane = meta.page_size.is_power_of_two()
            && PAGE_SIZES.contains(&meta.page_size)
            && meta.high_water_mark >= 3
            && meta.content_bytes().is_some();
        if sane {
            Ok(meta)
        } else {
            Err(MetaError::Geometry(meta.page_size, meta.high_water_mark))
        }
    }

    /// Bytes of the database's pages; none: more than a file can hold.
    pub fn content_bytes(&self) -> Option<u64> {
        let bytes = self
            .high_water_mark
            .checked_mul(u64::from(self.page_size))?;
        (bytes <= i64::MAX as u64 - TRAILER_BYTES).then_some(bytes)
    }

    /// Whether `second`, the meta of page 1, is the one a snapshot stream has beside this
    /// one of page 0. A database can have the same pair: etcd ends with a commit that changes
    /// nothing.
    pub fn is_streamed_pair(&self, second: &Self) -> bool {
        self.page_size == second.page_size
            && self.root == second.root
            && self.freelist == second.freelist
            && self.high_water_mark == second.high_water_mark
            && second.txid.checked_add(1) == Some(self.txid)
    }

    /// Whether the pair is one that only a stream has: a database keeps odd transactions in
    /// page 1.
    pub fn is_surely_streamed_pair(&self, second: &Self) -> bool {
        self.txid % 2 == 1 && self.is_streamed_pair(second)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut value = [0; 4];
    value.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(value)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Meta pages made by the rules above, for tests of what reads them.
#[cfg(test)]
pub(crate) mod made {
    use super::{META_BYTES, fnv1a};

    /// A page's first bytes with a valid meta.
    pub(crate) fn meta_page(page_size: u32, high_water_mark: u64, txid: u64) -> [u8; META_BYTES] {
        let mut page = [0; META_BYTES];
        page[16..20].copy_from_slice(&super::MAGIC.to_le_bytes());
        page[20..24].copy_from_slice(&2u32.to_le_bytes());
        page[24..28].copy_from_slice(&page_size.to_le_bytes());
        page[32..40].copy_from_slice(&2u64.to_le_bytes());
        page[48..56].copy_from_slice(&u64::MAX.to_le_bytes());
        page[56..64].copy_from_slice(&high_water_mark.to_le_bytes());
        page[64..72].copy_from_slice(&txid.to_le_bytes());
        let checksum = fnv1a(&page[16..72]);
        page[72..80].copy_from_slice(&checksum.to_le_bytes());
        page
    }

    /// A streamed snapshot of `pages` pages of 4 KiB, its trailer included.
    pub(crate) fn snapshot(pages: u64) -> Vec<u8> {
        let mut bytes = vec![0x5a; usize::try_from(pages * 4096).unwrap()];
        bytes[..META_BYTES].copy_from_slice(&meta_page(4096, pages, 9));
        bytes[4096..4096 + META_BYTES].copy_from_slice(&meta_page(4096, pages, 8));
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        bytes.extend_from_slice(digest.as_ref());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_meta_parses_and_any_flipped_bit_of_it_is_refused() {
        let page = made::meta_page(4096, 10, 7);
        let meta = Meta::parse(&page).unwrap();
        assert_eq!(
            (meta.page_size, meta.high_water_mark, meta.txid),
            (4096, 10, 7)
        );
        for bit in 16 * 8..META_BYTES * 8 {
            let mut broken = page;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(Meta::parse(&broken).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn impossible_geometry_is_refused() {
        assert!(matches!(
            Meta::parse(&made::meta_page(4097, 10, 7)),
            Err(MetaError::Geometry(..))
        ));
        assert!(matches!(
            Meta::parse(&made::meta_page(512, 10, 7)),
            Err(MetaError::Geometry(..))
        ));
        assert!(matches!(
            Meta::parse(&made::meta_page(4096, u64::MAX / 2, 7)),
            Err(MetaError::Geometry(..))
        ));
        assert!(matches!(
            Meta::parse(&made::meta_page(4096, 2, 7)),
            Err(MetaError::Geometry(..))
        ));
    }

    #[test]
    fn only_the_pair_of_a_stream_is_a_pair() {
        let first = Meta::parse(&made::meta_page(4096, 10, 7)).unwrap();
        assert!(first.is_streamed_pair(&Meta::parse(&made::meta_page(4096, 10, 6)).unwrap()));
        assert!(!first.is_streamed_pair(&Meta::parse(&made::meta_page(4096, 10, 7)).unwrap()));
        assert!(!first.is_streamed_pair(&Meta::parse(&made::meta_page(4096, 11, 6)).unwrap()));
        let [even, odd] = [(6, 5), (7, 6)].map(|(first, second)| {
            let page = |txid| Meta::parse(&made::meta_page(4096, 10, txid)).unwrap();
            page(first).is_surely_streamed_pair(&page(second))
        });
        assert!(odd && !even);
    }
}
