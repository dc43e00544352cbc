//! One walk through a bucket's tree, in key order, with an explicit stack.
//!
//! A cursor lends each record from the page it lies in. What is wrong comes out as an error
//! at the place where it is met; the part of the tree behind it is left out, and the next
//! call goes on after it. So a reader that wants sound data stops at the first error, and a
//! check collects them all. Each page is entered once, whatever the file says: loops end.

use std::ops::Range;

use super::bucket::{Bucket, Root};
use super::database::Database;
use super::order::{Order, judge_length};
use super::page::{BranchElement, HEADER, Header, PageKind, branch_element, leaf_element};
use super::reader::{AHEAD, Window};
use super::rules;
use super::source::ReadAt;
use super::visited::PageSet;
use crate::snapshot::finding::{Finding, Place, Rule};

/// Real trees are one to six pages deep.
const DEPTH_LIMIT: usize = 64;
/// A run holds two values at least, and etcd takes requests of a few MiB.
const RUN_LIMIT: u64 = 64 * 1024 * 1024;
/// Pages between two children that are read for nothing rather than with two reads.
const GAP_LIMIT: u64 = 8;
/// Odd places that one cursor remembers.
const ODD_LIMIT: usize = 100;

type Step<T> = Result<T, Box<Finding>>;

/// A record of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'c> {
    /// Key.
    pub key: &'c [u8],
    /// Value; of a bucket: its header, and its page when it is inline.
    pub value: &'c [u8],
    /// Whether the record is a bucket.
    pub is_bucket: bool,
    /// The page it lies in.
    pub page: u64,
    /// Byte offset of its key in the file.
    pub offset: u64,
}

/// A branch page on the way down.
#[derive(Debug, Default)]
struct Frame {
    page: u64,
    image: Vec<u8>,
    count: u16,
    next: u16,
}

impl Frame {
    /// The last child whose key is not above `key`; the first has everything below it too.
    fn child_of(&self, key: &[u8]) -> u16 {
        let below = (1..self.count).take_while(|index| {
            branch_element(&self.image, *index, self.count)
                .is_some_and(|element| self.image[element.key] <= *key)
        });
        below.last().unwrap_or(0)
    }
}

/// The leaf page records are lent from.
#[derive(Debug, Default)]
struct Leaf {
    page: u64,
    /// Byte offset of the page in the file.
    begin: u64,
    range: Range<usize>,
    count: u16,
    next: u16,
    /// Where the next key must begin; 0: not known, after a seek or a bad element.
    expected: usize,
}

/// A position in a bucket.
#[derive(Debug)]
pub struct Cursor<'d, S: ?Sized> {
    database: &'d Database<S>,
    root: Root,
    home: Place,
    begun: bool,
    window: Window,
    /// Kept beyond `depth`, so that their memory is used again.
    frames: Vec<Frame>,
    depth: usize,
    leaf: Leaf,
    visited: PageSet,
    order: Order,
    odd: Vec<Finding>,
}

impl<'d, S: ReadAt + ?Sized> Cursor<'d, S> {
    pub(super) fn new(database: &'d Database<S>, bucket: &Bucket) -> Self {
        Self::start(database, bucket.root.clone(), bucket.place.clone())
    }

    pub(super) fn at_page(database: &'d Database<S>, page: u64) -> Self {
        Self::start(database, Root::Page(page), Place::default())
    }

    fn start(database: &'d Database<S>, root: Root, home: Place) -> Self {
        Self {
            database,
            root,
            home,
            begun: false,
            window: Window::default(),
            frames: Vec::new(),
            depth: 0,
            leaf: Leaf::default(),
            visited: PageSet::new(database.meta().high_water_mark),
            order: Order::default(),
            odd: Vec::new(),
        }
    }

    /// Continues a set of pages that other cursors have entered.
    pub(super) fn with_visited(mut self, visited: PageSet) -> Self {
        self.visited = visited;
        self
    }

    /// The pages entered, and the places that are odd but readable.
    pub(super) fn into_parts(self) -> (PageSet, Vec<Finding>) {
        (self.visited, self.odd)
    }

