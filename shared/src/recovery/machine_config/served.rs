//! What the cluster of a snapshot serves to the outside: host names of its ingresses and
//! routes, addresses of its services.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;

use serde_json::Value as Json;

use crate::failure::{Exit, Failure};
use crate::snapshot::bolt::Database;
use crate::snapshot::kubernetes::{Contents, Key, Value, decode};

/// Names and addresses, and the object that each is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// By name or address.
    pub names: BTreeMap<String, String>,
}

impl Served {
    /// Of a snapshot, called `name`.
    ///
    /// # Errors
    /// 65: it is damaged; 74: it cannot be read.
    pub fn of(file: &File, name: &str) -> Result<Self, Failure> {
        let duplicate = file.try_clone().map_err(|error| {
            Failure::new(Exit::Io, format!("cannot open {name} again: {error}"))
        })?;
        let database = Database::open(duplicate).map_err(|error| error.into_failure(name))?;
        let contents = Contents::find(&database, None).map_err(Failure::from)?;
        let mut served = Self::default();
        let walked = contents.each_live(|entry| {
            served.see(entry.place().key, entry.value);
            ControlFlow::Continue(())
        });
        walked.map_err(Failure::from)?;
        Ok(served)
    }

    fn see(&mut self, key: Key<'_>, value: &[u8]) {
        let Key::Object(object) = key else { return };
        let places: &[&str] = match object.resource {
            "ingresses" => &["/spec/rules/*/host", "/spec/tls/*/hosts/*"],
            "httproutes" | "tlsroutes" | "ingressroutes" | "virtualservices" => {
                &["/spec/hostnames/*", "/spec/hosts/*"]
            }
            "services" => &[
                "/status/loadBalancer/ingress/*/ip",
                "/status/loadBalancer/ingress/*/hostname",
                "/spec/externalIPs/*",
            ],
            _ => return,
        };
        let Ok(decoded) = decode(&Value::parse(value)) else {
            return;
        };
        let what = format!(
            "{} {}/{}",
            object.resource,
            object.namespace.unwrap_or_default(),
            object.name
        );
        for place in places {
            let mut found = Vec::new();
            strings(&decoded, place.split('/').skip(1), &mut found);
            for name in found {
                let name = name.to_ascii_lowercase();
                self.names.entry(name).or_insert_with(|| what.clone());
            }
        }
    }
}

/// Strings at a path in which `*` is every item of a list.
fn strings<'p>(
    value: &Json,
    mut path: impl Iterator<Item = &'p str> + Clone,
    found: &mut Vec<String>,
) {
    match (path.next(), value) {
        (None, Json::String(text)) => found.push(text.clone()),
        (Some("*"), Json::Array(items)) => {
            items
                .iter()
                .for_each(|item| strings(item, path.clone(), found));
        }
        (Some(name), Json::Object(fields)) => {
            if let Some(field) = fields.get(name) {
                strings(field, path, found);
            }
        }
        _ => {}
    }
}
