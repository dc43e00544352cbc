//! Files in shapes that real etcd makes elsewhere: other page sizes, stored freelists, large
//! values, nested buckets.

use etcdbackup::failure::Exit;
use etcdbackup::snapshot::bolt::{self, Database, Form, Item, Visitor};
use etcdbackup::snapshot::finding::{Findings, Severity};

use crate::writer::{Entry, Tree, Writer, seal};

/// Collects what is seen.
#[derive(Default)]
struct Seen(Vec<(Vec<u8>, Vec<u8>)>);

impl Visitor for Seen {
    fn bucket(&mut self, name: &[u8], _: &mut Findings) {
        self.0.push((name.to_vec(), b"bucket".to_vec()));
    }

    fn record(&mut self, item: &Item<'_>, _: &mut Findings) {
        self.0.push((item.key.to_vec(), item.value.to_vec()));
    }
}

fn inspect(file: &[u8]) -> (Seen, Findings, bolt::Pages) {
    let database = Database::open(file).unwrap();
    let (mut seen, mut findings) = (Seen::default(), Findings::default());
    let pages = bolt::inspect(&database, &mut seen, &mut findings);
    (seen, findings, pages)
}

fn rules(findings: &Findings) -> Vec<&'static str> {
    findings
        .kept()
        .iter()
        .map(|finding| finding.rule.name)
        .collect()
}

/// Enough for three levels of pages, with values of a few pages each among them.
fn large(page_size: usize) -> Writer {
    let mut writer = Writer::new(page_size);
    for number in 0..3000u32 {
        let length = if number % 500 == 7 { 3 * page_size } else { 90 };
        let value = vec![number as u8; length];
        writer.put("key", &number.to_be_bytes(), &value);
    }
    writer.put("meta", b"name", b"value");
    writer
}

#[test]
fn every_page_size_is_found_out_and_read() {
    for page_size in [1024, 4096, 16_384, 65_536, 1 << 20] {
        let writer = large(page_size);
        for (file, form) in [
            (writer.streamed(), Form::Streamed),
            (writer.raw(), Form::Raw),
        ] {
            let database = Database::open(&*file).unwrap();
            assert_eq!(database.form(), form);
            let (seen, findings, pages) = inspect(&file);
            let expected = if form == Form::Raw {
                vec!["digest-none"]
            } else {
                vec![]
            };
            assert_eq!(rules(&findings), expected, "{page_size}");
            assert_eq!(seen.0.len(), 3003);
            assert_eq!(seen.0[8].1.len(), 3 * page_size);
            assert_eq!(pages.used, pages.total);
            for number in [0, 7, 8, 1507, 2999u32] {
                let value = database
                    .get(b"key", &number.to_be_bytes())
                    .unwrap()
                    .unwrap();
                assert!(value.iter().all(|byte| *byte == number as u8));
            }
        }
    }
}

#[test]
fn the_second_meta_is_found_when_the_first_is_damaged() {
    for page_size in [1024, 4096, 16_384, 65_536] {
        let mut file = large(page_size).streamed();
        file[30] ^= 1;
        let (seen, findings, _) = inspect(&file);
        assert_eq!(seen.0.len(), 3003);
        assert_eq!(rules(&findings), ["meta-lost"]);
        file[page_size + 30] ^= 1;
        assert!(Database::open(&*file).is_err());
    }
}

#[test]
fn a_stored_freelist_is_compared_with_what_is_in_use() {
    for free in [0, 1, 5, 600, 70_000] {
        let mut writer = large(4096);
        writer.page_size = 1024;
        writer.free = Some(free);
        let file = writer.streamed();
        let (_, findings, pages) = inspect(&file);
        assert_eq!(rules(&findings), Vec::<&str>::new(), "{free} free pages");
        assert_eq!(pages.used + free as u64, pages.total);
    }
    let mut writer = large(4096);
    writer.free = Some(3);
    let sound = writer.raw();
    let list = sound.len() - 4096 + 16;
    for (number, expected) in [
        (2u64, vec!["page-freed", "page-lost"]),
        (1 << 40, vec!["freelist", "page-lost"]),
        (0, vec!["freelist", "page-lost"]),
    ] {
        let mut file = sound.clone();
        file[list..list + 8].copy_from_slice(&number.to_le_bytes());
        let (_, findings, _) = inspect(&file);
        let told = rules(&findings);
        assert!(
            expected
                .iter()
                .all(|rule| told.contains(rule) || *rule == "page-lost"),
            "{told:?}"
        );
        assert_eq!(findings.worst(), Some(Severity::Damaged));
    }
    let mut file = sound.clone();
    file.copy_within(list..list + 8, list + 8);
    assert!(rules(&inspect(&file).1).contains(&"freelist-twice"));
    let mut file = sound;
    file[list - 6] = 0xff;
    file[list - 5] = 0xfe;
    assert!(rules(&inspect(&file).1).contains(&"freelist"));
}

#[test]
fn buckets_in_buckets_are_walked_to_a_limit() {
    let nest = |depth: usize| {
        let mut tree = Tree::from([(b"leaf".to_vec(), Entry::Value(vec![1; 2000]))]);
        for _ in 0..depth {
            tree = Tree::from([(b"inner".to_vec(), Entry::Bucket(tree))]);
        }
        let mut writer = Writer::new(4096);
        writer.root = Tree::from([(b"outer".to_vec(), Entry::Bucket(tree))]);
        writer.streamed()
    };
    let (seen, findings, _) = inspect(&nest(3));
    assert_eq!(rules(&findings), Vec::<&str>::new());
    assert_eq!(seen.0.len(), 2, "what lies in inner buckets is not shown");
    assert_eq!(rules(&inspect(&nest(12)).1), ["bucket-nesting"]);
}

#[test]
fn a_tree_that_leads_back_to_itself_ends() {
    let mut file = large(1024).raw();
    let database = Database::open(&*file).unwrap();
    let root = usize::try_from(database.meta().root).unwrap();
    // Every child of every branch page leads to the root page of the file.
    for page in file.chunks_exact_mut(1024).skip(2) {
        if page[8] == 1 {
            let count = usize::from(u16::from_le_bytes([page[10], page[11]]));
            for element in page[16..].chunks_exact_mut(16).take(count) {
                element[8..16].copy_from_slice(&(root as u64).to_le_bytes());
            }
        }
    }
    let (_, findings, _) = inspect(&file);
    assert!(rules(&findings).contains(&"page-shared"));
    assert_eq!(findings.exit(), Exit::Data);
}

#[test]
fn what_lost_its_digest_or_grew_is_told() {
    let sound = large(4096).streamed();
    let open = |bytes: &[u8]| Database::open(bytes).map(|database| database.form());
    assert_eq!(open(&sound[..sound.len() - 32]).unwrap(), Form::LostDigest);
    assert!(open(&sound[..sound.len() - 5]).is_err());
    assert!(open(&sound[..sound.len() - 33]).is_err());
    assert!(open(&sound[..100]).is_err());
    let mut long = sound;
    long.push(0);
    assert_eq!(rules(&inspect(&long).1), ["length"]);
    let mut grown = large(4096).raw();
    grown.resize(grown.len() + 100_000, 0);
    assert_eq!(rules(&inspect(&grown).1), ["digest-none"]);
    let mut sealed = grown;
    seal(&mut sealed);
    assert_eq!(
        open(&sealed).unwrap(),
        Form::Raw,
        "a digest of someone else's"
    );
}
