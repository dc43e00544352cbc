//! Which objects are meant, in kubectl's words.

use std::collections::BTreeMap;

use super::key::ObjectKey;
use super::resources::SHORT_NAMES;
use crate::failure::{Exit, Failure};

/// What must hold for an object; what is empty holds.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Resources: one of these.
    pub resources: Vec<ResourceWord>,
    /// Namespace; an object of cluster scope is in none.
    pub namespace: Option<String>,
    /// Names: one of these.
    pub names: Vec<String>,
    /// Labels: all of these.
    pub labels: Vec<Requirement>,
}

/// A word for a resource: `pods`, `po`, `Pod`, `deployments.apps`, `widgets.example.org`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceWord {
    name: String,
    group: Option<String>,
}

/// One part of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Is(String),
    IsNot(String),
    Exists,
    Absent,
}

impl ResourceWord {
    /// Reads one word.
    pub fn new(word: &str) -> Self {
        let word = word.to_ascii_lowercase();
        let (name, group) = match word.split_once('.') {
            Some((name, group)) => (name.to_owned(), Some(without_version(group).to_owned())),
            None => (word, None),
        };
        let long = SHORT_NAMES
            .iter()
            .find(|(short, _)| *short == name)
            .map(|(_, long)| (*long).to_owned());
        Self {
            name: long.unwrap_or(name),
            group,
        }
    }

    /// Whether the word means this object's resource; `kind`: the object's, where it is known.
    pub fn means(&self, key: &ObjectKey<'_>, kind: Option<&str>) -> bool {
        let group = self.group.as_deref().is_none_or(|group| group == key.group);
        let is_kind = || {
            kind.or(key.kind())
                .is_some_and(|kind| kind.eq_ignore_ascii_case(&self.name))
        };
        group && (self.name == key.resource || is_kind())
    }
}

/// `v1.apps` is `apps`.
fn without_version(group: &str) -> &str {
    let is_version = |part: &str| {
        part.strip_prefix('v')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    match group.split_once('.') {
        Some((version, rest)) if is_version(version) => rest,
        None if is_version(group) => "",
        _ => group,
    }
}

impl Requirement {
    /// Reads a selector such as `app=web,tier!=cache,canary,!legacy`.
    ///
    /// # Errors
    /// 2: no selector of equality.
    pub fn parse_all(selector: &str) -> Result<Vec<Self>, Failure> {
        selector
            .split(',')
            .filter(|part| !part.trim().is_empty())
            .map(Self::parse)
            .collect()
    }

    fn parse(part: &str) -> Result<Self, Failure> {
        let part = part.trim();
        let (key, test) = if let Some(key) = part.strip_prefix('!') {
            (key, Test::Absent)
        } else if let Some((key, value)) = part.split_once("!=") {
            (key, Test::IsNot(value.trim().to_owned()))
        } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (key, Test::Is(value.trim().to_owned()))
        } else {
            (part, Test::Exists)
        };
        let key = key.trim();
        if key.is_empty() || key.contains(|c: char| c.is_whitespace() || "=!()".contains(c)) {
            return Err(Failure::new(
                Exit::Usage,
                format!("`{part}` is no label selector of equality"),
            )
            .hint("write it like `-l app=web,tier!=cache,canary,!legacy`"));
        }
        Ok(Self {
            key: key.to_owned(),
            test,
        })
    }

    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match &self.test {
            Test::Is(wanted) => value == Some(wanted),
            Test::IsNot(unwanted) => value != Some(unwanted),
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
        }
    }
}

impl Filter {
    /// Whether the key alone can be of an object that is meant. A custom resource's kind is
    /// not in its key: such a word decides later.
    pub fn may_take(&self, key: &ObjectKey<'_>) -> bool {
        let resource = self.resources.is_empty()
            || key.kind().is_none()
            || self.resources.iter().any(|word| word.means(key, None));
        let namespace = self
            .namespace
            .as_deref()
            .is_none_or(|namespace| key.namespace == Some(namespace));
        resource
            && namespace
            && (self.names.is_empty() || self.names.iter().any(|name| name == key.name))
    }

    /// Whether an object is meant; labels of an object that could not be read are none.
    pub fn takes(
        &self,
        key: &ObjectKey<'_>,
        kind: Option<&str>,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        let resource =
            self.resources.is_empty() || self.resources.iter().any(|word| word.means(key, kind));
        resource
            && self.may_take(key)
            && self
                .labels
                .iter()
                .all(|requirement| requirement.holds(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENT: ObjectKey<'static> = ObjectKey {
        group: "apps",
        resource: "deployments",
        namespace: Some("web"),
        name: "shop",
    };
    const WIDGET: ObjectKey<'static> = ObjectKey {
        group: "example.org",
        resource: "widgets",
        namespace: None,
        name: "one",
    };

    #[test]
    fn kubectls_words_mean_what_they_mean_there() {
        for word in [
            "deployments",
            "deployment",
            "deploy",
            "Deployment",
            "deployments.apps",
            "deployment.v1.apps",
            "DEPLOY",
        ] {
            assert!(ResourceWord::new(word).means(&DEPLOYMENT, None), "{word}");
        }
        for word in ["deployments.extensions", "pods", "shop", "dep"] {
            assert!(!ResourceWord::new(word).means(&DEPLOYMENT, None), "{word}");
        }
        for word in [
            "widgets",
            "widgets.example.org",
            "Widget",
            "widget.v1beta1.example.org",
        ] {
            assert!(
                ResourceWord::new(word).means(&WIDGET, Some("Widget")),
                "{word}"
            );
        }
        let pod = ObjectKey {
            group: "",
            resource: "pods",
            namespace: Some("a"),
            name: "b",
        };
        assert!(ResourceWord::new("pods.v1").means(&pod, None));
    }

    #[test]
    fn selectors_hold_as_kubectls() {
        let labels: BTreeMap<String, String> = [("app".to_owned(), "web".to_owned())].into();
        for (selector, expected) in [
            ("app=web", true),
            ("app==web", true),
            ("app", true),
            ("tier!=cache", true),
            ("!legacy", true),
            ("app=web, tier", false),
            ("app!=web", false),
            ("!app", false),
            ("", true),
        ] {
            let parts = Requirement::parse_all(selector).unwrap();
            assert_eq!(
                parts.iter().all(|part| part.holds(&labels)),
                expected,
                "{selector}"
            );
        }
        for wrong in ["=a", "a in (b)", "!=", "a b"] {
            assert_eq!(
                Requirement::parse_all(wrong).unwrap_err().exit,
                Exit::Usage,
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_filter_takes_what_fits_all_of_it() {
        let none = BTreeMap::new();
        let filter = Filter {
            resources: vec![ResourceWord::new("deploy"), ResourceWord::new("widget")],
            ..Filter::default()
        };
        assert!(filter.takes(&DEPLOYMENT, None, &none) && filter.may_take(&WIDGET));
        assert!(
            filter.takes(&WIDGET, Some("Widget"), &none)
                && !filter.takes(&WIDGET, Some("Gadget"), &none)
        );
        let filter = Filter {
            namespace: Some("web".into()),
            names: vec!["shop".into()],
            ..Filter::default()
        };
        assert!(filter.may_take(&DEPLOYMENT) && !filter.may_take(&WIDGET));
    }
}
