//! The runtime events of one node: kept since its boot, streamed to whoever watches.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etcdbackup_proto::common;
use etcdbackup_proto::machine::{
    self, Event, EventsRequest, MachineStatusEvent, PhaseEvent, SequenceEvent, ServiceStateEvent,
    TaskEvent,
};
use futures::stream::{self, StreamExt as _};
use prost::Message;
use prost_types::Any;
use tokio::sync::watch;

use crate::cluster::Node;
use crate::routing::Messages;
use std::sync::Arc;

/// Talos keeps so many.
const KEPT: usize = 1000;
/// The digits of an id: base 32 in the order of their values, so that ids sort by time.
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

struct Recorded {
    number: u64,
    at: SystemTime,
    event: Event,
}

/// One node's events.
pub(crate) struct EventLog {
    recorded: Mutex<Vec<Recorded>>,
    /// The number of the newest.
    newest: watch::Sender<u64>,
}

impl EventLog {
    pub(crate) fn new() -> Self {
        Self {
            recorded: Mutex::new(Vec::new()),
            newest: watch::Sender::new(0),
        }
    }

    fn push(&self, name: &str, payload: &impl Message, actor: &str) {
        let at = SystemTime::now();
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.newest.borrow() + 1;
        let event = Event {
            metadata: None,
            data: Some(Any {
                type_url: format!("talos/runtime/machine.{name}"),
                value: payload.encode_to_vec(),
            }),
            id: id(at, number),
            actor_id: actor.to_owned(),
        };
        recorded.push(Recorded { number, at, event });
        let surplus = recorded.len().saturating_sub(KEPT);
        recorded.drain(..surplus);
        drop(recorded);
        self.newest.send_replace(number);
    }

    /// How many there have been, counted from 1: it grows with every change of the node.
    pub(crate) fn count(&self) -> u64 {
        *self.newest.borrow() + 1
    }

    /// What is kept in memory is gone after a boot.
    pub(crate) fn clear(&self) {
        self.recorded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn service(&self, event: &ServiceStateEvent) {
        self.push("ServiceStateEvent", event, "");
    }

    pub(crate) fn status(&self, event: &MachineStatusEvent) {
        self.push("MachineStatusEvent", event, "");
    }

    pub(crate) fn sequence(
        &self,
        name: &str,
        action: machine::sequence_event::Action,
        error: Option<(common::Code, String)>,
        actor: &str,
    ) {
        let error = error.map(|(code, message)| common::Error {
            code: code as i32,
            message,
            details: Vec::new(),
        });
        let event = SequenceEvent {
            sequence: name.to_owned(),
            action: action as i32,
            error,
        };
        self.push("SequenceEvent", &event, actor);
    }

    /// A phase begins or ends.
    pub(crate) fn phase(&self, name: &str, action: machine::phase_event::Action, actor: &str) {
        let event = PhaseEvent {
            phase: name.to_owned(),
            action: action as i32,
        };
        self.push("PhaseEvent", &event, actor);
    }

    /// A task begins or ends.
    pub(crate) fn task(&self, name: &str, action: machine::task_event::Action, actor: &str) {
        let event = TaskEvent {
            task: name.to_owned(),
            action: action as i32,
        };
        self.push("TaskEvent", &event, actor);
    }

    /// The number after which a watcher that asks so begins.
    fn beginning(&self, request: &EventsRequest) -> u64 {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = *self.newest.borrow();
        let kept = recorded.len() as u64;
        let oldest = newest - kept;
        if !request.tail_id.is_empty() {
            let older = recorded
                .iter()
                .filter(|one| one.event.id <= request.tail_id);
            return oldest + older.count() as u64;
        }
        if request.tail_seconds > 0 {
            let seconds = u64::from(request.tail_seconds.unsigned_abs());
            let since = SystemTime::now() - Duration::from_secs(seconds);
            let older = recorded.iter().filter(|one| one.at < since);
            return oldest + older.count() as u64;
        }
        match request.tail_events {
            0 => newest,
            ..0 => oldest,
            tail => newest - kept.min(u64::from(tail.unsigned_abs())),
        }
    }

    /// The next event after `number`, and its own number.
    fn after(&self, number: u64) -> Option<(u64, Event)> {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        let next = recorded.iter().find(|one| one.number > number)?;
        Some((next.number, next.event.clone()))
    }
}

/// The stream of one watcher: an empty event first, then what it asked for, then what comes.
pub(crate) fn watch(node: Arc<Node>, request: EventsRequest) -> Messages<Event> {
    let position = node.events.beginning(&request);
    let newest = node.events.newest.subscribe();
    let actor = request.with_actor_id;
    let hello = Event {
        actor_id: actor.clone(),
        ..Event::default()
    };
    let rest = stream::unfold((node, position, newest, actor), next);
    stream::once(async { Ok(hello) })
        .chain(rest.map(Ok))
        .boxed()
}

type Watcher = (Arc<Node>, u64, watch::Receiver<u64>, String);

async fn next((node, mut position, mut newest, actor): Watcher) -> Option<(Event, Watcher)> {
    loop {
        newest.mark_unchanged();
        while let Some((number, event)) = node.events.after(position) {
            position = number;
            if actor.is_empty() || event.actor_id == actor {
                return Some((event, (node, position, newest, actor)));
            }
        }
        newest.changed().await.ok()?;
    }
}

/// 20 digits that sort by time and then by number, as Talos' ids do.
fn id(at: SystemTime, number: u64) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let bits = u128::from(seconds) << 64 | u128::from(number);
    (0..20)
        .rev()
        .map(|digit| char::from(DIGITS[(bits >> (5 * digit)) as usize & 31]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_number() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let ids = [
            id(at(1_700_000_000), 9),
            id(at(1_700_000_000), 10),
            id(at(1_700_000_001), 1),
        ];
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids.iter().all(|id| id.len() == 20));
    }
}
