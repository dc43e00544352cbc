//! What happens on the node after Bootstrap was answered: the restore runs in the pre stage of a
//! new etcd service, and only the list of services tells how it goes.

use jiff::Timestamp;

use super::super::survey::NodeSurvey;
use crate::talos::Service;

/// Where a restore is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// It goes on; what Talos says, if anything new can be told.
    GoesOn(String),
    /// etcd runs and is healthy.
    Healthy,
    /// The new service failed, with what Talos says.
    Failed(String),
}

/// What the node was like before Bootstrap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Before {
    /// The first event that the old service still knows, by the node's clock.
    first_event: Option<Timestamp>,
    /// Of its boot.
    pub(super) boot_id: Option<String>,
}

impl Before {
    pub(super) fn of(node: &NodeSurvey) -> Self {
        Self {
            first_event: node.etcd_service().and_then(first_event),
            boot_id: node.boot_id.get().cloned(),
        }
    }

    /// Whether this service is the one that Bootstrap makes: its history begins anew. The old
    /// one's history only loses its beginning, so it ends with the request.
    fn is_new(&self, service: &Service) -> bool {
        let requested = service
            .events
            .iter()
            .any(|event| event.message.contains("Bootstrap requested"));
        !requested && first_event(service) != self.first_event
    }

    /// Judges what the list of services shows.
    pub(super) fn stage(&self, service: Option<&Service>) -> Stage {
        let Some(service) = service else {
            return Stage::GoesOn("the old etcd service is gone".to_owned());
        };
        let said = format!("{}: {}", service.state, service.last_message());
        if !self.is_new(service) {
            return Stage::GoesOn("the old etcd service ends".to_owned());
        }
        match (service.state.as_str(), service.healthy) {
            ("Failed", _) => Stage::Failed(service.last_message().to_owned()),
            ("Running", Some(true)) => Stage::Healthy,
            _ => Stage::GoesOn(said),
        }
    }
}

fn first_event(service: &Service) -> Option<Timestamp> {
    service.events.first().and_then(|event| event.at)
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::{Is, event, node};
    use super::*;

    fn service(events: &[(&str, &str, i64)], healthy: Option<bool>) -> Service {
        Service {
            id: "etcd".to_owned(),
            state: events.last().unwrap().0.to_owned(),
            healthy,
            health_message: String::new(),
            events: events
                .iter()
                .map(|(state, message, ago)| event(state, message, *ago))
                .collect(),
        }
    }

    #[test]
    fn only_the_new_service_says_how_it_went() {
        let before = Before::of(&node(0, Is::Waiting, 3));
        let waiting = super::super::super::samples::service(Is::Waiting);
        let mut ending = waiting.clone();
        // Talos before 1.12.11 lets the old service fail when it is stopped.
        ending.events.push(event(
            "Failed",
            "Failed to run pre stage: context canceled",
            0,
        ));
        ending.state = "Failed".to_owned();
        let mut requested = ending.clone();
        requested
            .events
            .push(event("Finished", "Bootstrap requested", 0));
        for old in [&waiting, &ending, &requested] {
            let stage = before.stage(Some(old));
            assert!(matches!(stage, Stage::GoesOn(_)), "{stage:?}");
        }
        assert!(matches!(before.stage(None), Stage::GoesOn(_)));
        let begun = [
            ("Starting", "Starting service", 2),
            ("Preparing", "Running pre state", 1),
        ];
        let stage = before.stage(Some(&service(&begun, None)));
        assert_eq!(
            stage,
            Stage::GoesOn("Preparing: Running pre state".to_owned())
        );
        let failed = [
            begun[0],
            (
                "Failed",
                "Failed to run pre stage: error verifying snapshot",
                0,
            ),
        ];
        let stage = before.stage(Some(&service(&failed, None)));
        assert!(matches!(stage, Stage::Failed(said) if said.contains("verifying")));
        let running = [begun[0], ("Running", "Health check successful", 0)];
        assert_eq!(
            before.stage(Some(&service(&running, Some(true)))),
            Stage::Healthy
        );
        // Running is not healthy.
        let stage = before.stage(Some(&service(&running, Some(false))));
        assert!(matches!(stage, Stage::GoesOn(_)));
    }
}
