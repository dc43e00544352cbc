//! What a person sees at terminals of several widths, with colour and without, and behind a pipe.

use e2e::golden::{compare, filtered};
use e2e::terminal::{Seat, Terminal};
use e2e::{BUCKET, World, text};

use crate::support::{ok, serving};

const WIDTHS: [u16; 3] = [60, 80, 120];
/// Ages do not grow here.
const CLOCK: (&str, &str) = ("ETCDBACKUP_TEST_CLOCK", "2024-03-01T12:00:00Z");

/// A screen: its name, the program and what is typed behind it.
type Screen = (&'static str, &'static str, &'static [&'static str]);

const SCREENS: [Screen; 5] = [
    ("list", "kubectl-etcdbackup", &["list", "s3://backups/prod"]),
    ("help", "talosctl-snapshot-push", &["-h"]),
    (
        "check",
        "talosctl-snapshot-inspect",
        &["check", "db.snapshot"],
    ),
    (
        "inventory",
        "talosctl-snapshot-inspect",
        &["inventory", "db.snapshot"],
    ),
    (
        "refused",
        "talosctl-snapshot-pull",
        &[
            "file:///nowhere/at/all/in/this/world",
            "-i",
            "key.txt",
            "-o",
            "back",
        ],
    ),
];

/// Names that are wide, long, and that try to steer the terminal.
fn world() -> World {
    let world = serving();
    for (key, size) in [
        ("prod-2024-02-29T03:04:05.678Z.snap.zst.age", 5_000_000),
        ("größe-2024-02-28T03:04:05.678Z.snap.zst.age", 900),
        ("東京-2024-02-27T03:04:05.678Z.snap.zst.age", 5000),
        ("right\u{202e}left-2024-02-26T03:04:05.678Z.snap", 5000),
        (
            "a-rather-long-name-of-a-cluster-2024-02-25T03:04:05.678Z.snap.zst.age",
            70_000,
        ),
    ] {
        world.s3.put(BUCKET, &format!("prod/{key}"), &vec![7; size]);
    }
    std::fs::write(world.path("db.snapshot"), e2e::kubernetes::fixture("after")).unwrap();
    world
}

fn at(world: &World, screen: Screen, columns: u16, color: &str) -> Terminal {
    let (_, program, words) = screen;
    let words = [words, &["--color", color]].concat();
    let seat = Seat {
        columns: Some(columns),
        variables: &[CLOCK],
    };
    let mut terminal = Terminal::at(world, program, &words, seat);
    terminal.wait();
    terminal
}

#[test]
fn screens_are_the_reviewed_ones_at_each_width() {
    let world = world();
    for screen in SCREENS {
        for columns in WIDTHS {
            let terminal = at(&world, screen, columns, "never");
            let written = terminal.written();
            assert!(!written.contains("\u{1b}["), "{written}");
            let shown = filtered(&world, &terminal.rows());
            compare(&format!("looks/{}-{columns}.txt", screen.0), &shown);
        }
    }
}

/// Colour says nothing that the text does not: without its codes it is the same screen.
#[test]
fn colour_adds_nothing_but_colour() {
    let world = world();
    for screen in SCREENS {
        let plain = at(&world, screen, 80, "never");
        let coloured = at(&world, screen, 80, "always");
        assert_eq!(plain.rows(), coloured.rows(), "{}", screen.0);
        let codes = coloured.written().contains("\u{1b}[");
        assert_eq!(
            codes,
            ["list", "help", "refused"].contains(&screen.0),
            "{}",
            screen.0
        );
    }
}

/// Behind a pipe lines are whole, whatever the terminal's width, and nothing steers anything.
#[test]
fn a_pipe_gets_whole_lines_without_codes() {
    let world = world();
    for (name, program, words) in &SCREENS[..4] {
        let mut command = world.command(e2e::programs().join(program));
        let output = command.args(*words).env(CLOCK.0, CLOCK.1).output().unwrap();
        ok(&output);
        let shown = text(&output.stdout);
        assert!(!shown.contains('\u{1b}'), "{name}: {shown}");
        compare(&format!("looks/{name}-pipe.txt"), &filtered(&world, &shown));
    }
}
