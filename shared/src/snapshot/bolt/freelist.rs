//! A stored freelist. etcd on Linux stores none.

use super::database::Database;
use super::page::{HEADER, Header, PageKind, u64_at};
use super::rules;
use super::source::ReadAt;
use super::visited::PageSet;
use crate::snapshot::finding::{Finding, Findings, Rule};

/// The page id that says: not stored.
const NONE: u64 = u64::MAX;
/// This count says that the true one is the first number of the list.
const COUNT_ELSEWHERE: u16 = u16::MAX;
/// Bytes read at once: a list has eight bytes for each free page.
const CHUNK: u64 = 256 * 1024;

/// The pages on the freelist; none: it is not stored, or cannot be read. Its own pages are
/// added to `used`.
pub(super) fn read<S: ReadAt + ?Sized>(
    database: &Database<S>,
    used: &mut PageSet,
    findings: &mut Findings,
) -> Option<PageSet> {
    let page = database.meta().freelist;
    if page == NONE {
        return None;
    }
    let mut list = List {
        database,
        page,
        freed: PageSet::new(database.meta().high_water_mark),
        last: 1,
    };
    match list.read(used, findings) {
        Ok(()) => Some(list.freed),
        Err(what) => {
            list.tell(&rules::FREELIST, what, findings);
            None
        }
    }
}

struct List<'d, S: ?Sized> {
    database: &'d Database<S>,
    page: u64,
    freed: PageSet,
    last: u64,
}

impl<S: ReadAt + ?Sized> List<'_, S> {
    fn read(&mut self, used: &mut PageSet, findings: &mut Findings) -> Result<(), String> {
        let meta = self.database.meta();
        let (mark, page_size) = (meta.high_water_mark, u64::from(meta.page_size));
        if self.page < 2 || self.page >= mark {
            return Err(format!(
                "the freelist is no page of this file, which has {mark}"
            ));
        }
        let mut head = [0; HEADER + 8];
        self.fill(&mut head, self.page * page_size)?;
        let header = Header::parse(&head)
            .filter(|header| header.id == self.page && header.kind() == Some(PageKind::Freelist))
            .ok_or("the freelist's page is none of its kind")?;
        let pages = u64::from(header.overflow) + 1;
        if self.page + pages > mark {
            return Err(format!("the freelist claims {pages} pages"));
        }
        (self.page..self.page + pages).for_each(|page| {
            used.insert(page);
        });
        let (begin, count) = match header.count {
            COUNT_ELSEWHERE => (HEADER + 8, u64_at(&head, HEADER).unwrap_or(0)),
            count => (HEADER, u64::from(count)),
        };
        let begin = begin as u64;
        let room = (pages * page_size - begin) / 8;
        if count > room {
            return Err(format!(
                "the freelist claims {count} ids in room for {room}"
            ));
        }
        self.ids(self.page * page_size + begin, count, findings)
    }

    fn ids(&mut self, begin: u64, count: u64, findings: &mut Findings) -> Result<(), String> {
        let (mut offset, end) = (begin, begin + count * 8);
        let mut chunk = Vec::new();
        while offset < end {
            let length = (end - offset).min(CHUNK);
            chunk.resize(usize::try_from(length).unwrap_or(0), 0);
            self.fill(&mut chunk, offset)?;
            for id in chunk.chunks_exact(8).filter_map(|bytes| u64_at(bytes, 0)) {
                self.id(id, findings);
            }
            offset += length;
        }
        Ok(())
    }

    fn id(&mut self, id: u64, findings: &mut Findings) {
        if id < 2 || id >= self.database.meta().high_water_mark {
            self.tell(
                &rules::FREELIST,
                format!("page {id} on the freelist is none of this file"),
                findings,
            );
        } else if !self.freed.insert(id) {
            self.tell(
                &rules::FREELIST_TWICE,
                format!("page {id} is twice on the freelist"),
                findings,
            );
        } else if id < self.last {
            self.tell(
                &rules::FREELIST,
                format!("page {id} on the freelist is out of order"),
                findings,
            );
        }
        self.last = id;
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> Result<(), String> {
        self.database
            .source()
            .read_exact_at(buffer, offset)
            .map_err(|error| format!("the freelist cannot be read: {error}"))
    }

    fn tell(&self, rule: &'static Rule, what: String, findings: &mut Findings) {
        findings.add(Finding {
            rule,
            place: Some(self.database.place(self.page, vec![self.page])),
            what,
        });
    }
}
