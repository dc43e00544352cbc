//! Pods of Jobs: made as the controller makes them, waiting as the kubelet lets them wait.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::server::{Shared, held};
use crate::write;

/// Whether a pod's container can be started.
pub(crate) enum Ready {
    /// With this environment.
    Yes(Vec<(String, String)>),
    /// Something is missing, and was told.
    Not,
}

/// No registry has an image with this in its name.
const ABSENT: &str = "absent";

/// Names of a Job's pods.
pub(crate) fn names(shared: &Shared, namespace: &str, job: &str) -> Vec<String> {
    let objects = held(&shared.objects);
    let pods = objects.resources.get(&(String::new(), "pods".to_owned()));
    let all = pods.iter().flat_map(|pods| &pods.objects);
    let own = all
        .filter(|((of, _), pod)| of == namespace && pod["metadata"]["labels"]["job-name"] == job);
    own.map(|((_, name), _)| name.clone()).collect()
}

/// Why the namespace takes no pod of this Job; none: it does.
pub(crate) fn refusal(shared: &Shared, job: &Json, namespace: &str) -> Option<String> {
    let quotas = held(&shared.objects)
        .resources
        .get(&(String::new(), "resourcequotas".to_owned()))
        .map(|one| one.objects.clone())
        .unwrap_or_default();
    let full = quotas
        .iter()
        .find(|((of, _), quota)| of == namespace && quota["spec"]["hard"]["pods"] == "0");
    if let Some(((_, quota), _)) = full {
        return Some(format!(
            "pods \"x\" is forbidden: exceeded quota: {quota}, requested: pods=1, used: pods=0, limited: pods=0"
        ));
    }
    let own = write::get(shared, ("", "namespaces"), ("", namespace))?;
    let level = &own["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    let spec = &job["spec"]["template"]["spec"];
    (level == "restricted" && spec["securityContext"]["runAsNonRoot"] != true).then(|| {
        "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true".to_owned()
    })
}

pub(crate) fn create(shared: &Shared, job: &Json, namespace: &str, name: &str) {
    let template = &job["spec"]["template"];
    let mut labels = template["metadata"]["labels"].clone();
    labels["job-name"] = job["metadata"]["name"].clone();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"labels": labels},
        "spec": template["spec"],
        "status": {"phase": "Pending"},
    });
    write::put(shared, ("", "pods"), (namespace, name), pod);
}

/// The state of its container.
pub(crate) fn set_state(shared: &Shared, namespace: &str, name: &str, state: &Json) {
    write::edit(shared, ("", "pods"), (namespace, name), |pod| {
        let container = pod["spec"]["containers"][0]["name"].clone();
        let phase = match (&state["running"], &state["terminated"]["exitCode"]) {
            (Json::Object(_), _) => "Running",
            (_, Json::Number(code)) if code.as_i64() == Some(0) => "Succeeded",
            (_, Json::Number(_)) => "Failed",
            _ => "Pending",
        };
        pod["status"]["phase"] = phase.into();
        pod["status"]["containerStatuses"] = json!([{"name": container, "state": state}]);
    });
}

/// Whether Secrets to mount and what the environment comes from are there.
pub(crate) fn ready(shared: &Shared, namespace: &str, name: &str) -> Ready {
    let Some(pod) = write::get(shared, ("", "pods"), (namespace, name)) else {
        return Ready::Not;
    };
    let none = Vec::new();
    for volume in pod["spec"]["volumes"].as_array().unwrap_or(&none) {
        let Some(secret) = volume["secret"]["secretName"].as_str() else {
            continue;
        };
        let optional = volume["secret"]["optional"] == true;
        if !optional && write::get(shared, ("", "secrets"), (namespace, secret)).is_none() {
            let volume = volume["name"].as_str().unwrap_or_default();
            let message = format!(
                "MountVolume.SetUp failed for volume \"{volume}\" : secret \"{secret}\" not found"
            );
            event(shared, namespace, &pod, "FailedMount", &message);
            return Ready::Not;
        }
    }
    let container = &pod["spec"]["containers"][0];
    let image = container["image"].as_str().unwrap_or_default();
    let waits = if image.contains(ABSENT) {
        let message = format!("Back-off pulling image \"{image}\": not found");
        json!({"waiting": {"reason": "ImagePullBackOff", "message": message}})
    } else {
        match environment(shared, namespace, container) {
            Ok(environment) => return Ready::Yes(environment),
            Err(message) => {
                json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}})
            }
        }
    };
    if pod["status"]["containerStatuses"][0]["state"] != waits {
        set_state(shared, namespace, name, &waits);
    }
    Ready::Not
}

