//! What to do after a failed attempt. Pure: every rule of retrying, of conditions and of
//! unknown outcomes is here, and tested as a table.

use super::trouble::{Kind, Trouble};

/// What was asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Put,
    Create,
    Part,
    Complete,
    Abort,
    List,
    Get,
    Delete,
    Versions,
    Head,
    Uploads,
    LockSettings,
}

impl Operation {
    /// The name of the S3 action, as policies and documentation write it.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Put => "PutObject",
            Self::Create => "CreateMultipartUpload",
            Self::Part => "UploadPart",
            Self::Complete => "CompleteMultipartUpload",
            Self::Abort => "AbortMultipartUpload",
            Self::List => "ListObjectsV2",
            Self::Get => "GetObject",
            Self::Delete => "DeleteObject",
            Self::Versions => "ListObjectVersions",
            Self::Head => "HeadObject",
            Self::Uploads => "ListMultipartUploads",
            Self::LockSettings => "GetObjectLockConfiguration",
        }
    }

    /// Whether an attempt without an answer leaves something undecided in the store. Sending
    /// a part, an abort or a delete again settles it; reading changes nothing.
    pub(super) fn can_be_undecided(self) -> bool {
        matches!(self, Self::Put | Self::Create | Self::Complete)
    }
}

/// What was tried before the attempt in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Before {
    /// An earlier attempt may have been carried out.
    pub(super) maybe_done: bool,
    /// The attempt carried `If-None-Match: *`.
    pub(super) conditional: bool,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Wait, and ask again. `maybe_done`: this attempt may have been carried out.
    Again { maybe_done: bool },
    /// Ask again at once without `If-None-Match`, which this store does not know.
    WithoutCondition,
    /// An earlier attempt of ours was carried out: the work is done.
    Done,
    /// Someone else's object has this key.
    Exists,
    /// No earlier attempt is known to have worked, and none can be made any more.
    Undecided,
    /// This will not change by asking again.
    Final,
}

/// Decides what follows a failed attempt.
pub(super) fn decide(operation: Operation, trouble: &Trouble, before: Before) -> Decision {
    match trouble.kind {
        Kind::Unreached => Decision::Again { maybe_done: false },
        Kind::Lost => Decision::Again { maybe_done: true },
        Kind::Refused => decide_refused(operation, trouble, before),
        // A success in words nobody can read: the object may be there.
        Kind::NotS3 if operation == Operation::Complete => Decision::Again { maybe_done: true },
        Kind::NoCredentials
        | Kind::CredentialsFailed
        | Kind::Untrusted
        | Kind::NotS3
        | Kind::Unsendable => Decision::Final,
    }
}

