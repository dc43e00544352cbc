//! `pull`: which object, into what file, with whose key.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use e2e::{BUCKET, World, text};

use crate::support::{code, ok, refused, serving};

/// A world with one backup of cluster `prod` in S3 and its snapshot as `original`.
fn stored() -> World {
    let world = serving();
    ok(&world.shell(
        "talosctl-snapshot-take -q -o original
         talosctl-snapshot-push -q -f original s3://backups/prod -R recipients.txt",
    ));
    world
}

fn same(world: &World, name: &str) -> bool {
    std::fs::read(world.path(name)).unwrap() == std::fs::read(world.path("original")).unwrap()
}

fn stored_bytes(world: &World) -> Vec<u8> {
    let key = &world.s3.keys(BUCKET, "prod")[0];
    world.s3.object(BUCKET, key).unwrap()
}

/// The stored bytes under another name, as another day's backup.
fn copy_as(world: &World, key: &str) {
    world.s3.put(BUCKET, key, &stored_bytes(world));
}

#[test]
fn a_destination_gives_its_newest_and_a_time_the_newest_before_it() {
    let world = stored();
    copy_as(&world, "prod/prod-2026-01-01T00:00:00.000Z.snap.zst.age");
    copy_as(&world, "prod/prod-2999-01-01T00:00:00.000Z.snap.zst.age");
    let newest = world.ours(
        "talosctl-snapshot-pull",
        &["s3://backups/prod", "-i", "key.txt", "-o", "newest"],
    );
    ok(&newest);
    let stderr = text(&newest.stderr);
    assert!(
        stderr.contains(
            "`prod/prod-2999-01-01T00:00:00.000Z.snap.zst.age` is dated in the future: skipped"
        ),
        "{stderr}"
    );
    assert!(
        !stderr.contains("fetched s3://backups/prod/prod-2026-01-01"),
        "{stderr}"
    );
    let before = [
        "s3://backups/prod",
        "--at",
        "2026-01-01T00:00:00Z",
        "-i",
        "key.txt",
        "-o",
        "before",
    ];
    let before = world.ours("talosctl-snapshot-pull", &before);
    ok(&before);
    assert!(
        text(&before.stderr).contains("fetched s3://backups/prod/prod-2026-01-01"),
        "{}",
        text(&before.stderr)
    );
    assert!(same(&world, "newest") && same(&world, "before"));
}

#[test]
fn one_of_several_clusters_is_named() {
    let world = stored();
    copy_as(&world, "prod/lab-2026-01-01T00:00:00.000Z.snap.zst.age");
    let pull = ["s3://backups/prod", "-i", "key.txt", "-o", "back"];
    refused(
        &world.ours("talosctl-snapshot-pull", &pull),
        2,
        "`lab`, `prod`",
    );
    let named = world.ours(
        "talosctl-snapshot-pull",
        &[&pull[..], &["--cluster-name", "lab"]].concat(),
    );
    ok(&named);
    assert!(
        text(&named.stderr).contains("prod/lab-2026"),
        "{}",
        text(&named.stderr)
    );
}

#[test]
fn an_object_is_found_by_its_key_whatever_its_name() {
    let world = stored();
    copy_as(&world, "prod/kept before the upgrade");
    let key = world
        .s3
        .keys(BUCKET, "prod")
        .into_iter()
        .find(|key| key.ends_with(".age"))
        .unwrap();
    for (number, url) in [
        format!("s3://{BUCKET}/{key}"),
        format!("s3://{BUCKET}/prod/kept before the upgrade"),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("back-{number}");
        ok(&world.ours(
            "talosctl-snapshot-pull",
            &[url, "-i", "key.txt", "-o", &name],
        ));
        assert!(same(&world, &name));
    }
    // From a folder, and as it lies there.
    ok(&world.shell(
        "mkdir nas; talosctl-snapshot-push -q -f original file://$PWD/nas -R recipients.txt",
    ));
    ok(&world.shell("talosctl-snapshot-pull file://$PWD/nas -i key.txt -o from-folder"));
    ok(&world.shell("cp nas/nas-*.age nas/renamed; talosctl-snapshot-pull file://$PWD/nas/renamed -i key.txt -o renamed"));
    assert!(same(&world, "from-folder") && same(&world, "renamed"));
    ok(&world.shell("talosctl-snapshot-pull file://$PWD/nas --stored -o stored.age; cmp stored.age nas/nas-*.age"));
    ok(&world.shell("age -d -i key.txt stored.age > zstd.bytes"));
}

#[test]
fn bytes_go_to_stdout_and_only_good_ones_have_an_end() {
    let world = stored();
    ok(&world
        .shell("talosctl-snapshot-pull s3://backups/prod -i key.txt > back; cmp back original"));
    ok(&world.shell(
        "talosctl-snapshot-pull s3://backups/prod -i - < key.txt > back; cmp back original",
    ));
}