fn environment(
    shared: &Shared,
    namespace: &str,
    container: &Json,
) -> Result<Vec<(String, String)>, String> {
    let none = Vec::new();
    let mut all = Vec::new();
    for from in container["envFrom"].as_array().unwrap_or(&none) {
        let source = [("configMapRef", "configmaps"), ("secretRef", "secrets")];
        for (field, resource) in source {
            let Some(name) = from[field]["name"].as_str() else {
                continue;
            };
            match write::get(shared, ("", resource), (namespace, name)) {
                Some(object) => all.extend(data(&object)),
                None if from[field]["optional"] == true => {}
                None => {
                    return Err(format!(
                        "{} \"{name}\" not found",
                        &resource[..resource.len() - 1]
                    ));
                }
            }
        }
    }
    for one in container["env"].as_array().unwrap_or(&none) {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let (name, plain) = (text(&one["name"]), &one["value"]);
        if let Some(value) = plain.as_str() {
            all.push((name, value.to_owned()));
            continue;
        }
        let key = &one["valueFrom"]["secretKeyRef"];
        let secret = text(&key["name"]);
        let found = write::get(shared, ("", "secrets"), (namespace, &secret));
        let found = found.ok_or_else(|| format!("secret \"{secret}\" not found"))?;
        let wanted = text(&key["key"]);
        let value = data(&found).find(|(name, _)| *name == wanted);
        let (_, value) = value
            .ok_or_else(|| format!("couldn't find key {wanted} in Secret {namespace}/{secret}"))?;
        all.push((name, value));
    }
    Ok(all)
}

/// What a ConfigMap or Secret holds.
fn data(object: &Json) -> impl Iterator<Item = (String, String)> + use<> {
    let packed = object["kind"] == "Secret";
    let own = object["data"].as_object().cloned().unwrap_or_default();
    own.into_iter().filter_map(move |(name, value)| {
        let value = value.as_str()?;
        if !packed {
            return Some((name, value.to_owned()));
        }
        let bytes = BASE64_STANDARD.decode(value).ok()?;
        Some((name, String::from_utf8(bytes).ok()?))
    })
}

/// Tells once.
pub(crate) fn event(shared: &Shared, namespace: &str, of: &Json, reason: &str, message: &str) {
    let owner = of["metadata"]["name"].as_str().unwrap_or_default();
    let name = format!("{owner}.{}", reason.to_ascii_lowercase());
    if write::get(shared, ("", "events"), (namespace, &name)).is_some() {
        return;
    }
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "reason": reason, "message": message,
        "involvedObject": {"uid": of["metadata"]["uid"], "name": owner},
    });
    write::put(shared, ("", "events"), (namespace, &name), event);
}

/// Whether the Job's `podFailurePolicy` ends it for this code.
pub(crate) fn fails_job(job: &Json, code: i32) -> bool {
    let none = Vec::new();
    let rules = job["spec"]["podFailurePolicy"]["rules"]
        .as_array()
        .unwrap_or(&none);
    rules.iter().any(|rule| {
        let values = rule["onExitCodes"]["values"].as_array().unwrap_or(&none);
        rule["action"] == "FailJob" && values.iter().any(|value| *value == code)
    })
}

/// The Job is over.
pub(crate) fn finish(shared: &Shared, place: write::Name<'_>, kind: &str, reason: &str) {
    let now = Timestamp::now().to_string();
    write::edit(shared, ("batch", "jobs"), place, |job| {
        job["status"]["conditions"] = json!([{
            "type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": now,
        }]);
        if kind == "Complete" {
            job["status"]["completionTime"] = now.clone().into();
        }
    });
}