    /// The next record; none after the last.
    ///
    /// # Errors
    /// What is wrong there. Another call goes on behind it.
    pub fn advance(&mut self) -> Step<Option<Item<'_>>> {
        while self.leaf.next >= self.leaf.count {
            if !self.next_page()? {
                return Ok(None);
            }
        }
        self.take().map(Some)
    }

    /// The next record, which must be a bucket.
    pub(super) fn advance_bucket(&mut self) -> Step<Option<Bucket>> {
        let Some((name, value, is_bucket, page, offset)) = self.advance()?.map(|item| {
            let value_offset = item.offset + item.key.len() as u64;
            let (name, value) = (item.key.to_vec(), item.value.to_vec());
            (name, value, item.is_bucket, item.page, value_offset)
        }) else {
            return Ok(None);
        };
        let mut place = self.place(page);
        place.offset = offset;
        if !is_bucket {
            return Err(Box::new(Finding {
                rule: &rules::BUCKET_HEADER,
                place: Some(place),
                what: format!(
                    "`{}` is a record where only buckets are",
                    name.escape_ascii()
                ),
            }));
        }
        Bucket::parse(&name, &value, place).map(Some)
    }

    /// Goes before the first record whose key is `key` or above.
    ///
    /// # Errors
    /// What is wrong on the way.
    pub fn seek(&mut self, key: &[u8]) -> Step<()> {
        self.begun = false;
        self.depth = 0;
        self.leaf = Leaf::default();
        self.visited = PageSet::new(self.database.meta().high_water_mark);
        self.order = Order::default();
        while self.leaf.range.is_empty() {
            if let Some(frame) = self.frames[..self.depth].last_mut() {
                frame.next = frame.child_of(key);
            }
            if !self.next_page()? {
                return Ok(());
            }
        }
        let page = &self.window.bytes()[self.leaf.range.clone()];
        let begin = (0..self.leaf.count).find(|index| {
            leaf_element(page, *index, self.leaf.count)
                .is_none_or(|element| page[element.key] >= *key)
        });
        self.leaf.next = begin.unwrap_or(self.leaf.count);
        self.leaf.expected = 0;
        Ok(())
    }

    /// Enters the next page of the walk; false: there is none.
    fn next_page(&mut self) -> Step<bool> {
        self.leaf = Leaf::default();
        if !self.begun {
            self.begun = true;
            return self.enter_root().map(|()| true);
        }
        while self.depth > 0 {
            let frame = &mut self.frames[self.depth - 1];
            if frame.next >= frame.count {
                self.depth -= 1;
                continue;
            }
            let index = frame.next;
            frame.next += 1;
            let element = self.branch_key(index)?;
            self.enter(element.child, Some(index))?;
            return Ok(true);
        }
        Ok(false)
    }

    fn enter_root(&mut self) -> Step<()> {
        match &self.root {
            Root::Page(page) => {
                let page = *page;
                self.enter(page, None)
            }
            Root::Inline(bytes) => {
                let range = self.window.hold(bytes);
                let begin = self.home.offset + HEADER as u64;
                self.open_leaf(self.home.page, begin, range)
            }
        }
    }

    /// Element `index` of the branch page on top, its key compared with what lies before.
    fn branch_key(&mut self, index: u16) -> Step<BranchElement> {
        let frame = &self.frames[self.depth - 1];
        let page = frame.page;
        let Some(element) = branch_element(&frame.image, index, frame.count) else {
            return Err(self.bad(
                &rules::ELEMENT_BOUNDS,
                page,
                format!("element {index} points outside its page"),
            ));
        };
        let key = &frame.image[element.key.clone()];
        if let Some((rule, what)) = judge_length(key).or_else(|| self.order.judge(key)) {
            return Err(self.bad(rule, page, format!("element {index} {what}")));
        }
        self.order.descend(key);
        Ok(element)
    }

    /// Enters a page: the root, or child `index` of the branch page on top.
    fn enter(&mut self, page: u64, index: Option<u16>) -> Step<()> {
        let mark = self.database.meta().high_water_mark;
        let page_size = u64::from(self.database.meta().page_size);
        if page < 2 || page >= mark {
            return Err(self.bad(
                &rules::PAGE_ID,
                page,
                format!("no page of this file, which has {mark}"),
            ));
        }
        if self.depth >= DEPTH_LIMIT {
            return Err(self.bad(
                &rules::TREE_DEPTH,
                page,
                format!("lies deeper than {DEPTH_LIMIT} pages"),
            ));
        }
        let end = index.map_or(page + 1, |index| self.children_ahead(page, index));
        let header = self.load(page, page_size, end.min(mark) * page_size)?;
        let header = Header::parse(&self.window.bytes()[header])
            .filter(|header| header.id == page)
            .ok_or_else(|| self.bad(&rules::PAGE_HEADER, page, "its header names another page"))?;
        let kind = header.kind();
        let last = page + u64::from(header.overflow);
        let run = (u64::from(header.overflow) + 1) * page_size;
        if last >= mark || run > RUN_LIMIT.max(page_size) {
            return Err(self.bad(
                &rules::PAGE_OVERFLOW,
                page,
                format!("claims {} pages", u64::from(header.overflow) + 1),
            ));
        }
        for claimed in page..=last {
            if !self.visited.insert(claimed) {
                return Err(self.bad(&rules::PAGE_SHARED, claimed, "belongs to two places"));
            }
        }
        let range = self.load(page, run, end.min(mark) * page_size)?;
        match kind {
            Some(PageKind::Branch) => self.open_branch(page, range),
            Some(PageKind::Leaf) => self.open_leaf(page, page * page_size, range),
            _ => Err(self.bad(
                &rules::PAGE_TYPE,
                page,
                format!("flags {:#x} are neither branch nor leaf", header.flags),
            )),
        }
    }

    /// The end of the stretch that holds this child and the siblings that follow closely.
    fn children_ahead(&self, child: u64, index: u16) -> u64 {
        let frame = &self.frames[self.depth - 1];
        let most = (AHEAD / u64::from(self.database.meta().page_size)).max(1);
        let mut end = child + 1;
        for sibling in index + 1..frame.count {
            let Some(element) = branch_element(&frame.image, sibling, frame.count) else {
                break;
            };
            if element.child < child
                || element.child > end + GAP_LIMIT
                || element.child >= child + most
            {
                break;
            }
            end = end.max(element.child + 1);
        }
        end
    }

    fn load(&mut self, page: u64, length: u64, end: u64) -> Step<Range<usize>> {
        let offset = page * u64::from(self.database.meta().page_size);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.window
            .load(self.database.source(), offset, length, end)
            .map_err(|error| self.bad(&rules::PAGE_READ, page, format!("cannot be read: {error}")))
    }

    fn open_branch(&mut self, page: u64, range: Range<usize>) -> Step<()> {
        let count = self.count_of(page, &range)?;
        if count == 0 {
            return Err(self.bad(&rules::BRANCH_EMPTY, page, "a branch page without elements"));
        }
        if self.frames.len() == self.depth {
            self.frames.push(Frame::default());
        }
        let frame = &mut self.frames[self.depth];
        frame.page = page;
        frame.image.clear();
        frame.image.extend_from_slice(&self.window.bytes()[range]);
        frame.count = count;
        frame.next = 0;
        self.depth += 1;
        Ok(())
    }

    fn open_leaf(&mut self, page: u64, begin: u64, range: Range<usize>) -> Step<()> {
        let count = self.count_of(page, &range)?;
        if count == 0 && self.depth > 0 {
            self.note_odd(
                &rules::LEAF_EMPTY,
                page,
                "an empty leaf page below a branch",
            );
        }
        self.leaf = Leaf {
            page,
            begin,
            range,
            count,
            next: 0,
            expected: HEADER + HEADER * usize::from(count),
        };
        Ok(())
    }

    fn count_of(&self, page: u64, range: &Range<usize>) -> Step<u16> {
        let count =
            Header::parse(&self.window.bytes()[range.clone()]).map_or(0, |header| header.count);
        if count < u16::MAX && HEADER + HEADER * usize::from(count) <= range.len() {
            return Ok(count);
        }
        Err(self.bad(
            &rules::PAGE_COUNT,
            page,
            format!("{count} elements do not fit into {} bytes", range.len()),
        ))
    }

    /// Lends the element the leaf is at.
    fn take(&mut self) -> Step<Item<'_>> {
        let index = self.leaf.next;
        self.leaf.next += 1;
        let page = &self.window.bytes()[self.leaf.range.clone()];
        let Some(element) = leaf_element(page, index, self.leaf.count) else {
            self.leaf.expected = 0;
            return Err(self.bad(
                &rules::ELEMENT_BOUNDS,
                self.leaf.page,
                format!("element {index} points outside its page"),
            ));
        };
        let key = &page[element.key.clone()];
        let unknown = (element.flags > 1).then_some((&rules::ELEMENT_FLAGS, "has unknown flags"));
        let wrong = unknown
            .or_else(|| judge_length(key))
            .or_else(|| self.order.judge(key));
        self.order.pass(key);
        if let Some((rule, what)) = wrong {
            return Err(self.bad(rule, self.leaf.page, format!("element {index} {what}")));
        }
        let expected = std::mem::replace(&mut self.leaf.expected, element.value.end);
        if expected != 0 && expected != element.key.start {
            self.note_odd(
                &rules::ELEMENT_GAP,
                self.leaf.page,
                format!("the data of element {index} does not follow its predecessor"),
            );
        }
        let page = &self.window.bytes()[self.leaf.range.clone()];
        Ok(Item {
            offset: self.leaf.begin + element.key.start as u64,
            key: &page[element.key],
            value: &page[element.value],
            is_bucket: element.flags == 1,
            page: self.leaf.page,
        })
    }

    fn note_odd(&mut self, rule: &'static Rule, page: u64, what: impl Into<String>) {
        if self.odd.len() < ODD_LIMIT {
            let finding = self.bad(rule, page, what);
            self.odd.push(*finding);
        }
    }

    pub(super) fn place(&self, page: u64) -> Place {
        let mut path = self.home.path.clone();
        path.extend(self.frames[..self.depth].iter().map(|frame| frame.page));
        path.push(page);
        self.database.place(page, path)
    }

    #[cold]
    fn bad(&self, rule: &'static Rule, page: u64, what: impl Into<String>) -> Box<Finding> {
        Box::new(Finding {
            rule,
            place: Some(self.place(page)),
            what: what.into(),
        })
    }
}
