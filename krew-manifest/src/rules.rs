//! The rules of krew that a manifest must keep, all of them
//! (`kubernetes-sigs/krew:internal/index/validation/validate.go`,
//! `internal/installation/semver/version.go`, `cmd/validate-krew-manifest/main.go`).

use std::path::{Component, Path};

use crate::manifest::{Manifest, Platform};

/// Systems and processors that the validator of krew knows.
const PLATFORMS: [(&str, &str); 11] = [
    ("windows", "386"),
    ("windows", "amd64"),
    ("windows", "arm64"),
    ("linux", "386"),
    ("linux", "amd64"),
    ("linux", "arm"),
    ("linux", "arm64"),
    ("linux", "ppc64le"),
    ("darwin", "386"),
    ("darwin", "amd64"),
    ("darwin", "arm64"),
];
/// Names that Windows keeps for devices.
const DEVICES: [&str; 4] = ["CON", "PRN", "AUX", "NUL"];

/// What is wrong with a manifest in the file `name`.yaml.
pub(crate) fn broken(manifest: &Manifest, name: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let mut want = |holds: bool, rule: &str| {
        if !holds {
            broken.push(rule.to_owned());
        }
    };
    want(
        manifest.api_version == "krew.googlecontainertools.github.com/v1alpha2",
        "the apiVersion is krew's v1alpha2",
    );
    want(manifest.kind == "Plugin", "the kind is Plugin");
    want(manifest.metadata.name == name, "the name is the file's");
    want(
        is_name(&manifest.metadata.name),
        "a name has word characters and dashes",
    );
    let spec = &manifest.spec;
    let version = spec.version.strip_prefix('v').map(semver::Version::parse);
    want(
        matches!(version, Some(Ok(_))),
        "the version is v and a semantic version",
    );
    want(
        !spec.short_description.trim().is_empty(),
        "there is a short description",
    );
    want(
        !spec.short_description.contains(['\r', '\n']),
        "the short description is one line",
    );
    want(!spec.platforms.is_empty(), "there is at least one platform");
    for platform in &spec.platforms {
        let labels = &platform.selector.match_labels;
        let pair = (labels.os.as_str(), labels.arch.as_str());
        want(
            PLATFORMS.contains(&pair),
            "a selector matches a platform that krew knows",
        );
        let same = spec
            .platforms
            .iter()
            .filter(|other| other.selector == platform.selector);
        want(same.count() == 1, "no two platforms match the same system");
        of_platform(platform, &mut want);
    }
    broken
}

fn of_platform(platform: &Platform, want: &mut impl FnMut(bool, &str)) {
    let archive = platform.uri.ends_with(".tar.gz") || platform.uri.ends_with(".zip");
    want(
        platform.uri.starts_with("https://") || platform.uri.starts_with("file://"),
        "an archive has a URL",
    );
    want(archive, "an archive is a .tar.gz or .zip");
    let digits = platform.sha256.bytes();
    let digits = digits.filter(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    want(
        digits.count() == 64 && platform.sha256.len() == 64,
        "a digest has 64 lower-case hexadecimal digits",
    );
    let bin = Path::new(&platform.bin);
    let inside = bin
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    want(
        inside && !platform.bin.is_empty(),
        "the program lies in the archive",
    );
}

fn is_name(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let upper = name.to_ascii_uppercase();
    let port = |start| {
        let rest = upper.strip_prefix(start).map(str::as_bytes);
        matches!(rest, Some([b'1'..=b'9']))
    };
    !name.is_empty()
        && name.chars().all(word)
        && !DEVICES.contains(&upper.as_str())
        && !port("COM")
        && !port("LPT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Labels, Metadata, Selector, Spec};

    fn good() -> Manifest {
        Manifest {
            api_version: "krew.googlecontainertools.github.com/v1alpha2".to_owned(),
            kind: "Plugin".to_owned(),
            metadata: Metadata {
                name: "etcdbackup".to_owned(),
            },
            spec: Spec {
                version: "v1.2.3".to_owned(),
                homepage: String::new(),
                short_description: "Back up".to_owned(),
                description: String::new(),
                caveats: String::new(),
                platforms: vec![platform("linux")],
            },
        }
    }

    fn platform(os: &str) -> Platform {
        Platform {
            selector: Selector {
                match_labels: Labels {
                    os: os.to_owned(),
                    arch: "amd64".to_owned(),
                },
            },
            uri: "https://example.com/a.tar.gz".to_owned(),
            sha256: "0".repeat(64),
            bin: "kubectl-etcdbackup".to_owned(),
        }
    }

    #[test]
    fn a_good_manifest_breaks_nothing() {
        assert_eq!(broken(&good(), "etcdbackup"), Vec::<String>::new());
    }

    #[test]
    fn each_rule_is_told_when_it_is_broken() {
        type Spoil = fn(&mut Manifest);
        let cases: [(Spoil, &str); 20] = [
            (|m| m.api_version = "v1".into(), "apiVersion"),
            (|m| m.kind = "plugin".into(), "the kind"),
            (|m| m.metadata.name = "other".into(), "the file's"),
            (|m| m.metadata.name = "a b".into(), "word characters"),
            (|m| m.metadata.name = "com1".into(), "word characters"),
            (|m| m.metadata.name = "nul".into(), "word characters"),
            (|m| m.spec.version = "1.2.3".into(), "the version"),
            (|m| m.spec.version = "v1.2".into(), "the version"),
            (
                |m| m.spec.short_description = " ".into(),
                "there is a short",
            ),
            (|m| m.spec.short_description = "a\nb".into(), "one line"),
            (|m| m.spec.platforms.clear(), "at least one"),
            (|m| m.spec.platforms.push(platform("linux")), "no two"),
            (|m| m.spec.platforms.push(platform("plan9")), "krew knows"),
            (|m| m.spec.platforms[0].uri = "a.tar.gz".into(), "has a URL"),
            (
                |m| m.spec.platforms[0].uri = "https://a/b.tar.xz".into(),
                ".tar.gz",
            ),
            (
                |m| m.spec.platforms[0].sha256 = "A".repeat(64),
                "lower-case",
            ),
            (
                |m| m.spec.platforms[0].sha256 = "a".repeat(63),
                "lower-case",
            ),
            (
                |m| m.spec.platforms[0].bin = String::new(),
                "in the archive",
            ),
            (
                |m| m.spec.platforms[0].bin = "../x".into(),
                "in the archive",
            ),
            (
                |m| m.spec.platforms[0].bin = "/bin/x".into(),
                "in the archive",
            ),
        ];
        for (spoil, rule) in cases {
            let mut manifest = good();
            spoil(&mut manifest);
            let broken = broken(&manifest, "etcdbackup");
            assert!(
                broken.iter().any(|found| found.contains(rule)),
                "{rule}: {broken:?}"
            );
        }
    }
}
