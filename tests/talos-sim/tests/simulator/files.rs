//! What a client reads from a machine's disk.

use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use etcdbackup_proto::common::Data;
use etcdbackup_proto::machine::list_request::Type;
use etcdbackup_proto::machine::{
    CopyRequest, DiskUsageInfo, DiskUsageRequest, FileInfo, ListRequest, ReadRequest,
};
use futures::TryStreamExt as _;
use talos_sim::roles::READER;
use talos_sim::{Fault, HeldUp, Simulator};
use tonic::{Code, Status, Streaming};

use crate::client;
use crate::recovery::{admin, snapshot};
use crate::tool::with_etcd;

async fn list(simulator: &Simulator, request: ListRequest) -> Result<Vec<FileInfo>, Status> {
    let mut client = client::machine(simulator, 0, &[READER]).await;
    client.list(request).await?.into_inner().try_collect().await
}

fn of(root: &str) -> ListRequest {
    ListRequest {
        root: root.to_owned(),
        ..ListRequest::default()
    }
}

fn names(infos: &[FileInfo]) -> Vec<&str> {
    infos
        .iter()
        .map(|info| info.relative_name.as_str())
        .collect()
}

#[tokio::test]
async fn folders_are_listed_as_deep_as_asked() {
    let simulator = Simulator::builder().start().unwrap();
    let infos = list(&simulator, of("/var/lib/etcd")).await.unwrap();
    assert_eq!(names(&infos), [".", "member"]);
    assert!(infos.iter().all(|info| info.is_dir && info.uid == 60));
    assert_eq!(infos[1].name, "/var/lib/etcd/member");
    assert_eq!(infos[1].mode >> 31, 1, "Go's bit for a directory");
    let everything = ListRequest {
        recurse: true,
        ..of("var/lib/etcd/")
    };
    let infos = list(&simulator, everything.clone()).await.unwrap();
    let all = [
        ".",
        "member",
        "member/snap",
        "member/snap/db",
        "member/wal",
        "member/wal/0000000000000000-0000000000000000.wal",
    ];
    assert_eq!(names(&infos), all);
    let files = ListRequest {
        types: vec![Type::Regular as i32],
        ..everything
    };
    assert_eq!(
        names(&list(&simulator, files).await.unwrap()),
        [all[3], all[5]]
    );
    let file = list(&simulator, of("/var/lib/etcd/member/snap/db")).await;
    let file = &file.unwrap()[0];
    assert_eq!((file.relative_name.as_str(), file.is_dir), ("db", false));
    assert_eq!(file.size % 4096, 0);
    simulator.wipe(0).unwrap();
    let infos = list(&simulator, of("/var/lib/etcd")).await.unwrap();
    assert_eq!(names(&infos), ["."]);
    let status = list(&simulator, of("/var/lib/etcd/member")).await;
    let status = status.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (
            Code::Unknown,
            "stat /var/lib/etcd/member: no such file or directory"
        )
    );
    simulator.hold_up(0, HeldUp::Disk);
    assert!(list(&simulator, of("/var/lib")).await.is_err());
}

async fn bytes(stream: Streaming<Data>) -> Vec<u8> {
    let parts: Vec<Data> = stream.try_collect().await.unwrap();
    assert!(
        parts
            .iter()
            .all(|part| part.bytes.len() <= talos_sim::MESSAGE)
    );
    let parts: Vec<Bytes> = parts.into_iter().map(|part| part.bytes).collect();
    parts.concat()
}

