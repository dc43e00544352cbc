//! The snapshots of `tests/fixtures`.

use std::path::{Path, PathBuf};

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

pub(crate) fn unpacked(name: &str) -> Vec<u8> {
    let packed = std::fs::read(path(name)).unwrap();
    zstd::decode_all(&*packed).unwrap()
}
