//! One walk through a bucket's tree, in key order, with an explicit stack.
//!
//! A cursor lends each record from the page it lies in. What is wrong comes out as an error
//! at the place where it is met; the part of the tree behind it is left out, and the next
//! call goes on after it. So a reader that wants sound data stops at the first error, and a
//! check collects them all. Each page is entered once, whatever the file says: loops end.

use super::bucket::{Bucket, Root};
use super::database::Database;
use super::descent::{Frame, Leaf};
use super::order::{Order, judge_length};
use super::page::leaf_element;
use super::reader::Window;
use super::rules;
use super::source::ReadAt;
use super::visited::PageSet;
use crate::snapshot::finding::{Finding, Place, Rule};

/// Odd places that one cursor remembers.
const ODD_LIMIT: usize = 100;

pub(super) type Step<T> = Result<T, Box<Finding>>;

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

/// A position in a bucket.
#[derive(Debug)]
pub struct Cursor<'d, S: ?Sized> {
    pub(super) database: &'d Database<S>,
    pub(super) root: Root,
    pub(super) home: Place,
    pub(super) begun: bool,
    pub(super) window: Window,
    /// Kept beyond `depth`, so that their memory is used again.
    pub(super) frames: Vec<Frame>,
    pub(super) depth: usize,
    pub(super) leaf: Leaf,
    pub(super) visited: PageSet,
    pub(super) order: Order,
    pub(super) odd: Vec<Finding>,
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

    pub(super) fn note_odd(&mut self, rule: &'static Rule, page: u64, what: impl Into<String>) {
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
    pub(super) fn bad(
        &self,
        rule: &'static Rule,
        page: u64,
        what: impl Into<String>,
    ) -> Box<Finding> {
        Box::new(Finding {
            rule,
            place: Some(self.place(page)),
            what: what.into(),
        })
    }
}
