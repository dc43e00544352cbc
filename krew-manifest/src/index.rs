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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_its_manifests_where_krew_looks() {
        let folder = tempfile::tempdir().unwrap();
        let (out, index) = (folder.path().join("out"), folder.path().join("index"));
        crate::folder(&out.join(FOLDER)).unwrap();
        crate::write(&out.join(FOLDER).join("etcdbackup.yaml"), b"kind: Plugin\n").unwrap();
        write(&out, &index).unwrap();
        let manifest = read(&index.join("plugins/etcdbackup.yaml")).unwrap();
        assert_eq!(manifest, b"kind: Plugin\n");
        assert!(index.join("README.md").exists());
    }
}
