//! What a key of etcd says: `/registry/…` with its irregular prefixes, and what is no object.
//!
//! A first segment with a dot is an API group (custom resources, and the two aggregated
//! groups); without one it is a resource of the API server, whose group the key does not say.
//! What fits neither is never guessed.

use std::fmt;

use super::resources::{Resource, at_path};

/// Prefix of the API server's keys unless `--etcd-prefix` says otherwise; Talos has this one.
pub const DEFAULT_PREFIX: &str = "/registry";
/// Groups with kinds of their own stored under their group's name.
const AGGREGATED: &[(&str, &str, &str)] = &[
    (
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "CustomResourceDefinition",
    ),
    ("apiregistration.k8s.io", "apiservices", "APIService"),
];
/// Keys of Talos' own locks.
const TALOS: &str = "talos:v1:";

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// An object of the API.
    Object(ObjectKey<'a>),
    /// Known, and no object of the API.
    Internal(Internal<'a>),
    /// Under the prefix, of no known resource: the path behind it.
    Unknown(&'a str),
    /// Outside the prefix, or no text: of another program.
    Foreign,
}

/// Which object a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey<'a> {
    /// API group; empty: core.
    pub group: &'a str,
    /// Plural name, as `deployments`.
    pub resource: &'a str,
    /// Namespace; none: cluster scope.
    pub namespace: Option<&'a str>,
    /// Name.
    pub name: &'a str,
}

/// Keys of the API server and of Talos that are no objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Internal<'a> {
    /// The revision an API server asked to compact.
    CompactRevision,
    /// The probe of `/readyz`.
    Health,
    /// Addresses or ports that are given away.
    Range(&'a str),
    /// An API server that runs, by its address.
    MasterLease(&'a str),
    /// The same for the proxy between API servers of two versions.
    PeerServerLease(&'a str),
    /// A lock held while the snapshot was taken.
    TalosLock(&'a str),
}

impl<'a> ObjectKey<'a> {
    /// Kind, where the key alone tells it.
    pub fn kind(&self) -> Option<&'static str> {
        let aggregated = AGGREGATED
            .iter()
            .find(|(group, resource, _)| (*group, *resource) == (self.group, self.resource))
            .map(|(_, _, kind)| *kind);
        aggregated.or_else(|| built_in(self).map(|resource| resource.kind))
    }

    /// `deployments.apps`, as kubectl tells resources of one name apart.
    pub fn full_resource(&self) -> String {
        match self.group {
            "" => self.resource.to_owned(),
            group => format!("{}.{group}", self.resource),
        }
    }

    /// Whether this is a Secret of the API.
    pub fn is_secret(&self) -> bool {
        (self.group, self.resource) == ("", "secrets")
    }

    /// The key behind the prefix: the inverse of [`Grammar::parse`].
    pub fn path(&self) -> String {
        let resource = match built_in(self) {
            Some(resource) => resource.path().to_owned(),
            None => format!("{}/{}", self.group, self.resource),
        };
        match self.namespace {
            Some(namespace) => format!("{resource}/{namespace}/{}", self.name),
            None => format!("{resource}/{}", self.name),
        }
    }
}

impl fmt::Display for ObjectKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.full_resource(), self.name)?;
        match self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

fn built_in(key: &ObjectKey<'_>) -> Option<&'static Resource> {
    super::resources::BUILT_IN
        .iter()
        .find(|resource| (resource.group, resource.name) == (key.group, key.resource))
}

/// How keys of one store are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    prefix: String,
}

impl Default for Grammar {
    fn default() -> Self {
        Self::with_prefix(DEFAULT_PREFIX)
    }
}

impl Grammar {
    /// Of an API server with this `--etcd-prefix`.
    pub fn with_prefix(prefix: &str) -> Self {
        Self {
            prefix: format!("/{}", prefix.trim_matches('/')),
        }
    }

    /// The prefix, without its last slash.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The key of the thing at `path` behind the prefix.
    pub fn key_of(&self, path: &str) -> String {
        format!("{}/{path}", self.prefix)
    }

    /// What this key stands for.
    pub fn parse<'a>(&self, key: &'a [u8]) -> Key<'a> {
        let Ok(key) = std::str::from_utf8(key) else {
            return Key::Foreign;
        };
        let path = key
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        match path {
            Some(path) => under_prefix(path),
            None if key == "compact_rev_key" => Key::Internal(Internal::CompactRevision),
            None => key.strip_prefix(TALOS).map_or(Key::Foreign, |lock| {
                Key::Internal(Internal::TalosLock(lock))
            }),
        }
    }
}

