//! Objects as the Kubernetes API server stores them: `/registry/…` keys, `k8s\0` and a protobuf
//! envelope, sizes and compressibility of a real cluster. Endless, and the same in every run but
//! for the leases, which are renewed now.

mod random;
mod words;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::protobuf::Writer;

use random::Random;
use words::{KINDS, Kind, MANAGED_FIELDS, NAMESPACES, SETTINGS, WORDS};

/// One key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// As `/registry/pods/default/web-0`.
    pub key: String,
    /// `k8s\0` and the envelope.
    pub value: Vec<u8>,
}

/// All objects, one after the other.
#[derive(Debug, Default)]
pub struct Objects {
    index: u64,
}

impl Objects {
    /// From the first one on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Iterator for Objects {
    type Item = Object;

    fn next(&mut self) -> Option<Object> {
        let object = Draft::new(self.index).object();
        self.index += 1;
        Some(object)
    }
}

/// An object in the making.
struct Draft {
    kind: Kind,
    namespace: &'static str,
    app: String,
    name: String,
    created: u64,
    random: Random,
}

impl Draft {
    fn new(index: u64) -> Self {
        let mut random = Random(index);
        let mut ticket = u32::try_from(random.below(100)).unwrap_or(0);
        let mut kind = KINDS[0].0;
        for (candidate, share) in KINDS {
            kind = *candidate;
            if ticket < *share {
                break;
            }
            ticket -= share;
        }
        let app = format!("{}-{}", random.pick(WORDS), random.pick(WORDS));
        let is_lease = kind.name == "Lease";
        let namespace = if is_lease {
            "kube-node-lease"
        } else {
            random.pick(NAMESPACES)
        };
        let name = if is_lease {
            format!("node-{index}")
        } else {
            format!("{app}-{index:x}-{:05x}", random.next() >> 44)
        };
        let created = 1_760_000_000 + index / 16;
        Self {
            kind,
            namespace,
            app,
            name,
            created,
            random,
        }
    }

    fn object(mut self) -> Object {
        let key = format!(
            "/registry/{}/{}/{}",
            self.kind.resource, self.namespace, self.name
        );
        let metadata = self.metadata();
        let mut raw = Writer::new();
        raw.bytes(1, &metadata);
        match self.kind.name {
            "Pod" => self.pod(&mut raw),
            "Secret" => self.secret(&mut raw),
            "ConfigMap" => self.config_map(&mut raw),
            "Event" => self.event(&mut raw),
            "Lease" => self.lease(&mut raw),
            "Deployment" | "ReplicaSet" => self.template(&mut raw),
            _ => self.plain(&mut raw),
        }
        Object {
            key,
            value: envelope(self.kind, &raw.finish()),
        }
    }

    fn metadata(&mut self) -> Vec<u8> {
        let mut metadata = Writer::new();
        metadata.text(1, &self.name);
        metadata.text(3, self.namespace);
        metadata.text(5, &self.random.uid());
        metadata.number(7, 1);
        metadata.message(8, |time| time.number(1, self.created));
        for (key, value) in [
            ("app.kubernetes.io/name", self.app.as_str()),
            ("app.kubernetes.io/managed-by", "Helm"),
            ("app.kubernetes.io/part-of", self.namespace),
        ] {
            metadata.pair(11, key, value.as_bytes());
        }
        metadata.pair(12, "meta.helm.sh/release-name", self.app.as_bytes());
        metadata.message(17, |fields| {
            fields.text(1, "kube-controller-manager");
            fields.text(2, "Update");
            fields.text(3, self.kind.version);
            fields.message(4, |time| time.number(1, self.created));
            fields.text(6, "FieldsV1");
            fields.message(7, |contents| contents.text(1, MANAGED_FIELDS));
        });
        metadata.finish()
    }

    fn container(&mut self, spec: &mut Writer) {
        let (app, digest) = (self.app.clone(), hex(&self.random.bytes(32)));
        let settings: Vec<_> = SETTINGS
            .iter()
            .map(|name| (*name, self.random.next() >> 40))
            .collect();
        spec.message(2, |container| {
            container.text(1, &app);
            container.text(2, &format!("registry.example.org/{app}@sha256:{digest}"));
            for (name, value) in settings {
                container.message(7, |setting| {
                    setting.text(1, name);
                    setting.text(2, &format!("{app}.svc.cluster.local:{value}"));
                });
            }
            container.text(13, "/dev/termination-log");
            container.text(14, "IfNotPresent");
        });
    }

    fn pod(&mut self, raw: &mut Writer) {
        let mut spec = Writer::new();
        for _ in 0..=self.random.below(3) {
            self.container(&mut spec);
        }
        spec.text(3, "Always");
        spec.text(10, &format!("node-{}", self.random.below(50)));
        raw.bytes(2, &spec.finish());
        let address = format!(
            "10.244.{}.{}",
            self.random.below(250),
            self.random.below(250)
        );
        let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"];
        raw.message(3, |status| {
            status.text(1, "Running");
            for condition in conditions {
                status.message(2, |entry| {
                    entry.text(1, condition);
                    entry.text(2, "True");
                    entry.message(4, |time| time.number(1, self.created));
                });
            }
            status.text(6, &address);
        });
    }

