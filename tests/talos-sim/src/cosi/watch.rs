//! Watching resources: an empty message says that the watch is live; then what there is; then
//! what changes, found by looking again.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use etcdbackup_proto::cosi::resource::event::Type;
use etcdbackup_proto::cosi::resource::{
    Event, Metadata, Resource, Spec, WatchRequest, WatchResponse,
};
use futures::StreamExt as _;
use futures::stream;
use tonic::Status;

use super::{id, resources};
use crate::machined::Machined;
use crate::routing::Messages;

const LOOKS: Duration = Duration::from_millis(100);

struct Watch {
    machined: Machined,
    request: WatchRequest,
    known: BTreeMap<String, Resource>,
    ready: VecDeque<Event>,
}

/// # Errors
/// `Unimplemented` for what Talos does not do for a single resource; as `resources`.
pub(super) async fn watch(
    machined: Machined,
    request: WatchRequest,
) -> Result<Messages<WatchResponse>, Status> {
    let options = request.options.clone().unwrap_or_default();
    let is_single = request.id.is_some();
    if is_single && options.bootstrap_contents {
        return Err(Status::unimplemented(
            "bootstrap contents is not implemented for resource watch",
        ));
    }
    let mut watch = Watch {
        machined,
        request,
        known: BTreeMap::new(),
        ready: VecDeque::new(),
    };
    watch.known = watch.look().await?;
    let created = watch.known.values().cloned().map(created);
    if is_single || options.bootstrap_contents {
        watch.ready.extend(created);
    }
    if is_single && watch.known.is_empty() {
        let tombstone = watch.tombstone();
        watch.ready.push_back(tombstone);
    }
    if options.bootstrap_contents {
        watch.ready.push_back(event(Type::Bootstrapped, None, None));
    }
    let hello = stream::once(async { Ok(WatchResponse::default()) });
    let rest = stream::unfold(watch, |mut watch| async {
        let event = watch.next().await;
        let response = event.map(|event| WatchResponse { event: vec![event] });
        Some((response, watch))
    });
    Ok(hello.chain(rest).boxed())
}

fn event(kind: Type, resource: Option<Resource>, old: Option<Resource>) -> Event {
    Event {
        resource,
        old,
        event_type: kind as i32,
        ..Event::default()
    }
}

fn created(resource: Resource) -> Event {
    event(Type::Created, Some(resource), None)
}

impl Watch {
    async fn look(&self) -> Result<BTreeMap<String, Resource>, Status> {
        let WatchRequest {
            namespace, r#type, ..
        } = &self.request;
        let found = resources(&self.machined, namespace, r#type).await?;
        let wanted = self.request.id.as_deref();
        Ok(found
            .into_iter()
            .filter(|resource| wanted.is_none_or(|wanted| id(resource) == wanted))
            .map(|resource| (id(&resource).to_owned(), resource))
            .collect())
    }

    /// What stands for a single resource that is not there.
    fn tombstone(&self) -> Event {
        let metadata = Metadata {
            namespace: self.request.namespace.clone(),
            r#type: self.request.r#type.clone(),
            id: self.request.id.clone().unwrap_or_default(),
            version: "undefined".to_owned(),
            phase: "running".to_owned(),
            ..Metadata::default()
        };
        let tombstone = Resource {
            metadata: Some(metadata),
            spec: Some(Spec::default()),
        };
        event(Type::Destroyed, Some(tombstone), None)
    }

    async fn next(&mut self) -> Result<Event, Status> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            tokio::time::sleep(LOOKS).await;
            let now = self.look().await?;
            for (id, resource) in &now {
                match self.known.get(id) {
                    None => self.ready.push_back(created(resource.clone())),
                    Some(old) if old.spec != resource.spec => self.ready.push_back(event(
                        Type::Updated,
                        Some(resource.clone()),
                        Some(old.clone()),
                    )),
                    Some(_) => {}
                }
            }
            let gone = self.known.iter().filter(|(id, _)| !now.contains_key(*id));
            for (_, old) in gone {
                self.ready
                    .push_back(event(Type::Destroyed, Some(old.clone()), None));
            }
            self.known = now;
        }
    }
}
