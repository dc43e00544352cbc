//! A failed call in two lines and an exit code: bucket, key, action, what the store said,
//! and the next step.

use super::classify::Operation;
use super::trouble::{Kind, Trouble};
use crate::failure::{Exit, Failure};
use crate::store::{StoreError, StoreErrorKind};

/// The lifecycle rule that clears what an abort could not.
const LIFECYCLE: &str =
    "a lifecycle rule with AbortIncompleteMultipartUpload clears open uploads by itself";

/// What a call was about.
pub(super) struct Subject<'a> {
    pub(super) operation: Operation,
    pub(super) bucket: &'a str,
    /// Key, or prefix of a listing.
    pub(super) key: &'a str,
    /// The upload a part, complete or abort belongs to.
    pub(super) upload_id: Option<&'a str>,
    /// The endpoint as people know it.
    pub(super) endpoint: &'a str,
    /// Whether the endpoint is not AWS itself.
    pub(super) custom_endpoint: bool,
    /// Whether objects are stored with a lock.
    pub(super) locking: bool,
}

impl Subject<'_> {
    fn url(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    fn tried(&self, trouble: &Trouble) -> String {
        format!(
            "{} of `{}` at {} failed: {trouble}",
            self.operation.action(),
            self.url(),
            self.endpoint
        )
    }
}

/// The key is taken by an object that is not ours.
pub(super) fn exists(subject: &Subject<'_>) -> StoreError {
    let what = format!("`{}` exists already and is not overwritten", subject.url());
    error(
        StoreErrorKind::Exists,
        Failure::new(Exit::Temporary, what).hint("run it again: the next name has another time"),
    )
}

/// Attempts ended without one known to have worked, and one may have.
pub(super) fn undecided(subject: &Subject<'_>, trouble: &Trouble) -> StoreError {
    let what = format!(
        "whether {} of `{}` was carried out is unknown: {trouble}",
        subject.operation.action(),
        subject.url()
    );
    let hint = match (subject.operation, subject.upload_id) {
        (Operation::Create, _) => {
            format!(
                "an open upload of this key may remain: run it again with a new name; {LIFECYCLE}"
            )
        }
        (_, Some(upload_id)) => {
            format!(
                "look for the object; if it is missing, run it again and remove the open upload: {}; {LIFECYCLE}",
                abort_command(subject, upload_id)
            )
        }
        (_, None) => "look for the object, or run it again".to_owned(),
    };
    error(
        StoreErrorKind::UnknownOutcome,
        Failure::new(Exit::Temporary, what)
            .hint(hint)
            .source(trouble.clone()),
    )
}

/// An upload was begun after one whose answer was lost.
pub(super) fn twice_begun(subject: &Subject<'_>) -> String {
    format!(
        "the answer to the first CreateMultipartUpload of `{}` was lost: an empty open upload of this key may remain; {LIFECYCLE}",
        subject.url()
    )
}

/// An upload could not be removed.
pub(super) fn remains(subject: &Subject<'_>, trouble: &Trouble) -> StoreError {
    let upload_id = subject.upload_id.unwrap_or_default();
    let what = format!(
        "an open upload of `{}` may remain (upload id {upload_id}): {trouble}",
        subject.url()
    );
    let hint = format!(
        "remove it: {}; {LIFECYCLE}",
        abort_command(subject, upload_id)
    );
    error(
        StoreErrorKind::Failed,
        Failure::new(Exit::Temporary, what)
            .hint(hint)
            .source(trouble.clone()),
    )
}

/// Every other failure.
pub(super) fn failed(subject: &Subject<'_>, trouble: &Trouble) -> StoreError {
    let (kind, exit, hint) = match trouble.kind {
        Kind::Refused => of_answer(subject, trouble),
        kind => {
            let (exit, hint) = of_silence(kind, subject);
            (StoreErrorKind::Failed, exit, hint)
        }
    };
    error(
        kind,
        Failure::new(exit, subject.tried(trouble))
            .hint(hint)
            .source(trouble.clone()),
    )
}

