//! What a kubeconfig names, and what its cluster has.

use clap::FromArgMatches;
use serde::Deserialize;

use super::remembered;
use super::values::Value;
use super::words::Words;
use crate::cli::flags::KubernetesFlags;
use crate::kube::objects::{Metadata, paths};
use crate::kube::{Flags, Form};

#[derive(Deserialize)]
struct Namespace {
    metadata: Metadata,
}

/// Contexts of the kubeconfig.
pub(super) fn contexts(words: &Words, _typed: &str) -> Vec<Value> {
    let flags = Flags {
        kubeconfig: words.said("--kubeconfig").map(Into::into),
        ..Flags::default()
    };
    let names = flags.contexts().unwrap_or_default();
    names
        .into_iter()
        .map(|name| (name, String::new()))
        .collect()
}

/// Namespaces of the cluster that is named so far.
pub(super) fn namespaces(words: &Words, _typed: &str) -> Vec<Value> {
    let flags = words.matches().and_then(|matches| {
        let flags = KubernetesFlags::from_arg_matches(&matches).ok()?;
        flags.client().ok()
    });
    let Some(flags) = flags else {
        return Vec::new();
    };
    let place = format!("namespaces {flags:?} {:?}", std::env::var_os("KUBECONFIG"));
    remembered::within(&place, async move {
        let cluster = flags.connect().await.ok()?;
        let name = |found: Namespace| Some((found.metadata.name, String::new()));
        let listed = cluster.api.list(paths::NAMESPACES, Form::Metadata, name);
        Some(listed.await.ok()?.items)
    })
}
