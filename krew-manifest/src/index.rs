//! A custom index of krew: a git repository with `plugins/*.yaml` at its root
//! (`kubernetes-sigs/krew:internal/index/indexscanner/scanner.go`).

use std::path::Path;

use crate::manifest::FOLDER;
use crate::{Failure, files, folder, read};

const README: &str = "# krew index of etcdbackup

    kubectl krew index add etcdbackup https://github.com/etcdbackup/krew-index.git
    kubectl krew install etcdbackup/etcdbackup

Written by `make krew-index` of https://github.com/etcdbackup/etcdbackup for each release.
";

/// Lays the manifests of `out` as an index.
pub(crate) fn write(out: &Path, index: &Path) -> Result<(), Failure> {
    let plugins = index.join("plugins");
    folder(&plugins)?;
    for manifest in files(&out.join(FOLDER))? {
        let name = manifest.file_name().unwrap_or_default();
        crate::write(&plugins.join(name), &read(&manifest)?)?;
    }
    crate::write(&index.join("README.md"), README.as_bytes())
}
