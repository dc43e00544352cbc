//! Which values an argument can have, as far as they can be found out from here.
//!
//! An argument is known by its variable, so a flag that is added to a program completes as its
//! namesakes do.

use std::ffi::OsStr;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::program::Look;
use super::words::Words;
use crate::cli::env;
use crate::talos::contexts;

/// Where an argument's values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Nodes of the talosconfig's context.
    Nodes,
    /// Contexts of the talosconfig.
    TalosContexts,
    /// Contexts of the kubeconfig.
    KubernetesContexts,
    /// Namespaces of the cluster.
    Namespaces,
    /// Destinations, and the snapshots in them.
    Stored,
}

/// How arguments without a variable are called that take a place in a store.
const PLACES: [&str; 4] = ["SRC", "DST", "SOURCE", "FILE|URL"];

/// `command` with what completes its arguments, sub-commands included.
pub(super) fn completed(command: Command, words: &Words) -> Command {
    let command = command.mut_subcommands(|verb| completed(verb, words));
    command.mut_args(|argument| match source(&argument) {
        Some(source) => {
            let words = words.clone();
            argument.add(ArgValueCompleter::new(move |typed: &OsStr| {
                candidates(source, &words, typed)
            }))
        }
        None => argument,
    })
}

fn source(argument: &Arg) -> Option<Source> {
    let variable = argument.get_env().and_then(OsStr::to_str);
    let named = |name: &str| {
        argument
            .get_value_names()
            .is_some_and(|names| names == [name])
    };
    match (variable, argument.get_id().as_str()) {
        (Some(env::NODES | env::ENDPOINTS), _) | (_, "lost") => Some(Source::Nodes),
        (Some(env::TALOS_CONTEXT), _) => Some(Source::TalosContexts),
        (Some(env::KUBE_CONTEXT | env::CONTEXTS), _) | (_, "kube_context") => {
            Some(Source::KubernetesContexts)
        }
        (_, "namespace") => Some(Source::Namespaces),
        (Some(env::DESTINATION), _) => Some(Source::Stored),
        _ if PLACES.into_iter().any(named) => Some(Source::Stored),
        _ => None,
    }
}

fn candidates(source: Source, words: &Words, typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    // Of a list, the last is completed and the others stay.
    let (done, last) = match source {
        Source::Stored => ("", typed),
        _ => typed
            .rfind(',')
            .map_or(("", typed), |at| typed.split_at(at + 1)),
    };
    let lookups = words.lookups();
    let look = |look: Option<Look>| look.map(|look| look(words, last)).unwrap_or_default();
    let found = match source {
        Source::Nodes => nodes(words),
        Source::TalosContexts => talos_contexts(words),
        Source::KubernetesContexts => look(lookups.contexts),
        Source::Namespaces => look(lookups.namespaces),
        Source::Stored => look(lookups.stored),
    };
    found
        .into_iter()
        .filter(|(value, _)| value.starts_with(last))
        .map(|(value, help)| {
            let help = (!help.is_empty()).then(|| help.into());
            CompletionCandidate::new(format!("{done}{value}")).help(help)
        })
        .collect()
}

/// A value and what it is.
pub(super) type Value = (String, String);

fn nodes(words: &Words) -> Vec<Value> {
    let selection = words.talos();
    let Ok(known) = contexts(&selection) else {
        return Vec::new();
    };
    let of = |context: crate::talos::NamedContext| {
        let help = format!("of context {}", context.name);
        let addresses = context.nodes.into_iter().chain(context.endpoints);
        addresses.map(move |address| (address, help.clone()))
    };
    let mut found: Vec<Value> = known
        .into_iter()
        .filter(|context| match &selection.context {
            Some(name) => *name == context.name,
            None => context.current,
        })
        .flat_map(of)
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|(address, _)| seen.insert(address.clone()));
    found
}

fn talos_contexts(words: &Words) -> Vec<Value> {
    let known = contexts(&words.talos()).unwrap_or_default();
    let help = |endpoints: &[String]| endpoints.join(", ");
    known
        .into_iter()
        .map(|context| (context.name, help(&context.endpoints)))
        .collect()
}