#[test]
fn a_file_is_private_whole_and_never_replaced_by_accident() {
    let world = stored();
    let pull = |more: &[&str]| {
        world.ours(
            "talosctl-snapshot-pull",
            &[&["s3://backups/prod", "-i", "key.txt", "-o", "back"], more].concat(),
        )
    };
    // What a killed run left, readable by all.
    std::fs::write(world.path("back.part"), b"leftover").unwrap();
    std::fs::set_permissions(
        world.path("back.part"),
        std::fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    ok(&pull(&[]));
    assert!(same(&world, "back") && !world.path("back.part").exists());
    let mode = std::fs::metadata(world.path("back"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(world.path("back"), b"precious").unwrap();
    refused(&pull(&[]), 74, "exists");
    assert_eq!(std::fs::read(world.path("back")).unwrap(), b"precious");
    ok(&pull(&["--force"]));
    assert!(same(&world, "back"));
}

/// A web server that hands out `bytes` once, slowly if asked, behind a signed URL.
fn web(bytes: Vec<u8>, pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/object?X-Amz-Expires=60&X-Amz-Signature=planted-signature-0123456789",
        listener.local_addr().unwrap()
    );
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _length = socket.read(&mut request).unwrap();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\netag: \"1\"\r\n\r\n",
            bytes.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        for chunk in bytes.chunks(10_000) {
            if socket.write_all(chunk).is_err() {
                return;
            }
            std::thread::sleep(pause);
        }
    });
    url
}

#[test]
fn a_presigned_url_comes_in_a_file_and_its_signature_shows_nowhere() {
    let world = stored();
    e2e::secrets::plant("planted-signature-0123456789");
    let bytes = stored_bytes(&world);
    for (more, name) in [
        ("--url-file url.txt", "filed"),
        ("--url-file - < url.txt", "piped"),
    ] {
        std::fs::write(
            world.path("url.txt"),
            web(bytes.clone(), Duration::ZERO) + "\n",
        )
        .unwrap();
        let pull = world.shell(&format!(
            "talosctl-snapshot-pull -vv -i key.txt -o {name} {more}"
        ));
        ok(&pull);
        assert!(same(&world, name));
    }
    std::fs::write(
        world.path("url.txt"),
        "http://127.0.0.1:9/x?X-Amz-Signature=planted-signature-0123456789",
    )
    .unwrap();
    let both = world.ours(
        "talosctl-snapshot-pull",
        &["s3://backups/prod", "--url-file", "url.txt", "-o", "x"],
    );
    refused(&both, 2, "cannot be used with");
}

#[test]
fn a_stopped_pull_leaves_nothing_not_even_of_stored_bytes() {
    let world = stored();
    let bytes = stored_bytes(&world);
    for more in [&["--stored"][..], &["-i", "key.txt"]] {
        std::fs::write(
            world.path("url.txt"),
            web(bytes.clone(), Duration::from_millis(400)),
        )
        .unwrap();
        let mut run = world.command(e2e::programs().join("talosctl-snapshot-pull"));
        run.args(["--url-file", "url.txt", "-o", "back"])
            .args(more)
            .stderr(Stdio::piped());
        let child = run.spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while !world.path("back.part").exists() {
            assert!(Instant::now() < end, "no part file");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(300));
        let killed = world
            .command("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 143, "{}", text(&output.stderr));
        assert!(!world.path("back").exists() && !world.path("back.part").exists());
    }
}

#[test]
fn a_protected_identity_asks_on_the_terminal_while_stdin_is_elsewhere() {
    let world = stored();
    crate::wrong_input::protect(&world);
    e2e::secrets::plant(crate::wrong_input::PASSPHRASE);
    // The typed line reaches the terminal, which does not echo it.
    let typed = |passphrase: &str| {
        let inner = "talosctl-snapshot-pull s3://backups/prod -i protected.age -o back < /dev/null";
        let line =
            format!("(sleep 2; echo '{passphrase}'; sleep 2) | script -qec '{inner}' /dev/null");
        world
            .command("bash")
            .args(["-c", &format!("{line}; exit ${{PIPESTATUS[1]}}")])
            // Where a pinentry is installed it would ask in its own way.
            .env("PINENTRY_PROGRAM", "/nowhere")
            .output()
            .unwrap()
    };
    let wrong = typed("not it");
    assert_eq!(code(&wrong), 77, "{}", text(&wrong.stdout));
    assert!(
        text(&wrong.stdout).contains("the identity stays locked"),
        "{}",
        text(&wrong.stdout)
    );
    let right = typed(crate::wrong_input::PASSPHRASE);
    assert_eq!(code(&right), 0, "{}", text(&right.stdout));
    assert!(same(&world, "back"));
}
