//! Pages and their elements, read with every bound checked: a number from the file never
//! becomes an index before it was compared with what is there.

use std::ops::Range;

/// Bytes of a page header, and of an element.
pub(super) const HEADER: usize = 16;
/// Longest key bbolt takes.
pub(super) const KEY_LIMIT: usize = 32_768;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const FREELIST: u16 = 0x10;

/// The header of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u64,
    pub(super) flags: u16,
    pub(super) count: u16,
    pub(super) overflow: u32,
}

/// The kinds of page that lie below the metas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageKind {
    Branch,
    Leaf,
    Freelist,
}

impl Header {
    pub(super) fn parse(page: &[u8]) -> Option<Self> {
        Some(Self {
            id: u64_at(page, 0)?,
            flags: u16::from_le_bytes(array_at(page, 8)?),
            count: u16::from_le_bytes(array_at(page, 10)?),
            overflow: u32_at(page, 12)?,
        })
    }

    /// Exactly one kind, or none.
    pub(super) fn kind(&self) -> Option<PageKind> {
        match self.flags {
            BRANCH => Some(PageKind::Branch),
            LEAF => Some(PageKind::Leaf),
            FREELIST => Some(PageKind::Freelist),
            _ => None,
        }
    }
}

/// Where a leaf element's key and value lie in its page run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeafElement {
    pub(super) flags: u32,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

/// Where a branch element's key lies, and the page it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BranchElement {
    pub(super) child: u64,
    pub(super) key: Range<usize>,
}

/// Element `index` of `count` in a leaf page; none: it points outside its page.
pub(super) fn leaf_element(page: &[u8], index: u16, count: u16) -> Option<LeafElement> {
    let (at, fields) = element(page, index)?;
    let key = data(
        page,
        at,
        index,
        count,
        u32_at(fields, 4)?,
        u32_at(fields, 8)?,
    )?;
    let value_end = key.end.checked_add(usize_of(u32_at(fields, 12)?)?)?;
    (value_end <= page.len()).then(|| LeafElement {
        flags: u32::from_le_bytes([fields[0], fields[1], fields[2], fields[3]]),
        value: key.end..value_end,
        key,
    })
}

/// Element `index` of `count` in a branch page; none: it points outside its page.
pub(super) fn branch_element(page: &[u8], index: u16, count: u16) -> Option<BranchElement> {
    let (at, fields) = element(page, index)?;
    let key = data(
        page,
        at,
        index,
        count,
        u32_at(fields, 0)?,
        u32_at(fields, 4)?,
    )?;
    Some(BranchElement {
        child: u64_at(fields, 8)?,
        key,
    })
}

fn element(page: &[u8], index: u16) -> Option<(usize, &[u8])> {
    let at = HEADER + HEADER * usize::from(index);
    Some((at, page.get(at..at + HEADER)?))
}

/// `position` counts from the element itself and must lie behind the element array.
fn data(
    page: &[u8],
    at: usize,
    index: u16,
    count: u16,
    position: u32,
    size: u32,
) -> Option<Range<usize>> {
    let position = usize_of(position)?;
    let behind_array = HEADER * usize::from(count.checked_sub(index)?);
    let begin = at.checked_add(position)?;
    let end = begin.checked_add(usize_of(size)?)?;
    (position >= behind_array && end <= page.len()).then_some(begin..end)
}

fn usize_of(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Little-endian, or none when the bytes end before.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

/// Little-endian, or none when the bytes end before.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}
