//! Secrets with one value each. S3 credentials that were given are the file that the AWS tools
//! read; of a file with several profiles only the one that is meant leaves this machine.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use zeroize::Zeroizing;

use super::document::Document;
use super::{Installation, names};
use crate::failure::{Exit, Failure};

/// Where a value is kept: the only one of its Secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    /// Name of the Secret.
    pub(super) secret: &'static str,
    /// Key in it.
    pub(super) key: &'static str,
    /// How its files begin.
    file: &'static str,
    /// What it is.
    what: &'static str,
}

/// The S3 credentials.
pub(super) const S3: Kept = Kept {
    secret: names::S3_SECRET,
    key: names::S3_SECRET_KEY,
    file: "s3",
    what: "S3 credentials",
};
/// The URL that is pinged.
pub(super) const PING: Kept = Kept {
    secret: names::PING_SECRET,
    key: names::PING_SECRET_KEY,
    file: "ping",
    what: "A URL to ping",
};

impl Kept {
    /// The file of its SealedSecret.
    pub(super) fn sealed_file(self) -> String {
        format!("{}-sealedsecret.yaml", self.file)
    }

    /// What its SealedSecret is.
    pub(super) fn sealed_note(self) -> String {
        format!(
            "{} that only the controller in the cluster can open.",
            self.what
        )
    }
}

/// Keys of one profile.
#[derive(Clone)]
pub struct Keys {
    access_key_id: Zeroizing<String>,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// Of a credentials file in the AWS form. `source` is told in errors, its text never.
    ///
    /// # Errors
    /// 78: there is no such profile, or it has no keys.
    pub fn of_file(text: &str, profile: &str, source: &str) -> Result<Self, Failure> {
        let value = |key: &str| {
            let lines = lines_of(text, profile);
            let pairs = lines.filter_map(|line| line.split_once('='));
            let mut values = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(key));
            let (_, value) = values.next()?;
            let value = value.trim();
            (!value.is_empty()).then(|| Zeroizing::new(value.to_owned()))
        };
        let keys = value("aws_access_key_id").zip(value("aws_secret_access_key"));
        let (access_key_id, secret_access_key) = keys.ok_or_else(|| {
            let what = format!("{source}: profile `{profile}` has no access key and secret key");
            let names: Vec<&str> = text.lines().filter_map(header).collect();
            let known = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            Failure::new(Exit::Config, what).hint(format!(
                "its profiles: {known}; choose one with `--s3-profile`"
            ))
        })?;
        Ok(Self {
            access_key_id,
            secret_access_key,
            session_token: value("aws_session_token"),
        })
    }

    /// Of two texts, each the content of a file.
    ///
    /// # Errors
    /// 78: one is empty, or has several lines.
    pub fn of_texts(access_key_id: &str, secret_access_key: &str) -> Result<Self, Failure> {
        let one = |text: &str, what: &str| {
            let text = text.trim();
            if text.is_empty() || text.contains(char::is_control) {
                return Err(Failure::new(
                    Exit::Config,
                    format!("the file of the {what} is not one line of text"),
                )
                .hint("put the key into it, and nothing else"));
            }
            Ok(Zeroizing::new(text.to_owned()))
        };
        Ok(Self {
            access_key_id: one(access_key_id, "access key id")?,
            secret_access_key: one(secret_access_key, "secret access key")?,
            session_token: None,
        })
    }

    /// Whether they end by themselves.
    pub fn are_temporary(&self) -> bool {
        self.session_token.is_some()
    }

    /// The file that the pod reads.
    pub(super) fn file(&self) -> Zeroizing<String> {
        let token = self.session_token.as_ref();
        let token = token.map_or_else(Zeroizing::default, |token| {
            Zeroizing::new(format!("aws_session_token = {}\n", token.as_str()))
        });
        Zeroizing::new(format!(
            "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n{}",
            self.access_key_id.as_str(),
            self.secret_access_key.as_str(),
            token.as_str()
        ))
    }
}

fn header(line: &str) -> Option<&str> {
    let name = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    Some(name.trim())
}

/// The lines below the header of a profile.
fn lines_of<'a>(text: &'a str, profile: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .skip_while(move |line| header(line) != Some(profile))
        .skip(1)
        .take_while(|line| header(line).is_none())
        .filter(|line| !line.trim_start().starts_with(['#', ';']))
}

/// A Secret with one value, in the clear: base64 hides nothing.
pub(super) fn secret(installation: &Installation, kept: Kept, value: &[u8]) -> Document {
    let document = Document::object(
        &format!("{}-secret.yaml", kept.file),
        &format!(
            "{} in the clear: base64 hides nothing. Not for a repository.",
            kept.what
        ),
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": names::metadata(installation, kept.secret),
            "type": "Opaque",
            "data": { kept.key: BASE64_STANDARD.encode(value) },
        }),
    );
    Document {
        secret: true,
        ..document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\n[default]\naws_access_key_id = A\n\n[ backup ]\naws_access_key_id=PLANTEDID\n; old\naws_secret_access_key = PLANTEDKEY\n[other]\naws_access_key_id = PLANTEDOTHER\naws_secret_access_key = PLANTEDOTHER\naws_session_token = T\n";

    #[test]
    fn only_the_profile_that_is_meant_leaves_the_file() {
        let keys = Keys::of_file(FILE, "backup", "`credentials`").unwrap();
        assert_eq!(
            keys.file().as_str(),
            "[default]\naws_access_key_id = PLANTEDID\naws_secret_access_key = PLANTEDKEY\n"
        );
        assert!(!keys.are_temporary() && !format!("{keys:?}").contains("PLANTED"));
        assert!(Keys::of_file(FILE, "other", "x").unwrap().are_temporary());
    }

    #[test]
    fn what_is_missing_is_said_without_a_word_of_the_file() {
        for profile in ["default", "absent"] {
            let failure = Keys::of_file(FILE, profile, "`credentials`").unwrap_err();
            assert_eq!(failure.exit, Exit::Config);
            let hint = failure.hint.unwrap();
            assert!(hint.contains("default, backup, other"), "{hint}");
            assert!(!(failure.what + &hint).contains("PLANTED"));
        }
        for (id, key) in [("", "k"), ("a\nb", "k"), ("a", " ")] {
            assert_eq!(Keys::of_texts(id, key).unwrap_err().exit, Exit::Config);
        }
        assert!(Keys::of_texts("a\n", "k\n").is_ok());
    }
}
