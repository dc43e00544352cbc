//! Why nothing runs yet, in words that say what to do.

use super::look::Seen;
use crate::failure::{Exit, Failure};
use crate::kube::objects::{Pod, Waiting};

/// Something in the way of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// What the cluster says.
    pub what: String,
    /// What to do about it.
    pub hint: String,
    /// The code of giving up for it.
    pub exit: Exit,
    /// Whether it may go away by itself within moments.
    pub passing: bool,
}

impl Obstacle {
    fn new(exit: Exit, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
            exit,
            passing: true,
        }
    }

    fn lasting(self) -> Self {
        Self {
            passing: false,
            ..self
        }
    }

    /// As the end of a run.
    pub fn failure(&self) -> Failure {
        Failure::new(self.exit, self.what.clone()).hint(self.hint.clone())
    }
}

/// What is in the way, as far as it can be seen.
pub(super) fn obstacle(seen: &Seen) -> Option<Obstacle> {
    if seen.job.as_ref().is_some_and(|job| job.spec.suspend) {
        let what = "the Job is suspended";
        let hint = "something holds it back, as a queue of Jobs: look at its annotations";
        return Some(Obstacle::new(Exit::Temporary, what, hint));
    }
    match seen.pods.first() {
        None => not_created(seen),
        Some(pod) => waiting(pod)
            .or_else(|| not_mounted(seen, pod))
            .or_else(|| not_scheduled(pod)),
    }
}

/// The controller of Jobs says why it cannot make a pod.
fn not_created(seen: &Seen) -> Option<Obstacle> {
    let event = seen
        .events
        .iter()
        .rev()
        .find(|event| event.reason == "FailedCreate")?;
    let message = &event.message;
    let what = format!("no pod can be created: {message}");
    let obstacle = if message.contains("exceeded quota") {
        let hint = "raise the ResourceQuota of the namespace, or lower the CronJob's requests";
        Obstacle::new(Exit::Config, what, hint)
    } else if message.contains("violates PodSecurity") {
        let hint = "the namespace wants more than the pod has: `kubectl etcdbackup manifests` renders one for `restricted`";
        Obstacle::new(Exit::Config, what, hint).lasting()
    } else if message.contains("serviceaccount") && message.contains("not found") {
        let hint = "apply the ServiceAccount of the manifests";
        Obstacle::new(Exit::Config, what, hint)
    } else {
        let hint = "an admission webhook, a policy or a limit of the namespace refuses it";
        Obstacle::new(Exit::Config, what, hint)
    };
    Some(obstacle)
}

/// The container is there and does not start.
fn waiting(pod: &Pod) -> Option<Obstacle> {
    let Waiting { reason, message } = pod.state()?.waiting.as_ref()?;
    let image = pod
        .container()
        .map_or("", |container| container.image.as_str());
    let said = if message.is_empty() { reason } else { message };
    match reason.as_str() {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "RegistryUnavailable"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError" => {
            let what = format!("the image `{image}` cannot be pulled: {said}");
            let hint = "check its name, the registry, and the pull secret of the ServiceAccount";
            let obstacle = Obstacle::new(Exit::Unreachable, what, hint);
            // Before the kubelet backs off it has tried only once.
            let tried_once = reason == "ErrImagePull" || reason == "RegistryUnavailable";
            Some(if tried_once {
                obstacle
            } else {
                obstacle.lasting()
            })
        }
        "CreateContainerConfigError" => {
            let what = format!("the container cannot be set up: {said}");
            let hint = "a Secret or ConfigMap, or a key in it, is missing: `kubectl etcdbackup manifests` renders them";
            Some(Obstacle::new(Exit::Config, what, hint))
        }
        "CreateContainerError" | "RunContainerError" | "CrashLoopBackOff" => {
            let what = format!("the container does not start: {said}");
            let hint = format!("is `{image}` an image of this suite, for the node's platform?");
            Some(Obstacle::new(Exit::Unreachable, what, hint))
        }
        _ => None,
    }
}

/// A volume cannot be mounted, mostly for want of a Secret.
fn not_mounted(seen: &Seen, pod: &Pod) -> Option<Obstacle> {
    let uid = &pod.metadata.uid;
    let mut events = seen.events.iter().rev();
    let event =
        events.find(|event| event.reason == "FailedMount" && event.involved_object.uid == *uid)?;
    let message = &event.message;
    let mut accounts = seen.accounts.iter();
    // `secret "name" not found`, and a wish for it.
    let wish = accounts.find(|one| message.contains(&format!("\"{}\"", one.metadata.name)));
    let Some(wish) = wish else {
        let what = format!("a volume cannot be mounted: {message}");
        let hint = "create what is missing: `kubectl etcdbackup manifests` renders it";
        return Some(Obstacle::new(Exit::Config, what, hint));
    };
    let name = &wish.metadata.name;
    let reason = &wish.status.failure_reason;
    if reason.is_empty() {
        let what =
            format!("Talos has not made the Secret `{name}` of the talos.dev ServiceAccount");
        let hint = "it does so within a minute, if `kubernetesTalosAPIAccess` of the control planes' machine config is on";
        return Some(Obstacle::new(Exit::Config, what, hint));
    }
    let what = format!("Talos makes no Secret `{name}`: {reason}");
    Some(Obstacle::new(Exit::NotPermitted, what, talos_hint(reason)).lasting())
}

/// What `failureReason` asks for (the reasons are Talos' own: `facts` of its controller).
fn talos_hint(reason: &str) -> &'static str {
    if reason.contains("Namespace is not allowed") {
        "add the namespace to `allowedKubernetesNamespaces` of every control plane's machine config"
    } else if reason.contains("Roles not allowed") {
        "add `os:etcd:backup` to `allowedRoles` of every control plane's machine config"
    } else if reason.contains("already exists") {
        "a Secret of that name is in the way: delete it, and Talos makes its own"
    } else {
        "apply the talos.dev ServiceAccount of the manifests again"
    }
}

fn not_scheduled(pod: &Pod) -> Option<Obstacle> {
    let mut all = pod.status.conditions.iter();
    let condition = all.find(|condition| {
        condition.kind == "PodScheduled"
            && condition.status == "False"
            && condition.reason == "Unschedulable"
    })?;
    let what = format!("no node takes the pod: {}", condition.message);
    let hint = "bring a node back, or loosen the CronJob's node selector, tolerations or requests";
    Some(Obstacle::new(Exit::Temporary, what, hint))
}
