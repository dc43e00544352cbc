//! The talosconfig, found where talosctl finds it; never created.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};

/// In a pod with a `talos.dev` ServiceAccount.
const IN_POD: &str = "/var/run/secrets/talos.dev/config";

/// What was typed; nothing is checked yet.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// File instead of the search order.
    pub talosconfig: Option<PathBuf>,
    /// Context instead of the file's.
    pub context: Option<String>,
    /// Endpoints instead of the context's.
    pub endpoints: Vec<String>,
    /// Nodes instead of the context's.
    pub nodes: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    context: String,
    #[serde(default)]
    contexts: BTreeMap<String, Entry>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    endpoints: Vec<String>,
    nodes: Vec<String>,
    ca: String,
    crt: String,
    key: String,
    #[serde(rename = "proxy-url")]
    proxy: String,
}

/// A context ready to dial.
pub(super) struct Context {
    pub(super) file: PathBuf,
    pub(super) name: String,
    pub(super) endpoints: Vec<String>,
    pub(super) nodes: Vec<String>,
    /// The context's, whatever flags put in their place.
    pub(super) own_endpoints: Vec<String>,
    pub(super) own_nodes: Vec<String>,
    pub(super) authority: String,
    pub(super) certificate: String,
    pub(super) key: Zeroizing<String>,
    /// `proxy-url`: empty, `direct`, or a proxy. May hold a password: never shown.
    pub(super) proxy: String,
}

/// A context as the talosconfig has it, without what is secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedContext {
    /// Its name.
    pub name: String,
    /// Whether it is the one that counts when none is named.
    pub current: bool,
    /// Through whom it is reached.
    pub endpoints: Vec<String>,
    /// Whom it asks.
    pub nodes: Vec<String>,
}

/// Every context of the file that `selection` names.
///
/// # Errors
/// 78: there is no talosconfig, or it cannot be read.
pub fn contexts(selection: &Selection) -> Result<Vec<NamedContext>, Failure> {
    let (file, text) = read(selection)?;
    let parsed = parsed(&text, &file)?;
    let named = |(name, entry): (String, Entry)| NamedContext {
        current: name == parsed.context,
        endpoints: entry.endpoints,
        nodes: entry.nodes,
        name,
    };
    Ok(parsed.contexts.into_iter().map(named).collect())
}

/// Reads what `selection` names.
pub(super) fn load(selection: &Selection) -> Result<Context, Failure> {
    let (file, text) = read(selection)?;
    parse(&text, &file, selection)
}

fn read(selection: &Selection) -> Result<(PathBuf, Zeroizing<String>), Failure> {
    let file = find(selection, |name| std::env::var_os(name).map(PathBuf::from))?;
    let text = std::fs::read_to_string(&file).map_err(|error| {
        Failure::new(
            Exit::Config,
            format!("cannot read the talosconfig `{}`: {error}", file.display()),
        )
        .hint("name another with `--talosconfig` or TALOSCONFIG")
    })?;
    Ok((file, Zeroizing::new(text)))
}

fn find(
    selection: &Selection,
    variable: impl Fn(&str) -> Option<PathBuf>,
) -> Result<PathBuf, Failure> {
    let set = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
    if let Some(named) = selection.talosconfig.clone().or_else(|| set("TALOSCONFIG")) {
        return Ok(named);
    }
    let home = set("TALOS_HOME")
        .map(|home| home.join("config"))
        .or_else(|| set("HOME").map(|home| home.join(".talos/config")));
    let places: Vec<PathBuf> = home.into_iter().chain([PathBuf::from(IN_POD)]).collect();
    if let Some(found) = places.iter().find(|place| place.exists()) {
        return Ok(found.clone());
    }
    let tried: Vec<String> = places
        .iter()
        .map(|place| format!("`{}`", place.display()))
        .collect();
    Err(Failure::new(
        Exit::Config,
        format!("no talosconfig: neither {}", tried.join(" nor ")),
    )
    .hint("name one with `--talosconfig FILE` or TALOSCONFIG; `talosctl config new` makes one"))
}