fn error(kind: StoreErrorKind, failure: Failure) -> StoreError {
    StoreError { kind, failure }
}

/// Exit code and next step where no answer of the store explains the failure.
pub(super) fn of_silence(kind: Kind, subject: &Subject<'_>) -> (Exit, String) {
    match kind {
        Kind::NoCredentials => (Exit::Config, NO_CREDENTIALS.to_owned()),
        Kind::CredentialsFailed => (
            Exit::NotPermitted,
            "try `aws sts get-caller-identity` with the same profile and environment".to_owned(),
        ),
        Kind::Unreached => (
            Exit::Unreachable,
            format!(
                "check that {} is reachable from here: `--s3-endpoint`, name resolution, proxy, firewall",
                subject.endpoint
            ),
        ),
        Kind::Untrusted => (
            Exit::Unreachable,
            "give the CA of the store with `--s3-ca-file` or AWS_CA_BUNDLE".to_owned(),
        ),
        Kind::Lost => (
            Exit::Unreachable,
            "run it again; if it lasts, check the network and the store".to_owned(),
        ),
        Kind::NotS3 => (
            Exit::Unreachable,
            format!(
                "check `--s3-endpoint`: {} does not answer as an S3 store",
                subject.endpoint
            ),
        ),
        Kind::Refused | Kind::Unsendable => (
            Exit::Bug,
            "this is a bug of ours: please report it".to_owned(),
        ),
    }
}

/// The next step where no credentials were found.
pub(super) const NO_CREDENTIALS: &str =
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile with `--s3-profile`";

