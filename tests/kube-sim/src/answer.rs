//! What is answered to a request: a path, a query, and whether whole objects are wanted.

use serde_json::{Value as Json, json};

use crate::objects::{Objects, Resource};
use crate::selector::{has_fields, has_labels};

/// The version that is pretended to.
const VERSION: &str = "v1.36.2";

/// An answer's status and body.
pub(crate) type Answer = (u16, String);

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Question {
    pub(crate) path: String,
    pub(crate) limit: Option<usize>,
    /// Where a list goes on: how many objects came before.
    pub(crate) from: Option<usize>,
    pub(crate) metadata_only: bool,
    pub(crate) labels: String,
    pub(crate) fields: String,
    /// Every other parameter that matters to what streams.
    pub(crate) watch: bool,
    pub(crate) follow: bool,
    pub(crate) since: Option<jiff::Timestamp>,
    pub(crate) revision: i64,
    pub(crate) timeout: Option<u64>,
}

impl Question {
    /// Of a URI and the `Accept` header.
    pub(crate) fn of(uri: &http::Uri, accept: &str) -> Self {
        let mut question = Self {
            path: uri.path().to_owned(),
            metadata_only: accept.contains("as=PartialObjectMetadataList"),
            ..Self::default()
        };
        let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        for (name, value) in pairs {
            match name.as_ref() {
                "limit" => question.limit = value.parse().ok(),
                "continue" => {
                    let from = value
                        .strip_prefix("from-")
                        .and_then(|from| from.parse().ok());
                    question.from = Some(from.unwrap_or(usize::MAX));
                }
                "labelSelector" => question.labels = value.into_owned(),
                "fieldSelector" => question.fields = value.into_owned(),
                "watch" => question.watch = value == "true",
                "follow" => question.follow = value == "true",
                "sinceTime" => question.since = value.parse().ok(),
                "resourceVersion" => question.revision = value.parse().unwrap_or(0),
                "timeoutSeconds" => question.timeout = value.parse().ok(),
                _ => {}
            }
        }
        question
    }
}

/// Answers.
pub(crate) fn answer(objects: &Objects, question: &Question) -> Answer {
    let path = question.path.trim_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["readyz" | "livez" | "healthz"] => (200, "ok".to_owned()),
        ["version"] => found(&json!({"major": "1", "minor": "36", "gitVersion": VERSION})),
        ["api"] => found(&json!({"kind": "APIVersions", "versions": ["v1"]})),
        ["apis"] => found(&groups(objects)),
        ["api", "v1"] => found(&resources(objects, "", "v1")),
        ["apis", group, version] => found(&resources(objects, group, version)),
        ["api", "v1", "namespaces", namespace, resource] => {
            list(objects, ("", "v1", resource), Some(namespace), question)
        }
        ["api", "v1", resource] => list(objects, ("", "v1", resource), None, question),
        ["apis", group, version, "namespaces", namespace, resource] => list(
            objects,
            (group, version, resource),
            Some(namespace),
            question,
        ),
        ["apis", group, version, resource] => {
            list(objects, (group, version, resource), None, question)
        }
        ["api", "v1", "namespaces", namespace, resource, name] => {
            one(objects, ("", "v1", resource), namespace, name)
        }
        [
            "apis",
            group,
            version,
            "namespaces",
            namespace,
            resource,
            name,
        ] => one(objects, (group, version, resource), namespace, name),
        _ => status(404, "the server could not find the requested resource"),
    }
}

/// A `Status` that says why not.
pub(crate) fn status(code: u16, message: &str) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code});
    (code, status.to_string())
}

fn found(body: &Json) -> Answer {
    (200, body.to_string())
}