pub(super) fn parse(text: &str, file: &Path, selection: &Selection) -> Result<Context, Failure> {
    let shown = file.display();
    let wrong = |what: String| Failure::new(Exit::Config, format!("talosconfig `{shown}`: {what}"));
    if text.trim().is_empty() {
        return Err(wrong("it is empty".into()).hint("write one with `talosctl config merge FILE`"));
    }
    let mut parsed = parsed(text, file)?;
    let name = selection.context.clone().unwrap_or(parsed.context);
    let known: Vec<&str> = parsed.contexts.keys().map(String::as_str).collect();
    let known = known.join(", ");
    let Some(entry) = parsed.contexts.remove(&name) else {
        return Err(wrong(format!("context `{name}` is not in it"))
            .hint(format!("it has: {known}; choose one with `--context`")));
    };
    let or = |typed: &[String], own: Vec<String>| {
        if typed.is_empty() {
            own
        } else {
            typed.to_vec()
        }
    };
    let (own_endpoints, own_nodes) = (entry.endpoints.clone(), entry.nodes.clone());
    let endpoints = or(&selection.endpoints, entry.endpoints);
    if endpoints.is_empty() {
        return Err(wrong(format!("context `{name}` has no endpoints"))
            .hint("name the control planes with `-e HOST`"));
    }
    let pem = |value: &str, field: &str| {
        decode(value).ok_or_else(|| {
            wrong(format!(
                "`{field}` of context `{name}` is not base64 of PEM"
            ))
            .hint("get the file again with `talosctl config new` or from the machine secrets")
        })
    };
    Ok(Context {
        authority: pem(&entry.ca, "ca")?,
        certificate: pem(&entry.crt, "crt")?,
        key: Zeroizing::new(relabel(&Zeroizing::new(pem(&entry.key, "key")?))),
        proxy: entry.proxy,
        file: file.to_owned(),
        own_endpoints,
        own_nodes,
        nodes: or(&selection.nodes, entry.nodes),
        endpoints,
        name,
    })
}

fn parsed(text: &str, file: &Path) -> Result<File, Failure> {
    // The parser's message could quote the key: only its place is told.
    serde_saphyr::from_str(text).map_err(|_| {
        let what = format!("talosconfig `{}`: it is not a talosconfig", file.display());
        Failure::new(Exit::Config, what).hint("`talosctl config info` reads it too")
    })
}

fn decode(value: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(value.trim()).ok()?;
    String::from_utf8(bytes)
        .ok()
        .filter(|text| text.contains("-----BEGIN"))
}

/// Talos labels PKCS#8 keys `ED25519 PRIVATE KEY`, which no TLS library looks for.
fn relabel(pem: &str) -> String {
    pem.replace("ED25519 PRIVATE KEY", "PRIVATE KEY")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, selection: &Selection) -> Result<Context, Failure> {
        parse(text, Path::new("config"), selection)
    }

    fn sample() -> String {
        let pem = BASE64_STANDARD.encode("-----BEGIN ED25519 PRIVATE KEY-----\nx\n");
        format!(
            "context: a\nextra: 1\ncontexts:\n  a:\n    endpoints: [e1]\n    nodes: [n1]\n    ca: {pem}\n    crt: {pem}\n    key: {pem}\n    later: true\n"
        )
    }

    #[test]
    fn a_context_is_read_and_flags_win() {
        let context = read(&sample(), &Selection::default()).unwrap();
        assert_eq!(
            (context.name.as_str(), context.endpoints, context.nodes),
            ("a", vec!["e1".to_owned()], vec!["n1".to_owned()])
        );
        assert!(context.key.starts_with("-----BEGIN PRIVATE KEY"));
        let typed = Selection {
            endpoints: vec!["e2".into()],
            nodes: vec!["n2".into()],
            ..Selection::default()
        };
        let context = read(&sample(), &typed).unwrap();
        assert_eq!(
            (context.endpoints, context.nodes),
            (vec!["e2".to_owned()], vec!["n2".to_owned()])
        );
    }

    #[test]
    fn each_mistake_is_a_configuration_error_that_shows_no_key() {
        let other = Selection {
            context: Some("b".into()),
            ..Selection::default()
        };
        let cases = [
            (read("", &Selection::default()), "empty"),
            (read("[1,", &Selection::default()), "not a talosconfig"),
            (read(&sample(), &other), "context `b`"),
            (
                read(&sample().replace("[e1]", "[]"), &Selection::default()),
                "no endpoints",
            ),
            (
                read(
                    &sample().replace("    key: ", "    key: planted"),
                    &Selection::default(),
                ),
                "`key`",
            ),
        ];
        for (result, word) in cases {
            let failure = result.err().unwrap();
            assert_eq!(failure.exit, Exit::Config);
            assert!(failure.what.contains(word), "{}", failure.what);
            assert!(!failure.what.contains("planted"));
        }
    }

    #[test]
    fn the_search_order_is_talosctls() {
        let variables = |set: &'static [(&str, &str)]| {
            move |name: &str| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| PathBuf::from(value))
            }
        };
        let typed = Selection {
            talosconfig: Some("typed".into()),
            ..Selection::default()
        };
        assert_eq!(
            find(&typed, variables(&[("TALOSCONFIG", "env")])).unwrap(),
            Path::new("typed")
        );
        assert_eq!(
            find(&Selection::default(), variables(&[("TALOSCONFIG", "env")])).unwrap(),
            Path::new("env")
        );
        let missing = find(&Selection::default(), variables(&[("HOME", "/nowhere")])).unwrap_err();
        assert_eq!(missing.exit, Exit::Config);
        assert!(missing.what.contains("/nowhere/.talos/config"));
    }
}
