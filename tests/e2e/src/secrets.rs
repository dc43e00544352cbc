//! Planted secrets, and the look for them in everything the programs say.
//!
//! Every output of every program that a [`crate::World`] runs is looked through at once, and
//! every test's final look ([`assert_none`]) covers what it started by itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

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

/// A message may show a part of one: pieces of this length are looked for.
const PIECE: usize = 20;

static PLANTED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

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
    planted.extend(whole.chain(pieces).filter(|piece| piece.len() >= 8));
}

/// Plants what lies in a world's folder: age identities and the keys of talosconfigs.
pub fn plant_folder(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.metadata().is_ok_and(|found| found.len() < 64 * 1024))
    {
        let Ok(text) = std::fs::read_to_string(entry.path()) else {
            continue;
        };
        for line in text.lines().map(str::trim) {
            if line.starts_with("AGE-SECRET-KEY-") {
                plant(line);
            }
            if let Some(key) = line.strip_prefix("key: ") {
                plant(key);
            }
        }
    }
}

/// Fails when `bytes`, said by `who`, hold a planted secret or the beginning of one.
///
/// # Panics
/// They do.
pub fn assert_none(who: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let planted = PLANTED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = planted.iter().map(String::as_str);
    for secret in known.chain(BEGINNINGS).chain([SECRET_KEY]) {
        assert!(!text.contains(secret), "{who} shows `{secret}`:\n{text}");
    }
}
