//! Where a person says objects lie: `s3://bucket/prefix` or `file:///dir`.
//!
//! Keys and paths are taken as they are written, without percent-decoding, as the AWS
//! command line does. Nothing here asks a store.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure};

/// A bucket and prefix, or a folder. [`fmt::Display`] prints the URL it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// `s3://bucket/prefix`.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Prefix without its last `/`; empty: the whole bucket.
        prefix: String,
    },
    /// `file:///dir`.
    File {
        /// Absolute path of the folder.
        folder: PathBuf,
    },
}

impl Destination {
    /// Reads a destination.
    ///
    /// # Errors
    /// 2: not a destination; the hint shows the nearest right form.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        if text.contains(char::is_control) {
            return Err(refused(
                "a destination has no control characters",
                "`s3://BUCKET/PREFIX` or `file:///DIR`",
            ));
        }
        match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("s3") => parse_s3(rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => parse_file(rest),
            Some((scheme, _))
                if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") =>
            {
                // Its query may be a signature: not a word of it is repeated.
                Err(refused(
                    "a web address is not a destination",
                    "for a store use `s3://BUCKET/PREFIX` with `--s3-endpoint`; for a presigned URL use `--url-file`",
                ))
            }
            _ => Err(refused(
                &format!("`{text}` is not a destination"),
                &nearest(text),
            )),
        }
    }

    /// For an argument that may name one object: its last segment as a full key, and the
    /// destination around it. None when there is no last segment (a bucket, a folder with `/`).
    pub fn split_object(&self) -> Option<(Self, String)> {
        match self {
            Self::S3 { bucket, prefix } if !prefix.is_empty() => {
                let parent = prefix.rsplit_once('/').map_or("", |(parent, _)| parent);
                Some((
                    Self::S3 {
                        bucket: bucket.clone(),
                        prefix: parent.to_owned(),
                    },
                    prefix.clone(),
                ))
            }
            Self::S3 { .. } => None,
            Self::File { folder } => {
                let name = folder.file_name()?.to_str()?.to_owned();
                Some((
                    Self::File {
                        folder: folder.parent()?.to_path_buf(),
                    },
                    name,
                ))
            }
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::File { folder } => write!(f, "file://{}", folder.display()),
        }
    }
}

fn parse_s3(rest: &str) -> Result<Destination, Failure> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.contains('@') {
        // What stands before the @ may be a secret: it is not repeated.
        return Err(refused(
            "credentials do not belong into a destination",
            "`s3://BUCKET/PREFIX`, and the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile",
        ));
    }
    if bucket.contains(':') {
        return Err(refused(
            &format!("`{bucket}` is not a bucket: a destination names no server"),
            "`s3://BUCKET/PREFIX`, and the server in `--s3-endpoint`",
        ));
    }
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !(3..=255).contains(&bucket.len()) || !bucket.chars().all(known) {
        return Err(refused(
            &format!("`s3://{rest}` has no valid bucket name"),
            "`s3://BUCKET/PREFIX`",
        ));
    }
    // HTTP clients resolve dot segments away: the object would land elsewhere.
    if prefix
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
    {
        return Err(refused(
            &format!("`s3://{rest}` has a `.` or `..` in its prefix"),
            "write the prefix out",
        ));
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    Ok(Destination::S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    })
}

fn parse_file(rest: &str) -> Result<Destination, Failure> {
    let path = rest
        .strip_prefix("localhost")
        .filter(|path| path.starts_with('/'))
        .unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(refused(
            &format!("`file://{rest}` is not an absolute path on this machine"),
            &format!("three slashes: `file:///{}`", path.trim_start_matches("./")),
        ));
    }
    // Components drop doubled and trailing slashes, so that equal folders compare equal.
    Ok(Destination::File {
        folder: Path::new(path).components().collect(),
    })
}

fn refused(what: &str, hint: &str) -> Failure {
    Failure::new(Exit::Usage, what).hint(hint)
}

