//! Compiles `proto/**/*.proto` to Rust without `protoc`.

use std::error::Error;

const FILES: &[&str] = &[
    "google/rpc/status.proto",
    "common/common.proto",
    "machine/machine.proto",
    "cosi/resource.proto",
    "cosi/state.proto",
    "talos/specs.proto",
    "etcd/rpc.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let set = protox::compile(FILES, ["proto"])?;
    let server = std::env::var_os("CARGO_FEATURE_SERVER").is_some();
    tonic_prost_build::configure()
        .build_server(server)
        .build_client(true)
        .codec_path("crate::codec::Codec")
        // A snapshot is a million `Data` messages: their payload is not copied.
        .bytes(".common.Data.bytes")
        .bytes(".etcdserverpb.SnapshotResponse.blob")
        .compile_fds(set)?;
    Ok(())
}
