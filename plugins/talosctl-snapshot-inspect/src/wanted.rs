//! Which objects `get` is asked for, and which of a whole namespace are worth bringing back.

use std::collections::BTreeSet;

use etcdbackup::failure::{Exit, Failure};
use etcdbackup::snapshot::kubernetes::{Entry, Filter, Head, ObjectKey};

use crate::cli::Get;
use crate::ls::filter;

/// Resources whose objects are made again by what they belong to, or say nothing tomorrow.
const MADE_AGAIN: &[(&str, &str)] = &[
    ("", "events"),
    ("", "endpoints"),
    ("discovery.k8s.io", "endpointslices"),
    ("coordination.k8s.io", "leases"),
    ("apps", "controllerrevisions"),
];
/// What others need comes first.
const FIRST: &[&str] = &[
    "namespaces",
    "customresourcedefinitions",
    "serviceaccounts",
    "secrets",
    "configmaps",
    "persistentvolumes",
    "persistentvolumeclaims",
];

/// What was met of it: the filter's number (0 for keys) and the name.
pub(crate) type Met = BTreeSet<(usize, String)>;

/// What is asked for.
pub(crate) struct Wanted {
    keys: Vec<String>,
    filters: Vec<Filter>,
    /// The resource of each filter, as it was typed.
    words: Vec<String>,
    /// A whole namespace or cluster, without what is made again by itself.
    pub(crate) all: bool,
    /// The namespace whose own object belongs to it.
    namespace: Option<String>,
}

impl Wanted {
    /// `KEY…`, `TYPE/NAME…`, `TYPE[,TYPE] [NAME…]`, or `--all`.
    pub(crate) fn new(verb: &Get) -> Result<Self, Failure> {
        let mut wanted = Self {
            keys: Vec::new(),
            filters: Vec::new(),
            words: Vec::new(),
            all: verb.all,
            namespace: None,
        };
        if verb.all {
            if !verb.what.is_empty() {
                return Err(Failure::new(
                    Exit::Usage,
                    "`--all` takes everything, it needs no WHAT",
                )
                .hint("leave one of both away"));
            }
            wanted.filters.push(filter(&verb.select, &[])?);
            wanted.words.push(String::new());
            wanted.namespace = verb.select.namespace.clone();
            return Ok(wanted);
        }
        let Some(first) = verb.what.first() else {
            return Err(Failure::new(Exit::Usage, "nothing is asked for").hint(
                "name a key, `TYPE/NAME`, `TYPE [NAME]`, or say `--all` (with `-n NAMESPACE`)",
            ));
        };
        if is_key(first) {
            wanted.keys.clone_from(&verb.what);
        } else if first.contains('/') {
            for item in &verb.what {
                let (resource, name) = item.split_once('/').ok_or_else(|| mixed(item))?;
                let mut one = filter(&verb.select, &[resource.to_owned()])?;
                one.names = vec![name.to_owned()];
                wanted.filters.push(one);
                wanted.words.push(resource.to_owned());
            }
        } else {
            let mut one = filter(&verb.select, std::slice::from_ref(first))?;
            one.names = verb.what[1..].to_vec();
            wanted.filters.push(one);
            wanted.words.push(first.clone());
        }
        Ok(wanted)
    }

    /// Whether this entry is asked for, which is kept in `met`.
    pub(crate) fn takes(
        &self,
        entry: &Entry<'_>,
        object: Option<&ObjectKey<'_>>,
        head: Option<&Head<'_>>,
        met: &mut Met,
    ) -> bool {
        if let Some(key) = self
            .keys
            .iter()
            .find(|key| key.as_bytes() == entry.etcd_key)
        {
            met.insert((0, key.clone()));
            return true;
        }
        let Some(object) = object else {
            return false;
        };
        let kind = head.map(|head| head.kind.as_ref());
        let labels = head
            .map(|head| head.metadata.labels.clone())
            .unwrap_or_default();
        let mut taken = self.is_own_namespace(object);
        for (index, filter) in self.filters.iter().enumerate() {
            if filter.takes(object, kind, &labels) {
                met.insert((index, object.name.to_owned()));
                taken = true;
            }
        }
        taken
    }

    /// Whether the key alone does not rule it out.
    pub(crate) fn may_take(&self, object: Option<&ObjectKey<'_>>) -> bool {
        let by_filter = |object: &ObjectKey<'_>| {
            self.is_own_namespace(object)
                || self.filters.iter().any(|filter| filter.may_take(object))
        };
        !self.keys.is_empty() || object.is_some_and(by_filter)
    }

    fn is_own_namespace(&self, object: &ObjectKey<'_>) -> bool {
        object.resource == "namespaces" && Some(object.name) == self.namespace.as_deref()
    }

    /// What was asked for and not met.
    pub(crate) fn missing(&self, met: &Met) -> Vec<String> {
        let keys = self
            .keys
            .iter()
            .filter(|key| !met.contains(&(0, (*key).clone())));
        let mut missing: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
        for (index, (filter, word)) in self.filters.iter().zip(&self.words).enumerate() {
            let unmet = filter
                .names
                .iter()
                .filter(|name| !met.contains(&(index, (*name).clone())));
            missing.extend(unmet.map(|name| format!("`{word}/{name}`")));
            if filter.names.is_empty() && !met.iter().any(|(at, _)| *at == index) {
                missing.push(if word.is_empty() {
                    "such object".to_owned()
                } else {
                    format!("`{word}`")
                });
            }
        }
        missing
    }
}

/// Keys of the API server begin with a slash; a few others are known by their form.
fn is_key(word: &str) -> bool {
    word.starts_with('/') || word.contains(':') || word == "compact_rev_key"
}

fn mixed(item: &str) -> Failure {
    Failure::new(Exit::Usage, format!("`{item}` is no `TYPE/NAME`"))
        .hint("name all as `TYPE/NAME`, or one TYPE and then names")
}

/// Whether it comes back by itself, with what it belongs to.
pub(crate) fn is_made_again(object: Option<&ObjectKey<'_>>, head: Option<&Head<'_>>) -> bool {
    let kind = object.is_some_and(|object| MADE_AGAIN.contains(&(object.group, object.resource)));
    let root_ca = object
        .is_some_and(|object| (object.resource, object.name) == ("configmaps", "kube-root-ca.crt"));
    kind || root_ca || head.is_some_and(|head| head.metadata.controller().is_some())
}

/// What it belongs to.
pub(crate) fn controller(head: &Head<'_>) -> Option<String> {
    head.metadata
        .controller()
        .map(|owner| format!("{} {}", owner.kind, owner.name))
}

/// Where it stands among objects that are applied in order.
pub(crate) fn rank(object: Option<&ObjectKey<'_>>) -> usize {
    let rank = object.and_then(|object| FIRST.iter().position(|first| *first == object.resource));
    rank.unwrap_or(FIRST.len())
}