fn under_prefix(path: &str) -> Key<'_> {
    if path == "health" {
        return Key::Internal(Internal::Health);
    }
    let Some((first, rest)) = path.split_once('/') else {
        return Key::Unknown(path);
    };
    let internal = match first {
        "ranges" => Some(Internal::Range(rest)),
        "masterleases" => Some(Internal::MasterLease(rest)),
        "peerserverleases" => Some(Internal::PeerServerLease(rest)),
        _ => None,
    };
    if let Some(internal) = internal {
        return Key::Internal(internal);
    }
    let object = if first.contains('.') {
        custom(first, rest)
    } else {
        built_in_object(path, first, rest)
    };
    object.map_or(Key::Unknown(path), Key::Object)
}

/// `<group>/<resource>/<name>` or `<group>/<resource>/<namespace>/<name>`.
fn custom<'a>(group: &'a str, rest: &'a str) -> Option<ObjectKey<'a>> {
    let (resource, rest) = rest.split_once('/')?;
    let (namespace, name) = match rest.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, rest),
    };
    whole(ObjectKey {
        group,
        resource,
        namespace,
        name,
    })
}

fn built_in_object<'a>(path: &'a str, first: &'a str, rest: &'a str) -> Option<ObjectKey<'a>> {
    let one = || at_path(first).map(|resource| (resource, rest));
    // `services/specs` and `services/endpoints` are two segments.
    let two = || {
        let (second, rest) = rest.split_once('/')?;
        at_path(path.get(..first.len() + 1 + second.len())?).map(|resource| (resource, rest))
    };
    let (resource, rest) = one().or_else(two)?;
    let (namespace, name) = if resource.namespaced {
        let (namespace, name) = rest.split_once('/')?;
        (Some(namespace), name)
    } else {
        (None, rest)
    };
    whole(ObjectKey {
        group: resource.group,
        resource: resource.name,
        namespace,
        name,
    })
}