fn nearest(text: &str) -> String {
    if text.starts_with('/') {
        format!("for a folder: `file://{text}`")
    } else if let Some(rest) = text.strip_prefix("s3:") {
        format!("`s3://{}`", rest.trim_start_matches('/'))
    } else if let Some(rest) = text.strip_prefix("file:") {
        format!("`file:///{}`", rest.trim_start_matches('/'))
    } else {
        "`s3://BUCKET/PREFIX` or `file:///DIR`".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(bucket: &str, prefix: &str) -> Destination {
        Destination::S3 {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        }
    }

    #[test]
    fn accepted_destinations() {
        let file = |folder: &str| Destination::File {
            folder: folder.into(),
        };
        let table = [
            ("s3://backups", s3("backups", ""), "s3://backups"),
            ("s3://backups/", s3("backups", ""), "s3://backups"),
            (
                "S3://backups/prod",
                s3("backups", "prod"),
                "s3://backups/prod",
            ),
            (
                "s3://backups/prod/",
                s3("backups", "prod"),
                "s3://backups/prod",
            ),
            (
                "s3://backups/a//b.snap",
                s3("backups", "a//b.snap"),
                "s3://backups/a//b.snap",
            ),
            (
                "s3://backups//b.snap",
                s3("backups", "/b.snap"),
                "s3://backups//b.snap",
            ),
            (
                "s3://my.bucket_1/x y",
                s3("my.bucket_1", "x y"),
                "s3://my.bucket_1/x y",
            ),
            ("file:///mnt/nas", file("/mnt/nas"), "file:///mnt/nas"),
            ("file:///mnt//nas/", file("/mnt/nas"), "file:///mnt/nas"),
            ("file://localhost/mnt", file("/mnt"), "file:///mnt"),
            ("file:///", file("/"), "file:///"),
        ];
        for (text, expected, shown) in table {
            let parsed = Destination::parse(text).unwrap();
            assert_eq!(parsed, expected, "{text}");
            assert_eq!(parsed.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn refused_destinations_are_usage_errors_with_the_right_form() {
        let table = [
            ("", "`s3://BUCKET/PREFIX` or `file:///DIR`"),
            ("backups", "`s3://BUCKET/PREFIX` or `file:///DIR`"),
            ("/mnt/nas", "for a folder: `file:///mnt/nas`"),
            ("s3:/backups/prod", "`s3://backups/prod`"),
            ("s3:backups", "`s3://backups`"),
            ("file:mnt", "`file:///mnt`"),
            ("file://mnt/nas", "three slashes: `file:///mnt/nas`"),
            ("file://./nas", "three slashes: `file:///nas`"),
            ("s3://", "`s3://BUCKET/PREFIX`"),
            ("s3:///prod", "`s3://BUCKET/PREFIX`"),
            ("s3://buck et/prod", "`s3://BUCKET/PREFIX`"),
            ("s3://b/../c", "`s3://BUCKET/PREFIX`"),
            ("s3://backups/../c", "write the prefix out"),
            (
                "s3://localhost:9000/b",
                "`s3://BUCKET/PREFIX`, and the server in `--s3-endpoint`",
            ),
            ("gs://backups/prod", "`s3://BUCKET/PREFIX` or `file:///DIR`"),
            ("s3://backups/a\nb", "`s3://BUCKET/PREFIX` or `file:///DIR`"),
        ];
        for (text, hint) in table {
            let failure = Destination::parse(text).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage, "{text}");
            assert_eq!(failure.hint.as_deref(), Some(hint), "{text}");
        }
    }

    #[test]
    fn secrets_in_a_wrong_destination_are_not_repeated() {
        for text in [
            "s3://AKIA:planted@bucket/x",
            "https://store/b/k?X-Amz-Signature=planted",
        ] {
            let failure = Destination::parse(text).unwrap_err();
            assert!(!format!("{failure:?}").contains("planted"), "{text}");
        }
    }

    #[test]
    fn an_object_splits_into_destination_and_full_key() {
        let split = |text: &str| Destination::parse(text).unwrap().split_object();
        assert_eq!(
            split("s3://backups/a/b.snap"),
            Some((s3("backups", "a"), "a/b.snap".to_owned()))
        );
        assert_eq!(
            split("s3://backups/b.snap"),
            Some((s3("backups", ""), "b.snap".to_owned()))
        );
        assert_eq!(
            split("s3://backups/a//b.snap"),
            Some((s3("backups", "a/"), "a//b.snap".to_owned()))
        );
        assert_eq!(split("s3://backups"), None);
        assert_eq!(
            split("file:///mnt/b.snap"),
            Some((
                Destination::File {
                    folder: "/mnt".into()
                },
                "b.snap".to_owned()
            ))
        );
        assert_eq!(split("file:///"), None);
    }
}
