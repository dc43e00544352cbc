//! Pages of a bbolt file. The metas are made here, for no fuzzer guesses a checksum; all
//! else is the input's: byte 0 the root page, byte 1 the freelist's, the rest pages 2 and on.

#![no_main]

use etcdbackup::snapshot::bolt::Database;
use etcdbackup::snapshot::check;
use etcdbackup::snapshot::etcd::for_each_live;
use libfuzzer_sys::fuzz_target;

/// The smallest that bbolt takes: most pages for few bytes.
const PAGE: usize = 1024;

fuzz_target!(|input: &[u8]| {
    let Some((head, pages)) = input.split_at_checked(2) else {
        return;
    };
    let mut file = vec![0; 2 * PAGE];
    file.extend_from_slice(pages);
    file.resize(file.len().next_multiple_of(PAGE).max(4 * PAGE), 0);
    let count = (file.len() / PAGE) as u64;
    let freelist = match head[1] {
        0 => u64::MAX,
        page => u64::from(page),
    };
    for (page, transaction) in [(0, 8), (1, 9)] {
        let numbers = [u64::from(head[0]), 0, freelist, count, transaction];
        write_meta(&mut file[page * PAGE + 16..], numbers);
    }
    if let Ok(checked) = check(&*file) {
        let findings = &checked.survey.findings;
        assert!(findings.kept().len() <= 100);
        assert!(checked.survey.pages.used <= count);
        // What a check calls sound, a reader reads to its end.
        if checked.sound().is_some() {
            let database = Database::open(&*file).expect("it was checked");
            let read = for_each_live(&database, |_| std::ops::ControlFlow::Continue(()));
            assert!(read.is_ok(), "{read:?}");
        }
    }
});

fn write_meta(meta: &mut [u8], numbers: [u64; 5]) {
    let mut bytes = Vec::new();
    for number in [0xED0C_DAED, 2, PAGE as u32, 0] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for number in numbers {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let checksum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    bytes.extend_from_slice(&checksum.to_le_bytes());
    meta[..bytes.len()].copy_from_slice(&bytes);
}
