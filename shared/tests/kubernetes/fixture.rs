//! The snapshots of `tests/fixtures`, opened and decrypted.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use etcdbackup::snapshot::bolt::Database;
use etcdbackup::snapshot::encryption::{Keyring, Sealed, parse_keys};
use etcdbackup::snapshot::kubernetes::{Contents, Entry};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

pub(crate) fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap()
}

/// Unpacked where the name says that it is packed.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let bytes = std::fs::read(path(name)).unwrap();
    if name.ends_with(".zst") {
        zstd::decode_all(&*bytes).unwrap()
    } else {
        bytes
    }
}

pub(crate) fn keyring(name: &str) -> Keyring {
    parse_keys(&text(name), name).unwrap()
}

/// Calls `each` with every live entry and its value in the clear.
pub(crate) fn each_live(snapshot: &str, mut each: impl FnMut(Entry<'_>, &[u8])) {
    let ring = keyring("secrets-bundle.yaml");
    let bytes = bytes(&format!("{snapshot}.snap.zst"));
    let database = Database::open(&*bytes).unwrap();
    let contents = Contents::find(&database, None).unwrap();
    contents
        .each_live(|entry| {
            match Sealed::parse(entry.value) {
                Some(sealed) => each(entry, ring.open(entry.place(), &sealed).plain().unwrap()),
                None => each(entry, entry.value),
            }
            ControlFlow::Continue(())
        })
        .unwrap();
}
