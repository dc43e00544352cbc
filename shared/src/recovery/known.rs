//! A fact, or the reason why it is not known.

use serde::{Serialize, Serializer};

use crate::talos::{Cause, TalosError};

/// A fact that could be looked at, or not. There is no default: what was not seen is not ok.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// It was seen.
    Is(T),
    /// It was not.
    Unknown(Unknown),
}

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// For who decides by it.
    pub why: Why,
    /// For people: what was tried, on which node, what came back.
    pub reason: String,
}

/// Kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It could not be reached, or did not answer in time.
    Silent,
    /// It may not be asked: role, certificate.
    NotPermitted,
    /// It answered with an error.
    Answered,
    /// It was not asked, since something before it is not known or rules it out.
    NotAsked,
}

impl<T> Known<T> {
    /// Not asked, and why.
    pub fn not_asked(reason: impl Into<String>) -> Self {
        Self::Unknown(Unknown {
            why: Why::NotAsked,
            reason: reason.into(),
        })
    }

    /// What was seen, if it was.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// Why it is not known, if it is not.
    pub fn unknown(&self) -> Option<&Unknown> {
        match self {
            Self::Is(_) => None,
            Self::Unknown(unknown) => Some(unknown),
        }
    }

    /// Whether it was seen and holds.
    pub fn is_and(&self, holds: impl FnOnce(&T) -> bool) -> bool {
        self.get().is_some_and(holds)
    }

    /// Another fact that follows from this one.
    pub fn map<U>(self, follows: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Is(value) => Known::Is(follows(value)),
            Self::Unknown(unknown) => Known::Unknown(unknown),
        }
    }
}

impl<T> From<Result<T, TalosError>> for Known<T> {
    fn from(result: Result<T, TalosError>) -> Self {
        match result {
            Ok(value) => Self::Is(value),
            Err(error) => Self::Unknown(Unknown::from(&error)),
        }
    }
}

impl From<&TalosError> for Unknown {
    fn from(error: &TalosError) -> Self {
        let why = match error.cause() {
            Cause::Unreachable | Cause::Timeout | Cause::Worker => Why::Silent,
            Cause::Distrusted | Cause::Denied => Why::NotPermitted,
            Cause::NotControlPlane | Cause::NoNode | Cause::Answer => Why::Answered,
        };
        Self {
            why,
            reason: error.to_string(),
        }
    }
}

/// The value itself, or `{"unknown": {…}}`.
impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Reason<'a> {
            unknown: &'a Unknown,
        }
        match self {
            Self::Is(value) => value.serialize(serializer),
            Self::Unknown(unknown) => Reason { unknown }.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_shows_its_reason_in_json() {
        let known = Known::Is(3);
        assert_eq!(serde_json::to_string(&known).unwrap(), "3");
        let unknown: Known<u8> = Known::not_asked("it is away");
        assert!(!unknown.is_and(|_| true));
        assert_eq!(
            serde_json::to_string(&unknown).unwrap(),
            r#"{"unknown":{"why":"not-asked","reason":"it is away"}}"#
        );
    }
}
