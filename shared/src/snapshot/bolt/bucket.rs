//! A bucket: a tree of its own, or a page inside the value that names it.

use super::page::{HEADER, Header, PageKind, u64_at};
use super::rules;
use crate::snapshot::finding::{Finding, Place};

/// Where a bucket's records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    /// The root page of its tree.
    Page(u64),
    /// A leaf page inside the value, without the bucket header.
    Inline(Vec<u8>),
}

/// A bucket of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    name: Vec<u8>,
    pub(super) root: Root,
    /// The page of the record that names it, and the offset of that record's value.
    pub(super) place: Place,
}

impl Bucket {
    /// Reads a bucket record. `place` is where its value lies.
    pub(super) fn parse(name: &[u8], value: &[u8], place: Place) -> Result<Self, Box<Finding>> {
        let root = match root_of(value) {
            Ok(root) => root,
            Err(what) => {
                return Err(Box::new(Finding {
                    rule: &rules::BUCKET_HEADER,
                    what: format!("bucket `{}`: {what}", name.escape_ascii()),
                    place: Some(place),
                }));
            }
        };
        Ok(Self {
            name: name.to_vec(),
            root,
            place,
        })
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether it lies inside its parent's page.
    pub fn is_inline(&self) -> bool {
        matches!(self.root, Root::Inline(_))
    }
}

/// Root page id and sequence, then for an inline bucket its page.
fn root_of(value: &[u8]) -> Result<Root, String> {
    let Some(page) = u64_at(value, 0).filter(|_| value.len() >= HEADER) else {
        return Err(format!("its header has {} of 16 bytes", value.len()));
    };
    if page != 0 {
        return if value.len() == HEADER {
            Ok(Root::Page(page))
        } else {
            Err(format!("its header has {} bytes, not 16", value.len()))
        };
    }
    let inline = &value[HEADER..];
    let sound = Header::parse(inline).is_some_and(|header| {
        header.id == 0 && header.overflow == 0 && header.kind() == Some(PageKind::Leaf)
    });
    if sound {
        Ok(Root::Inline(inline.to_vec()))
    } else {
        Err("its inline page is none".to_owned())
    }
}
