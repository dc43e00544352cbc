//! What the header of an age file says without any key: how many recipients, and of which kinds.
//!
//! Of an ssh recipient it tells four bytes of a digest of the key; of all others nothing that
//! names them. Recipients here are those of `age`'s file format, one stanza each, without the
//! meaningless ones that some writers add.

use std::io::Read;

use age::armor::ArmoredReader;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::keys::plain;

/// Longest header that is read: hundreds of recipients.
pub const HEADER_LIMIT: usize = 256 * 1024;

/// One recipient, as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stanza {
    /// As the file has it: `X25519`, `ssh-ed25519`, `ssh-rsa`, `piv-p256` …
    pub kind: String,
    /// Of an ssh key: what tells it from others.
    pub tag: Option<String>,
}

impl Stanza {
    /// The stanza that a recipient's line makes; the kind of a plugin's is not known.
    pub fn of_recipient(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next());
        let known = |kind: &str, tag| Self {
            kind: kind.to_owned(),
            tag,
        };
        match (first, second) {
            (kind @ ("ssh-ed25519" | "ssh-rsa"), Some(key)) => {
                let key = STANDARD.decode(key).unwrap_or_default();
                known(kind, Some(ssh_tag(&key)))
            }
            (key, _) if key.starts_with("age1pq1") => known("mlkem768x25519", None),
            (key, _) if key.starts_with("age1") && !key[4..].contains('1') => known("X25519", None),
            _ => known(PLUGIN, None),
        }
    }

    /// Whether this stanza of a file may be what that recipient's line makes.
    pub fn fits(&self, expected: &Self) -> bool {
        match expected.kind.as_str() {
            PLUGIN => !matches!(self.kind.as_str(), "X25519" | "ssh-ed25519" | "ssh-rsa"),
            kind => self.kind == kind && self.tag == expected.tag,
        }
    }

    /// Kind, and tag where there is one.
    pub fn text(&self) -> String {
        match &self.tag {
            Some(tag) => format!("{} {tag}", self.kind),
            None => self.kind.clone(),
        }
    }
}

/// A recipient of a plugin, whose stanzas have names of its own.
const PLUGIN: &str = "plugin";

/// The first four bytes of the SHA-256 of a key, as ssh stanzas carry them.
fn ssh_tag(key: &[u8]) -> String {
    let hash = digest(&SHA256, key);
    STANDARD_NO_PAD.encode(hash.as_ref().get(..4).unwrap_or_default())
}

/// The recipients in the header of an age file that begins with `bytes`; none: it is no age file.
///
/// # Errors
/// It begins as one, and the header is damaged or longer than the bytes given.
pub fn stanzas(bytes: &[u8]) -> Result<Option<Vec<Stanza>>, String> {
    if !super::is_encrypted(bytes) {
        return Ok(None);
    }
    let text = header_text(bytes)?;
    let mut lines = text.lines().skip(1);
    let mut found = Vec::new();
    for line in lines.by_ref() {
        if line.starts_with("---") {
            found.retain(|stanza: &Stanza| !stanza.kind.ends_with("-grease"));
            return match found.is_empty() {
                true => Err("it has no recipient".to_owned()),
                false => Ok(Some(found)),
            };
        }
        if let Some(arguments) = line.strip_prefix("-> ") {
            let mut words = arguments.split(' ');
            let kind = words.next().unwrap_or_default().to_owned();
            let tag = words.next().filter(|_| kind.starts_with("ssh-"));
            found.push(Stanza {
                tag: tag.map(ToOwned::to_owned),
                kind,
            });
        }
    }
    Err("its header has no end".to_owned())
}

/// The header and what follows it, armour taken off, as text as far as it is.
fn header_text(bytes: &[u8]) -> Result<String, String> {
    let mut clear = Vec::new();
    let mut reader = ArmoredReader::new(bytes).take(HEADER_LIMIT as u64);
    if let Err(error) = reader.read_to_end(&mut clear)
        && clear.is_empty()
    {
        return Err(plain(&error.to_string()));
    }
    Ok(String::from_utf8_lossy(&clear).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "age-encryption.org/v1\n-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n-> ssh-ed25519 Bv3jZA O1lX/mrfFgyqULCUcjbuQdGAHjpVzVPrsTFlRyOlvw0\nGfLkMPQDTdzLZu7kLbWfcGPHDvdMiVaKTaVdaiTVTvw\n-> Q!1b-grease #v$\nAAAA\n--- X1GtYhKl\n";

    #[test]
    fn recipients_are_listed_without_a_key() {
        let mut bytes = HEAD.as_bytes().to_vec();
        bytes.extend([0xff, 0x00, 0x80]);
        let found = stanzas(&bytes).unwrap().unwrap();
        let texts: Vec<String> = found.iter().map(Stanza::text).collect();
        assert_eq!(texts, ["X25519", "ssh-ed25519 Bv3jZA"]);
        assert_eq!(stanzas(b"etcd").unwrap(), None);
        assert!(stanzas(&bytes[..60]).is_err());
        assert!(stanzas(b"age-encryption.org/v1\n--- abc\n").is_err());
    }

    #[test]
    fn a_recipient_line_says_which_stanza_it_makes() {
        let x25519 = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        assert_eq!(Stanza::of_recipient(x25519).text(), "X25519");
        assert_eq!(
            Stanza::of_recipient(
                "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t"
            )
            .kind,
            "plugin"
        );
        let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@host";
        let ssh = Stanza::of_recipient(ssh);
        assert_eq!(ssh.kind, "ssh-ed25519");
        assert_eq!(ssh.tag.as_ref().unwrap().len(), 6);
        let other = Stanza {
            tag: Some("AAAAAA".to_owned()),
            ..ssh.clone()
        };
        assert!(ssh.fits(&ssh) && !other.fits(&ssh));
        let piv = Stanza {
            kind: "piv-p256".to_owned(),
            tag: None,
        };
        assert!(piv.fits(&Stanza::of_recipient("age1yubikey1qqqq")));
        assert!(!ssh.fits(&Stanza::of_recipient("age1yubikey1qqqq")));
    }
}
