//! Open multipart uploads, and the strict rules for closing them.

use std::collections::BTreeMap;
use std::time::SystemTime;

use bytes::Bytes;
use s3s::crypto::{Checksum, Md5};
use s3s::dto::{CompletedPart, ETagCondition};
use s3s::{S3Result, s3_error};

use super::{Bucket, Content, State, Version, md5};
use crate::rules::{Repeat, Rules};

/// The largest part number.
const MOST_PARTS: u32 = 10_000;

/// One part of an open upload.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) body: Bytes,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
}

/// An upload that is neither completed nor aborted.
#[derive(Debug, Clone)]
pub(crate) struct OpenUpload {
    pub(crate) parts: BTreeMap<u32, Part>,
    pub(crate) initiated: SystemTime,
    /// What the object will be, but for its bytes.
    pub(crate) template: Version,
}

impl State {
    pub(crate) fn open_upload(
        &mut self,
        bucket: &str,
        key: &str,
        template: Version,
    ) -> S3Result<String> {
        // Real ids are long and hold characters that need quoting.
        let (id, now) = (format!("upload~{}+/=", self.next_id()), self.now());
        let bucket = self.bucket(bucket)?;
        bucket.check_lock(&template)?;
        let upload = OpenUpload {
            parts: BTreeMap::new(),
            initiated: now,
            template,
        };
        bucket.uploads.insert((key.to_owned(), id.clone()), upload);
        Ok(id)
    }

    /// Publishes an upload; gives the object.
    pub(crate) fn complete_upload(
        &mut self,
        bucket: &str,
        (key, id): (&str, &str),
        named: &[CompletedPart],
        condition: Option<&ETagCondition>,
    ) -> S3Result<Version> {
        let (rules, now) = (self.rules, self.now());
        let name = bucket;
        let bucket = self.bucket(name)?;
        let Some(upload) = bucket.uploads.get(&(key.to_owned(), id.to_owned())) else {
            return bucket.completed_before(rules, (key, id), condition);
        };
        rules.check_condition(condition, bucket.newest(key).is_some())?;
        let parts = chosen(upload, named)?;
        check_sizes(&parts, rules)?;
        let version = Version {
            content: Some(Content::new(
                parts.iter().map(|part| part.body.clone()).collect(),
            )),
            etag: etag_of(&parts),
            modified: now,
            ..upload.template.clone()
        };
        let stored = self.store(name, key, None, version)?;
        let bucket = self.bucket(name)?;
        bucket.uploads.remove(&(key.to_owned(), id.to_owned()));
        bucket.completed.insert(id.to_owned(), stored.etag.clone());
        Ok(stored)
    }
}

impl Bucket {
    pub(crate) fn upload(&mut self, key: &str, id: &str) -> S3Result<&mut OpenUpload> {
        self.uploads
            .get_mut(&(key.to_owned(), id.to_owned()))
            .ok_or_else(no_such_upload)
    }

    pub(crate) fn store_part(
        &mut self,
        key: &str,
        id: &str,
        number: i32,
        body: Bytes,
    ) -> S3Result<String> {
        let number = part_number(number)?;
        let etag = md5(&body);
        let part = Part {
            body,
            etag: etag.clone(),
            modified: SystemTime::now(),
        };
        self.upload(key, id)?.parts.insert(number, part);
        Ok(etag)
    }

    pub(crate) fn abort_upload(&mut self, key: &str, id: &str) -> S3Result<()> {
        let removed = self.uploads.remove(&(key.to_owned(), id.to_owned()));
        removed.map(drop).ok_or_else(no_such_upload)
    }

    /// The answer to a Complete that was answered before.
    fn completed_before(
        &self,
        rules: Rules,
        (key, id): (&str, &str),
        condition: Option<&ETagCondition>,
    ) -> S3Result<Version> {
        let Some(etag) = self.completed.get(id) else {
            return Err(no_such_upload());
        };
        match rules.repeated_complete {
            Repeat::NoSuchUpload => Err(no_such_upload()),
            Repeat::Condition => {
                rules.check_condition(condition, self.newest(key).is_some())?;
                Err(no_such_upload())
            }
            Repeat::Success => self
                .newest(key)
                .filter(|object| object.etag == *etag)
                .cloned()
                .ok_or_else(no_such_upload),
        }
    }
}

fn no_such_upload() -> s3s::S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )
}

fn part_number(number: i32) -> S3Result<u32> {
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=MOST_PARTS).contains(number))
        .ok_or_else(|| {
            s3_error!(
                InvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive"
            )
        })
}

/// The parts a Complete names: in ascending order, each with its ETag.
fn chosen<'a>(upload: &'a OpenUpload, named: &[CompletedPart]) -> S3Result<Vec<&'a Part>> {
    if named.is_empty() {
        return Err(s3_error!(
            MalformedXML,
            "You must specify at least one part"
        ));
    }
    let mut before = 0;
    let mut parts = Vec::with_capacity(named.len());
    for wanted in named {
        let number = part_number(wanted.part_number.unwrap_or_default())?;
        if number <= before {
            return Err(s3_error!(InvalidPartOrder));
        }
        before = number;
        let part = upload.parts.get(&number).filter(|part| {
            wanted
                .e_tag
                .as_ref()
                .is_some_and(|etag| etag.value() == part.etag)
        });
        parts.push(part.ok_or_else(|| {
            s3_error!(
                InvalidPart,
                "One or more of the specified parts could not be found."
            )
        })?);
    }
    Ok(parts)
}

