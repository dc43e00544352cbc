//! Planted secrets, and the look for them in everything the programs say.
//!
//! Every output of every program that a [`crate::World`] runs is looked through at once, and
//! every test's final look ([`assert_none`]) covers what it started by itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::AhoCorasick;

/// The S3 secret key of every world.
pub const SECRET_KEY: &str = "planted-secret-access-key-0123456789";

/// What begins a secret, whoever's it is.
const BEGINNINGS: [&str; 4] = [
    "AGE-SECRET-KEY-1",
    "PRIVATE KEY-----",
    // Base64 of `-----BEGIN ED25519 PRIVATE`, as a talosconfig holds it.
    "LS0tLS1CRUdJTiBFRDI1NTE5IFBSSVZBVE",
    "X-Amz-Signature=",
];

/// How base64 of PEM begins.
const PACKED: &str = "LS0tLS1";

/// A message may show a part of one: pieces of this length are looked for.
const PIECE: usize = 20;

/// What is looked for, and what finds all of it in one pass, made anew after each planting.
struct Planted {
    pieces: BTreeSet<String>,
    finder: Option<Arc<AhoCorasick>>,
}

static PLANTED: Mutex<Planted> = Mutex::new(Planted {
    pieces: BTreeSet::new(),
    finder: None,
});

/// From now on no program may say `secret`, nor a longer piece of it.
pub fn plant(secret: &str) {
    let mut planted = PLANTED.lock().unwrap_or_else(PoisonError::into_inner);
    let whole = [secret.trim().to_owned()].into_iter();
    let pieces = secret
        .trim()
        .as_bytes()
        .chunks(PIECE)
        .filter(|piece| piece.len() == PIECE);
    let pieces = pieces.map(|piece| String::from_utf8_lossy(piece).into_owned());
    let before = planted.pieces.len();
    planted
        .pieces
        .extend(whole.chain(pieces).filter(|piece| piece.len() >= 8));
    if planted.pieces.len() > before {
        planted.finder = None;
    }
}

/// Finds everything that was planted so far.
fn finder() -> Arc<AhoCorasick> {
    let mut planted = PLANTED.lock().unwrap_or_else(PoisonError::into_inner);
    let Planted { pieces, finder } = &mut *planted;
    let make = || {
        let known = pieces.iter().map(String::as_str);
        let all = known.chain(BEGINNINGS).chain([SECRET_KEY]);
        Arc::new(AhoCorasick::new(all).expect("few enough pieces"))
    };
    Arc::clone(finder.get_or_insert_with(make))
}

/// What a machine config has behind these is a secret.
const FIELDS: [&str; 5] = [
    "key: ",
    "secret: ",
    "token: ",
    "secretboxEncryptionSecret: ",
    "aescbcEncryptionSecret: ",
];

/// Plants the secrets of a machine config.
pub fn plant_machine_config(text: &str) {
    for line in text.lines().map(str::trim) {
        let field = FIELDS.iter().find(|field| line.starts_with(**field));
        let value = field.and_then(|field| line.strip_prefix(field));
        // Other files have keys that are names.
        let value = value.filter(|value| field != Some(&FIELDS[0]) || value.starts_with(PACKED));
        value.into_iter().for_each(plant);
    }
}

/// Plants what lies in a world's folder: age identities, and what is secret in talosconfigs and
/// machine configs.
pub fn plant_folder(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.metadata().is_ok_and(|found| found.len() < 64 * 1024))
    {
        let Ok(text) = std::fs::read_to_string(entry.path()) else {
            continue;
        };
        text.lines()
            .map(str::trim)
            .filter(|line| line.starts_with("AGE-SECRET-KEY-"))
            .for_each(plant);
        plant_machine_config(&text);
    }
}

/// Fails when `bytes`, said by `who`, hold a planted secret or the beginning of one.
///
/// # Panics
/// They do.
pub fn assert_none(who: &str, bytes: &[u8]) {
    if let Some(found) = finder().find(bytes) {
        let secret = String::from_utf8_lossy(&bytes[found.range()]);
        let text = String::from_utf8_lossy(bytes);
        panic!("{who} shows `{secret}`:\n{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_whole_in_pieces_and_by_its_beginning() {
        plant("planted-here-0123456789-and-a-long-tail-behind-it");
        let shows = |said: &str| std::panic::catch_unwind(|| assert_none("it", said.as_bytes()));
        assert!(shows("nothing of it").is_ok());
        for said in [
            "x planted-here-0123456789-and-a-long-tail-behind-it",
            "a piece: 789-and-a-long-tail-behind",
            "AGE-SECRET-KEY-1QQQ",
            SECRET_KEY,
        ] {
            assert!(shows(said).is_err(), "{said}");
        }
    }
}