fn groups(objects: &Objects) -> Json {
    let mut all: Vec<(String, String)> = objects
        .resources
        .iter()
        .filter(|((group, _), _)| !group.is_empty())
        .map(|((group, _), one)| (group.clone(), one.version.clone()))
        .collect();
    all.dedup();
    let mut groups: Vec<Json> = Vec::new();
    for (group, version) in all {
        let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
        let known = groups.iter_mut().find(|one| one["name"] == group.as_str());
        match known.and_then(|one| one["versions"].as_array_mut()) {
            Some(versions) if versions.contains(&version) => {}
            Some(versions) => versions.push(version),
            None => groups
                .push(json!({"name": group, "versions": [version], "preferredVersion": version})),
        }
    }
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn resources(objects: &Objects, group: &str, version: &str) -> Json {
    let own = objects
        .resources
        .iter()
        .filter(|((of, _), one)| of == group && one.version == version);
    let shown: Vec<Json> = own
        .map(|((_, name), one)| {
            json!({"name": name, "kind": one.kind, "namespaced": one.namespaced, "verbs": ["get", "list", "watch"]})
        })
        .collect();
    json!({"kind": "APIResourceList", "groupVersion": version, "resources": shown})
}

/// Where a path leads: group, version, resource, namespace, and the name if it has one.
pub(crate) fn place(path: &str) -> Option<(String, String, String, Option<String>)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, resource, namespace, rest) = match parts.as_slice() {
        ["api", "v1", "namespaces", namespace, resource, rest @ ..] => {
            ("", resource, namespace, rest)
        }
        [
            "apis",
            group,
            _,
            "namespaces",
            namespace,
            resource,
            rest @ ..,
        ] => (*group, resource, namespace, rest),
        _ => return None,
    };
    let name = rest.first().map(|name| (*name).to_owned());
    Some((
        group.to_owned(),
        (*resource).to_owned(),
        (*namespace).to_owned(),
        name,
    ))
}

fn one(
    objects: &Objects,
    (group, version, resource): (&str, &str, &str),
    namespace: &str,
    name: &str,
) -> Answer {
    let key = (namespace.to_owned(), name.to_owned());
    let found = objects
        .resources
        .get(&(group.to_owned(), resource.to_owned()))
        .filter(|one| one.version == version)
        .and_then(|one| one.objects.get(&key));
    match found {
        Some(object) => self::found(object),
        None => status(404, &format!("{resource} \"{name}\" not found")),
    }
}

fn list(
    objects: &Objects,
    (group, version, resource): (&str, &str, &str),
    namespace: Option<&str>,
    question: &Question,
) -> Answer {
    let name = (group.to_owned(), resource.to_owned());
    let Some(one) = objects
        .resources
        .get(&name)
        .filter(|one| one.version == version)
    else {
        return status(404, "the server could not find the requested resource");
    };
    let own: Vec<&Json> = one
        .objects
        .iter()
        .filter(|((of, _), _)| namespace.is_none_or(|namespace| of == namespace))
        .map(|(_, object)| object)
        .filter(|object| {
            has_labels(object, &question.labels) && has_fields(object, &question.fields)
        })
        .collect();
    let from = question.from.unwrap_or(0);
    if from > own.len() {
        return status(410, "The provided continue parameter is too old");
    }
    let limit = question.limit.filter(|limit| *limit > 0);
    let until = limit.map_or(own.len(), |limit| own.len().min(from + limit));
    let items = own[from..until]
        .iter()
        .map(|object| shown(object, question.metadata_only));
    let mut metadata = json!({"resourceVersion": objects.revision.to_string()});
    if until < own.len() {
        metadata["continue"] = format!("from-{until}").into();
        metadata["remainingItemCount"] = (own.len() - until).into();
    }
    let (version, kind) = shape(one, group, question.metadata_only);
    found(
        &json!({"apiVersion": version, "kind": kind, "metadata": metadata, "items": items.collect::<Vec<_>>()}),
    )
}

fn shape(one: &Resource, group: &str, metadata_only: bool) -> (String, String) {
    if metadata_only {
        return (
            "meta.k8s.io/v1".to_owned(),
            "PartialObjectMetadataList".to_owned(),
        );
    }
    let version = match group {
        "" => one.version.clone(),
        group => format!("{group}/{}", one.version),
    };
    (version, format!("{}List", one.kind))
}

fn shown(object: &Json, metadata_only: bool) -> Json {
    if metadata_only {
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
    } else {
        object.clone()
    }
}
