//! SealedSecrets, as the controller opens them: for each value a key of its own, sealed with
//! RSA-OAEP to the controller's certificate, and the value with AES-256-GCM under that key.
//! The label of the RSA part binds a value to what it may be opened for.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use super::document::Document;
use super::ping::PingUrl;
use super::secret::{self, Kept, Keys};
use super::{Installation, names};
use crate::failure::{Exit, Failure};

/// What a sealed value may be opened for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// This name in this namespace.
    #[default]
    Strict,
    /// Any name in this namespace.
    NamespaceWide,
    /// Anything in the cluster.
    ClusterWide,
}

impl Scope {
    fn label(self, namespace: &str, name: &str) -> String {
        match self {
            Self::Strict => format!("{namespace}/{name}"),
            Self::NamespaceWide => namespace.to_owned(),
            Self::ClusterWide => String::new(),
        }
    }

    /// The controller takes the scope from here.
    fn annotations(self) -> Value {
        match self {
            Self::Strict => json!({}),
            Self::NamespaceWide => json!({ "sealedsecrets.bitnami.com/namespace-wide": "true" }),
            Self::ClusterWide => json!({ "sealedsecrets.bitnami.com/cluster-wide": "true" }),
        }
    }
}

/// A controller's certificate, found usable.
pub struct Certificate {
    key: OaepPublicEncryptingKey,
    /// Until when it is valid.
    pub end: Timestamp,
}

impl Certificate {
    /// Reads PEM; of several certificates the first counts, as for kubeseal.
    ///
    /// # Errors
    /// 78: it is none, not for RSA, or has expired.
    pub fn read(pem: &[u8], source: &str, now: Timestamp) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::new(Exit::Config, format!("{source} cannot seal: {why}"))
                .hint("`kubeseal --fetch-cert` prints the controller's certificate")
        };
        let first = Pem::iter_from_buffer(pem)
            .filter_map(Result::ok)
            .find(|pem| pem.label == "CERTIFICATE");
        let first = first.ok_or_else(|| wrong("it is no certificate in PEM"))?;
        let certificate = first
            .parse_x509()
            .map_err(|_| wrong("its certificate cannot be read"))?;
        let end = Timestamp::from_second(certificate.validity().not_after.timestamp())
            .map_err(|_| wrong("its certificate has no end"))?;
        if end <= now {
            return Err(wrong(&format!("its certificate expired at {end}")));
        }
        let key = PublicEncryptingKey::from_der(certificate.public_key().raw)
            .map_err(|_| wrong("its certificate is not for RSA with 2048 to 8192 bits"))?;
        let key =
            OaepPublicEncryptingKey::new(key).map_err(|_| wrong("its key does not encrypt"))?;
        Ok(Self { key, end })
    }

    /// One value: the length of the sealed key, that key, the value and its tag.
    fn seal(&self, value: &[u8], label: &str) -> Result<String, Failure> {
        let failed = |_| Failure::new(Exit::Bug, "sealing failed");
        let mut session = Zeroizing::new([0_u8; 32]);
        rand::fill(session.as_mut()).map_err(failed)?;
        let mut sealed_key = vec![0; self.key.ciphertext_size()];
        let sealed_key = self
            .key
            .encrypt(
                &OAEP_SHA256_MGF1SHA256,
                session.as_ref(),
                &mut sealed_key,
                Some(label.as_bytes()),
            )
            .map_err(failed)?;
        let key = UnboundKey::new(&AES_256_GCM, session.as_ref()).map_err(failed)?;
        let mut sealed = value.to_vec();
        // The key is used once: the nonce may be zero, and the controller expects it.
        LessSafeKey::new(key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key([0; 12]),
                Aad::empty(),
                &mut sealed,
            )
            .map_err(failed)?;
        let length = u16::try_from(sealed_key.len())
            .map_err(|_| Failure::new(Exit::Bug, "a sealed key of 64 KiB"))?;
        let bytes = [&length.to_be_bytes()[..], sealed_key, &sealed].concat();
        Ok(BASE64_STANDARD.encode(bytes))
    }
}

/// A value of a Secret, sealed.
#[derive(Debug, Clone)]
pub struct Sealed {
    scope: Scope,
    value: String,
}

/// To whom values are sealed, and what for.
pub struct Sealer {
    /// The controller's certificate.
    pub certificate: Certificate,
    /// The namespace they are opened in.
    pub namespace: String,
    /// What they may be opened for.
    pub scope: Scope,
}

impl Sealer {
    /// Seals S3 keys for the Secret that the pod mounts.
    ///
    /// # Errors
    /// 70: the cryptography failed.
    pub fn keys(&self, keys: &Keys) -> Result<Sealed, Failure> {
        self.seal(keys.file().as_bytes(), secret::S3)
    }

    /// Seals the URL that is pinged.
    ///
    /// # Errors
    /// 70: the cryptography failed.
    pub fn ping(&self, ping: &PingUrl) -> Result<Sealed, Failure> {
        self.seal(ping.text().as_bytes(), secret::PING)
    }

