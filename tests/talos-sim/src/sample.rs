//! Ready snapshots for tests that need no etcd: small, sound bbolt databases with the SHA-256
//! that etcd appends, made in microseconds, the same for the same size.

use aws_lc_rs::digest::{SHA256, digest};

/// Bytes of a page.
pub const PAGE: usize = 4096;
/// Bytes of the digest at the end.
pub const TRAILER: usize = 32;

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const HEADER: usize = 16;
const META: u16 = 0x04;
const LEAF: u16 = 0x02;
const FREELIST: u16 = 0x10;
const FREELIST_PAGE: usize = 2;
/// A freelist counts in 16 bits, and the highest number means something else.
const MOST: usize = 0xFFFE;

/// A snapshot of at least `size` bytes, up to 255 MiB: an empty root bucket and free pages of
/// text that compresses about as Kubernetes' objects do.
#[must_use]
pub fn snapshot(size: usize) -> Vec<u8> {
    let wanted = size.div_ceil(PAGE).min(MOST);
    // The list goes over into the pages behind it; the root follows.
    let list = (HEADER + wanted * 8).div_ceil(PAGE);
    let root = FREELIST_PAGE + list;
    let pages = wanted.max(root + 1);
    let free = root + 1..pages;
    let mut file = vec![0; pages * PAGE];
    for (transaction, page) in [(7, 0), (6, 1)] {
        write_meta(
            &mut file[page * PAGE..][..PAGE],
            page as u64,
            (root as u64, pages as u64),
            transaction,
        );
    }
    let freelist = &mut file[FREELIST_PAGE * PAGE..root * PAGE];
    let count = u16::try_from(free.len()).unwrap_or(u16::MAX);
    write_header(freelist, FREELIST_PAGE as u64, FREELIST, count);
    let overflow = u32::try_from(list - 1).unwrap_or(u32::MAX);
    freelist[12..16].copy_from_slice(&overflow.to_le_bytes());
    for (slot, page) in freelist[HEADER..].chunks_exact_mut(8).zip(free.clone()) {
        slot.copy_from_slice(&(page as u64).to_le_bytes());
    }
    write_header(&mut file[root * PAGE..][..PAGE], root as u64, LEAF, 0);
    for (page, contents) in file.chunks_exact_mut(PAGE).enumerate().skip(free.start) {
        fill(contents, page as u64);
    }
    let trailer = digest(&SHA256, &file);
    file.extend_from_slice(trailer.as_ref());
    file
}

fn write_header(page: &mut [u8], id: u64, flags: u16, count: u16) {
    page[..8].copy_from_slice(&id.to_le_bytes());
    page[8..10].copy_from_slice(&flags.to_le_bytes());
    page[10..12].copy_from_slice(&count.to_le_bytes());
}

fn write_meta(page: &mut [u8], id: u64, (root, pages): (u64, u64), transaction: u64) {
    write_header(page, id, META, 0);
    let mut meta = Vec::with_capacity(64);
    meta.extend_from_slice(&MAGIC.to_le_bytes());
    meta.extend_from_slice(&VERSION.to_le_bytes());
    meta.extend_from_slice(&4096_u32.to_le_bytes());
    meta.extend_from_slice(&0_u32.to_le_bytes());
    // The root bucket (page, sequence), the freelist, the high-water mark, the transaction.
    for number in [root, 0, FREELIST_PAGE as u64, pages, transaction] {
        meta.extend_from_slice(&u64::to_le_bytes(number));
    }
    let checksum = fnv64a(&meta);
    meta.extend_from_slice(&checksum.to_le_bytes());
    page[HEADER..HEADER + meta.len()].copy_from_slice(&meta);
}

fn fnv64a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Half words, half noise: a free page keeps what once was in it.
fn fill(page: &mut [u8], seed: u64) {
    const WORDS: &[u8; 64] = b"k8s metadata namespace kube-system labels app.kubernetes.io/name";
    let mut state = seed | 1;
    for chunk in page.chunks_mut(96) {
        let (words, noise) = chunk.split_at_mut(chunk.len().min(WORDS.len()));
        words.copy_from_slice(&WORDS[..words.len()]);
        for byte in noise {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_as_long_as_its_header_says_and_its_digest_holds() {
        for size in [0, 16 * 1024, 100_000, 2 << 20, 20 << 20] {
            let snapshot = snapshot(size);
            assert_eq!(snapshot.len() % 512, TRAILER);
            let (file, trailer) = snapshot.split_at(snapshot.len() - TRAILER);
            assert_eq!(digest(&SHA256, file).as_ref(), trailer);
            let mark = u64::from_le_bytes(file[HEADER + 40..HEADER + 48].try_into().unwrap());
            assert_eq!(mark * PAGE as u64, file.len() as u64);
        }
    }
}
