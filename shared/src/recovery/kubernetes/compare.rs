//! The live cluster against what a snapshot had: by names only, so that nothing of a Secret is
//! fetched. What comes and goes by itself is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::ControlFlow;

use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use super::super::file::FileFacts;
use crate::failure::{Exit, Failure};
use crate::kube::objects::{self, paths};
use crate::kube::{Api, Cause, Form, KubeError, Served};
use crate::snapshot::bolt::Database;
use crate::snapshot::kubernetes::{Contents, Key, Metadata, Value};

/// Lists read at once.
const AT_ONCE: usize = 4;
/// Resources whose objects come and go by themselves, by group and name.
const PASSING: &[(&str, &str)] = &[
    ("", "events"),
    ("events.k8s.io", "events"),
    ("", "endpoints"),
    ("", "componentstatuses"),
    ("discovery.k8s.io", "endpointslices"),
    ("coordination.k8s.io", "leases"),
    ("coordination.k8s.io", "leasecandidates"),
    ("networking.k8s.io", "ipaddresses"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("apiregistration.k8s.io", "apiservices"),
];
/// Objects that every namespace gets by itself.
const GIVEN: &[(&str, &str)] = &[
    ("configmaps", "kube-root-ca.crt"),
    ("serviceaccounts", "default"),
];

/// Group and plural name.
type Resource = (String, String);
/// Namespace (empty: cluster scope) and name.
type Name = (String, String);
type Objects = BTreeMap<Resource, BTreeSet<Name>>;

/// What a snapshot had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    file: String,
    revision: i64,
    objects: Objects,
}

/// What the live cluster has of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The snapshot.
    pub file: String,
    /// Its revision.
    pub revision: i64,
    /// How many objects of it were looked for.
    pub objects: usize,
    /// What the live cluster lacks.
    pub missing: Vec<Group>,
    /// What it has and the snapshot had not.
    pub extra: Vec<Group>,
    /// Resources that could not be listed, and why.
    pub unread: Vec<(String, String)>,
}

/// Objects of one resource in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Their namespace; empty: cluster scope.
    pub namespace: String,
    /// As `deployments.apps`.
    pub resource: String,
    /// Their names, all of them.
    pub names: Vec<String>,
    /// Whether the live API serves the resource.
    pub served: bool,
}

impl Baseline {
    /// Of a snapshot file that was looked at.
    ///
    /// # Errors
    /// 65: it is damaged; 74: it cannot be read.
    pub fn of(file: &File, facts: &FileFacts) -> Result<Self, Failure> {
        let name = &facts.name;
        let file = file.try_clone().map_err(|error| {
            Failure::new(Exit::Io, format!("cannot open {name} again: {error}"))
        })?;
        let database = Database::open(file).map_err(|error| error.into_failure(name))?;
        let contents = Contents::find(&database, None).map_err(Failure::from)?;
        let mut baseline = Self {
            file: name.clone(),
            revision: facts.revision,
            objects: Objects::new(),
        };
        let walked = contents.each_live(|entry| {
            if let Key::Object(key) = entry.key {
                let head = Value::parse(entry.value).head();
                let name = (
                    key.namespace.unwrap_or_default().to_owned(),
                    key.name.to_owned(),
                );
                let metadata = head.as_ref().map(|head| &head.metadata);
                baseline.see((key.group, key.resource), name, metadata);
            }
            ControlFlow::Continue(())
        });
        walked.map_err(Failure::from)?;
        Ok(baseline)
    }

    fn see(&mut self, resource: (&str, &str), name: Name, metadata: Option<&Metadata>) {
        if stays(resource, &name, metadata) {
            let resource = (resource.0.to_owned(), resource.1.to_owned());
            self.objects.entry(resource).or_default().insert(name);
        }
    }
}

/// Whether an object is there until somebody removes it: nobody makes it again by himself.
fn stays(resource: (&str, &str), name: &Name, metadata: Option<&Metadata>) -> bool {
    let owned = metadata.is_some_and(|metadata| metadata.controller().is_some());
    !owned && !PASSING.contains(&resource) && !GIVEN.contains(&(resource.1, name.1.as_str()))
}

#[derive(Deserialize)]
struct Partial {
    metadata: Metadata,
}

/// Compares what the API serves with what the snapshot had.
///
/// # Errors
/// What resources there are cannot be found out.
pub(super) async fn compare(api: &Api, baseline: &Baseline) -> Result<Comparison, KubeError> {
    let elsewhere = |one: objects::ApiService| one.spec.service.map(|_| one.spec.group);
    let aggregated = api
        .list(paths::API_SERVICES, Form::Objects, elsewhere)
        .await?;
    let served = api.discover(&aggregated.items).await?;
    let wanted = served.into_iter().filter(|one| {
        let resource = (one.group.as_str(), one.resource.as_str());
        !PASSING.contains(&resource)
    });
    let lists = stream::iter(wanted).map(async |one| {
        let listed = names(api, &one).await;
        (one, listed)
    });
    let lists: Vec<_> = lists.buffered(AT_ONCE).collect().await;
    let mut live = Objects::new();
    let mut unread = Vec::new();
    for (one, listed) in lists {
        let resource = (one.group, one.resource);
        match listed {
            Ok(names) => {
                live.insert(resource, names);
            }
            // Gone since it was discovered.
            Err(error) if error.cause() == Cause::Absent => {}
            Err(error) => unread.push((resource, error.to_string())),
        }
    }
    Ok(baseline.against(&live, &unread))
}

