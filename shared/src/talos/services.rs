//! The services of a node, with their history.

use etcdbackup_proto::machine::{ServiceEvent as RawEvent, ServiceInfo};
use jiff::Timestamp;
use serde::Serialize;

use super::client::Via;
use super::error::TalosError;
use super::node::Node;

/// A service, as `ServiceList` tells it: the only place where a service that does not run shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Its id: `etcd`, `kubelet`.
    pub id: String,
    /// Its state: `Preparing`, `Running`, `Failed`, …
    pub state: String,
    /// Its health; none: not known, as in every state but `Running`.
    pub healthy: Option<bool>,
    /// What its last health check said.
    pub health_message: String,
    /// What happened to it, oldest first; Talos keeps the last 64.
    pub events: Vec<ServiceEvent>,
}

/// Something that happened to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceEvent {
    /// The state it was in.
    pub state: String,
    /// What is said of it.
    pub message: String,
    /// When, by the node's clock.
    pub at: Option<Timestamp>,
}

impl Service {
    /// Since when it is in its state: the first event of the last run of equal states. An
    /// older one may have fallen out of the history.
    pub fn since(&self) -> Option<Timestamp> {
        let run = self
            .events
            .iter()
            .rev()
            .take_while(|event| event.state == self.state);
        run.last().and_then(|event| event.at)
    }

    /// What was said of it last.
    pub fn last_message(&self) -> &str {
        self.events.last().map_or("", |event| &event.message)
    }
}

impl From<ServiceInfo> for Service {
    fn from(info: ServiceInfo) -> Self {
        let health = info.health.unwrap_or_default();
        let events = info.events.unwrap_or_default().events;
        Self {
            id: info.id,
            state: info.state,
            healthy: (!health.unknown).then_some(health.healthy),
            health_message: health.last_message,
            events: events.into_iter().map(ServiceEvent::from).collect(),
        }
    }
}

impl From<RawEvent> for ServiceEvent {
    fn from(event: RawEvent) -> Self {
        let at = event
            .ts
            .and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
        Self {
            state: event.state,
            message: event.msg,
            at,
        }
    }
}

impl Node<'_> {
    /// All services, by id.
    ///
    /// # Errors
    /// The call failed.
    pub async fn services(&self) -> Result<Vec<Service>, TalosError> {
        let answer = self
            .ask("ServiceList", async |mut via: Via| {
                let request = via.request(());
                Ok(via.client.service_list(request).await?.into_inner())
            })
            .await?;
        if answer.messages.is_empty() {
            return Err(self.empty("ServiceList"));
        }
        let services = answer.messages.into_iter().flat_map(|one| one.services);
        Ok(services.map(Service::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_in_a_state_counts_from_its_first_event_in_a_row() {
        let event = |state: &str, second: i64| ServiceEvent {
            state: state.to_owned(),
            message: format!("{state} {second}"),
            at: Timestamp::from_second(second).ok(),
        };
        let service = Service {
            id: "etcd".to_owned(),
            state: "Preparing".to_owned(),
            healthy: None,
            health_message: String::new(),
            events: vec![
                event("Preparing", 1),
                event("Finished", 2),
                event("Preparing", 3),
                event("Preparing", 4),
            ],
        };
        assert_eq!(service.since(), Timestamp::from_second(3).ok());
        assert_eq!(service.last_message(), "Preparing 4");
    }
}