fn of_answer(subject: &Subject<'_>, trouble: &Trouble) -> (StoreErrorKind, Exit, String) {
    let Subject {
        bucket,
        endpoint,
        operation,
        ..
    } = subject;
    let (kind, exit) = match (trouble.status, trouble.code.as_str()) {
        (_, "NoSuchKey" | "NoSuchBucket") => (StoreErrorKind::NotFound, Exit::Config),
        (404, "") if matches!(operation, Operation::Get | Operation::Head) => {
            (StoreErrorKind::NotFound, Exit::Config)
        }
        _ if refuses_lock(subject, trouble) => (StoreErrorKind::Failed, Exit::Config),
        (_, code) => (StoreErrorKind::Failed, exit_of(trouble.status, code)),
    };
    let hint = match (trouble.status, trouble.code.as_str()) {
        (_, "NoSuchBucket") => format!("create bucket `{bucket}` at {endpoint}, or correct the destination"),
        (_, "NoSuchKey") => "list the destination to see what is there".to_owned(),
        (_, "NoSuchUpload") => "someone removed the upload (a lifecycle rule, another client): run it again".to_owned(),
        (_, "InvalidAccessKeyId" | "NotSignedUp") => format!("the access key is not known at {endpoint}: check AWS_ACCESS_KEY_ID or the profile"),
        (_, "SignatureDoesNotMatch") => "the secret key does not belong to the access key: check AWS_SECRET_ACCESS_KEY or the profile".to_owned(),
        (_, "ExpiredToken" | "TokenRefreshRequired") => "the session token has expired: renew the credentials".to_owned(),
        (_, "RequestTimeTooSkewed") => "set the clock: this machine's time and the store's differ".to_owned(),
        (_, "InvalidObjectState") => "the object is archived: restore it to a readable storage class first".to_owned(),
        _ if refuses_lock(subject, trouble) => format!("`--lock-for` needs a bucket with object lock, which is switched on when `{bucket}` is made: leave it away, or use such a bucket"),
        (301 | 307, _) | (_, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => of_region(trouble),
        (401 | 403, _) => forbidden(subject),
        (501 | 405, _) => format!("{endpoint} does not know {}: is it an S3 store?", operation.action()),
        (429 | 503, _) => "the store asks to slow down: run it again later".to_owned(),
        (404, _) => format!("check `--s3-endpoint` and the bucket name: {endpoint} knows no such place"),
        (500.., _) => "run it again; if it lasts, look at the store's status".to_owned(),
        _ => format!("check the destination and what {endpoint} supports"),
    };
    (kind, exit, hint)
}

/// Whether a store refuses an object because of the lock it shall get. Stores word it their own
/// way, so it is told by what was asked: such a request has nothing else that can be wrong.
fn refuses_lock(subject: &Subject<'_>, trouble: &Trouble) -> bool {
    let stores = matches!(subject.operation, Operation::Put | Operation::Create);
    let unknown = trouble.status == 501 || trouble.code == "InvalidRequest";
    subject.locking && stores && unknown
}

fn exit_of(status: u16, code: &str) -> Exit {
    match (status, code) {
        (
            _,
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequests",
        )
        | (429, _) => Exit::Temporary,
        (
            _,
            "RequestTimeout" | "OperationAborted" | "ConditionalRequestConflict" | "NoSuchUpload",
        )
        | (408 | 409, _) => Exit::Temporary,
        (_, "RequestTimeTooSkewed" | "InvalidObjectState") | (301 | 307, _) => Exit::Config,
        (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") | (401 | 403, _) => {
            Exit::NotPermitted
        }
        (400..=499, _) => Exit::Config,
        _ => Exit::Unreachable,
    }
}

fn of_region(trouble: &Trouble) -> String {
    match &trouble.region {
        Some(region) => format!("the bucket is in another region: `--s3-region {region}`"),
        None => {
            "the bucket is in another region or at another endpoint: `--s3-region`, `--s3-endpoint`"
                .to_owned()
        }
    }
}

fn forbidden(subject: &Subject<'_>) -> String {
    let action = match subject.operation {
        Operation::Create | Operation::Put if subject.locking => "s3:PutObject and s3:PutObjectRetention",
        Operation::Create | Operation::Part | Operation::Complete | Operation::Put => "s3:PutObject",
        Operation::Abort => "s3:AbortMultipartUpload",
        Operation::List => "s3:ListBucket",
        Operation::Delete => "s3:DeleteObject and s3:DeleteObjectVersion",
        Operation::Versions => "s3:ListBucketVersions",
        Operation::Head => "s3:GetObject",
        Operation::Uploads => "s3:ListBucketMultipartUploads",
        Operation::LockSettings => "s3:GetBucketObjectLockConfiguration",
        // Without the right to list, S3 answers 403 for a key that does not exist.
        Operation::Get => return "allow these credentials s3:GetObject; without s3:ListBucket a missing key looks the same".to_owned(),
    };
    format!(
        "allow these credentials {action} on bucket `{}`",
        subject.bucket
    )
}

/// The command that removes an open upload, ready to paste.
fn abort_command(subject: &Subject<'_>, upload_id: &str) -> String {
    let endpoint = if subject.custom_endpoint {
        format!(" --endpoint-url {}", quoted(subject.endpoint))
    } else {
        String::new()
    };
    format!(
        "`aws s3api abort-multipart-upload --bucket {} --key {} --upload-id {}{endpoint}`",
        quoted(subject.bucket),
        quoted(subject.key),
        quoted(upload_id)
    )
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(operation: Operation) -> Subject<'static> {
        Subject {
            operation,
            bucket: "backups",
            key: "prod/a.snap",
            upload_id: None,
            endpoint: "https://s3.example",
            custom_endpoint: true,
            locking: false,
        }
    }

    #[test]
    fn exit_codes_and_kinds_by_answer() {
        use StoreErrorKind::{Failed, NotFound};
        let table = [
            (403, "AccessDenied", Failed, Exit::NotPermitted),
            (403, "SignatureDoesNotMatch", Failed, Exit::NotPermitted),
            (403, "InvalidAccessKeyId", Failed, Exit::NotPermitted),
            (400, "ExpiredToken", Failed, Exit::NotPermitted),
            (403, "RequestTimeTooSkewed", Failed, Exit::Config),
            (404, "NoSuchBucket", NotFound, Exit::Config),
            (404, "NoSuchKey", NotFound, Exit::Config),
            (301, "PermanentRedirect", Failed, Exit::Config),
            (400, "AuthorizationHeaderMalformed", Failed, Exit::Config),
            (400, "EntityTooSmall", Failed, Exit::Config),
            (404, "NoSuchUpload", Failed, Exit::Temporary),
            (500, "InternalError", Failed, Exit::Unreachable),
            (503, "ServiceUnavailable", Failed, Exit::Unreachable),
            (503, "SlowDown", Failed, Exit::Temporary),
            (429, "", Failed, Exit::Temporary),
            (400, "RequestTimeout", Failed, Exit::Temporary),
        ];
        for (status, code, kind, exit) in table {
            let error = failed(
                &subject(Operation::Put),
                &Trouble::refused(status, code, "words"),
            );
            assert_eq!(
                (error.kind, error.failure.exit),
                (kind, exit),
                "{status} {code}"
            );
            assert!(error.failure.hint.is_some());
            for word in [
                "PutObject",
                "s3://backups/prod/a.snap",
                "https://s3.example",
                code,
            ] {
                assert!(
                    error.failure.what.contains(word),
                    "{word} in {}",
                    error.failure.what
                );
            }
        }
    }

    #[test]
    fn a_bucket_without_locks_is_said_only_where_one_was_wanted() {
        let told = |locking, operation, status, code| {
            let subject = Subject {
                locking,
                ..subject(operation)
            };
            let failure = failed(&subject, &Trouble::refused(status, code, "")).failure;
            (failure.exit, failure.hint.unwrap().contains("--lock-for"))
        };
        for (status, code) in [(400, "InvalidRequest"), (501, "NotImplemented")] {
            for operation in [Operation::Put, Operation::Create] {
                assert_eq!(told(true, operation, status, code), (Exit::Config, true));
                assert!(!told(false, operation, status, code).1);
            }
            assert!(!told(true, Operation::List, status, code).1);
        }
        assert!(!told(true, Operation::Put, 403, "AccessDenied").1);
    }

    #[test]
    fn the_right_region_is_said() {
        let mut trouble = Trouble::refused(301, "PermanentRedirect", "");
        trouble.region = Some("eu-central-1".to_owned());
        let hint = failed(&subject(Operation::Put), &trouble)
            .failure
            .hint
            .unwrap();
        assert!(hint.contains("`--s3-region eu-central-1`"), "{hint}");
    }

    #[test]
    fn an_upload_that_may_remain_is_named_with_the_command_that_removes_it() {
        let subject = Subject {
            key: "prod/it's.snap",
            upload_id: Some("id~1"),
            ..subject(Operation::Abort)
        };
        let error = remains(&subject, &Trouble::refused(403, "AccessDenied", ""));
        assert_eq!(error.failure.exit, Exit::Temporary);
        assert!(error.failure.what.contains("upload id id~1"));
        let hint = error.failure.hint.unwrap();
        let command = r"aws s3api abort-multipart-upload --bucket backups --key 'prod/it'\''s.snap' --upload-id 'id~1' --endpoint-url https://s3.example";
        assert!(hint.contains(command), "{hint}");
        assert!(hint.contains("AbortIncompleteMultipartUpload"));
    }

    #[test]
    fn an_unknown_outcome_is_temporary_and_its_own_kind() {
        for operation in [Operation::Put, Operation::Create, Operation::Complete] {
            let error = undecided(&subject(operation), &Trouble::new(Kind::Lost, "reset"));
            assert_eq!(
                (error.kind, error.failure.exit),
                (StoreErrorKind::UnknownOutcome, Exit::Temporary)
            );
            assert!(error.failure.what.contains("s3://backups/prod/a.snap"));
        }
    }
}
