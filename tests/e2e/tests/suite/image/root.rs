//! The root file system, built by `image/rootfs`, and programs in it as a kubelet starts them:
//! with the variables of their pod and no other, as a user who owns nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::{World, programs, repository};

/// As the image says.
const USER: u32 = 65532;

/// A built root file system, gone when dropped.
pub(super) struct Root {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Root {
    pub(super) fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root");
        let built = Command::new(repository().join("image/rootfs"))
            .arg(programs())
            .arg(&path)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", e2e::text(&built.stderr));
        Self {
            _folder: folder,
            path,
        }
    }

    /// Runs a program as the image's user.
    pub(super) fn run(&self, words: &[&str], variables: &BTreeMap<String, String>) -> Output {
        self.run_as(USER, words, variables)
    }

    /// Runs a program as this user, where we may become another; else as the only user there is
    /// in a namespace of its own.
    pub(super) fn run_as(
        &self,
        user: u32,
        words: &[&str],
        variables: &BTreeMap<String, String>,
    ) -> Output {
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("chroot");
            command.arg(format!("--userspec={user}:{user}"));
            command
        } else {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "chroot"]);
            command
        };
        command
            .arg(&self.path)
            .args(words)
            .env_clear()
            .envs(variables);
        let output = command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output();
        let output = output.expect("chroot or unshare");
        let blocked = matches!(output.status.code(), Some(125)) || {
            let said = e2e::text(&output.stderr);
            said.starts_with("chroot:") || said.starts_with("unshare:")
        };
        assert!(
            !blocked,
            "BLOCKED: neither chroot nor unshare works here: {}",
            e2e::text(&output.stderr)
        );
        output
    }

    /// A file, as a mount would show it.
    pub(super) fn put(&self, file: &str, text: &str) {
        let path = self.path.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
    }

    /// The Secret of Talos, where it is mounted.
    pub(super) fn mount_talosconfig(&self, world: &World) {
        let text = fs::read_to_string(world.path("talosconfig")).unwrap();
        self.put("var/run/secrets/talos.dev/config", &text);
    }

    /// One more authority in the image's bundle.
    pub(super) fn trust(&self, authority: &str) {
        let bundle = self.path.join("etc/ssl/certs/ca-certificates.crt");
        let mut bundle = fs::OpenOptions::new().append(true).open(bundle).unwrap();
        bundle.write_all(authority.as_bytes()).unwrap();
    }

    /// A name, as the kubelet writes them into the pod's hosts file.
    pub(super) fn name(&self, address: &str, name: &str) {
        self.put(
            "etc/hosts",
            &format!("127.0.0.1 localhost\n{address} {name}\n"),
        );
    }

    /// Every file in it, sorted.
    pub(super) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.path, &self.path, &mut found);
        found.sort();
        found
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            walk(root, &entry.path(), found);
        } else {
            let path = entry.path();
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}
