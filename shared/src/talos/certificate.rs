//! What the client certificate says: until when, and which roles.

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use x509_parser::pem::parse_x509_pem;

use super::config::Context;
use crate::failure::{Exit, Failure};

/// An expiry this near is worth a word, unless most of the certificate's life is still
/// before it: in a pod it lives for hours.
const SOON_SECONDS: i64 = 14 * 86400;

/// Dates and roles of a client certificate.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Talos keeps roles in the subject's organizations.
    pub(super) roles: Vec<String>,
    /// SHA-256 of the CA certificate, in hex.
    pub(super) authority: String,
    /// Until when.
    pub(super) end: Timestamp,
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
    let life = end.as_second() - validity.not_before.timestamp();
    let note = is_soon(end.as_second() - now.as_second(), life)
        .then(|| format!("{place}: the client certificate expires at {end}"));
    let (_, authority) = parse_x509_pem(context.authority.as_bytes()).map_err(|_| {
        Failure::new(Exit::Config, format!("{place}: `ca` is not a certificate"))
            .hint("get a new talosconfig")
    })?;
    Ok(Facts {
        roles,
        end,
        authority: hex::encode(digest(&SHA256, &authority.contents)),
        note,
    })
}

/// Whether `left` of a `life` in seconds is little.
fn is_soon(left: i64, life: i64) -> bool {
    left < SOON_SECONDS.min(life / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_warns_two_weeks_before_and_a_pods_certificate_in_its_last_quarter() {
        let (hour, day) = (3600, 86400);
        assert!(!is_soon(15 * day, 365 * day));
        assert!(is_soon(13 * day, 365 * day));
        assert!(!is_soon(5 * hour, 6 * hour));
        assert!(is_soon(hour, 6 * hour));
    }
}
