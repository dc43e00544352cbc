//! The deep check: every page that is in use, every element, every key, once.

use super::bucket::{Bucket, Root};
use super::cursor::{Cursor, Item};
use super::database::{Database, Form};
use super::freelist;
use super::rules;
use super::source::ReadAt;
use super::visited::PageSet;
use crate::snapshot::finding::{Finding, Findings};
use crate::snapshot::meta::TRAILER_BYTES;

/// Buckets in buckets: etcd has none.
const NESTING_LIMIT: usize = 8;
/// More buckets than any etcd has; it has ten.
const BUCKETS_LIMIT: usize = 4096;

/// Sees every record on the way, root bucket by root bucket, in order.
pub trait Visitor {
    /// A root bucket begins.
    fn bucket(&mut self, name: &[u8], findings: &mut Findings);
    /// A record of that bucket; records of buckets inside it are not shown.
    fn record(&mut self, item: &Item<'_>, findings: &mut Findings);
}

/// What the pages of the file are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// All pages.
    pub total: u64,
    /// Those reached from the metas, the metas included.
    pub used: u64,
}

/// Walks the whole file. What is wrong is added to `findings`, and the walk goes on behind it.
pub fn inspect<S: ReadAt + ?Sized>(
    database: &Database<S>,
    visitor: &mut impl Visitor,
    findings: &mut Findings,
) -> Pages {
    judge_file(database, findings);
    let total = database.meta().high_water_mark;
    let mut used = PageSet::new(total);
    used.insert(0);
    used.insert(1);
    let freed = freelist::read(database, &mut used, findings);
    let (buckets, used) = root_buckets(database, used, findings);
    let mut walk = Walk {
        database,
        used,
        pending: Vec::new(),
        buckets: buckets.len(),
    };
    for bucket in buckets {
        visitor.bucket(bucket.name(), findings);
        walk.bucket(&bucket, 0, findings, |item, findings| {
            visitor.record(item, findings);
        });
    }
    while let Some((bucket, nesting)) = walk.pending.pop() {
        walk.bucket(&bucket, nesting, findings, |_, _| {});
    }
    if let Some(freed) = freed {
        compare(database, &walk.used, &freed, findings);
    }
    Pages {
        total,
        used: walk.used.count(),
    }
}

/// Metas, length and digest: what the file itself tells.
fn judge_file<S: ReadAt + ?Sized>(database: &Database<S>, findings: &mut Findings) {
    let form = database.form();
    for (page, meta) in database.metas().iter().enumerate() {
        if let Err(error) = meta {
            let rule = if form == Form::Raw {
                &rules::META_TORN
            } else {
                &rules::META_LOST
            };
            findings.whole(rule, format!("meta page {page}: {error}"));
        }
    }
    let (length, content) = (database.length(), database.content_bytes());
    match form {
        Form::Streamed if length != content + TRAILER_BYTES => findings.whole(
            &rules::LENGTH,
            format!(
                "the file has {length} bytes, its header says {}",
                content + TRAILER_BYTES
            ),
        ),
        Form::LostDigest => findings.whole(
            &rules::DIGEST_LOST,
            "a streamed snapshot whose last 32 bytes, its digest, are gone",
        ),
        Form::Raw => findings.whole(
            &rules::DIGEST_NONE,
            "a copy of a database file, or a snapshot without its last 32 bytes: no digest proves it",
        ),
        Form::Streamed => {}
    }
}

fn root_buckets<S: ReadAt + ?Sized>(
    database: &Database<S>,
    used: PageSet,
    findings: &mut Findings,
) -> (Vec<Bucket>, PageSet) {
    let mut cursor = database.root_cursor().with_visited(used);
    let mut buckets = Vec::new();
    loop {
        match cursor.advance_bucket() {
            Ok(Some(_)) if buckets.len() == BUCKETS_LIMIT => {
                findings.whole(
                    &rules::BUCKET_NESTING,
                    format!("more than {BUCKETS_LIMIT} buckets"),
                );
                break;
            }
            Ok(Some(bucket)) => buckets.push(bucket),
            Ok(None) => break,
            Err(finding) => findings.add(*finding),
        }
    }
    let (used, odd) = cursor.into_parts();
    odd.into_iter().for_each(|finding| findings.add(finding));
    (buckets, used)
}

/// The walk through all buckets, and the buckets inside them that wait.
struct Walk<'d, S: ?Sized> {
    database: &'d Database<S>,
    used: PageSet,
    pending: Vec<(Bucket, usize)>,
    buckets: usize,
}

impl<S: ReadAt + ?Sized> Walk<'_, S> {
    fn bucket(
        &mut self,
        bucket: &Bucket,
        nesting: usize,
        findings: &mut Findings,
        mut each: impl FnMut(&Item<'_>, &mut Findings),
    ) {
        let used = std::mem::take(&mut self.used);
        let mut cursor = Cursor::new(self.database, bucket).with_visited(used);
        loop {
            let inner = match cursor.advance() {
                Ok(None) => break,
                Ok(Some(item)) => {
                    each(&item, findings);
                    item.is_bucket.then(|| {
                        (
                            item.key.to_vec(),
                            item.value.to_vec(),
                            item.page,
                            item.offset,
                        )
                    })
                }
                Err(finding) => {
                    findings.add(*finding);
                    None
                }
            };
            if let Some((name, value, page, offset)) = inner {
                let mut place = cursor.place(page);
                place.offset = offset + name.len() as u64;
                match Bucket::parse(&name, &value, place) {
                    Ok(inner) => self.wait(bucket, inner, nesting + 1, findings),
                    Err(finding) => findings.add(*finding),
                }
            }
        }
        let (used, odd) = cursor.into_parts();
        odd.into_iter().for_each(|finding| findings.add(finding));
        self.used = used;
    }

    /// Buckets inside buckets come later, so that depth costs no stack.
    fn wait(&mut self, outer: &Bucket, inner: Bucket, nesting: usize, findings: &mut Findings) {
        self.buckets += 1;
        let trouble = if matches!(outer.root, Root::Inline(_)) {
            "an inline bucket holds a bucket"
        } else if nesting > NESTING_LIMIT {
            "buckets are nested deeper than 8"
        } else if self.buckets > BUCKETS_LIMIT {
            "more than 4096 buckets"
        } else {
            self.pending.push((inner, nesting));
            return;
        };
        findings.add(Finding {
            rule: &rules::BUCKET_NESTING,
            place: Some(inner.place),
            what: trouble.to_owned(),
        });
    }
}

/// Every page is either in use or on the freelist.
fn compare<S: ReadAt + ?Sized>(
    database: &Database<S>,
    used: &PageSet,
    freed: &PageSet,
    findings: &mut Findings,
) {
    // A damaged tree hides pages behind it: that they are lost says nothing then.
    let whole = findings.worst() != Some(crate::snapshot::finding::Severity::Damaged);
    for page in 0..database.meta().high_water_mark {
        let (rule, what) = match (used.contains(page), freed.contains(page)) {
            (true, true) => (&rules::PAGE_FREED, "is in use and on the freelist"),
            (false, false) if whole => (&rules::PAGE_LOST, "is neither in use nor on the freelist"),
            _ => continue,
        };
        findings.add(Finding {
            rule,
            place: Some(database.place(page, Vec::new())),
            what: what.to_owned(),
        });
    }
}
