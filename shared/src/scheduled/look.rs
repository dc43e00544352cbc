//! One look at a Job, its pods, and what the cluster says about both.

use std::time::Duration;

use super::job;
use crate::kube::objects::{Event, Job, Pod, TalosAccount};
use crate::kube::{Api, Cause, Form, KubeError};

/// How often a request that may pass is sent again, and how long is waited before the first.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(250);

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The Job; none: it was deleted.
    pub job: Option<Job>,
    /// Its pods, the newest first.
    pub pods: Vec<Pod>,
    /// Events of Job and pods.
    pub events: Vec<Event>,
    /// Wishes for a talosconfig, where they may be read.
    pub accounts: Vec<TalosAccount>,
    /// Where a watch of the pods goes on.
    pub revision: Option<i64>,
}

/// A request that may do better a little later is sent again, a few times.
pub(super) async fn patient<T>(
    call: impl AsyncFn() -> Result<T, KubeError>,
) -> Result<T, KubeError> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match call().await {
            Err(error) if error.is_passing() => {
                tracing::debug!(%error, "asked again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            done => return done,
        }
    }
    call().await
}

/// Looks.
///
/// # Errors
/// Job or pods cannot be read. Without the right to read events and Talos' ServiceAccounts there
/// are none.
pub(super) async fn look(api: &Api, namespace: &str, name: &str) -> Result<Seen, KubeError> {
    let path = format!("{}/{name}", job::path(namespace));
    let job = match patient(async || api.get::<Job>(&path).await).await {
        Ok(job) => Some(job),
        Err(error) if error.cause() == Cause::Absent => None,
        Err(error) => return Err(error),
    };
    let pods = pods_path(namespace, name);
    let listed = patient(async || api.list(&pods, Form::Objects, Some::<Pod>).await).await?;
    let mut pods = listed.items;
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.metadata.creation_timestamp));
    let ours: Vec<&str> = job
        .iter()
        .map(|job| job.metadata.uid.as_str())
        .chain(pods.iter().map(|pod| pod.metadata.uid.as_str()))
        .collect();
    let waits = pods.first().is_none_or(|pod| {
        pod.state()
            .is_none_or(|state| state.running.is_none() && state.terminated.is_none())
    });
    // Only who waits needs reasons.
    let (events, accounts) = if waits {
        (
            events(api, namespace, &ours).await,
            accounts(api, namespace).await,
        )
    } else {
        (Vec::new(), Vec::new())
    };
    Ok(Seen {
        job,
        pods,
        events,
        accounts,
        revision: listed.revision,
    })
}

/// The list of a Job's pods.
pub(super) fn pods_path(namespace: &str, job: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods?labelSelector=job-name%3D{job}")
}

async fn events(api: &Api, namespace: &str, of: &[&str]) -> Vec<Event> {
    let path = format!("/api/v1/namespaces/{namespace}/events");
    let keep = |event: Event| {
        of.contains(&event.involved_object.uid.as_str())
            .then_some(event)
    };
    let listed = api.list(&path, Form::Objects, keep).await;
    listed.map(|listed| listed.items).unwrap_or_default()
}

async fn accounts(api: &Api, namespace: &str) -> Vec<TalosAccount> {
    let path = format!("/apis/talos.dev/v1alpha1/namespaces/{namespace}/serviceaccounts");
    let listed = api.list(&path, Form::Objects, Some).await;
    listed.map(|listed| listed.items).unwrap_or_default()
}
