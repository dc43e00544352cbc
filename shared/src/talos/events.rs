//! What a node tells while it changes: the phases of a reset, and how one failed. The stream ends
//! with the node's connection, so nothing is proven by its end.

use std::time::Duration;

use etcdbackup_proto::common::Code;
use etcdbackup_proto::machine::{
    Event as Message, EventsRequest, PhaseEvent, SequenceEvent, phase_event,
};
use prost::Message as _;
use tokio::time::timeout;
use tonic::Streaming;

use super::client::Via;
use super::error::{Kind, TalosError};
use super::node::Node;

/// How long the first message may take, which says that the rest will come.
const SUBSCRIBED: Duration = Duration::from_secs(10);

/// What happened on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A phase of a sequence begins.
    Phase(String),
    /// A sequence failed, or was not begun.
    Failed {
        /// Its name, as `reset`.
        sequence: String,
        /// What Talos says.
        text: String,
        /// Another one is in the way.
        locked: bool,
    },
}

/// Events of one node, from now on.
pub struct Events {
    stream: Streaming<Message>,
}

impl Node<'_> {
    /// Follows what happens on the node, for `limit` at most. What happens after this has
    /// returned is not missed.
    ///
    /// # Errors
    /// The call failed.
    pub async fn events(&self, limit: Duration) -> Result<Events, TalosError> {
        let ask = async |mut via: Via| {
            let request = via.request(EventsRequest::default());
            let mut stream = via.client.events(request).await?.into_inner();
            // An empty one: nothing has happened yet.
            stream.message().await?;
            Ok(stream)
        };
        let subscribed = timeout(SUBSCRIBED, self.ask_within("Events", limit, ask)).await;
        let late = || self.error("Events", Kind::Timeout(SUBSCRIBED.as_secs(), "of the call"));
        let stream = subscribed.map_err(|_| late())??;
        Ok(Events { stream })
    }
}

impl Events {
    /// The next event of this actor (empty: of anybody); none: the stream has ended.
    pub async fn next(&mut self, actor: &str) -> Option<Event> {
        while let Ok(Some(message)) = self.stream.message().await {
            if let Some(event) = read(&message, actor) {
                return Some(event);
            }
        }
        None
    }
}

fn read(message: &Message, actor: &str) -> Option<Event> {
    if !actor.is_empty() && message.actor_id != actor {
        return None;
    }
    let data = message.data.as_ref()?;
    let (_, name) = data.type_url.rsplit_once('/')?;
    match name {
        "machine.PhaseEvent" => {
            let event = PhaseEvent::decode(&data.value[..]).ok()?;
            (event.action() == phase_event::Action::Start).then_some(Event::Phase(event.phase))
        }
        "machine.SequenceEvent" => {
            let event = SequenceEvent::decode(&data.value[..]).ok()?;
            let error = event.error?;
            Some(Event::Failed {
                sequence: event.sequence,
                locked: error.code == Code::Locked as i32,
                text: error.message,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use etcdbackup_proto::common;
    use etcdbackup_proto::machine::sequence_event;

    use super::*;

    fn message(name: &str, payload: &impl prost::Message, actor: &str) -> Message {
        let mut message = Message {
            actor_id: actor.to_owned(),
            ..Message::default()
        };
        let data = message.data.get_or_insert_default();
        data.type_url = format!("talos/runtime/machine.{name}");
        data.value = payload.encode_to_vec();
        message
    }

    fn phase(action: phase_event::Action) -> PhaseEvent {
        PhaseEvent {
            phase: "resetSpec".to_owned(),
            action: action as i32,
        }
    }

    #[test]
    fn phases_and_failures_of_the_actor_are_heard_and_nothing_else() {
        let begins = message("PhaseEvent", &phase(phase_event::Action::Start), "me");
        let heard = Some(Event::Phase("resetSpec".to_owned()));
        assert_eq!(read(&begins, "me"), heard);
        assert_eq!(read(&begins, ""), heard);
        assert_eq!(read(&begins, "you"), None);
        let ends = message("PhaseEvent", &phase(phase_event::Action::Stop), "me");
        assert_eq!(read(&ends, "me"), None);
        let sequence = |error| SequenceEvent {
            sequence: "reset".to_owned(),
            action: sequence_event::Action::Noop as i32,
            error,
        };
        let locked = common::Error {
            code: Code::Locked as i32,
            message: "busy".to_owned(),
            details: Vec::new(),
        };
        let failed = message("SequenceEvent", &sequence(Some(locked)), "me");
        assert_eq!(
            read(&failed, "me"),
            Some(Event::Failed {
                sequence: "reset".to_owned(),
                text: "busy".to_owned(),
                locked: true
            })
        );
        assert_eq!(
            read(&message("SequenceEvent", &sequence(None), "me"), "me"),
            None
        );
        assert_eq!(read(&Message::default(), ""), None);
        let mut broken = message("PhaseEvent", &phase(phase_event::Action::Start), "");
        broken.data.as_mut().unwrap().value = vec![0xff];
        assert_eq!(read(&broken, ""), None);
    }
}