async fn names(api: &Api, one: &Served) -> Result<BTreeSet<Name>, KubeError> {
    let resource = (one.group.as_str(), one.resource.as_str());
    let keep = |object: Partial| {
        let metadata = object.metadata;
        let name = (metadata.namespace.clone(), metadata.name.clone());
        stays(resource, &name, Some(&metadata)).then_some(name)
    };
    let listed = api.list(&one.path, Form::Metadata, keep).await?;
    Ok(listed.items.into_iter().collect())
}

impl Baseline {
    fn against(&self, live: &Objects, unread: &[(Resource, String)]) -> Comparison {
        let not_read = |resource: &Resource| unread.iter().any(|(one, _)| one == resource);
        let none = BTreeSet::new();
        let (mut missing, mut extra) = (Vec::new(), Vec::new());
        let mut objects = 0;
        for (resource, had) in &self.objects {
            if not_read(resource) {
                continue;
            }
            objects += had.len();
            let has = live.get(resource);
            let gone = had.difference(has.unwrap_or(&none));
            missing.extend(groups(resource, gone, has.is_some()));
        }
        for (resource, has) in live {
            let had = self.objects.get(resource).unwrap_or(&none);
            extra.extend(groups(resource, has.difference(had), true));
        }
        missing.sort();
        extra.sort();
        Comparison {
            file: self.file.clone(),
            revision: self.revision,
            objects,
            missing,
            extra,
            unread: unread
                .iter()
                .map(|(resource, why)| (full(resource), why.clone()))
                .collect(),
        }
    }
}

fn groups<'a>(
    resource: &Resource,
    names: impl Iterator<Item = &'a Name>,
    served: bool,
) -> Vec<Group> {
    let mut by_namespace: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (namespace, name) in names {
        by_namespace
            .entry(namespace)
            .or_default()
            .push(name.clone());
    }
    let groups = by_namespace.into_iter().map(|(namespace, names)| Group {
        namespace: namespace.to_owned(),
        resource: full(resource),
        names,
        served,
    });
    groups.collect()
}

/// `deployments.apps`, as kubectl tells resources of one name apart.
fn full((group, name): &Resource) -> String {
    match group.as_str() {
        "" => name.clone(),
        group => format!("{name}.{group}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(all: &[(&str, &str, &str, &str)]) -> Objects {
        let mut objects = Objects::new();
        for (group, resource, namespace, name) in all {
            let names = objects.entry(((*group).to_owned(), (*resource).to_owned()));
            names
                .or_default()
                .insert(((*namespace).to_owned(), (*name).to_owned()));
        }
        objects
    }

    #[test]
    fn what_is_missing_and_what_is_new_is_told_apart() {
        let baseline = Baseline {
            file: "db".to_owned(),
            revision: 7,
            objects: objects(&[
                ("", "namespaces", "", "web"),
                ("apps", "deployments", "web", "shop"),
                ("apps", "deployments", "data", "db"),
                ("example.org", "widgets", "", "w0"),
                ("", "secrets", "web", "key"),
            ]),
        };
        let live = objects(&[
            ("", "namespaces", "", "late"),
            ("apps", "deployments", "data", "db"),
        ]);
        let denied = vec![((String::new(), "secrets".to_owned()), "403".to_owned())];
        let compared = baseline.against(&live, &denied);
        let shown = |groups: &[Group]| {
            let one = |group: &Group| {
                format!(
                    "{} {} {:?} {}",
                    group.namespace, group.resource, group.names, group.served
                )
            };
            groups.iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&compared.missing),
            [
                r#" namespaces ["web"] true"#,
                r#" widgets.example.org ["w0"] false"#,
                r#"web deployments.apps ["shop"] true"#,
            ]
        );
        assert_eq!(shown(&compared.extra), [r#" namespaces ["late"] true"#]);
        assert_eq!(compared.objects, 4);
        assert_eq!(compared.unread[0].0, "secrets");
    }

    #[test]
    fn what_comes_by_itself_is_left_out() {
        let name = |name: &str| ("web".to_owned(), name.to_owned());
        let owned: Metadata = serde_json::from_str(
            r#"{"ownerReferences":[{"kind":"ReplicaSet","name":"a","controller":true}]}"#,
        )
        .unwrap();
        assert!(stays(("", "pods"), &name("a"), None));
        assert!(!stays(("", "pods"), &name("a"), Some(&owned)));
        assert!(!stays(("", "events"), &name("a"), None));
        assert!(!stays(("", "configmaps"), &name("kube-root-ca.crt"), None));
        assert!(stays(("", "configmaps"), &name("settings"), None));
    }
}
