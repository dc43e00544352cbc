//! The folder as a store, against a real file system.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

async fn read(store: &FileStore, key: &str) -> Vec<u8> {
    let mut body = store.open(key).await.unwrap();
    let mut whole = Vec::new();
    while let Some(bytes) = body.next().await.unwrap() {
        whole.extend_from_slice(&bytes);
    }
    assert_eq!(body.size(), Some(whole.len() as u64));
    whole
}

#[tokio::test]
async fn an_upload_appears_whole_private_and_only_when_complete() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("prod");
    let store = FileStore::new(&folder);
    let key = store.key_of("prod-2026-01-02T03:04:05.678Z.snap");
    assert_eq!(key, "prod-2026-01-02T03-04-05.678Z.snap");
    assert_eq!(
        store.url_of(&key),
        format!("file://{}/{key}", folder.display())
    );

    let upload = store.begin(&key, 4).await.unwrap();
    upload.part(2, 4, Bytes::from_static(b"56")).await.unwrap();
    upload
        .part(1, 0, Bytes::from_static(b"1234"))
        .await
        .unwrap();
    let before = names(&folder);
    assert_eq!(before.len(), 1);
    assert!(
        before[0].starts_with(".prod-") && before[0].ends_with(".part"),
        "{before:?}"
    );
    upload.complete(2).await.unwrap();

    assert_eq!(names(&folder), std::slice::from_ref(&key));
    assert_eq!(read(&store, &key).await, b"123456");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join(&key)), 0o600);
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing_and_may_be_aborted_again() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::new(root.path());
    let upload = store.begin("a.snap", 4).await.unwrap();
    upload
        .part(1, 0, Bytes::from_static(b"1234"))
        .await
        .unwrap();
    upload.abort().await.unwrap();
    upload.abort().await.unwrap();
    assert!(names(root.path()).is_empty());
}

#[tokio::test]
async fn parts_with_a_hole_are_never_published() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::new(root.path());
    let upload = store.begin("a.snap", 4).await.unwrap();
    upload
        .part(1, 0, Bytes::from_static(b"1234"))
        .await
        .unwrap();
    upload.part(3, 8, Bytes::from_static(b"90")).await.unwrap();
    for parts in [1, 2, 3] {
        assert_eq!(
            upload.complete(parts).await.unwrap_err().failure.exit,
            Exit::Bug
        );
    }
    upload.part(2, 4, Bytes::from_static(b"567")).await.unwrap();
    assert_eq!(
        upload.complete(3).await.unwrap_err().failure.exit,
        Exit::Bug
    );
    assert!(
        store
            .open("a.snap")
            .await
            .is_err_and(|error| error.kind == StoreErrorKind::NotFound)
    );
}

#[tokio::test]
async fn nothing_is_overwritten_unless_asked() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::new(root.path());
    store
        .put("a.snap", Bytes::from_static(b"first"), false)
        .await
        .unwrap();
    let error = store
        .put("a.snap", Bytes::from_static(b"second"), false)
        .await
        .unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Exists);

    let Err(error) = store.begin("a.snap", 4).await else {
        panic!("began an upload of a taken name")
    };
    assert_eq!(error.kind, StoreErrorKind::Exists);
    assert_eq!(read(&store, "a.snap").await, b"first");

    store
        .put("a.snap", Bytes::from_static(b"fourth"), true)
        .await
        .unwrap();
    assert_eq!(read(&store, "a.snap").await, b"fourth");
    assert_eq!(names(root.path()), ["a.snap"]);
}

#[tokio::test]
async fn two_writers_of_one_name_cannot_both_win() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::new(root.path());
    let (one, two) = (
        store.begin("a.snap", 4).await.unwrap(),
        store.begin("a.snap", 4).await.unwrap(),
    );
    one.part(1, 0, Bytes::from_static(b"one")).await.unwrap();
    two.part(1, 0, Bytes::from_static(b"two")).await.unwrap();
    let (first, second) = tokio::join!(one.complete(1), two.complete(1));
    assert!(first.is_ok() != second.is_ok());
    let _ = (one.abort().await, two.abort().await);
    assert_eq!(names(root.path()), ["a.snap"]);
}

