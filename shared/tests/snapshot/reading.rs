//! Buckets, records and single keys of real files.

use std::ops::ControlFlow;

use etcdbackup::snapshot::bolt::{Bucket, Database, Form};

use crate::fixtures::unpacked;

/// Every snapshot of every etcd since 3.4 has these.
const BUCKETS: [&str; 10] = [
    "alarm",
    "auth",
    "authRoles",
    "authUsers",
    "cluster",
    "key",
    "lease",
    "members",
    "members_removed",
    "meta",
];

fn count(database: &Database<&[u8]>, bucket: &str) -> usize {
    let mut count = 0;
    let each = |_: &[u8], _: &[u8]| {
        count += 1;
        ControlFlow::Continue(())
    };
    database.for_each(bucket.as_bytes(), each).unwrap();
    count
}

#[test]
fn the_records_of_all_buckets_are_as_many_as_the_official_tool_counts() {
    for (name, inline, total) in [
        ("tiny.snap.zst", true, 15),
        ("before.snap.zst", false, 2526),
        ("after.snap.zst", false, 597),
    ] {
        let bytes = unpacked(name);
        let database = Database::open(&*bytes).unwrap();
        assert_eq!(database.form(), Form::Streamed);
        let buckets = database.buckets().unwrap();
        let names: Vec<_> = buckets.iter().map(Bucket::name).collect();
        assert_eq!(names, BUCKETS.map(str::as_bytes), "{name}");
        let key = database.bucket(b"key").unwrap().unwrap();
        assert_eq!(key.is_inline(), inline, "{name}");
        let sum: usize = BUCKETS.iter().map(|bucket| count(&database, bucket)).sum();
        assert_eq!(sum, total, "{name}");
    }
}

#[test]
fn each_record_is_found_by_its_key_and_what_is_not_there_is_not() {
    let bytes = unpacked("before.snap.zst");
    let database = Database::open(&*bytes).unwrap();
    let bucket = database.bucket(b"key").unwrap().unwrap();
    let mut records = Vec::new();
    let mut cursor = database.cursor(&bucket);
    while let Some(item) = cursor.advance().unwrap() {
        let at = usize::try_from(item.offset).unwrap();
        assert_eq!(&bytes[at..at + item.key.len()], item.key);
        records.push((item.key.to_vec(), item.value.to_vec()));
    }
    for (index, (key, value)) in records.iter().enumerate().step_by(37) {
        assert_eq!(database.get(b"key", key).unwrap().as_ref(), Some(value));
        cursor.seek(key).unwrap();
        for (key, _) in &records[index..records.len().min(index + 150)] {
            assert_eq!(cursor.advance().unwrap().unwrap().key, key);
        }
        let mut between = key.clone();
        between.push(0);
        assert_eq!(database.get(b"key", &between).unwrap(), None);
        cursor.seek(&between).unwrap();
        let next = cursor.advance().unwrap().map(|item| item.key.to_vec());
        assert_eq!(next.as_ref(), records.get(index + 1).map(|(key, _)| key));
    }
    cursor.seek(b"").unwrap();
    assert_eq!(cursor.advance().unwrap().unwrap().key, records[0].0);
    cursor.seek(&[0xff; 20]).unwrap();
    assert_eq!(cursor.advance().unwrap(), None);
    assert_eq!(database.get(b"key", b"").unwrap(), None);
    assert_eq!(database.get(b"no such bucket", b"x").unwrap(), None);
    assert!(database.bucket(b"").unwrap().is_none());
}