#[tokio::test]
async fn files_are_read_for_admins() {
    let simulator = Simulator::builder().start().unwrap();
    let read = |path: &str| ReadRequest {
        path: path.to_owned(),
    };
    let mut client = admin(&simulator, 0).await;
    let boot = client.read(read("/proc/sys/kernel/random/boot_id")).await;
    let boot = bytes(boot.unwrap().into_inner()).await;
    assert_eq!(boot, format!("{}\n", simulator.boot_id(0)).into_bytes());
    simulator.let_pass(0, Duration::from_secs(3_000));
    simulator.put_clock_ahead(0, Duration::from_secs(500));
    let up = client.read(read("/proc/uptime")).await.unwrap();
    let up = String::from_utf8(bytes(up.into_inner()).await).unwrap();
    let up: f64 = up.split(' ').next().unwrap().parse().unwrap();
    let stat = client.read(read("/proc/stat")).await.unwrap();
    let stat = String::from_utf8(bytes(stat.into_inner()).await).unwrap();
    let booted = stat.lines().find_map(|line| line.strip_prefix("btime "));
    let booted: f64 = booted.unwrap().parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ahead = booted + up - now.as_secs_f64();
    assert!((400.0..=500.0).contains(&ahead), "{ahead}");
    assert!(up >= 3_000.0, "{up}");
    let database = client.read(read("/var/lib/etcd/member/snap/db")).await;
    let database = bytes(database.unwrap().into_inner()).await;
    assert_eq!(
        database,
        simulator.file(0, "/var/lib/etcd/member/snap/db").unwrap()
    );
    for (path, code) in [
        ("/var/lib/nothing", Code::NotFound),
        ("/var/lib", Code::Unknown),
    ] {
        assert_eq!(client.read(read(path)).await.unwrap_err().code(), code);
    }
    simulator
        .inject_on(0, "Read", Fault::CutWithOk(5_000), Some(1))
        .unwrap();
    let cut = client.read(read("/var/lib/etcd/member/snap/db")).await;
    assert_eq!(bytes(cut.unwrap().into_inner()).await, database[..5_000]);
    let mut reader = client::machine(&simulator, 0, &[READER]).await;
    let refusal = reader.read(read("/var/lib/etcd/member/snap/db")).await;
    assert_eq!(refusal.unwrap_err().code(), Code::PermissionDenied);
}

/// What the `tar` of this machine finds in an archive.
fn unpacked(archive: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar")
        .args(["-xz", "-C"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = tar.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, archive).unwrap();
    drop(stdin);
    assert!(tar.wait().unwrap().success());
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_a_gzipped_tar() {
    let simulator = with_etcd().control_planes(1).start().unwrap();
    let taken = snapshot(&simulator, 0).await;
    simulator.stop_etcd(0).unwrap();
    let mut client = admin(&simulator, 0).await;
    let copy = |path: &str| CopyRequest {
        root_path: path.to_owned(),
    };
    let archive = client.copy(copy("/var/lib/etcd")).await;
    let archive = bytes(archive.unwrap().into_inner()).await;
    let folder = unpacked(&archive);
    let database = std::fs::read(folder.path().join("member/snap/db")).unwrap();
    assert_eq!(
        database,
        simulator.file(0, "/var/lib/etcd/member/snap/db").unwrap()
    );
    assert_eq!((database.len() % 512, taken.len() % 512), (0, 32));
    let archive = client.copy(copy("/var/lib/etcd/member/snap/db")).await;
    let folder = unpacked(&bytes(archive.unwrap().into_inner()).await);
    assert_eq!(std::fs::read(folder.path().join("db")).unwrap(), database);
    // A failure is the last message of a stream that ends well.
    let stream = client.copy(copy("/nowhere")).await.unwrap().into_inner();
    let messages: Vec<Data> = stream.try_collect().await.unwrap();
    assert_eq!(
        messages[0].metadata.as_ref().unwrap().error,
        "stat /nowhere: no such file or directory"
    );
}

#[tokio::test]
async fn disks_show_what_lies_on_them() {
    let simulator = Simulator::builder()
        .etcd_partition()
        .ephemeral_size(10 << 30)
        .start()
        .unwrap();
    let volume = "/var/mnt/local/pvc-1/data";
    simulator.add_file(0, volume, 3 << 30).unwrap();
    let mut client = client::machine(&simulator, 0, &[READER]).await;
    let request = DiskUsageRequest {
        recursion_depth: 2,
        paths: vec!["/var".to_owned(), "/var/lib".to_owned()],
        ..DiskUsageRequest::default()
    };
    let stream = client.disk_usage(request).await.unwrap().into_inner();
    let infos: Vec<DiskUsageInfo> = stream.try_collect().await.unwrap();
    let size = |name: &str| {
        let info = infos.iter().find(|info| info.relative_name == name);
        info.map_or(0, |info| info.size)
    };
    assert!(size("mnt") >= 3 << 30 && size(".") >= size("mnt") + size("lib"));
    assert_eq!(
        infos.last().unwrap().relative_name,
        ".",
        "folders come last"
    );
    assert!(!infos.iter().any(|info| info.name == "/var/lib/etcd/member"));
    let mounts = client.mounts(()).await.unwrap().into_inner();
    let stats = &mounts.messages[0].stats;
    let of = |path: &str| stats.iter().find(|stat| stat.mounted_on == path).unwrap();
    assert_eq!(of("/var").size, 10 << 30);
    assert!(of("/var").available <= 7 << 30);
    assert!(of("/var/lib/etcd").available > 9 << 30);
}
