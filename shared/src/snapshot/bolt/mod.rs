//! A read-only reader of bbolt files that trusts nothing in them.
//!
//! [`Database::open`] finds the meta that counts; a [`Cursor`] walks one bucket with an
//! explicit stack and lends records from the page they lie in. Every number from the file is
//! compared with what is there before it is used, every page is entered once, and memory is
//! bounded by one page run and a bit for each page. The file is read by position, never
//! mapped. Byte order is little-endian: Talos runs on no machine that writes the other.

mod bucket;
mod cursor;
mod database;
mod descent;
mod freelist;
mod inspection;
mod order;
mod page;
mod reader;
pub mod rules;
mod source;
mod visited;

pub use bucket::Bucket;
pub use cursor::{Cursor, Item};
pub use database::{Database, Form, OpenError};
pub use inspection::{Pages, Visitor, inspect};
pub use source::ReadAt;
