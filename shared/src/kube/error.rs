//! What a request to the Kubernetes API failed with, told apart for people and for the next step.

use std::error::Error;

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{method} {path} at {host}: {what}")]
pub struct KubeError {
    /// What was to be done: `GET`.
    pub(super) method: &'static str,
    /// The server that was asked.
    pub(super) host: String,
    /// What it was asked for.
    pub(super) path: String,
    /// What came back.
    pub(super) what: String,
    /// The same, for who decides by it.
    pub(super) cause: Cause,
}

/// The kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Nobody listens there, or the connection broke.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// TLS was refused by either side, or the credentials cannot be used.
    Distrusted,
    /// 401, 403: the credentials are not known, or may not ask.
    Denied,
    /// 404: there is no such resource.
    Absent,
    /// 409: it is there already, or was changed meanwhile.
    Conflict,
    /// 410: the list changed too much since its first page.
    Gone,
    /// 429, 502, 503, 504: it asks to come back.
    Busy,
    /// Any other answer.
    Answer,
}

impl KubeError {
    /// What kind of error it is.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Whether the same request may do better a little later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.cause,
            Cause::Unreachable | Cause::Timeout | Cause::Busy
        )
    }

    /// Whether other credentials may do better.
    pub fn is_refusal(&self) -> bool {
        matches!(self.cause, Cause::Distrusted | Cause::Denied)
    }
}

/// What an answer of this status is.
pub(super) fn cause_of_status(status: u16) -> Cause {
    match status {
        401 | 403 => Cause::Denied,
        404 => Cause::Absent,
        409 => Cause::Conflict,
        410 => Cause::Gone,
        429 | 502..=504 => Cause::Busy,
        _ => Cause::Answer,
    }
}

/// What the client says, and what kind it is. Words of credentials are never repeated: the
/// output of a login program is among them.
pub(super) fn of_client(error: &kube::Error) -> (String, Cause) {
    if matches!(error, kube::Error::Auth(_)) {
        let what = "the login of the kubeconfig failed".to_owned();
        return (what, Cause::Distrusted);
    }
    let mut last: &dyn Error = error;
    let mut told = vec![last.to_string()];
    while let Some(source) = last.source() {
        last = source;
        told.push(last.to_string());
    }
    let all = told.join(": ");
    let distrusted = [
        "certificate",
        "UnknownIssuer",
        "fatal alert",
        "HandshakeFailure",
    ];
    let cause = if distrusted.iter().any(|words| all.contains(words)) {
        Cause::Distrusted
    } else {
        Cause::Unreachable
    };
    (told.pop().unwrap_or_default(), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_told_apart() {
        let causes = [401, 403, 404, 409, 410, 500, 503].map(cause_of_status);
        assert_eq!(
            causes,
            [
                Cause::Denied,
                Cause::Denied,
                Cause::Absent,
                Cause::Conflict,
                Cause::Gone,
                Cause::Answer,
                Cause::Busy
            ]
        );
    }

    #[test]
    fn what_a_login_program_said_is_not_repeated() {
        let denied = kube::Error::Auth(kube::client::AuthError::AuthExec("planted".to_owned()));
        let (what, cause) = of_client(&denied);
        assert_eq!(cause, Cause::Distrusted);
        assert!(!what.contains("planted"), "{what}");
    }
}
