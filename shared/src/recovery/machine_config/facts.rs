//! What one machine config says, without a secret in it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::document::{Certificate, Document, Images};
use crate::failure::{Exit, Failure};
use crate::snapshot::encryption::{Hidden, certificates, documents, fingerprint, parse_keys};

/// What one machine config says of its cluster and of its images.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigFacts {
    /// Where it is from: a file or a node, for messages.
    pub name: String,
    /// `controlplane`, `worker`, `init`; empty: it does not tell.
    pub machine_type: String,
    /// Its host name, where it sets one.
    pub hostname: Option<String>,
    /// The cluster's name.
    pub cluster_name: Option<String>,
    /// Where the cluster's API is.
    pub endpoint: Option<String>,
    /// Fingerprints of what all machines of a cluster share, by what it is.
    pub shared: BTreeMap<&'static str, String>,
    /// The keys of encryption at rest: provider, name and fingerprint, in order.
    pub keys: Vec<String>,
    /// Images that are named in it.
    pub images: Vec<String>,
    /// Where images are pulled from instead.
    pub mirrors: Vec<Mirror>,
    /// Domain of the cluster's own names.
    pub dns_domain: String,
    /// Subnets of pods and services.
    pub subnets: Vec<String>,
}

/// Another place for the images of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mirror {
    /// The registry, as `docker.io`; `*`: any.
    pub registry: String,
    /// Where they are pulled from, in this order.
    pub endpoints: Vec<String>,
    /// Whether the registry itself is not asked after that.
    pub skip_fallback: bool,
}

impl ConfigFacts {
    /// Reads a machine config of one document or several; `name` is what messages call it.
    ///
    /// # Errors
    /// 78: it is none, or a part of it is not as Talos writes it. No message quotes it.
    pub fn read(text: &str, name: &str) -> Result<Self, Failure> {
        let mut facts = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        let mut found = false;
        for document in documents(text) {
            // The parser's message could quote a secret.
            let read = serde_saphyr::from_str::<Document>(document);
            let read =
                read.map_err(|_| facts.wrong("a document of it is not as Talos writes it"))?;
            let images = serde_saphyr::from_str::<Images>(document);
            facts
                .images
                .extend(images.map(|images| images.0).unwrap_or_default());
            found |= read.kind.is_empty() && read.version == "v1alpha1";
            facts.add(read);
        }
        if !found {
            return Err(facts.wrong("it is no machine config"));
        }
        if !facts.is_worker() {
            facts.keys = parse_keys(text, name)?.fingerprints();
        }
        Ok(facts)
    }

    /// Whether it makes a machine that runs no etcd.
    pub fn is_worker(&self) -> bool {
        matches!(self.machine_type.as_str(), "worker" | "join")
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::new(Exit::Config, format!("cannot use `{}`: {what}", self.name))
            .hint("`talosctl -n NODE get machineconfig v1alpha1 -o jsonpath='{.spec}'` prints one")
    }

    fn add(&mut self, document: Document) {
        match document.kind.as_str() {
            "" => self.machine(document),
            "HostnameConfig" => set(&mut self.hostname, document.hostname),
            "KubeClusterConfig" => {
                set(&mut self.cluster_name, document.cluster_name);
                set(&mut self.endpoint, document.endpoint);
            }
            "DiscoveryIdentityConfig" => {
                self.identity(&document.cluster_id, &document.cluster_secret);
            }
            "KubeAPIServerCAConfig" => self.certificate(KUBERNETES_CA, &document.issuing),
            "KubeAggregatorCAConfig" => self.certificate(AGGREGATOR_CA, &document.issuing),
            "KubeServiceAccountConfig" => {
                self.share(
                    SERVICE_ACCOUNT,
                    document.issuer.private_key.text().trim().as_bytes(),
                );
            }
            "RegistryMirrorConfig" => self.mirrors.push(Mirror {
                registry: document.name,
                endpoints: document.endpoints.0,
                skip_fallback: document.skip_fallback,
            }),
            _ => {}
        }
    }

    fn machine(&mut self, document: Document) {
        let (machine, cluster) = (document.machine, document.cluster);
        self.machine_type = machine.kind;
        set(&mut self.hostname, machine.network.hostname);
        set(&mut self.cluster_name, cluster.cluster_name);
        set(&mut self.endpoint, cluster.control_plane.endpoint);
        self.identity(&cluster.id, &cluster.secret);
        self.certificate("Talos CA", &machine.ca);
        self.certificate("etcd CA", &cluster.etcd.ca);
        self.certificate(KUBERNETES_CA, &cluster.ca);
        self.certificate(AGGREGATOR_CA, &cluster.aggregator);
        let key = decoded(cluster.service_account.key.text());
        self.share(SERVICE_ACCOUNT, key.trim_ascii());
        let mirrors = machine.registries.mirrors.into_iter();
        self.mirrors.extend(mirrors.map(|(registry, part)| Mirror {
            registry,
            endpoints: part.endpoints,
            skip_fallback: part.skip_fallback,
        }));
        let network = cluster.network;
        self.dns_domain = network.dns_domain;
        self.subnets = network.pod_subnets;
        self.subnets.extend(network.service_subnets);
    }

    /// Base64 comes in two alphabets: it is compared decoded.
    fn identity(&mut self, id: &Hidden, secret: &Hidden) {
        self.share("cluster id", &decoded(id.text()));
        self.share("cluster secret", &decoded(secret.text()));
    }