fn check_sizes(parts: &[&Part], rules: Rules) -> S3Result<()> {
    let Some((last, before)) = parts.split_last() else {
        return Ok(());
    };
    if before
        .iter()
        .any(|part| (part.body.len() as u64) < rules.smallest_part)
    {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size"
        ));
    }
    let unequal = before
        .iter()
        .any(|part| part.body.len() != before[0].body.len() || last.body.len() > part.body.len());
    if rules.equal_parts && unequal {
        return Err(s3_error!(
            InvalidPart,
            "All non-trailing parts must have the same length."
        ));
    }
    Ok(())
}

/// The MD5 of the parts' MD5s, and their number.
fn etag_of(parts: &[&Part]) -> String {
    let mut all = Md5::new();
    for part in parts {
        all.update(Md5::checksum(&part.body).as_ref());
    }
    format!("{}-{}", hex::encode(all.finalize()), parts.len())
}

#[cfg(test)]
mod tests {
    use s3s::S3ErrorCode;
    use s3s::dto::ETag;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn state(rules: Rules) -> (State, String) {
        let mut state = State {
            rules,
            ..State::default()
        };
        state.buckets.insert("b".to_owned(), Bucket::default());
        let template = Version::new(Content::default(), String::new());
        let id = state.open_upload("b", "k", template).unwrap();
        (state, id)
    }

    fn add(state: &mut State, id: &str, number: i32, size: usize) -> CompletedPart {
        let body = vec![u8::try_from(number).unwrap(); size].into();
        let bucket = state.bucket("b").unwrap();
        let etag = bucket.store_part("k", id, number, body).unwrap();
        CompletedPart {
            part_number: Some(number),
            e_tag: Some(ETag::Strong(etag)),
            ..CompletedPart::default()
        }
    }

    fn completed(sizes: &[usize], rules: Rules) -> S3Result<Version> {
        let (mut state, id) = state(rules);
        let named: Vec<_> = (1..)
            .zip(sizes)
            .map(|(number, size)| add(&mut state, &id, number, *size))
            .collect();
        state.complete_upload("b", ("k", &id), &named, None)
    }

    fn refused(sizes: &[usize], rules: Rules) -> S3ErrorCode {
        completed(sizes, rules).unwrap_err().code().clone()
    }

    #[test]
    fn sizes_are_checked() {
        let object = completed(&[5 * MIB, 6 * MIB, 1], Rules::aws()).unwrap();
        assert_eq!(object.size(), 11 * MIB as u64 + 1);
        assert!(object.etag.ends_with("-3"));
        assert!(completed(&[1], Rules::aws()).is_ok());
        assert_eq!(
            refused(&[5 * MIB - 1, 1], Rules::aws()),
            S3ErrorCode::EntityTooSmall
        );
        assert!(completed(&[5 * MIB, 5 * MIB, 1], Rules::r2()).is_ok());
        for unequal in [[5 * MIB, 6 * MIB, 1], [5 * MIB, 5 * MIB, 6 * MIB]] {
            assert_eq!(refused(&unequal, Rules::r2()), S3ErrorCode::InvalidPart);
        }
    }

    #[test]
    fn parts_are_named_in_order_and_with_their_etag() {
        let (mut state, id) = state(Rules::aws());
        let one = add(&mut state, &id, 1, 5 * MIB);
        let two = add(&mut state, &id, 2, 1);
        let wrong = CompletedPart {
            e_tag: one.e_tag.clone(),
            ..two.clone()
        };
        for (named, code) in [
            (
                vec![two.clone(), one.clone()],
                S3ErrorCode::InvalidPartOrder,
            ),
            (vec![one.clone(), wrong], S3ErrorCode::InvalidPart),
            (vec![], S3ErrorCode::MalformedXML),
        ] {
            let refused = state.complete_upload("b", ("k", &id), &named, None);
            assert_eq!(refused.unwrap_err().code(), &code);
        }
        assert!(state.bucket("b").unwrap().newest("k").is_none());
        assert!(
            state
                .complete_upload("b", ("k", &id), &[one, two], None)
                .is_ok()
        );
        assert!(state.bucket("b").unwrap().uploads.is_empty());
    }

    #[test]
    fn a_repeated_complete_is_answered_by_the_rules() {
        let star = Some(&ETagCondition::Any);
        for (repeat, wanted) in [
            (Repeat::NoSuchUpload, Some(S3ErrorCode::NoSuchUpload)),
            (Repeat::Condition, Some(S3ErrorCode::PreconditionFailed)),
            (Repeat::Success, None),
        ] {
            let (mut state, id) = state(Rules {
                repeated_complete: repeat,
                ..Rules::aws()
            });
            let named = [add(&mut state, &id, 1, 3)];
            let mut complete = || state.complete_upload("b", ("k", &id), &named, star);
            complete().unwrap();
            let code = complete().err().map(|error| error.code().clone());
            assert_eq!(code, wanted, "{repeat:?}");
        }
    }
}
