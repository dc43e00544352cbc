//! The krew manifest of a plugin, of the one template.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::Manifests;
use crate::digest::sha256;
use crate::plugin::Plugin;
use crate::target::{self, Target, archive_name};
use crate::{Failure, folder, plugin, rules, write};

const TEMPLATE: &str = include_str!("../template.yaml");
/// Below the folder of the archives.
pub(crate) const FOLDER: &str = "krew";

/// As `kubernetes-sigs/krew:pkg/index/types.go` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec {
    pub(crate) version: String,
    pub(crate) homepage: String,
    pub(crate) short_description: String,
    pub(crate) description: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) caveats: String,
    pub(crate) platforms: Vec<Platform>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    pub(crate) selector: Selector,
    pub(crate) uri: String,
    pub(crate) sha256: String,
    pub(crate) bin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selector {
    pub(crate) match_labels: Labels,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Labels {
    pub(crate) os: String,
    pub(crate) arch: String,
}

/// Writes a manifest for every plugin.
pub(crate) fn write_all(flags: &Manifests, out: &Path, version: &str) -> Result<(), Failure> {
    let base = flags.base_url.replace("VERSION", version);
    let to = out.join(FOLDER);
    folder(&to)?;
    for plugin in plugin::all()? {
        let manifest = render(&plugin, version, &base, out)?;
        let file = to.join(format!("{}.yaml", plugin.name));
        let broken = rules::broken(&manifest, &plugin.name);
        if !broken.is_empty() {
            return Err(format!("`{}`: {}", file.display(), broken.join("; ")));
        }
        let text = serde_saphyr::to_string(&manifest).map_err(|error| error.to_string())?;
        write(&file, text.as_bytes())?;
    }
    Ok(())
}

/// The template with the plugin's words, and a platform for every archive of it that is there.
fn render(plugin: &Plugin, version: &str, base: &str, out: &Path) -> Result<Manifest, Failure> {
    let mut manifest: Manifest =
        serde_saphyr::from_str(TEMPLATE).map_err(|error| format!("the template: {error}"))?;
    manifest.metadata.name.clone_from(&plugin.name);
    let spec = &mut manifest.spec;
    spec.version = format!("v{version}");
    spec.short_description.clone_from(&plugin.short_description);
    spec.description.clone_from(&plugin.description);
    spec.caveats.clone_from(&plugin.caveats);
    let shape = spec.platforms.pop().ok_or("the template has no platform")?;
    let platforms = archives(plugin, version, out).map(|(target, name, path)| {
        let mut platform = shape.clone();
        target.os.clone_into(&mut platform.selector.match_labels.os);
        target
            .arch
            .clone_into(&mut platform.selector.match_labels.arch);
        platform.uri = format!("{base}/{name}");
        platform.sha256 = sha256(&path)?;
        platform.bin.clone_from(&plugin.program);
        Ok(platform)
    });
    spec.platforms = platforms.collect::<Result<_, Failure>>()?;
    Ok(manifest)
}

fn archives<'a>(
    plugin: &'a Plugin,
    version: &'a str,
    out: &'a Path,
) -> impl Iterator<Item = (Target, String, PathBuf)> + 'a {
    let named = move |target| {
        let name = archive_name(&plugin.archive, version, target);
        let path = out.join(&name);
        (target, name, path)
    };
    let there = |(_, _, path): &(Target, String, PathBuf)| path.exists();
    target::ALL.into_iter().map(named).filter(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plugin_gets_a_manifest_by_krews_rules_of_the_archives_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path();
        for plugin in plugin::all().unwrap() {
            for os in ["linux", "darwin"] {
                let name = format!("{}-1.2.3-{os}-arm64.tar.gz", plugin.archive);
                write(&out.join(name), os.as_bytes()).unwrap();
            }
        }
        let flags = Manifests {
            base_url: "https://example.com/vVERSION".to_owned(),
        };
        write_all(&flags, out, "1.2.3").unwrap();
        let written = crate::files(&out.join(FOLDER)).unwrap();
        assert_eq!(written.len(), 9);
        for file in written {
            let text = std::fs::read_to_string(&file).unwrap();
            let manifest: Manifest = serde_saphyr::from_str(&text).unwrap();
            let name = file.file_stem().unwrap().to_str().unwrap();
            assert_eq!(rules::broken(&manifest, name), Vec::<String>::new());
            assert_eq!(manifest.spec.version, "v1.2.3");
            let [darwin, linux] = manifest.spec.platforms.as_slice() else {
                panic!("{text}");
            };
            assert_eq!(darwin.selector.match_labels.os, "darwin");
            assert!(
                linux.uri.starts_with("https://example.com/v1.2.3/"),
                "{text}"
            );
            assert_eq!(linux.sha256.len(), 64);
            assert_ne!(linux.sha256, darwin.sha256);
            for word in ["NAME", "SHORT", "DESCRIPTION", "CAVEATS", "SHA256", "URI"] {
                assert!(!text.contains(word), "{word} in {text}");
            }
        }
    }

    #[test]
    fn a_plugin_without_an_archive_gets_no_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let flags = Manifests {
            base_url: "https://example.com".to_owned(),
        };
        let failure = write_all(&flags, folder.path(), "1.2.3").unwrap_err();
        assert!(failure.contains("at least one platform"), "{failure}");
    }
}