    fn template(&mut self, raw: &mut Writer) {
        let mut spec = Writer::new();
        self.container(&mut spec);
        let pod = spec.finish();
        raw.message(2, |spec| {
            spec.number(1, 3);
            spec.message(3, |template| template.bytes(2, &pod));
        });
        raw.message(3, |status| {
            (1..=4).for_each(|field| status.number(field, 3));
        });
    }

    /// Keys and tokens do not compress, and a Helm release is compressed already.
    fn secret(&mut self, raw: &mut Writer) {
        let is_release = self.random.below(20) == 0;
        let length = if is_release {
            24 * 1024
        } else {
            300 + self.random.below(1500)
        };
        let name = if is_release { "release" } else { "tls.key" };
        raw.pair(2, name, &base64(&self.random.bytes(length)));
        raw.text(
            3,
            if is_release {
                "helm.sh/release.v1"
            } else {
                "kubernetes.io/tls"
            },
        );
    }

    fn config_map(&mut self, raw: &mut Writer) {
        let mut text = String::new();
        for line in 0..20 + self.random.below(120) {
            let (setting, word) = (self.random.pick(SETTINGS), self.random.pick(WORDS));
            text += &format!(
                "{setting}_{line}: \"{word}-{:x}\"\n",
                self.random.next() >> 32
            );
        }
        raw.pair(2, "application.yaml", text.as_bytes());
    }

    fn event(&mut self, raw: &mut Writer) {
        raw.message(2, |object| {
            object.text(1, "Pod");
            object.text(2, self.namespace);
            object.text(3, &self.name);
        });
        raw.text(3, "BackOff");
        let (container, pod) = (&self.app, &self.name);
        let uid = self.random.uid();
        raw.text(
            4,
            &format!(
                "Back-off restarting failed container {container} in pod {pod}_{}({uid})",
                self.namespace
            ),
        );
        raw.number(8, 1 + self.random.next() % 400);
    }

    /// Renewed now: the age of a snapshot's contents is read from the newest one.
    fn lease(&mut self, raw: &mut Writer) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        raw.message(2, |spec| {
            spec.text(1, &self.name);
            spec.number(2, 40);
            spec.message(4, |time| {
                time.number(1, now.as_secs());
                time.number(2, u64::from(now.subsec_micros()) * 1000);
            });
        });
    }

    fn plain(&mut self, raw: &mut Writer) {
        let addresses: Vec<_> = (0..2 + self.random.below(8))
            .map(|_| {
                format!(
                    "10.244.{}.{}",
                    self.random.below(250),
                    self.random.below(250)
                )
            })
            .collect();
        raw.message(2, |spec| {
            for address in &addresses {
                spec.text(1, address);
                spec.pair(
                    3,
                    "kubernetes.io/hostname",
                    format!("node-{}", address.len()).as_bytes(),
                );
            }
        });
    }
}

/// `runtime.Unknown`, behind the API server's magic.
fn envelope(kind: Kind, raw: &[u8]) -> Vec<u8> {
    let mut unknown = Writer::after(b"k8s\0");
    unknown.message(1, |type_meta| {
        type_meta.text(1, kind.version);
        type_meta.text(2, kind.name);
    });
    unknown.bytes(2, raw);
    unknown.text(3, "");
    unknown.text(4, "");
    unknown.finish()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_as_big_and_as_dense_as_in_a_cluster() {
        let objects: Vec<_> = Objects::new().take(2000).collect();
        let all: Vec<u8> = objects
            .iter()
            .flat_map(|object| object.value.clone())
            .collect();
        let average = all.len() / objects.len();
        assert!(
            (1_500..6_000).contains(&average),
            "{average} bytes on average"
        );
        let packed = zstd::encode_all(&all[..], 3).unwrap();
        let ratio = all.len() as f64 / packed.len() as f64;
        assert!((2.0..5.0).contains(&ratio), "{ratio} to 1");
        let mut keys: Vec<_> = objects.iter().map(|object| &object.key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), objects.len(), "keys are unique");
        assert!(
            objects
                .iter()
                .all(|object| object.value.starts_with(b"k8s\0\x0a"))
        );
    }

    #[test]
    fn pods_look_like_pods() {
        let pod = Objects::new()
            .find(|object| object.key.starts_with("/registry/pods/"))
            .unwrap();
        let text = String::from_utf8_lossy(&pod.value);
        for expected in ["v1", "Pod", "registry.example.org/", "LOG_LEVEL", "Running"] {
            assert!(text.contains(expected), "{expected}");
        }
    }
}
