//! What a node's events tell of its reset: the milestones, and that it failed. Whether the node
//! is back they do not tell: the connection ends with its services.

use std::future::pending;

use super::Step;
use crate::failure::{Exit, Failure};
use crate::talos::{Event, Events};

/// Phases that a person wants to hear of, in words.
const MILESTONES: [(&str, &str); 3] = [
    ("stopEverything", "its services stop"),
    ("resetSpec", "its partition is wiped"),
    ("reboot", "it reboots"),
];

/// Tells the milestones of the sequence of `actor`; ends only when it failed.
pub(super) async fn failed(
    events: Option<Events>,
    actor: &str,
    step: &Step,
    note: &(dyn Fn(&str) + Sync),
) -> Failure {
    let Some(mut events) = events else {
        return pending().await;
    };
    while let Some(event) = events.next(actor).await {
        match judged(&event, &step.node, &step.title) {
            Heard::Milestone(words) => note(&format!("node {}: {words}", step.title)),
            Heard::Failed(failure) => return failure,
            Heard::Nothing => {}
        }
    }
    pending().await
}

/// What an event means here.
enum Heard {
    Milestone(&'static str),
    Failed(Failure),
    Nothing,
}

fn judged(event: &Event, node: &str, title: &str) -> Heard {
    match event {
        Event::Phase(phase) => {
            let known = MILESTONES.iter().find(|(name, _)| name == phase);
            known.map_or(Heard::Nothing, |(_, words)| Heard::Milestone(words))
        }
        // Where the actor is not known, another sequence's end is no matter of this.
        Event::Failed { sequence, .. } if sequence != "reset" => Heard::Nothing,
        Event::Failed {
            sequence,
            text,
            locked,
        } => Heard::Failed(if *locked {
            Failure::new(
                Exit::Temporary,
                format!("node {title} does not begin its {sequence}: {text}"),
            )
            .hint("somebody else is at it: wait until the node is back, then run this again")
        } else {
            Failure::new(
                Exit::Unreachable,
                format!("the {sequence} of node {title} failed: {text}"),
            )
            .hint(format!(
                "see `talosctl -n {node} dmesg`; what is wiped by then is left alone by another run"
            ))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_are_told_and_failures_end_it() {
        let phase = |name: &str| judged(&Event::Phase(name.to_owned()), "a", "cp-1 (a)");
        assert!(matches!(
            phase("resetSpec"),
            Heard::Milestone("its partition is wiped")
        ));
        assert!(matches!(phase("dbus"), Heard::Nothing));
        let boot = Event::Failed {
            sequence: "boot".to_owned(),
            text: String::new(),
            locked: false,
        };
        assert!(matches!(judged(&boot, "a", "cp-1"), Heard::Nothing));
        for (locked, exit, word) in [
            (true, Exit::Temporary, "does not begin its reset"),
            (false, Exit::Unreachable, "of node cp-1 (a) failed: busy"),
        ] {
            let event = Event::Failed {
                sequence: "reset".to_owned(),
                text: "busy".to_owned(),
                locked,
            };
            let Heard::Failed(failure) = judged(&event, "a", "cp-1 (a)") else {
                panic!("no failure");
            };
            assert_eq!(failure.exit, exit);
            assert!(failure.what.contains(word), "{}", failure.what);
        }
    }
}
