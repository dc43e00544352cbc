//! Writes bbolt files of any page size, with branch pages, overflow, inline buckets and a
//! stored freelist: the shapes that the etcd at hand does not make.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};

const HEADER: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const META: u16 = 4;
const FREELIST: u16 = 16;
const BUCKET: u32 = 1;
const NOT_STORED: u64 = u64::MAX;

/// A value of a bucket: bytes, or a bucket inside it.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Value(Vec<u8>),
    Bucket(Tree),
}

/// A bucket to write.
pub(crate) type Tree = BTreeMap<Vec<u8>, Entry>;

/// A file to write.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    pub(crate) page_size: usize,
    /// Pages of the freelist; none: it is not stored.
    pub(crate) free: Option<usize>,
    pub(crate) root: Tree,
}

/// An element of a page: flags or child, key, value.
struct Element {
    flags: u32,
    child: u64,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(page_size: usize) -> Self {
        Self {
            page_size,
            free: None,
            root: Tree::new(),
        }
    }

    /// Puts a record into a root bucket.
    pub(crate) fn put(&mut self, bucket: &str, key: &[u8], value: &[u8]) {
        self.bucket(bucket)
            .insert(key.to_vec(), Entry::Value(value.to_vec()));
    }

    /// A root bucket, made when it is not there.
    pub(crate) fn bucket(&mut self, name: &str) -> &mut Tree {
        let entry = self
            .root
            .entry(name.as_bytes().to_vec())
            .or_insert_with(|| Entry::Bucket(Tree::new()));
        match entry {
            Entry::Bucket(tree) => tree,
            Entry::Value(_) => panic!("{name} is no bucket"),
        }
    }

    /// The file as a snapshot stream has it, digest included.
    pub(crate) fn streamed(&self) -> Vec<u8> {
        let mut file = self.pages(9, 8);
        seal(&mut file);
        file
    }

    /// The file as it lies in `member/snap/db`.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.pages(8, 9)
    }

    fn pages(&self, first: u64, second: u64) -> Vec<u8> {
        let mut pages = Pages {
            page_size: self.page_size,
            bytes: vec![0; 2 * self.page_size],
        };
        let root = pages.tree(&self.root);
        let freelist = self.free.map(|count| pages.freelist(count));
        let mark = (pages.bytes.len() / self.page_size) as u64;
        for (page, txid) in [(0, first), (1, second)] {
            let at = page * self.page_size;
            let numbers = [root, 0, freelist.unwrap_or(NOT_STORED), mark, txid];
            write_header(&mut pages.bytes[at..], page as u64, META, 0, 0);
            write_meta(&mut pages.bytes[at + HEADER..], self.page_size, numbers);
        }
        pages.bytes
    }
}

/// Appends the digest of what is there.
pub(crate) fn seal(file: &mut Vec<u8>) {
    let trailer = digest(&SHA256, file);
    file.extend_from_slice(trailer.as_ref());
}

struct Pages {
    page_size: usize,
    bytes: Vec<u8>,
}

impl Pages {
    /// Writes a tree from its leaves up; gives its root page.
    fn tree(&mut self, tree: &Tree) -> u64 {
        let elements = self.elements(tree);
        let mut level = self.level(LEAF, elements);
        while level.len() > 1 {
            level = self.level(BRANCH, level);
        }
        level
            .first()
            .map_or_else(|| self.page(LEAF, &[]), |root| root.child)
    }

    fn elements(&mut self, tree: &Tree) -> Vec<Element> {
        let element = |(key, entry): (&Vec<u8>, &Entry)| {
            let (flags, value) = match entry {
                Entry::Value(value) => (0, value.clone()),
                Entry::Bucket(inner) => (BUCKET, self.bucket(inner)),
            };
            Element {
                flags,
                child: 0,
                key: key.clone(),
                value,
            }
        };
        tree.iter().map(element).collect()
    }

    /// A bucket's value: inline where bbolt would have it so.
    fn bucket(&mut self, tree: &Tree) -> Vec<u8> {
        let nested = tree.values().any(|entry| matches!(entry, Entry::Bucket(_)));
        if !nested {
            let elements = self.elements(tree);
            let size = size_of_page(&elements);
            if size <= self.page_size / 4 {
                let mut page = vec![0; size];
                write_page(&mut page, 0, LEAF, &elements, 0);
                return [&[0; HEADER][..], &page].concat();
            }
        }
        let root = self.tree(tree);
        [root.to_le_bytes(), [0; 8]].concat()
    }

