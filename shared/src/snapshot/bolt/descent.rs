//! The way down to the next leaf: pages entered, claimed and compared with their parents.

use std::ops::Range;

use super::bucket::Root;
use super::cursor::{Cursor, Step};
use super::order::judge_length;
use super::page::{BranchElement, HEADER, Header, PageKind, branch_element};
use super::reader::AHEAD;
use super::rules;
use super::source::ReadAt;

/// Real trees are one to six pages deep.
const DEPTH_LIMIT: usize = 64;
/// A run holds two values at least, and etcd takes requests of a few MiB.
const RUN_LIMIT: u64 = 64 * 1024 * 1024;
/// A branch page holds two keys at least, of at most 32 KiB.
const BRANCH_LIMIT: u64 = 1024 * 1024;
/// Bytes of all branch pages above a leaf.
const STACK_LIMIT: usize = 64 * 1024 * 1024;
/// Pages between two children that are read for nothing rather than with two reads.
const GAP_LIMIT: u64 = 8;

/// A branch page on the way down.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) page: u64,
    pub(super) image: Vec<u8>,
    pub(super) count: u16,
    pub(super) next: u16,
}

impl Frame {
    /// The last child whose key is not above `key`; the first has everything below it too.
    pub(super) fn child_of(&self, key: &[u8]) -> u16 {
        let below = (1..self.count).take_while(|index| {
            branch_element(&self.image, *index, self.count)
                .is_some_and(|element| self.image[element.key] <= *key)
        });
        below.last().unwrap_or(0)
    }
}

/// The leaf page records are lent from.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    pub(super) page: u64,
    /// Byte offset of the page in the file.
    pub(super) begin: u64,
    pub(super) range: Range<usize>,
    pub(super) count: u16,
    pub(super) next: u16,
    /// Where the next key must begin; 0: not known, after a seek or a bad element.
    pub(super) expected: usize,
}

impl<S: ReadAt + ?Sized> Cursor<'_, S> {
    /// Enters the next page of the walk; false: there is none.
    pub(super) fn next_page(&mut self) -> Step<bool> {
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
            let what = format!("no page of this file, which has {mark}");
            return Err(self.bad(&rules::PAGE_ID, page, what));
        }
        if self.depth >= DEPTH_LIMIT {
            let what = format!("lies deeper than {DEPTH_LIMIT} pages");
            return Err(self.bad(&rules::TREE_DEPTH, page, what));
        }
        let end = match index {
            Some(index) if !self.window.has(page * page_size, page_size) => {
                self.children_ahead(page, index).min(mark)
            }
            _ => page + 1,
        };
        let header = self.load(page, page_size, end * page_size)?;
        let header = Header::parse(&self.window.bytes()[header])
            .filter(|header| header.id == page)
            .ok_or_else(|| self.bad(&rules::PAGE_HEADER, page, "its header names another page"))?;
        let run = self.claim(page, &header)?;
        let range = self.load(page, run, end * page_size)?;
        match header.kind() {
            Some(PageKind::Branch) => self.open_branch(page, range),
            Some(PageKind::Leaf) => self.open_leaf(page, page * page_size, range),
            _ => {
                let what = format!("flags {:#x} are neither branch nor leaf", header.flags);
                Err(self.bad(&rules::PAGE_TYPE, page, what))
            }
        }
    }

    /// Marks every page of the run as entered; gives its bytes.
    fn claim(&mut self, page: u64, header: &Header) -> Step<u64> {
        let meta = self.database.meta();
        let pages = u64::from(header.overflow) + 1;
        let run = pages * u64::from(meta.page_size);
        let limit = match header.kind() {
            Some(PageKind::Branch) => BRANCH_LIMIT,
            _ => RUN_LIMIT,
        };
        if pages > meta.high_water_mark - page || (pages > 1 && run > limit) {
            return Err(self.bad(&rules::PAGE_OVERFLOW, page, format!("claims {pages} pages")));
        }
        for claimed in page..page + pages {
            if !self.visited.insert(claimed) {
                return Err(self.bad(&rules::PAGE_SHARED, claimed, "belongs to two places"));
            }
        }
        Ok(run)
    }

    /// The end of the stretch that holds this child and the siblings that follow closely.
    fn children_ahead(&self, child: u64, index: u16) -> u64 {
        let frame = &self.frames[self.depth - 1];
        let most = (AHEAD / u64::from(self.database.meta().page_size)).max(1);
        let siblings = (index + 1..frame.count)
            .map_while(|sibling| branch_element(&frame.image, sibling, frame.count))
            .map(|sibling| sibling.child);
        let mut end = child + 1;
        // As many as pages may be read ahead: what a hostile page lists costs no more.
        for sibling in siblings.zip(0..most).map(|(sibling, _)| sibling) {
            if !(child..child + most).contains(&sibling) || sibling > end + GAP_LIMIT {
                break;
            }
            end = end.max(sibling + 1);
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
        let above: usize = self.frames[..self.depth]
            .iter()
            .map(|frame| frame.image.len())
            .sum();
        if above + range.len() > STACK_LIMIT {
            let what = "lies below more bytes of branch pages than any tree has";
            return Err(self.bad(&rules::TREE_DEPTH, page, what));
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
}
