//! What resources the API serves, in the version it prefers.

use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::api::Api;
use super::error::KubeError;

/// Groups asked for at once.
const AT_ONCE: usize = 4;

/// A resource that can be listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Served {
    /// API group; empty: core.
    pub group: String,
    /// Plural name, as `deployments`.
    pub resource: String,
    /// Where its list is.
    pub path: String,
}

#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default)]
    versions: Vec<Version>,
    preferred_version: Option<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    group_version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    #[serde(default)]
    verbs: Vec<String>,
}

/// A version of a group, and whether it is the preferred one.
struct Place {
    group: String,
    root: String,
}

impl Api {
    /// Every resource that can be listed, of each the first version that has it, the preferred
    /// one first. `without`: groups that are not asked for, as those that are served by others.
    ///
    /// # Errors
    /// A part of the discovery cannot be had.
    pub async fn discover(&self, without: &[String]) -> Result<Vec<Served>, KubeError> {
        let groups: Groups = self.get("/apis").await?;
        let asked = groups.groups.into_iter();
        let asked = asked.filter(|group| !without.contains(&group.name));
        let core = Place {
            group: String::new(),
            root: "/api/v1".to_owned(),
        };
        let places: Vec<Place> = std::iter::once(core)
            .chain(asked.flat_map(places))
            .collect();
        let answers = stream::iter(places).map(async |place| self.resources(place).await);
        let all: Vec<Vec<Served>> = answers.buffered(AT_ONCE).try_collect().await?;
        let mut served: Vec<Served> = Vec::new();
        for one in all.into_iter().flatten() {
            let known = served
                .iter()
                .any(|known| (&known.group, &known.resource) == (&one.group, &one.resource));
            if !known {
                served.push(one);
            }
        }
        Ok(served)
    }

    async fn resources(&self, place: Place) -> Result<Vec<Served>, KubeError> {
        let answer: Resources = self.get(&place.root).await?;
        let listable = answer.resources.into_iter().filter(|resource| {
            resource.verbs.iter().any(|verb| verb == "list") && !resource.name.contains('/')
        });
        Ok(listable
            .map(|resource| Served {
                group: place.group.clone(),
                path: format!("{}/{}", place.root, resource.name),
                resource: resource.name,
            })
            .collect())
    }
}

/// The versions of a group, the preferred one first.
fn places(group: Group) -> Vec<Place> {
    let preferred = group.preferred_version.into_iter();
    let mut versions: Vec<String> = preferred
        .chain(group.versions)
        .map(|version| version.group_version)
        .collect();
    let mut met = Vec::new();
    versions.retain(|version| {
        let new = !met.contains(version);
        met.push(version.clone());
        new
    });
    versions
        .into_iter()
        .map(|version| Place {
            group: group.name.clone(),
            root: format!("/apis/{version}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_version_comes_first_and_once() {
        let group: Group = serde_json::from_str(
            r#"{"name":"g","versions":[{"groupVersion":"g/v2"},{"groupVersion":"g/v1"}],"preferredVersion":{"groupVersion":"g/v1"}}"#,
        )
        .unwrap();
        let roots: Vec<String> = places(group).into_iter().map(|place| place.root).collect();
        assert_eq!(roots, ["/apis/g/v1", "/apis/g/v2"]);
    }
}