    fn certificate(&mut self, what: &'static str, certificate: &Certificate) {
        let pem = match certificate.cert.is_empty() {
            false => certificate.cert.clone(),
            true => String::from_utf8_lossy(&decoded(&certificate.crt)).into_owned(),
        };
        if let Some(own) = certificates(&pem).first() {
            self.share(what, own);
        }
    }

    fn share(&mut self, what: &'static str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.shared.insert(what, fingerprint(bytes));
        }
    }
}

const KUBERNETES_CA: &str = "Kubernetes CA";
const AGGREGATOR_CA: &str = "aggregator CA";
const SERVICE_ACCOUNT: &str = "service-account key";

fn set(field: &mut Option<String>, text: String) {
    if !text.is_empty() {
        *field = Some(text);
    }
}

/// What is no base64 stands for itself.
fn decoded(text: &str) -> zeroize::Zeroizing<Vec<u8>> {
    let standard = text.trim().replace('-', "+").replace('_', "/");
    let standard = zeroize::Zeroizing::new(standard);
    let bytes = BASE64_STANDARD.decode(standard.as_bytes());
    bytes
        .unwrap_or_else(|_| text.trim().as_bytes().to_vec())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";

    fn v1alpha1() -> String {
        let ca = BASE64_STANDARD.encode(CERTIFICATE);
        let key = BASE64_STANDARD.encode("-----BEGIN KEY-----\nx\n-----END KEY-----\n");
        format!(
            "version: v1alpha1\nmachine:\n  type: controlplane\n  ca: {{crt: {ca}, key: cGxhbnRlZA==}}\n  install: {{image: ghcr.io/installer}}\n  kubelet: {{image: reg.lan/kubelet:v1}}\n  registries:\n    mirrors:\n      docker.io: {{endpoints: [\"https://m.lan\"], skipFallback: true}}\ncluster:\n  id: AAEC-_8=\n  secret: cGxhbnRlZA==\n  clusterName: prod\n  controlPlane: {{endpoint: \"https://10.0.0.5:6443\"}}\n  ca: {{crt: {ca}}}\n  serviceAccount: {{key: {key}}}\n  network: {{dnsDomain: c.lan, podSubnets: [10.1.0.0/16], serviceSubnets: [10.2.0.0/16]}}\n  etcd: {{ca: {{crt: {ca}}}, image: reg.lan/etcd}}\n"
        )
    }

    fn documents_form() -> String {
        let pem = CERTIFICATE.replace('\n', "\n    ");
        let ca = BASE64_STANDARD.encode(CERTIFICATE);
        format!(
            "version: v1alpha1\nmachine:\n  type: controlplane\n  ca: {{crt: {ca}}}\ncluster:\n  etcd: {{ca: {{crt: {ca}}}, image: reg.lan/etcd}}\n---\nkind: KubeClusterConfig\nclusterName: prod\nendpoint: https://10.0.0.5:6443\n---\nkind: DiscoveryIdentityConfig\nclusterID: AAEC+/8=\nclusterSecret: cGxhbnRlZA==\n---\nkind: KubeAPIServerCAConfig\nissuingCA:\n  cert: |\n    {pem}\n---\nkind: KubeServiceAccountConfig\nissuer:\n  privateKey: |\n    -----BEGIN KEY-----\n    x\n    -----END KEY-----\n---\nkind: RegistryMirrorConfig\nname: docker.io\nendpoints:\n  - url: https://m.lan\nskipFallback: true\n---\nkind: HostnameConfig\nhostname: cp-1\n---\nkind: KubeKubeletConfig\nimage: reg.lan/kubelet:v1\n"
        )
    }

    #[test]
    fn both_forms_say_the_same_and_no_secret_is_kept() {
        let old = ConfigFacts::read(&v1alpha1(), "old").unwrap();
        let new = ConfigFacts::read(&documents_form(), "new").unwrap();
        assert_eq!(old.machine_type, "controlplane");
        assert_eq!(old.shared, new.shared);
        assert_eq!(
            old.shared.keys().copied().collect::<Vec<_>>(),
            [
                "Kubernetes CA",
                "Talos CA",
                "cluster id",
                "cluster secret",
                "etcd CA",
                "service-account key"
            ]
        );
        assert_eq!(old.endpoint, new.endpoint);
        assert_eq!(old.cluster_name, new.cluster_name);
        assert_eq!(old.mirrors, new.mirrors);
        assert_eq!(old.images, ["reg.lan/kubelet:v1", "reg.lan/etcd"]);
        assert_eq!(new.images, ["reg.lan/etcd", "reg.lan/kubelet:v1"]);
        assert_eq!(old.dns_domain, "c.lan");
        assert_eq!(old.subnets, ["10.1.0.0/16", "10.2.0.0/16"]);
        assert_eq!(
            (old.hostname, new.hostname.as_deref()),
            (None, Some("cp-1"))
        );
        let shown = format!("{:?}{:?}", old.shared, new.shared);
        assert!(
            !shown.contains("planted") && !shown.contains("cGxh"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_no_machine_config_is_refused_without_its_words() {
        for text in [
            "context: x\ncontexts: {}\n",
            "",
            "machine: [planted",
            "kind: Pod\n",
        ] {
            let failure = ConfigFacts::read(text, "file").unwrap_err();
            assert_eq!(failure.exit, Exit::Config, "{text}");
            assert!(!format!("{failure:?}").contains("planted"));
        }
        let worker = ConfigFacts::read("version: v1alpha1\nmachine: {type: worker}\n", "w");
        assert!(worker.unwrap().is_worker());
    }
}
