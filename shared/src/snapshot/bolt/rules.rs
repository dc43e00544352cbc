//! The rules of a bbolt file, by name. Those of bbolt's own check and ours for hostile input.

use crate::snapshot::finding::{Rule, Severity};

const RETAKE: &str = "take the snapshot again; look at the disk it was taken from";

/// Rules whose breach is damage.
macro_rules! damage {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub static $name: Rule = Rule {
            name: $text,
            severity: Severity::Damaged,
            hint: RETAKE,
        };)*
    };
}

damage! {
    /// A page cannot be read from the file.
    PAGE_READ = "page-read";
    /// A page id outside the file, or that of a meta page.
    PAGE_ID = "page-id";
    /// A page names another id in its header: a lost or misplaced write.
    PAGE_HEADER = "page-header";
    /// Neither branch nor leaf where one must be.
    PAGE_TYPE = "page-type";
    /// More elements than the page can hold.
    PAGE_COUNT = "page-count";
    /// A page run that leaves the file or is larger than any etcd writes.
    PAGE_OVERFLOW = "page-overflow";
    /// A page that belongs to two places.
    PAGE_SHARED = "page-shared";
    /// A page that is in use and on the freelist.
    PAGE_FREED = "page-freed";
    /// A page that is neither in use nor on the freelist.
    PAGE_LOST = "page-lost";
    /// A tree deeper than any bbolt builds.
    TREE_DEPTH = "tree-depth";
    /// An element that points outside its page.
    ELEMENT_BOUNDS = "element-bounds";
    /// An element with flags bbolt does not know.
    ELEMENT_FLAGS = "element-flags";
    /// Keys that are not in ascending order, within a page or across pages.
    KEY_ORDER = "key-order";
    /// A key of no or of more than 32768 bytes.
    KEY_LENGTH = "key-length";
    /// A branch page without elements.
    BRANCH_EMPTY = "branch-empty";
    /// A bucket whose header or inline page cannot be.
    BUCKET_HEADER = "bucket-header";
    /// Buckets in buckets deeper than any etcd makes, or too many of them.
    BUCKET_NESTING = "bucket-nesting";
    /// A stored freelist that cannot be.
    FREELIST = "freelist";
    /// A page that is twice on the freelist.
    FREELIST_TWICE = "freelist-twice";
}

/// Data that does not follow its predecessor directly, as all writers place it.
pub static ELEMENT_GAP: Rule = Rule {
    name: "element-gap",
    severity: Severity::Suspicious,
    hint: "no known writer leaves gaps: compare with a snapshot of another member",
};

/// An empty leaf that is not the root of its bucket.
pub static LEAF_EMPTY: Rule = Rule {
    name: "leaf-empty",
    severity: Severity::Suspicious,
    hint: "old bbolt versions leave such pages; a defragmentation removes them",
};

/// The file has more bytes than its header says.
pub static LENGTH: Rule = Rule {
    name: "length",
    severity: Severity::Damaged,
    hint: "something was appended: fetch the file again from where it was stored",
};

/// One of a snapshot's two meta pages is damaged.
pub static META_LOST: Rule = Rule {
    name: "meta-lost",
    severity: Severity::Damaged,
    hint: RETAKE,
};

/// One of a raw copy's two meta pages is damaged.
pub static META_TORN: Rule = Rule {
    name: "meta-torn",
    severity: Severity::Suspicious,
    hint: "the copy was made while etcd wrote, or etcd died while it wrote: take a snapshot instead",
};

/// A streamed snapshot without its digest.
pub static DIGEST_LOST: Rule = Rule {
    name: "digest-lost",
    severity: Severity::Damaged,
    hint: "fetch the file again: nothing proves what is left of it",
};

/// A raw copy never had a digest.
pub static DIGEST_NONE: Rule = Rule {
    name: "digest-none",
    severity: Severity::Suspicious,
    hint: "structure alone finds a small part of all damage: take a snapshot where etcd still runs",
};

/// The bytes are not those the digest was made of.
pub static DIGEST_WRONG: Rule = Rule {
    name: "digest-wrong",
    severity: Severity::Damaged,
    hint: "fetch the file again, or take the snapshot again",
};
