//! Programs that the tests run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use talos_sim::{Builder, Simulator};

/// The folder of a fetched tool.
pub(crate) fn tool(name: &str) -> PathBuf {
    static FETCHED: OnceLock<PathBuf> = OnceLock::new();
    let tools = FETCHED.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let status = Command::new(root.join("tests/tools/fetch"))
            .args(["etcd-3.4", "etcd-3.5"])
            .status();
        assert!(status.unwrap().success(), "the tools could not be fetched");
        match std::env::var_os("ETCDBACKUP_TOOLS_DIR") {
            Some(folder) => folder.into(),
            None => root.join("target/tools"),
        }
    });
    tools.join(name)
}

/// A simulator in the making, with etcd 3.5 behind it.
pub(crate) fn with_etcd() -> Builder {
    Simulator::builder().etcd(&tool("etcd-3.5").join("etcd"))
}