fn decide_refused(operation: Operation, trouble: &Trouble, before: Before) -> Decision {
    let publishing = matches!(operation, Operation::Put | Operation::Complete);
    match (trouble.status, trouble.code.as_str()) {
        // 304 is how old MinIO says 412.
        (304 | 412, _) if publishing && before.maybe_done => Decision::Done,
        (304 | 412, _) if publishing => Decision::Exists,
        (_, "NoSuchUpload") if operation == Operation::Abort => Decision::Done,
        (_, "NoSuchUpload") if operation == Operation::Complete && before.maybe_done => {
            Decision::Undecided
        }
        (501, _)
        | (400, "NotImplemented" | "InvalidArgument" | "InvalidRequest" | "UnsupportedHeader")
            if before.conditional =>
        {
            Decision::WithoutCondition
        }
        (
            _,
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequests",
        )
        | (
            _,
            "RequestTimeout"
            | "OperationAborted"
            | "ConditionalRequestConflict"
            | "ServiceUnavailable",
        )
        | (408 | 429, _)
        | (409, "") => Decision::Again { maybe_done: false },
        // The error may be the answer's and not the work's: a gateway that lost patience, or
        // an error in the body of a 200.
        (500 | 502..=599, _) | (_, "InternalError") => Decision::Again { maybe_done: true },
        _ => Decision::Final,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Operation::{
        Abort, Complete, Create, Delete, Get, Head, List, LockSettings, Part, Put, Uploads,
        Versions,
    };

    const AGAIN: Decision = Decision::Again { maybe_done: false };
    const AGAIN_MAYBE_DONE: Decision = Decision::Again { maybe_done: true };
    const ALL: [Operation; 12] = [
        Put,
        Create,
        Part,
        Complete,
        Abort,
        List,
        Get,
        Delete,
        Versions,
        Head,
        Uploads,
        LockSettings,
    ];

    fn refused(operation: Operation, status: u16, code: &str, before: Before) -> Decision {
        decide(
            operation,
            &Trouble::refused(status, code, "said the store"),
            before,
        )
    }

    #[test]
    fn transient_answers_are_asked_again_by_every_operation() {
        let table = [
            (500, "InternalError", AGAIN_MAYBE_DONE),
            (200, "InternalError", AGAIN_MAYBE_DONE),
            (500, "", AGAIN_MAYBE_DONE),
            (502, "", AGAIN_MAYBE_DONE),
            (504, "", AGAIN_MAYBE_DONE),
            (503, "", AGAIN_MAYBE_DONE),
            (503, "SlowDown", AGAIN),
            (200, "SlowDown", AGAIN),
            (503, "ServiceUnavailable", AGAIN),
            (429, "", AGAIN),
            (429, "TooManyRequests", AGAIN),
            (408, "", AGAIN),
            (400, "RequestTimeout", AGAIN),
            (409, "OperationAborted", AGAIN),
            (409, "ConditionalRequestConflict", AGAIN),
            (409, "", AGAIN),
        ];
        for (status, code, expected) in table {
            for operation in ALL {
                let decision = refused(operation, status, code, Before::default());
                assert_eq!(decision, expected, "{operation:?} {status} {code}");
            }
        }
    }

    #[test]
    fn lasting_answers_are_never_asked_again() {
        let table = [
            (400, "InvalidArgument"),
            (400, "EntityTooSmall"),
            (400, "AuthorizationHeaderMalformed"),
            (301, "PermanentRedirect"),
            (401, ""),
            (403, "AccessDenied"),
            (403, "SignatureDoesNotMatch"),
            (403, "InvalidAccessKeyId"),
            (403, "RequestTimeTooSkewed"),
            (404, "NoSuchBucket"),
            (404, "NoSuchKey"),
            (405, "MethodNotAllowed"),
            (409, "BucketNotEmpty"),
            (411, "MissingContentLength"),
            (501, "NotImplemented"),
        ];
        for (status, code) in table {
            for operation in ALL {
                let decision = refused(operation, status, code, Before::default());
                assert_eq!(decision, Decision::Final, "{operation:?} {status} {code}");
            }
        }
    }

    #[test]
    fn a_failed_condition_is_ours_only_after_an_attempt_that_may_have_worked() {
        let first = Before {
            maybe_done: false,
            conditional: true,
        };
        let later = Before {
            maybe_done: true,
            conditional: true,
        };
        for operation in [Put, Complete] {
            for status in [412, 304] {
                assert_eq!(
                    refused(operation, status, "PreconditionFailed", first),
                    Decision::Exists
                );
                assert_eq!(
                    refused(operation, status, "PreconditionFailed", later),
                    Decision::Done
                );
            }
        }
        assert_eq!(
            refused(Get, 412, "PreconditionFailed", later),
            Decision::Final
        );
    }

    #[test]
    fn an_unknown_condition_is_dropped_once() {
        let with = Before {
            maybe_done: false,
            conditional: true,
        };
        let without = Before {
            maybe_done: false,
            conditional: false,
        };
        for (status, code) in [
            (501, "NotImplemented"),
            (501, ""),
            (400, "NotImplemented"),
            (400, "InvalidArgument"),
        ] {
            assert_eq!(
                refused(Put, status, code, with),
                Decision::WithoutCondition,
                "{status} {code}"
            );
            assert_eq!(
                refused(Complete, status, code, with),
                Decision::WithoutCondition,
                "{status} {code}"
            );
            assert_eq!(
                refused(Put, status, code, without),
                Decision::Final,
                "{status} {code}"
            );
        }
        assert_eq!(refused(Put, 403, "AccessDenied", with), Decision::Final);
    }

    #[test]
    fn a_vanished_upload_is_read_by_what_was_asked() {
        let lost = Before {
            maybe_done: true,
            conditional: true,
        };
        assert_eq!(
            refused(Complete, 404, "NoSuchUpload", lost),
            Decision::Undecided
        );
        assert_eq!(
            refused(Complete, 404, "NoSuchUpload", Before::default()),
            Decision::Final
        );
        assert_eq!(refused(Part, 404, "NoSuchUpload", lost), Decision::Final);
        assert_eq!(
            refused(Abort, 404, "NoSuchUpload", Before::default()),
            Decision::Done
        );
    }

    #[test]
    fn troubles_without_an_answer() {
        let table = [
            (Kind::Unreached, AGAIN),
            (Kind::Lost, AGAIN_MAYBE_DONE),
            (Kind::Untrusted, Decision::Final),
            (Kind::NoCredentials, Decision::Final),
            (Kind::CredentialsFailed, Decision::Final),
            (Kind::Unsendable, Decision::Final),
        ];
        for (kind, expected) in table {
            for operation in ALL {
                let decision = decide(operation, &Trouble::new(kind, "words"), Before::default());
                assert_eq!(decision, expected, "{kind:?} {operation:?}");
            }
        }
        for operation in ALL {
            let expected = if operation == Complete {
                AGAIN_MAYBE_DONE
            } else {
                Decision::Final
            };
            let decision = decide(
                operation,
                &Trouble::new(Kind::NotS3, "words"),
                Before::default(),
            );
            assert_eq!(decision, expected, "{operation:?}");
        }
    }
}
