//! What the client certificate says: until when, and which roles.

use jiff::Timestamp;
use x509_parser::pem::parse_x509_pem;

use super::config::Context;
use crate::failure::{Exit, Failure};

/// An expiry this near is worth a word.
const SOON_SECONDS: i64 = 14 * 86400;

/// Dates and roles of a client certificate.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Talos keeps roles in the subject's organizations.
    pub(super) roles: Vec<String>,
    /// What a person should know.
    pub(super) note: Option<String>,
}

/// Reads the certificate; an expired one is refused before anything is dialled.
pub(super) fn read(context: &Context, now: Timestamp) -> Result<Facts, Failure> {
    let place = format!(
        "talosconfig `{}`, context `{}`",
        context.file.display(),
        context.name
    );
    let unreadable = || {
        Failure::new(Exit::Config, format!("{place}: `crt` is not a certificate"))
            .hint("get a new talosconfig")
    };
    let (_, pem) = parse_x509_pem(context.certificate.as_bytes()).map_err(|_| unreadable())?;
    let certificate = pem.parse_x509().map_err(|_| unreadable())?;
    let validity = certificate.validity();
    let end = Timestamp::from_second(validity.not_after.timestamp()).map_err(|_| unreadable())?;
    if end < now {
        return Err(Failure::new(Exit::NotPermitted, format!("{place}: the client certificate expired at {end}"))
            .hint("make a new one: `talosctl config new` with a valid one, or from the machine secrets; in a pod Talos renews the Secret"));
    }
    let roles = certificate
        .subject()
        .iter_organization()
        .filter_map(|role| role.as_str().ok())
        .map(str::to_owned)
        .collect();
    let soon = end.as_second() - now.as_second() < SOON_SECONDS;
    let note = soon.then(|| format!("{place}: the client certificate expires at {end}"));
    Ok(Facts { roles, note })
}
