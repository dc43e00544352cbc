//! Why a simulator could not start or do as told.

use std::fmt;

/// A sentence for whoever runs the test.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    /// An error that says this.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// For `map_err`: what was tried, then what came back.
    pub(crate) fn at<E: fmt::Display>(tried: &str) -> impl FnOnce(E) -> Self + '_ {
        move |error| Self(format!("{tried}: {error}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