/// No part is empty, and no name has a slash.
fn whole(key: ObjectKey<'_>) -> Option<ObjectKey<'_>> {
    let filled = !key.resource.is_empty() && key.namespace != Some("") && !key.name.is_empty();
    (filled && !key.name.contains('/')).then_some(key)
}

/// Finds the prefix of a store from its keys: every cluster has a namespace `kube-system`.
#[derive(Debug, Default)]
pub struct PrefixFinder {
    found: Option<String>,
}

impl PrefixFinder {
    /// Takes a key in.
    pub fn see(&mut self, key: &[u8]) {
        let prefix = std::str::from_utf8(key)
            .ok()
            .and_then(|key| key.strip_suffix("/namespaces/kube-system"));
        let Some(prefix) = prefix.filter(|prefix| prefix.starts_with('/')) else {
            return;
        };
        let better = |known: &String| {
            prefix == DEFAULT_PREFIX || known != DEFAULT_PREFIX && prefix.len() < known.len()
        };
        if self.found.as_ref().is_none_or(better) {
            self.found = Some(prefix.to_owned());
        }
    }

    /// Whether the usual prefix was found: no other wins over it.
    pub(super) fn is_usual(&self) -> bool {
        self.found.as_deref() == Some(DEFAULT_PREFIX)
    }

    /// The prefix of the keys that were seen; none where no cluster's keys were.
    pub fn found(&self) -> Option<&str> {
        self.found.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::kubernetes::resources::BUILT_IN;
    use proptest::prelude::*;

    fn object(key: &str) -> ObjectKey<'_> {
        match Grammar::default().parse(key.as_bytes()) {
            Key::Object(object) => object,
            other => panic!("{key}: {other:?}"),
        }
    }

    #[test]
    fn irregular_prefixes_are_what_they_hold() {
        let cases = [
            (
                "/registry/services/specs/web/shop",
                "services",
                "",
                Some("web"),
                "shop",
                Some("Service"),
            ),
            (
                "/registry/services/endpoints/web/shop",
                "endpoints",
                "",
                Some("web"),
                "shop",
                Some("Endpoints"),
            ),
            (
                "/registry/minions/cp-1",
                "nodes",
                "",
                None,
                "cp-1",
                Some("Node"),
            ),
            (
                "/registry/controllers/web/old",
                "replicationcontrollers",
                "",
                Some("web"),
                "old",
                Some("ReplicationController"),
            ),
            (
                "/registry/ingress/web/shop",
                "ingresses",
                "networking.k8s.io",
                Some("web"),
                "shop",
                Some("Ingress"),
            ),
            (
                "/registry/clusterroles/system:node",
                "clusterroles",
                "rbac.authorization.k8s.io",
                None,
                "system:node",
                Some("ClusterRole"),
            ),
            (
                "/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.example.org",
                "customresourcedefinitions",
                "apiextensions.k8s.io",
                None,
                "widgets.example.org",
                Some("CustomResourceDefinition"),
            ),
            (
                "/registry/apiregistration.k8s.io/apiservices/v1.",
                "apiservices",
                "apiregistration.k8s.io",
                None,
                "v1.",
                Some("APIService"),
            ),
            (
                "/registry/bitnami.com/sealedsecrets/web/token",
                "sealedsecrets",
                "bitnami.com",
                Some("web"),
                "token",
                None,
            ),
            (
                "/registry/example.org/widgets/one",
                "widgets",
                "example.org",
                None,
                "one",
                None,
            ),
        ];
        for (key, resource, group, namespace, name, kind) in cases {
            let found = object(key);
            assert_eq!(
                found,
                ObjectKey {
                    group,
                    resource,
                    namespace,
                    name
                },
                "{key}"
            );
            assert_eq!(found.kind(), kind, "{key}");
            assert_eq!(Grammar::default().key_of(&found.path()), key);
        }
    }

    #[test]
    fn what_is_no_object_is_named_and_the_rest_is_not_guessed() {
        let parse = |key: &'static str| Grammar::default().parse(key.as_bytes());
        assert_eq!(
            parse("compact_rev_key"),
            Key::Internal(Internal::CompactRevision)
        );
        assert_eq!(parse("/registry/health"), Key::Internal(Internal::Health));
        assert_eq!(
            parse("/registry/ranges/serviceips"),
            Key::Internal(Internal::Range("serviceips"))
        );
        assert_eq!(
            parse("/registry/masterleases/10.0.0.2"),
            Key::Internal(Internal::MasterLease("10.0.0.2"))
        );
        assert_eq!(
            parse("/registry/peerserverleases/x"),
            Key::Internal(Internal::PeerServerLease("x"))
        );
        assert_eq!(
            parse("talos:v1:etcdUpgradeMutex/1"),
            Key::Internal(Internal::TalosLock("etcdUpgradeMutex/1"))
        );
        for unknown in [
            "pods",
            "pods/",
            "pods/web",
            "pods//x",
            "pods/web/",
            "pods/a/b/c",
            "x/k1",
            "example.org/widgets",
            "example.org/widgets/a/b/c",
        ] {
            let key = format!("/registry/{unknown}");
            assert_eq!(
                Grammar::default().parse(key.as_bytes()),
                Key::Unknown(unknown)
            );
        }
        for foreign in ["/registryx/pods/a/b", "/registry", "cilium/state", ""] {
            assert_eq!(parse(foreign), Key::Foreign, "{foreign}");
        }
        assert_eq!(Grammar::default().parse(&[0xff, 0xfe]), Key::Foreign);
    }

    #[test]
    fn another_prefix_is_noticed_and_the_usual_one_wins() {
        let mut finder = PrefixFinder::default();
        finder.see(b"/kubernetes.io/namespaces/default");
        assert_eq!(finder.found(), None);
        finder.see(b"/a/longer/prefix/namespaces/kube-system");
        finder.see(b"/kubernetes.io/namespaces/kube-system");
        assert_eq!(finder.found(), Some("/kubernetes.io"));
        let grammar = Grammar::with_prefix("/kubernetes.io/");
        assert!(matches!(
            grammar.parse(b"/kubernetes.io/minions/cp-1"),
            Key::Object(_)
        ));
        finder.see(b"/registry/namespaces/kube-system");
        finder.see(b"/a/namespaces/kube-system");
        assert_eq!(finder.found(), Some("/registry"));
    }

    proptest! {
        #[test]
        fn keys_of_objects_survive_the_round_trip(
            index in 0..BUILT_IN.len(), namespace in "[a-z0-9-]{1,20}", name in "[a-zA-Z0-9.:_-]{1,40}",
            group in "[a-z]{1,8}\\.[a-z.]{1,10}", resource in "[a-z]{1,12}", custom: bool, namespaced: bool,
        ) {
            let table = BUILT_IN[index];
            let key = if custom {
                ObjectKey { group: &group, resource: &resource, namespace: namespaced.then_some(namespace.as_str()), name: &name }
            } else {
                ObjectKey { group: table.group, resource: table.name, namespace: table.namespaced.then_some(namespace.as_str()), name: &name }
            };
            let text = Grammar::default().key_of(&key.path());
            prop_assert_eq!(Grammar::default().parse(text.as_bytes()), Key::Object(key));
        }

        #[test]
        fn any_key_is_read(key in prop::collection::vec(any::<u8>(), 0..80), tail in "[/a-z.:]{0,40}") {
            let _any = Grammar::default().parse(&key);
            let text = format!("/registry/{tail}");
            if let Key::Object(object) = Grammar::default().parse(text.as_bytes()) {
                prop_assert_eq!(Grammar::default().key_of(&object.path()), text);
            }
        }
    }
}
