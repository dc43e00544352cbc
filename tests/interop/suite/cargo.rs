//! `cargo install` as the documentation prints it, from a GitHub on loopback: `make from-source`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::documents::fenced;
use e2e::{repository, text};

use crate::github::GitHub;
use crate::process::other;

/// What is built is asked here, not how fast it runs: fat link-time optimisation takes minutes for
/// each program.
const QUICKLY: &str = r#"
[profile.release]
opt-level = 0
lto = "off"
codegen-units = 16
[profile.release.package."*"]
opt-level = 0
"#;

/// Seconds for everything that three programs are made of, on a machine that does other things, too.
const LIMIT: &str = "1800";

/// The folder with what cargo has fetched.
fn cargo_home() -> PathBuf {
    let own = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    own.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cargo"))
}

/// A home with a cargo that has fetched all crates before, and is told to be quick.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join(".cargo");
    fs::create_dir(&own).unwrap();
    symlink(cargo_home().join("registry"), own.join("registry")).unwrap();
    let config = fs::read_to_string(cargo_home().join("config.toml")).unwrap_or_default();
    fs::write(own.join("config.toml"), config + QUICKLY).unwrap();
    home
}

fn typed(github: &GitHub, home: &Path, block: &str) {
    let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap());
    let path = format!(
        "{}:{}",
        cargo.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut bash = Command::new("timeout");
    bash.args([LIMIT, "bash", "-ec", block])
        .env_clear()
        .current_dir(home)
        .env("HOME", home)
        .env("PATH", path)
        // Beside what `cargo build` makes of other profiles; the second run is quick.
        .env("CARGO_TARGET_DIR", repository().join("target/installed"))
        .env("CARGO_NET_GIT_FETCH_WITH_CLI", "true")
        .envs(github.of_git());
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{block}\n{}", text(&output.stderr));
}

#[test]
#[ignore = "builds three programs from nothing, which takes minutes: `make from-source`"]
fn what_is_told_of_cargo_install_is_typed_as_printed() {
    let (github, home) = (GitHub::start(), home());
    let tag = concat!("v", env!("CARGO_PKG_VERSION"));
    github.repository("etcdbackup/etcdbackup", &repository(), tag);
    let blocks = fenced("docs/install-programs.md", "").into_iter();
    let blocks: Vec<_> = blocks
        .filter(|block| block.starts_with("cargo install"))
        .collect();
    assert_eq!(blocks.len(), 1, "{blocks:?}");
    typed(&github, home.path(), &blocks[0]);
    for program in [
        "kubectl-etcdbackup",
        "talosctl-snapshot-push",
        "talosctl-snapshot-pull",
    ] {
        let mut installed = other(&home.path().join(".cargo/bin").join(program));
        let output = installed.arg("--version").output().unwrap();
        let said = text(&output.stdout);
        assert!(
            said.contains(env!("CARGO_PKG_VERSION")),
            "{program}: {said}"
        );
    }
}