    fn seal(&self, value: &[u8], kept: Kept) -> Result<Sealed, Failure> {
        let label = self.scope.label(&self.namespace, kept.secret);
        Ok(Sealed {
            scope: self.scope,
            value: self.certificate.seal(value, &label)?,
        })
    }
}

/// The SealedSecret: the scope stands on it, and on the Secret that will be made of it.
pub(super) fn sealed_secret(installation: &Installation, kept: Kept, sealed: &Sealed) -> Document {
    let mut metadata = names::metadata(installation, kept.secret);
    let annotations = sealed.scope.annotations();
    if annotations != json!({}) {
        metadata["annotations"] = annotations;
    }
    Document::object(
        &kept.sealed_file(),
        &kept.sealed_note(),
        json!({
            "apiVersion": "bitnami.com/v1alpha1",
            "kind": "SealedSecret",
            "metadata": metadata,
            "spec": {
                "encryptedData": { kept.key: sealed.value },
                "template": { "metadata": metadata, "type": "Opaque" },
            },
        }),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};
    use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};

    use super::*;
    use crate::manifests::Credentials;
    use crate::manifests::samples::installation;

    /// A controller of ours: certificate and private key, made once.
    fn controller() -> &'static (String, Vec<u8>) {
        static MADE: OnceLock<(String, Vec<u8>)> = OnceLock::new();
        MADE.get_or_init(|| {
            let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
            let der: Vec<u8> = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key)
                .unwrap()
                .as_ref()
                .to_vec();
            let pair =
                KeyPair::from_pkcs8_der_and_sign_algo(&der.as_slice().into(), &PKCS_RSA_SHA256)
                    .unwrap();
            let certificate = CertificateParams::new(Vec::new())
                .unwrap()
                .self_signed(&pair)
                .unwrap();
            (certificate.pem(), der)
        })
    }

    /// As the controller's code does it.
    fn open(sealed: &str, label: &str) -> Option<Vec<u8>> {
        let bytes = BASE64_STANDARD.decode(sealed).unwrap();
        let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
        let (sealed_key, value) = bytes[2..].split_at(length);
        let key = PrivateDecryptingKey::from_pkcs8(&controller().1).unwrap();
        let key = OaepPrivateDecryptingKey::new(key).unwrap();
        let mut session = vec![0; key.min_output_size()];
        let session = key
            .decrypt(
                &OAEP_SHA256_MGF1SHA256,
                sealed_key,
                &mut session,
                Some(label.as_bytes()),
            )
            .ok()?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, session).unwrap());
        let mut value = value.to_vec();
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        key.open_in_place(nonce, Aad::empty(), &mut value)
            .ok()
            .map(|value| value.to_vec())
    }

    fn certificate() -> Certificate {
        Certificate::read(controller().0.as_bytes(), "`cert.pem`", Timestamp::now()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_for_its_scope_and_for_no_other() {
        let keys = Keys::of_texts("id", "key").unwrap();
        for (scope, opens, others) in [
            (
                Scope::Strict,
                "etcdbackup/etcdbackup-s3",
                ["etcdbackup", ""],
            ),
            (
                Scope::NamespaceWide,
                "etcdbackup",
                ["etcdbackup/etcdbackup-s3", ""],
            ),
            (
                Scope::ClusterWide,
                "",
                ["etcdbackup/etcdbackup-s3", "etcdbackup"],
            ),
        ] {
            let sealer = Sealer {
                certificate: certificate(),
                namespace: names::NAMESPACE.to_owned(),
                scope,
            };
            let sealed = sealer.keys(&keys).unwrap();
            let opened = open(&sealed.value, opens).unwrap();
            assert_eq!(opened, keys.file().as_bytes());
            for other in others {
                assert!(open(&sealed.value, other).is_none(), "{scope:?} {other}");
            }
            let other = Installation {
                credentials: Credentials::Sealed(sealed.clone()),
                ..installation()
            };
            let object = sealed_secret(&other, secret::S3, &sealed).value;
            let outer = object["metadata"]["annotations"].clone();
            assert_eq!(outer, object["spec"]["template"]["metadata"]["annotations"]);
            let wide = outer.to_string();
            assert_eq!(scope == Scope::Strict, outer.is_null(), "{wide}");
            assert!(!object.to_string().contains("BEGIN"));
        }
    }

    #[test]
    fn the_same_value_is_never_sealed_alike() {
        let seal = || certificate().seal(b"x", "").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_certificate_that_cannot_seal_says_why() {
        let read =
            |pem: &[u8], now: Timestamp| Certificate::read(pem, "`cert.pem`", now).err().unwrap();
        let later = Timestamp::MAX;
        let expired = read(controller().0.as_bytes(), later);
        assert!(expired.what.contains("expired at"), "{}", expired.what);
        let pair = KeyPair::generate().unwrap();
        let curve = CertificateParams::new(Vec::new())
            .unwrap()
            .self_signed(&pair)
            .unwrap();
        for (pem, why) in [
            (curve.pem().into_bytes(), "not for RSA"),
            (b"nonsense".to_vec(), "no certificate"),
        ] {
            let failure = read(&pem, Timestamp::now());
            assert_eq!(failure.exit, Exit::Config);
            assert!(failure.what.contains(why), "{}", failure.what);
        }
    }
}
