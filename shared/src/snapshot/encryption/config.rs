//! Keys out of a machine config (one document or several), a secrets bundle, or Kubernetes'
//! own `EncryptionConfiguration`.
//!
//! The two legacy fields are what Talos renders from them: `secretbox` with `key2`, `aescbc`
//! with `key1`, then `identity`. No message quotes the text: it holds keys.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::authority::certificates;
use super::cipher::fits;
use super::document::{
    Accepted, AuthorityDocument, Bundle, Certificate, Encryption, EncryptionDocument, Head, Hidden,
    Keys, Machine, ProviderPart, Resources,
};
use super::keyring::{Entry, Keyring, NamedKey, Rule};
use super::sealed::Provider;
use crate::failure::{Exit, Failure};

/// Reads all keys of a configuration; `name` is what messages call it.
///
/// # Errors
/// 78: it is neither form, holds no part of a control plane, or a key cannot be one.
pub fn parse_keys(text: &str, name: &str) -> Result<Keyring, Failure> {
    Reader {
        name,
        ring: Keyring::default(),
        found: false,
    }
    .read(text)
}

struct Reader<'a> {
    name: &'a str,
    ring: Keyring,
    found: bool,
}

impl Reader<'_> {
    fn read(mut self, text: &str) -> Result<Keyring, Failure> {
        for document in documents(text) {
            self.document(document)?;
        }
        if !self.found {
            return Err(self.wrong("it is neither a machine config nor a secrets bundle").hint(
                "`talosctl -n NODE get machineconfig v1alpha1 -o jsonpath='{.spec}'` prints the one, `talosctl gen secrets` made the other",
            ));
        }
        Ok(self.ring)
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::new(
            Exit::Config,
            format!("cannot use the keys of `{}`: {what}", self.name),
        )
    }

    /// The parser's message could quote a key: only the kind of document is told.
    fn typed<T: DeserializeOwned>(&self, text: &str, what: &str) -> Result<T, Failure> {
        serde_saphyr::from_str(text).map_err(|_| {
            self.wrong(&format!("{what} is not as Talos writes it"))
                .hint("check it with `talosctl validate`")
        })
    }

    fn document(&mut self, text: &str) -> Result<(), Failure> {
        let head: Head = self.typed(text, "a document of it")?;
        match head.kind.as_str() {
            "KubeEtcdEncryptionConfig" => {
                let document: EncryptionDocument =
                    self.typed(text, "its KubeEtcdEncryptionConfig")?;
                self.encryption(document.config)
            }
            "EncryptionConfiguration" | "EncryptionConfig" => {
                let document: Encryption = self.typed(text, "its EncryptionConfiguration")?;
                self.encryption(document)
            }
            "KubeAPIServerCAConfig" => {
                let document: AuthorityDocument = self.typed(text, "its KubeAPIServerCAConfig")?;
                self.authority(&document)
            }
            "" if head.version == "v1alpha1" => {
                let document: Machine = self.typed(text, "its v1alpha1 document")?;
                self.machine(document)
            }
            "" => {
                let document: Bundle = self.typed(text, "the secrets bundle")?;
                self.bundle(document)
            }
            _ => Ok(()),
        }
    }

    fn machine(&mut self, document: Machine) -> Result<(), Failure> {
        if matches!(document.machine.kind.as_str(), "worker" | "join") {
            return Err(self
                .wrong("it is a worker's, which has none")
                .hint("name the machine config of a control-plane node"));
        }
        self.found = true;
        let cluster = document.cluster;
        self.certificate(&cluster.ca)?;
        for accepted in &cluster.accepted_cas {
            self.certificate(accepted)?;
        }
        self.legacy(
            cluster.secretbox_encryption_secret,
            cluster.aescbc_encryption_secret,
        )
    }

    fn bundle(&mut self, document: Bundle) -> Result<(), Failure> {
        self.certificate(&document.certs.k8s)?;
        let secrets = document.secrets;
        self.found |= !self.ring.authorities.is_empty();
        self.legacy(
            secrets.secretboxencryptionsecret,
            secrets.aescbcencryptionsecret,
        )
    }

    /// As Talos renders the two fields for the API server.
    fn legacy(&mut self, secretbox: Hidden, aescbc: Hidden) -> Result<(), Failure> {
        let mut entries = Vec::new();
        for (provider, name, secret) in [
            (Provider::Secretbox, "key2", secretbox),
            (Provider::AesCbc, "key1", aescbc),
        ] {
            if !secret.0.is_empty() {
                entries.push(self.key(provider, name.to_owned(), &secret)?);
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        entries.push(Entry::Identity);
        self.add(vec!["secrets".to_owned()], entries)
    }

    fn encryption(&mut self, document: Encryption) -> Result<(), Failure> {
        self.found = true;
        for Resources {
            resources,
            providers,
        } in document.resources
        {
            let mut entries = Vec::new();
            for provider in providers {
                self.provider(provider, &mut entries)?;
            }
            self.add(resources, entries)?;
        }
        Ok(())
    }

    fn add(&mut self, resources: Vec<String>, entries: Vec<Entry>) -> Result<(), Failure> {
        self.found = true;
        let taken = |rule: &Rule| {
            rule.resources
                .iter()
                .any(|resource| resources.contains(resource))
        };
        if self.ring.rules.iter().any(taken) {
            return Err(self
                .wrong("it sets the encryption of one resource twice")
                .hint("Talos takes the v1alpha1 fields or KubeEtcdEncryptionConfig, not both"));
        }
        self.ring.rules.push(Rule { resources, entries });
        Ok(())
    }

    fn provider(&self, part: ProviderPart, entries: &mut Vec<Entry>) -> Result<(), Failure> {
        for (provider, keys) in [
            (Provider::Secretbox, part.secretbox),
            (Provider::AesCbc, part.aescbc),
            (Provider::AesGcm, part.aesgcm),
        ] {
            let Keys { keys } = keys.unwrap_or_default();
            for key in keys {
                entries.push(self.key(provider, key.name, &key.secret)?);
            }
        }
        if let Some(kms) = part.kms {
            entries.push(Entry::Kms(kms.name));
        }
        if part.identity.is_some() {
            entries.push(Entry::Identity);
        }
        Ok(())
    }

    fn key(&self, provider: Provider, name: String, secret: &Hidden) -> Result<Entry, Failure> {
        let decoded = BASE64_STANDARD.decode(secret.0.trim()).map(Zeroizing::new);
        let material = decoded
            .ok()
            .filter(|material| fits(provider, material.len()))
            .ok_or_else(|| {
                let bytes = if provider == Provider::Secretbox {
                    "32"
                } else {
                    "16, 24 or 32"
                };
                self.wrong(&format!(
                    "key `{name}` of {provider} is not base64 of {bytes} bytes"
                ))
                .hint("copy it again from the machine config or the secrets bundle")
            })?;
        Ok(Entry::Key(NamedKey {
            provider,
            name,
            material,
        }))
    }

    fn authority(&mut self, document: &AuthorityDocument) -> Result<(), Failure> {
        self.certificate(&document.issuing)?;
        for accepted in &document.accepted {
            match accepted {
                Accepted::Pem(pem) => self.pem(pem)?,
                Accepted::Field(certificate) => self.certificate(certificate)?,
            }
        }
        Ok(())
    }

    fn certificate(&mut self, certificate: &Certificate) -> Result<(), Failure> {
        if !certificate.cert.is_empty() {
            return self.pem(&certificate.cert);
        }
        if certificate.crt.is_empty() {
            return Ok(());
        }
        let pem = BASE64_STANDARD
            .decode(certificate.crt.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        self.pem(&pem.unwrap_or_default())
    }

    fn pem(&mut self, pem: &str) -> Result<(), Failure> {
        let found = certificates(pem);
        if found.is_empty() {
            return Err(self
                .wrong("a CA in it is not a certificate")
                .hint("copy it again from the machine config or the secrets bundle"));
        }
        self.ring.authorities.extend(found);
        Ok(())
    }
}

/// A document begins at a line of three dashes; nothing else may stand at a line's start so.
pub fn documents(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut begin = 0;
    let mut position = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            found.push(&text[begin..position]);
            begin = position + 3;
        }
        position += line.len();
    }
    found.push(&text[begin..]);
    let empty = |document: &&str| {
        document
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    };
    found.retain(|document| !empty(document));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn read(text: &str) -> Result<Keyring, Failure> {
        parse_keys(text, "config.yaml")
    }

    #[test]
    fn legacy_fields_are_what_talos_renders() {
        let machine = format!(
            "version: v1alpha1\nmachine:\n  type: controlplane\n  unheard: {{of: [1]}}\ncluster:\n  secretboxEncryptionSecret: {KEY}\n  aescbcEncryptionSecret: {KEY}\n"
        );
        let bundle = format!(
            "cluster:\n  id: x\nsecrets:\n  secretboxencryptionsecret: {KEY}\n  aescbcencryptionsecret: {KEY}\n"
        );
        for text in [machine, bundle] {
            let ring = read(&text).unwrap();
            assert_eq!(ring.labels(), ["secretbox:key2", "aescbc:key1"]);
            assert!(ring.encrypts("secrets") && ring.reads_plain("secrets"));
        }
    }

    #[test]
    fn documents_are_told_apart_and_others_are_passed_over() {
        let text = format!(
            "# a comment\n---\nversion: v1alpha1\nmachine:\n  type: controlplane\n---\nkind: LinkConfig\nconfig: not ours\n--- # two\nkind: KubeEtcdEncryptionConfig\nconfig:\n  resources:\n    - resources: [secrets, \"*.apps\"]\n      providers:\n        - aesgcm: {{keys: [{{name: a, secret: AAECAwQFBgcICQoLDA0ODw==}}]}}\n        - secretbox: {{keys: [{{name: b, secret: {KEY}}}, {{name: c, secret: {KEY}}}]}}\n        - kms: {{name: vault, apiVersion: v2}}\n        - identity: {{}}\n"
        );
        let ring = read(&text).unwrap();
        assert_eq!(ring.labels(), ["aesgcm:a", "secretbox:b", "secretbox:c"]);
        assert_eq!(ring.services(), ["vault"]);
        assert!(ring.encrypts("deployments.apps") && ring.reads_plain("secrets"));
    }

    #[test]
    fn no_identity_means_that_plain_values_cannot_be_read() {
        let text = format!(
            "kind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - secretbox: {{keys: [{{name: b, secret: {KEY}}}]}}\n"
        );
        let ring = read(&text).unwrap();
        assert!(!ring.reads_plain("secrets") && ring.reads_plain("configmaps"));
    }

    #[test]
    fn each_mistake_is_said_and_shows_no_key() {
        let planted = "cGxhbnRlZCBrZXkgbWF0ZXJpYWwhISE=";
        let cases = [
            (String::new(), "neither"),
            ("contexts: {}\n".to_owned(), "neither"),
            (
                "version: v1alpha1\nmachine:\n  type: worker\n".to_owned(),
                "worker",
            ),
            (format!("[{planted}"), "not as Talos"),
            (
                format!("version: v1alpha1\ncluster:\n  secretboxEncryptionSecret: [{planted}]\n"),
                "not as Talos",
            ),
            (
                format!("version: v1alpha1\ncluster:\n  secretboxEncryptionSecret: {planted}\n"),
                "`key2` of secretbox",
            ),
            (
                "version: v1alpha1\ncluster:\n  ca:\n    crt: AAAA\n".to_owned(),
                "not a certificate",
            ),
            (
                format!(
                    "version: v1alpha1\ncluster:\n  secretboxEncryptionSecret: {KEY}\n---\nkind: KubeEtcdEncryptionConfig\nconfig:\n  resources:\n  - resources: [secrets]\n    providers: []\n"
                ),
                "twice",
            ),
        ];
        for (text, word) in cases {
            let failure = read(&text).unwrap_err();
            assert_eq!(failure.exit, Exit::Config);
            assert!(
                failure.what.contains(word) && failure.what.contains("config.yaml"),
                "{}",
                failure.what
            );
            let shown = format!("{failure:?}");
            assert!(!shown.contains(planted) && !shown.contains(KEY), "{shown}");
        }
    }
}