#[tokio::test]
async fn a_listing_has_every_regular_file_in_key_order() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::new(root.path());
    for key in [
        "b.snap",
        "a.snap",
        ".manifest/b.snap.json",
        "sub/deep/c.snap",
    ] {
        store
            .put(key, Bytes::from_static(b"x"), false)
            .await
            .unwrap();
    }
    std::os::unix::fs::symlink(root.path(), root.path().join("circle")).unwrap();
    let page = store.list(None).await.unwrap();
    let keys: Vec<&str> = page
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            ".manifest/b.snap.json",
            "a.snap",
            "b.snap",
            "sub/deep/c.snap"
        ]
    );
    assert!(
        page.objects
            .iter()
            .all(|object| object.size == 1 && object.modified.is_some())
    );
    assert_eq!(page.next, None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_name_that_is_not_utf_8_is_skipped() {
    use std::os::unix::ffi::OsStrExt;
    let root = tempfile::tempdir().unwrap();
    std::fs::write(
        root.path()
            .join(std::ffi::OsStr::from_bytes(b"bad\xff.snap")),
        b"x",
    )
    .unwrap();
    std::fs::write(root.path().join("good.snap"), b"x").unwrap();
    let page = FileStore::new(root.path()).list(None).await.unwrap();
    assert_eq!(page.objects.len(), 1);
}

#[tokio::test]
async fn a_missing_parent_is_a_configuration_error_that_names_it() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::new(&root.path().join("not/mounted"));
    let Err(error) = store.begin("a.snap", 4).await else {
        panic!("began an upload")
    };
    assert_eq!(
        (error.kind, error.failure.exit),
        (StoreErrorKind::NotFound, Exit::Config)
    );
    assert!(error.failure.what.contains("not/mounted"));
    assert_eq!(
        store.list(None).await.unwrap_err().failure.exit,
        Exit::Config
    );
    assert!(names(root.path()).is_empty());
}

#[tokio::test]
async fn keys_cannot_leave_the_folder() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::new(root.path());
    for key in ["../a", "a/../../b", "/etc/passwd", "", "a//b", "./a"] {
        let error = store.put(key, Bytes::new(), true).await.unwrap_err();
        assert_eq!(error.failure.exit, Exit::Usage, "{key}");
    }
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let store = FileStore::new(root.path());
    store
        .put("a.snap", Bytes::from(vec![7; READ_SIZE * 3]), false)
        .await
        .unwrap();
    let mut body = store.open("a.snap").await.unwrap();
    body.next().await.unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(root.path().join("a.snap"))
        .unwrap()
        .set_len(1)
        .unwrap();
    let ended = loop {
        match body.next().await {
            Ok(Some(_)) => {}
            ended => break ended,
        }
    };
    assert_eq!(ended.unwrap_err().failure.exit, Exit::Io);
}

#[test]
fn errors_of_the_file_system_have_their_exit_codes() {
    use std::io::ErrorKind;
    let table = [
        (ErrorKind::NotFound, Exit::Config),
        (ErrorKind::PermissionDenied, Exit::NotPermitted),
        (ErrorKind::StorageFull, Exit::Io),
        (ErrorKind::QuotaExceeded, Exit::Io),
        (ErrorKind::ReadOnlyFilesystem, Exit::Io),
        (ErrorKind::Other, Exit::Io),
    ];
    for (kind, exit) in table {
        let error = trouble::of("write", Path::new("/mnt/nas/x"), kind.into());
        assert_eq!(error.failure.exit, exit, "{kind:?}");
        assert!(error.failure.what.contains("/mnt/nas/x"));
    }
}
