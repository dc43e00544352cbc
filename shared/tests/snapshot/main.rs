//! The snapshot reader against real files with known answers, and against damage.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod answers;
mod fixtures;
mod history;
mod reading;
mod shapes;
mod writer;
