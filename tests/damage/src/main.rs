//! Damages real snapshots, small enough that every part of them is hit: a hundred thousand
//! single changed bytes, and a cut at every 512th byte.
//!
//! With its digest, each is refused. With the digest made anew over the damage, only structure
//! can tell; how much of it does is measured and printed. Nothing may panic, hang, or take
//! memory by the file's word. `make test` runs it; larger ones are for `make bench`:
//! `damage [CASES [FIXTURE...]]`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program stops at the first surprise and tells on stdout"
)]

mod case;
mod watch;

use std::path::Path;
use std::time::Instant;

use case::{Case, Outcome, Tally};

/// Real snapshots of at most 64 KiB, which a hundred thousand changes hit everywhere.
const FIXTURES: [&str; 2] = ["tiny.snap.zst", "small.snap.zst"];
const CASES: u64 = 100_000;
/// Above what the checks of all cases need.
const MEMORY_MOST: u64 = 64 * 1024 * 1024;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let cases = arguments
        .next()
        .map_or(CASES, |count| count.parse().expect("a number of cases"));
    let mut names: Vec<String> = arguments.collect();
    if names.is_empty() {
        names = FIXTURES.map(str::to_owned).to_vec();
    }
    let begun = Instant::now();
    for name in &names {
        let sound = fixture(name);
        let changes = run(&sound, cases / names.len() as u64);
        println!("{name}: {} single bytes changed", changes.total);
        println!("  by the digest      {} refused", changes.by_digest);
        println!(
            "  by structure alone {} damaged, {} suspicious, {} not seen ({:.1} % told)",
            changes.damaged,
            changes.suspicious,
            changes.unseen,
            100.0 * (changes.damaged + changes.suspicious) as f64 / changes.total as f64
        );
        let cuts = cut(&sound);
        println!("{name}: cut at {cuts} places, all refused with and without a digest");
    }
    let peak = watch::peak_memory();
    assert!(peak < MEMORY_MOST, "memory grew to {peak} bytes");
    println!(
        "no panic, no case over {:?}, {} MiB of memory at most, {:.1} s",
        watch::LIMIT,
        peak >> 20,
        begun.elapsed().as_secs_f64()
    );
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures")
        .join(name);
    let sound = zstd::decode_all(&*std::fs::read(path).unwrap()).unwrap();
    let whole = Case::new(&sound).check();
    assert_eq!(whole, Outcome::Clean, "{name} is not sound to begin with");
    sound
}

/// Changes one byte a case, on every core.
fn run(sound: &[u8], cases: u64) -> Tally {
    let workers = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                let mine = (worker..cases).step_by(workers as usize);
                scope.spawn(move || mine.map(|seed| change(sound, seed)).sum::<Tally>())
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    })
}

fn change(sound: &[u8], seed: u64) -> Tally {
    let _watched = watch::case(format!("changed byte, seed {seed}"));
    let random = scramble(seed);
    let (at, flip) = (random as usize % sound.len(), (random >> 56) as u8 | 1);
    let mut bytes = sound.to_vec();
    bytes[at] ^= flip;
    let mut case = Case::new(&bytes);
    assert_eq!(
        case.check(),
        Outcome::Damaged,
        "byte {at} ^ {flip:#x} passed"
    );
    case.make_digest_anew();
    Tally::of(case.check())
}

/// Every cut is shorter than its header says, whatever digest is put behind it.
fn cut(sound: &[u8]) -> usize {
    let ends: Vec<usize> = (0..sound.len()).step_by(512).collect();
    for end in &ends {
        let _watched = watch::case(format!("cut at {end}"));
        let mut case = Case::new(&sound[..*end]);
        let outcome = case.check();
        // Without its digest alone, a snapshot can be the very bytes of a database.
        let only_digest = case.lacks_only_the_digest_of(sound);
        assert!(
            outcome == Outcome::Damaged || (only_digest && outcome == Outcome::Suspicious),
            "cut at {end}: {outcome:?}"
        );
        case.append_digest();
        // Where the digest was cut off, this puts it back.
        if !case.is(sound) {
            assert_eq!(
                case.check(),
                Outcome::Damaged,
                "cut at {end}, digest appended"
            );
        }
    }
    ends.len()
}

/// A fixed permutation of all numbers: the same cases in every run.
fn scramble(seed: u64) -> u64 {
    let mut number = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_the_cases_without_optimisation() {
        for name in FIXTURES {
            let tally = run(&fixture(name), 100);
            assert_eq!((tally.total, tally.by_digest), (100, 100));
            assert!(tally.damaged > 0 && tally.unseen > 0, "{tally:?}");
        }
    }
}
