//! Is an object encrypted to exactly those who shall open it? Told from its header, the
//! manifest and, where one is given, an identity: nothing is decrypted.

use serde::Serialize;

use super::record::Verification;
use crate::catalogue::Manifest;
use crate::failure::Failure;
use crate::seal::{self, Identities, Stanza};
use crate::store::Store;

/// Who shall be able to open objects.
#[derive(Debug, Clone)]
pub struct Expected {
    /// What their lines make of a header.
    pub stanzas: Vec<Stanza>,
    /// As manifests name them.
    pub fingerprints: Vec<String>,
    /// Opens what is expected to open, where the header alone cannot tell; may be none.
    pub identities: Identities,
}

/// What the header of an object says about its recipients.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// Each recipient: kind, and of ssh keys what tells them apart.
    pub found: Vec<String>,
    /// Whether they are the expected ones; none: it cannot be told.
    pub expected: Option<bool>,
}

/// Looks at the header of the object at `key`.
///
/// # Errors
/// The store's. What is found is in `found`.
pub(super) async fn audit(
    store: &dyn Store,
    key: &str,
    expected: &Expected,
    found: &mut Verification,
) -> Result<(), Failure> {
    let head = read_head(store, key).await?;
    let stanzas = match seal::stanzas(&head) {
        Ok(Some(stanzas)) => stanzas,
        Ok(None) => {
            found.recipients = Some(Audit {
                found: Vec::new(),
                expected: Some(false),
            });
            found.suspect(
                "it is not encrypted: whoever reads the store reads every Secret".to_owned(),
            );
            return Ok(());
        }
        Err(damage) => {
            found.fail(format!("its age header is damaged: {damage}"));
            return Ok(());
        }
    };
    let manifest = super::read_manifest(store, key).await?;
    let opens = opens(&head, &expected.identities);
    let verdict = judge(&stanzas, manifest.as_ref(), opens, expected);
    found.recipients = Some(Audit {
        found: stanzas.iter().map(Stanza::text).collect(),
        expected: match &verdict {
            Judged::Expected => Some(true),
            Judged::Others(_) => Some(false),
            Judged::Untold(_) => None,
        },
    });
    match verdict {
        Judged::Expected => {}
        Judged::Others(what) => found.suspect(what),
        Judged::Untold(what) => found.unproven(what),
    }
    Ok(())
}

/// The beginning of an object, enough for its header.
async fn read_head(store: &dyn Store, key: &str) -> Result<Vec<u8>, Failure> {
    let mut body = store.open(key).await?;
    let mut head = Vec::new();
    while let Some(chunk) = body.next().await? {
        head.extend_from_slice(&chunk);
        if head.len() >= seal::HEADER_LIMIT {
            break;
        }
    }
    Ok(head)
}

/// Whether one of the identities opens it; none: there is none to try.
fn opens(head: &[u8], identities: &Identities) -> Option<bool> {
    (!identities.files.is_empty()).then(|| seal::open(head, identities).is_ok())
}

enum Judged {
    Expected,
    Others(String),
    Untold(String),
}

fn judge(
    stanzas: &[Stanza],
    manifest: Option<&Manifest>,
    opens: Option<bool>,
    expected: &Expected,
) -> Judged {
    if let Some(what) = unlike(stanzas, &expected.stanzas) {
        return Judged::Others(what);
    }
    if opens == Some(false) {
        return Judged::Others("none of the given identities opens it".to_owned());
    }
    let named = |stanza: &Stanza| stanza.tag.is_some();
    if stanzas.iter().all(named) {
        return Judged::Expected;
    }
    let sorted = |texts: &[String]| {
        let mut texts = texts.to_vec();
        texts.sort();
        texts
    };
    // A manifest that counts differently than the header is of another object.
    match manifest.filter(|manifest| manifest.recipients.len() == stanzas.len()) {
        Some(manifest) if sorted(&manifest.recipients) == sorted(&expected.fingerprints) => {
            Judged::Expected
        }
        Some(manifest) => Judged::Others(format!(
            "its manifest names other recipients: {}",
            manifest.recipients.join(", ")
        )),
        None if opens == Some(true) && stanzas.len() == 1 => Judged::Expected,
        None => Judged::Untold(
            "number and kinds of its recipients are as expected; which keys they are, only a manifest or `-i` tells".to_owned(),
        ),
    }
}

/// What does not fit, in number or kind.
fn unlike(stanzas: &[Stanza], expected: &[Stanza]) -> Option<String> {
    let mut left: Vec<&Stanza> = expected.iter().collect();
    let mut more: Vec<&Stanza> = Vec::new();
    for stanza in stanzas {
        match left.iter().position(|one| stanza.fits(one)) {
            Some(at) => drop(left.swap_remove(at)),
            None => more.push(stanza),
        }
    }
    let list = |these: &[&Stanza]| {
        let texts: Vec<String> = these.iter().map(|one| one.text()).collect();
        texts.join(", ")
    };
    match (left.is_empty(), more.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!(
            "it is not encrypted to all: {} is missing",
            list(&left)
        )),
        (true, false) => Some(format!(
            "it is encrypted to more than expected: {}",
            list(&more)
        )),
        (false, false) => Some(format!(
            "it is encrypted to others: {} instead of {}",
            list(&more),
            list(&left)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(kind: &str, tag: Option<&str>) -> Stanza {
        Stanza {
            kind: kind.to_owned(),
            tag: tag.map(ToOwned::to_owned),
        }
    }

    #[test]
    fn numbers_and_kinds_are_compared_in_any_order() {
        let (x, ssh) = (stanza("X25519", None), stanza("ssh-ed25519", Some("abc")));
        let other = stanza("ssh-ed25519", Some("xyz"));
        let told = |found: &[&Stanza], wanted: &[&Stanza]| {
            let own = |these: &[&Stanza]| these.iter().map(|&one| one.clone()).collect::<Vec<_>>();
            unlike(&own(found), &own(wanted))
        };
        assert_eq!(told(&[&x, &ssh], &[&ssh, &x]), None);
        assert!(
            told(&[&x], &[&ssh, &x])
                .unwrap()
                .contains("ssh-ed25519 abc is missing")
        );
        assert!(
            told(&[&x, &x], &[&x])
                .unwrap()
                .contains("more than expected: X25519")
        );
        let instead = told(&[&other], &[&ssh]).unwrap();
        assert!(instead.contains("ssh-ed25519 xyz instead of ssh-ed25519 abc"));
    }
}
