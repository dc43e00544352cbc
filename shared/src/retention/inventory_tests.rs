//! Listings as they are kept.

use super::*;
use crate::store::Object;

fn inventory(keys: &[&str], cluster: Option<&str>) -> Inventory {
    let now = "2026-02-01T00:00:00Z".parse().unwrap();
    let mut gathered = Gathered::new("p/".to_owned(), cluster, now);
    for key in keys {
        gathered.take(&Object {
            key: format!("p/{key}"),
            size: 9,
            modified: None,
        });
    }
    gathered.join()
}

const NAMES: [&str; 5] = [
    "a-2026-01-02T03:04:05.678Z.snap.zst.age",
    "a-2026-01-03T03-04-05.678Z.snap",
    "a-2026-01-01T03:04:05Z.snap.age",
    "a-2026-01-04T05:04:05+02:00.snap",
    "/a-2026-01-05T00:00:00Z.snap",
];

#[test]
fn names_come_back_as_they_were_newest_first() {
    let inventory = inventory(&NAMES, None);
    let [lot] = &inventory.lots[..] else {
        panic!("{inventory:?}");
    };
    let keys: Vec<String> = lot
        .items
        .iter()
        .map(|item| inventory.key(lot, item))
        .collect();
    assert_eq!(
        keys,
        [4, 3, 1, 0, 2].map(|at: usize| format!("p/{}", NAMES[at]))
    );
    assert!(lot.times().is_sorted_by(|left, right| left >= right));
    assert!(std::mem::size_of::<Item>() <= 48);
}

#[test]
fn what_lies_beside_is_joined_and_what_is_left_over_is_found() {
    let mut keys: Vec<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
    keys.push(format!(".manifest/{}.json", NAMES[0]));
    keys.push(format!(".verified/{}.json", NAMES[1]));
    keys.push(format!(".manifest/{}.json", NAMES[3]));
    keys.push("/.manifest/a-2026-01-05T00:00:00Z.snap.json".to_owned());
    let orphans = [
        ".manifest/a-2025-01-02T03:04:05.678Z.snap.json",
        ".manifest/notes.json",
        ".verified/b-2025-01-02T03-04-05Z.snap.zst.json",
        "/.verified/a-2026-01-06T00:00:00Z.snap.json",
    ];
    keys.extend(orphans.map(str::to_owned));
    keys.push(".manifest/undated.snap.json".to_owned());
    keys.push("undated.snap".to_owned());
    keys.push("deeper/a-2026-01-05T00:00:00Z.snap".to_owned());
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let all = inventory(&keys, None);
    let lot = &all.lots[0];
    let beside: Vec<(bool, bool)> = lot
        .items
        .iter()
        .map(|item| (item.manifest, item.record))
        .collect();
    assert_eq!(
        beside,
        [
            (true, false),
            (true, false),
            (false, true),
            (true, false),
            (false, false)
        ]
    );
    let mut found: Vec<&str> = all
        .orphans
        .iter()
        .map(|orphan| orphan.key.as_str())
        .collect();
    found.sort_unstable();
    let mut wanted = orphans.map(|key| format!("p/{key}"));
    wanted.sort();
    assert_eq!(found, wanted);
    assert_eq!(all.others.len(), 1);
    let of_a = inventory(&keys, Some("a"));
    assert_eq!(of_a.orphans.len(), 3, "{:?}", of_a.orphans);
    assert!(inventory(&keys, Some("c")).lots.is_empty());
}

#[test]
fn what_is_not_a_snapshot_is_left_alone() {
    let inventory = inventory(
        &[
            "a-2027-01-01T00:00:00Z.snap",
            "db.snapshot",
            "FFFFFFFF9A99FBF6.snapshot",
            ".a-2026-01-02T03-04-05.000Z.snap.1a2b3c4d.part",
        ],
        None,
    );
    let what: Vec<&str> = inventory
        .others
        .iter()
        .map(|one| one.what.as_str())
        .collect();
    assert_eq!(
        what,
        ["future-dated", "undated", "foreign (Omni)", "partial"]
    );
    assert!(inventory.lots.is_empty());
}

#[test]
fn open_uploads_of_deeper_keys_are_others() {
    let mut inventory = inventory(&[], None);
    let upload = |key: &str| OpenUpload {
        key: key.to_owned(),
        id: "1".to_owned(),
        begun: None,
    };
    inventory.add_uploads(vec![
        upload("p/a.snap"),
        upload("p/q/a.snap"),
        upload("q/x"),
    ]);
    assert_eq!(inventory.orphans.len(), 1);
}