    /// Fills pages with elements; gives one branch element for each page.
    fn level(&mut self, kind: u16, elements: Vec<Element>) -> Vec<Element> {
        let (mut parents, mut page, mut size) = (Vec::new(), Vec::<Element>::new(), HEADER);
        let mut rest = elements.into_iter().peekable();
        while let Some(element) = rest.next() {
            size += HEADER + element.key.len() + element.value.len();
            page.push(element);
            let next = rest
                .peek()
                .map(|next| HEADER + next.key.len() + next.value.len());
            // bbolt keeps two elements in a page, whatever their size.
            if next.is_none_or(|next| page.len() > 1 && size + next > self.page_size) {
                parents.push(Element {
                    flags: 0,
                    child: self.page(kind, &page),
                    key: page[0].key.clone(),
                    value: Vec::new(),
                });
                (page, size) = (Vec::new(), HEADER);
            }
        }
        parents
    }

    fn page(&mut self, kind: u16, elements: &[Element]) -> u64 {
        let run = size_of_page(elements).div_ceil(self.page_size).max(1);
        let (id, page) = self.allocate(run);
        write_page(page, id, kind, elements, run - 1);
        id
    }

    fn freelist(&mut self, count: usize) -> u64 {
        let first_free = (self.bytes.len() / self.page_size) as u64;
        self.allocate(count);
        let many = count >= 0xffff;
        let size = HEADER + 8 * (count + usize::from(many));
        let run = size.div_ceil(self.page_size);
        let (id, page) = self.allocate(run);
        let short = if many { 0xffff } else { count as u16 };
        write_header(page, id, FREELIST, short, run - 1);
        let ids = (first_free..).take(count);
        let numbers = many.then_some(count as u64).into_iter().chain(ids);
        for (slot, number) in page[HEADER..].chunks_exact_mut(8).zip(numbers) {
            slot.copy_from_slice(&number.to_le_bytes());
        }
        id
    }

    fn allocate(&mut self, run: usize) -> (u64, &mut [u8]) {
        let at = self.bytes.len();
        self.bytes.resize(at + run * self.page_size, 0);
        ((at / self.page_size) as u64, &mut self.bytes[at..])
    }
}

fn size_of_page(elements: &[Element]) -> usize {
    let data = |element: &Element| HEADER + element.key.len() + element.value.len();
    HEADER + elements.iter().map(data).sum::<usize>()
}

fn write_page(page: &mut [u8], id: u64, kind: u16, elements: &[Element], overflow: usize) {
    write_header(page, id, kind, elements.len() as u16, overflow);
    let mut data = HEADER * (elements.len() + 1);
    for (index, element) in elements.iter().enumerate() {
        let at = HEADER * (index + 1);
        let (position, key) = ((data - at) as u32, element.key.len() as u32);
        let fields = if kind == LEAF {
            let value = element.value.len() as u32;
            [element.flags, position, key, value]
        } else {
            let child = element.child;
            [position, key, child as u32, (child >> 32) as u32]
        };
        for (slot, field) in page[at..at + HEADER].chunks_exact_mut(4).zip(fields) {
            slot.copy_from_slice(&field.to_le_bytes());
        }
        for bytes in [&element.key, &element.value] {
            page[data..data + bytes.len()].copy_from_slice(bytes);
            data += bytes.len();
        }
    }
}

fn write_header(page: &mut [u8], id: u64, kind: u16, count: u16, overflow: usize) {
    page[..8].copy_from_slice(&id.to_le_bytes());
    page[8..10].copy_from_slice(&kind.to_le_bytes());
    page[10..12].copy_from_slice(&count.to_le_bytes());
    page[12..16].copy_from_slice(&(overflow as u32).to_le_bytes());
}

fn write_meta(meta: &mut [u8], page_size: usize, numbers: [u64; 5]) {
    let mut bytes = Vec::new();
    for number in [0xED0C_DAED, 2, page_size as u32, 0] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let checksum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    bytes.extend_from_slice(&checksum.to_le_bytes());
    meta[..bytes.len()].copy_from_slice(&bytes);
}
