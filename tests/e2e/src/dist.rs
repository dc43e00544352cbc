//! Archives of the built programs, as `make dist` packs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{programs, text};

/// Archives, digests and krew manifests in a folder.
pub struct Dist {
    /// The folder.
    pub folder: PathBuf,
    /// This machine's system and processor, as archives are named.
    pub platform: String,
}

impl Dist {
    /// Packs the built programs into `folder`, without what only a debugger reads.
    ///
    /// # Panics
    /// They cannot be packed.
    pub fn pack(folder: &Path) -> Self {
        let stripped = folder.join("programs");
        std::fs::create_dir_all(&stripped).expect("a folder");
        for program in ours() {
            let mut strip = Command::new("strip");
            let name = program.file_name().expect("a name");
            done(strip.arg("-o").arg(stripped.join(name)).arg(&program));
        }
        let system = match std::env::consts::OS {
            "macos" => ("apple-darwin", "darwin"),
            _ => ("unknown-linux-gnu", "linux"),
        };
        let processor = match std::env::consts::ARCH {
            "aarch64" => ("aarch64", "arm64"),
            _ => ("x86_64", "amd64"),
        };
        let out = folder.join("dist");
        let dist = || dist(&out);
        let triple = format!("{}-{}", processor.0, system.0);
        done(
            dist()
                .args(["archive", "--target", &triple, "--programs"])
                .arg(&stripped),
        );
        done(dist().arg("manifests"));
        Self {
            folder: out,
            platform: format!("{}-{}", system.1, processor.1),
        }
    }

    /// An archive: of a program, or `etcdbackup` with all.
    pub fn archive(&self, name: &str) -> PathBuf {
        let version = env!("CARGO_PKG_VERSION");
        let platform = &self.platform;
        self.folder
            .join(format!("{name}-{version}-{platform}.tar.gz"))
    }

    /// Lays the manifests as a custom index of krew.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn index(&self, folder: &Path) {
        done(dist(&self.folder).args(["index", "--index"]).arg(folder));
    }

    /// The krew manifest of a plugin.
    pub fn manifest(&self, plugin: &str) -> PathBuf {
        self.folder.join(format!("krew/{plugin}.yaml"))
    }
}

/// The program behind `make dist`.
fn dist(out: &Path) -> Command {
    let mut dist = Command::new(programs().join("dist"));
    dist.arg("--out").arg(out);
    dist
}

/// The built programs of the suite: `kubectl-…` and `talosctl-…`.
fn ours() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(programs()).expect("built programs");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let ours = name.starts_with("kubectl-") || name.starts_with("talosctl-");
            ours && path.extension().is_none()
        })
        .collect()
}

fn done(command: &mut Command) {
    let output = command.output().expect("a program that is there");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        text(&output.stderr)
    );
}
