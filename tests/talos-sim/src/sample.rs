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
const FREELIST_PAGE: u64 = 2;
/// Two meta pages, the freelist, the root; the rest is free.
const USED: usize = 4;
/// A freelist page counts in 16 bits, and must hold its list.
const MOST: usize = USED + (PAGE - HEADER) / 8;

/// A snapshot of at least `size` bytes, up to 2 MiB: an empty root bucket and free pages of
/// text that compresses about as Kubernetes' objects do.
#[must_use]
pub fn snapshot(size: usize) -> Vec<u8> {
    let pages = size.div_ceil(PAGE).clamp(USED, MOST);
    let mut file = vec![0; pages * PAGE];
    for (transaction, page) in [(7, 0), (6, 1)] {
        write_meta(
            &mut file[page * PAGE..][..PAGE],
            page as u64,
            pages as u64,
            transaction,
        );
    }
    let freelist = &mut file[2 * PAGE..3 * PAGE];
    write_header(
        freelist,
        FREELIST_PAGE,
        FREELIST,
        u16::try_from(pages - USED).unwrap_or(u16::MAX),
    );
    for (slot, page) in freelist[HEADER..].chunks_exact_mut(8).zip(USED..pages) {
        slot.copy_from_slice(&(page as u64).to_le_bytes());
    }
    write_header(&mut file[3 * PAGE..USED * PAGE], 3, LEAF, 0);
    for (page, contents) in file.chunks_exact_mut(PAGE).enumerate().skip(USED) {
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

fn write_meta(page: &mut [u8], id: u64, pages: u64, transaction: u64) {
    write_header(page, id, META, 0);
    let mut meta = Vec::with_capacity(64);
    meta.extend_from_slice(&MAGIC.to_le_bytes());
    meta.extend_from_slice(&VERSION.to_le_bytes());
    meta.extend_from_slice(&4096_u32.to_le_bytes());
    meta.extend_from_slice(&0_u32.to_le_bytes());
    // The root bucket (page, sequence), the freelist, the high-water mark, the transaction.
    for number in [3, 0, FREELIST_PAGE, pages, transaction] {
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
        for size in [0, 16 * 1024, 100_000, 2 << 20] {
            let snapshot = snapshot(size);
            assert_eq!(snapshot.len() % 512, TRAILER);
            let (file, trailer) = snapshot.split_at(snapshot.len() - TRAILER);
            assert_eq!(digest(&SHA256, file).as_ref(), trailer);
            let mark = u64::from_le_bytes(file[HEADER + 40..HEADER + 48].try_into().unwrap());
            assert_eq!(mark * PAGE as u64, file.len() as u64);
        }
    }
}
