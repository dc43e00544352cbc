//! What is wrong with a backup in a cluster, seen from its objects: ours, talos-backup's, or
//! anybody's. Each rule is a function of what was read; none asks a cluster.

mod containers;
mod image;
mod networks;
mod secrets;
mod store;
mod talos;

use serde::Serialize;
use serde_json::Value;

pub use networks::Network;

use crate::failure::{Exit, Failure};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody should know.
    Warn,
    /// Not to be installed so.
    Refuse,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule, in a word.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Kind and name of the object.
    pub object: String,
    /// What was seen. One line.
    pub what: String,
    /// What to do. One line.
    pub hint: String,
}

/// Objects that belong together.
#[derive(Debug)]
pub struct Objects(Vec<Value>);

impl Objects {
    /// Of values that were made here.
    pub fn of(values: impl IntoIterator<Item = Value>) -> Self {
        Self(values.into_iter().flat_map(unpacked).collect())
    }

    /// Of YAML: several documents, and lists of objects.
    ///
    /// # Errors
    /// 78: it is no YAML, or no object is in it.
    pub fn read(text: &str, source: &str) -> Result<Self, Failure> {
        // The parser's words could quote a Secret.
        let wrong = |why: &str| {
            Failure::new(Exit::Config, format!("{source}: {why}"))
                .hint("give it objects as `kubectl kustomize DIR` prints them")
        };
        let values: Vec<Value> =
            serde_saphyr::from_multiple(text).map_err(|_| wrong("it is no YAML"))?;
        let objects = Self::of(values);
        if objects.0.is_empty() {
            return Err(wrong("no object is in it"));
        }
        Ok(objects)
    }

    fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.iter().filter(move |object| object["kind"] == kind)
    }
}

fn unpacked(value: Value) -> Vec<Value> {
    match value {
        Value::Object(mut map) if map.get("kind").is_some_and(|kind| kind == "List") => {
            match map.remove("items") {
                Some(Value::Array(items)) => items.into_iter().flat_map(unpacked).collect(),
                _ => Vec::new(),
            }
        }
        Value::Object(map) => vec![Value::Object(map)],
        _ => Vec::new(),
    }
}

/// Every rule; the worst findings first. `networks` are addresses of the protected cluster.
pub fn lint(objects: &Objects, networks: &[Network]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for object in objects.iter() {
        findings.extend(talos::roles(object));
        findings.extend(talos::allowed(object));
        findings.extend(secrets::identity(object));
        findings.extend(secrets::placeholder(object));
    }
    for container in containers::of(objects) {
        findings.extend(image::image(&container));
        findings.extend(store::endpoint(&container, networks));
        findings.extend(store::prefix(&container));
        findings.extend(secrets::encryption(&container));
        findings.extend(secrets::plain_key(&container));
        findings.extend(secrets::missing(&container, objects));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// As people name an object.
fn name(object: &Value) -> String {
    let kind = object["kind"].as_str().unwrap_or("document");
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    format!("{kind} {name}").trim_end().to_owned()
}

/// Texts of a list.
fn texts(value: &Value) -> Vec<&str> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod samples {
    use super::*;

    pub(super) fn objects(text: &str) -> Objects {
        Objects::read(text, "a test").unwrap()
    }

    /// A CronJob of one container with these lines below it.
    pub(super) fn cron_job(container: &str) -> Objects {
        let image = if container.contains("image:") {
            ""
        } else {
            "image: example.com/talos-backup:v1\n"
        };
        let container = format!("{image}{container}");
        let lines: String = container
            .lines()
            .map(|line| format!("            {line}\n"))
            .collect();
        objects(&format!(
            "kind: CronJob\nmetadata: {{name: b, namespace: n}}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n          - name: backup\n{lines}"
        ))
    }

    /// Rules that found something, with how bad it is.
    pub(super) fn found(objects: &Objects) -> Vec<(&'static str, Severity)> {
        let networks = [Network::parse("10.96.0.0/12").unwrap()];
        lint(objects, &networks)
            .into_iter()
            .map(|finding| (finding.rule, finding.severity))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::samples::installation;
    use crate::manifests::{files, objects};

    #[test]
    fn our_own_objects_are_clean_but_for_the_secret_that_is_still_to_come() {
        let ours = Objects::of(objects(&installation()).into_iter().map(|one| one.value));
        let findings = lint(&ours, &Network::of_talos());
        let rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(rules, ["secret"], "{findings:?}");
        let text: Vec<String> = files(&installation())
            .iter()
            .filter(|file| !file.value.is_null() && !file.file.contains("kustomization"))
            .map(crate::manifests::Document::text)
            .collect();
        let read = Objects::read(&text.join("---\n"), "x").unwrap();
        assert_eq!(lint(&read, &[]), findings);
    }

    #[test]
    fn lists_are_looked_into_and_what_is_no_yaml_is_refused_without_its_words() {
        let list = samples::objects(
            "kind: List\nitems:\n- {kind: ServiceAccount, apiVersion: talos.dev/v1alpha1, spec: {roles: [os:admin]}}\n",
        );
        assert_eq!(samples::found(&list), [("role", Severity::Refuse)]);
        for text in ["key: [PLANTED", "", "# nothing\n", "3"] {
            let failure = Objects::read(text, "`x`").unwrap_err();
            assert_eq!(failure.exit, Exit::Config);
            assert!(!failure.what.contains("PLANTED"));
        }
    }
}
