//! What changes objects: requests, tests, and the kubelet.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::answer::{Answer, Question, place, status};
use crate::server::{Shared, held};

/// Group and plural name.
pub(crate) type Kind<'a> = (&'a str, &'a str);
/// Namespace and name.
pub(crate) type Name<'a> = (&'a str, &'a str);

/// `POST`: a new object, unless its name is taken.
pub(crate) fn create(shared: &Arc<Shared>, question: &Question, body: &[u8]) -> Answer {
    let Some((group, resource, namespace, None)) = place(&question.path) else {
        return status(404, "the server could not find the requested resource");
    };
    let Ok(object) = serde_json::from_slice::<Json>(body) else {
        return status(400, "the object is no JSON");
    };
    let name = object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if name.is_empty() {
        return status(422, "name or generateName is required");
    }
    let kind = (group.as_str(), resource.as_str());
    if get(shared, kind, (&namespace, &name)).is_some() {
        return status(409, &format!("{resource} \"{name}\" already exists"));
    }
    let created = put(shared, kind, (&namespace, &name), object);
    if kind == ("batch", "jobs")
        && let Some(kubelet) = held(&shared.kubelet).clone()
    {
        kubelet.take(shared, &created);
    }
    (201, created.to_string())
}

/// `DELETE`: the object, and what it owns.
pub(crate) fn delete(shared: &Arc<Shared>, question: &Question) -> Answer {
    let Some((group, resource, namespace, Some(name))) = place(&question.path) else {
        return status(404, "the server could not find the requested resource");
    };
    let kind = (group.as_str(), resource.as_str());
    let Some(object) = remove(shared, kind, (&namespace, &name)) else {
        return status(404, &format!("{resource} \"{name}\" not found"));
    };
    if kind == ("batch", "jobs") {
        let kubelet = held(&shared.kubelet).clone();
        if let Some(kubelet) = kubelet {
            kubelet.end(shared, &namespace, &name);
        }
    }
    (200, object.to_string())
}

/// An object as it is.
pub(crate) fn get(
    shared: &Shared,
    (group, resource): Kind<'_>,
    (namespace, name): Name<'_>,
) -> Option<Json> {
    let objects = held(&shared.objects);
    let one = objects
        .resources
        .get(&(group.to_owned(), resource.to_owned()))?;
    one.objects
        .get(&(namespace.to_owned(), name.to_owned()))
        .cloned()
}

/// Puts an object, of a resource that is served, with what the server gives every object.
pub(crate) fn put(shared: &Shared, kind: Kind<'_>, name: Name<'_>, mut object: Json) -> Json {
    let mut objects = held(&shared.objects);
    objects.revision += 1;
    let revision = objects.revision;
    let resource = (kind.0.to_owned(), kind.1.to_owned());
    let Some(one) = objects.resources.get_mut(&resource) else {
        return object;
    };
    let metadata = &mut object["metadata"];
    if metadata["name"].is_null() {
        metadata["name"] = name.1.into();
    }
    if one.namespaced && metadata["namespace"].is_null() {
        metadata["namespace"] = name.0.into();
    }
    if metadata["uid"].is_null() {
        metadata["uid"] = format!("00000000-0000-0000-0000-{revision:012}").into();
    }
    if metadata["creationTimestamp"].is_null() {
        metadata["creationTimestamp"] = jiff::Timestamp::now().to_string().into();
    }
    metadata["resourceVersion"] = revision.to_string().into();
    let key = (name.0.to_owned(), name.1.to_owned());
    let new = one.objects.insert(key, object.clone()).is_none();
    let change = if new { "ADDED" } else { "MODIFIED" };
    held(&shared.changes).add(kind, change, revision, &object);
    object
}

/// Changes an object in its place; none: there is none.
pub(crate) fn edit(
    shared: &Shared,
    kind: Kind<'_>,
    name: Name<'_>,
    change: impl FnOnce(&mut Json),
) -> Option<Json> {
    let mut object = get(shared, kind, name)?;
    change(&mut object);
    Some(put(shared, kind, name, object))
}

pub(crate) fn remove(shared: &Shared, kind: Kind<'_>, name: Name<'_>) -> Option<Json> {
    let mut objects = held(&shared.objects);
    objects.revision += 1;
    let revision = objects.revision;
    let one = objects
        .resources
        .get_mut(&(kind.0.to_owned(), kind.1.to_owned()))?;
    let object = one
        .objects
        .remove(&(name.0.to_owned(), name.1.to_owned()))?;
    held(&shared.changes).add(kind, "DELETED", revision, &object);
    Some(object)
}
