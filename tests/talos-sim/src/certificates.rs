//! The cluster's certificates: an Ed25519 CA as Talos makes it, a server certificate for each
//! node, and client certificates with any roles and any validity.

use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ED25519, SanType, SigningKey,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::Error;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// PKCS#8 version 1 of an Ed25519 key, all but its 32 bytes of seed. Talos (Go) writes version 1,
/// without the public key.
const PKCS8_V1: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const SEED: usize = 32;
const SIGNATURE: usize = 64;

/// When a certificate holds.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    /// Not before.
    pub from: SystemTime,
    /// Not after.
    pub until: SystemTime,
}

impl Validity {
    /// From an hour ago, for this long from now.
    #[must_use]
    pub fn of(duration: Duration) -> Self {
        let now = SystemTime::now();
        Self {
            from: now - DAY / 24,
            until: now + duration,
        }
    }

    /// A year, as an admin's.
    #[must_use]
    pub fn year() -> Self {
        Self::of(365 * DAY)
    }

    /// Ended yesterday.
    #[must_use]
    pub fn expired() -> Self {
        let now = SystemTime::now();
        Self {
            from: now - 366 * DAY,
            until: now - DAY,
        }
    }

    /// Begins tomorrow.
    #[must_use]
    pub fn not_yet() -> Self {
        let now = SystemTime::now();
        Self {
            from: now + DAY,
            until: now + 365 * DAY,
        }
    }
}

/// What a client certificate says it is for. Talos takes exactly client authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `clientAuth` and nothing else: what Talos wants.
    Client,
    /// `clientAuth` and `serverAuth`: refused.
    ClientAndServer,
    /// No extended key usage at all: refused.
    Any,
}

/// A certificate and its key, both PEM. `Debug` hides the key.
#[derive(Clone)]
pub struct Identity {
    /// `CERTIFICATE`.
    pub certificate: String,
    /// `ED25519 PRIVATE KEY`, PKCS#8 version 1.
    pub key: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// A server's certificate and key as rustls takes them.
#[derive(Debug)]
pub struct ServerIdentity {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// The cluster's CA.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new CA: self-signed, O=talos, ten years.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> Result<Self, Error> {
        let mut params = empty_params(Validity::of(3650 * DAY));
        params
            .distinguished_name
            .push(DnType::OrganizationName, "talos");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyCertSign,
        ];
        let issuer = CertifiedIssuer::self_signed(params, new_key()?)
            .map_err(Error::at("signing the CA"))?;
        Ok(Self { issuer })
    }

    /// The CA's certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The CA itself, as a secrets bundle or a machine config holds it.
    ///
    /// # Errors
    /// When its key cannot be written.
    pub fn identity(&self) -> Result<Identity, Error> {
        Ok(Identity {
            certificate: self.pem(),
            key: pem_block("ED25519 PRIVATE KEY", pkcs8_v1(self.issuer.key())?),
        })
    }

    /// The CA's certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.der().clone()
    }

    pub(crate) fn der(&self) -> &CertificateDer<'static> {
        self.issuer.der()
    }

    /// A server certificate for one node: a day long, with its name and addresses.
    ///
    /// # Errors
    /// When no key can be made, or the name is none.
    pub fn server(&self, name: &str, address: Ipv4Addr) -> Result<ServerIdentity, Error> {
        let mut params = empty_params(Validity::of(DAY));
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let host = name.try_into().map_err(Error::at("naming the node"))?;
        params.subject_alt_names = vec![
            SanType::IpAddress(address.into()),
            SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
            SanType::DnsName(host),
        ];
        // As Talos adds them for access from pods.
        for service in ["talos", "talos.default"] {
            let service = service
                .try_into()
                .map_err(Error::at("naming the service"))?;
            params.subject_alt_names.push(SanType::DnsName(service));
        }
        let key = new_key()?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(Error::at("signing a server certificate"))?;
        Ok(ServerIdentity {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }

    /// A client certificate with these roles.
    ///
    /// # Errors
    /// When no key can be made, or there are more than 100 roles.
    pub fn client(&self, roles: &[&str], validity: Validity) -> Result<Identity, Error> {
        self.client_for(roles, validity, Purpose::Client)
    }

    /// A client certificate for a user of Kubernetes: a name, and groups for roles.
    ///
    /// # Errors
    /// As [`Authority::client`].
    pub fn user(&self, name: &str, groups: &[&str]) -> Result<Identity, Error> {
        let mut params = empty_params(Validity::year());
        params.distinguished_name.push(DnType::CommonName, name);
        self.client_of(params, groups, Purpose::Client)
    }

    /// A client certificate for a purpose that Talos may refuse.
    ///
    /// # Errors
    /// As [`Authority::client`].
    pub fn client_for(
        &self,
        roles: &[&str],
        validity: Validity,
        purpose: Purpose,
    ) -> Result<Identity, Error> {
        self.client_of(empty_params(validity), roles, purpose)
    }

    fn client_of(
        &self,
        mut params: CertificateParams,
        roles: &[&str],
        purpose: Purpose,
    ) -> Result<Identity, Error> {
        // rcgen's names hold one value per attribute type, and roles are many values of one:
        // each gets a placeholder type, which is renamed below.
        for (placeholder, role) in (FIRST_PLACEHOLDER..LAST_PLACEHOLDER).zip(roles) {
            params.distinguished_name.push(
                DnType::CustomDnType(vec![2, 5, 4, placeholder.into()]),
                *role,
            );
        }
        if roles.len() > usize::from(LAST_PLACEHOLDER - FIRST_PLACEHOLDER) {
            return Err(Error::new("too many roles for one certificate"));
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match purpose {
            Purpose::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Purpose::ClientAndServer => {
                vec![
                    ExtendedKeyUsagePurpose::ClientAuth,
                    ExtendedKeyUsagePurpose::ServerAuth,
                ]
            }
            Purpose::Any => vec![],
        };
        let key = new_key()?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(Error::at("signing a client certificate"))?;
        let certificate = self.with_organizations(certificate.der().to_vec())?;
        Ok(Identity {
            certificate: pem_block("CERTIFICATE", certificate),
            key: pem_block("ED25519 PRIVATE KEY", pkcs8_v1(&key)?),
        })
    }

    /// Turns every placeholder attribute into an Organization and signs anew.
    fn with_organizations(&self, mut certificate: Vec<u8>) -> Result<Vec<u8>, Error> {
        const ORGANIZATION: u8 = 10;
        let (start, end) = {
            let (_, parsed) = X509Certificate::from_der(&certificate)
                .map_err(Error::at("reading an own certificate"))?;
            let signed: &[u8] = parsed.tbs_certificate.as_ref();
            let start = signed.as_ptr() as usize - certificate.as_ptr() as usize;
            (start, start + signed.len())
        };
        let mut at = start;
        while at + 5 <= end {
            let window = &mut certificate[at..at + 5];
            if window[..4] == [0x06, 0x03, 0x55, 0x04]
                && (FIRST_PLACEHOLDER..LAST_PLACEHOLDER).contains(&window[4])
            {
                window[4] = ORGANIZATION;
            }
            at += 1;
        }
        let signature = self
            .issuer
            .key()
            .sign(&certificate[start..end])
            .map_err(Error::at("signing a client certificate"))?;
        let tail = certificate.len() - SIGNATURE;
        certificate[tail..].copy_from_slice(&signature);
        Ok(certificate)
    }
}

/// Last arcs of the placeholders: 2.5.4.24 to 2.5.4.123, one byte each in DER. Country (6) and
/// the other attributes in use lie below.
const FIRST_PLACEHOLDER: u8 = 24;
const LAST_PLACEHOLDER: u8 = 124;

fn empty_params(validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = OffsetDateTime::from(validity.from);
    params.not_after = OffsetDateTime::from(validity.until);
    params
}

fn new_key() -> Result<KeyPair, Error> {
    KeyPair::generate_for(&PKCS_ED25519).map_err(Error::at("making an Ed25519 key"))
}

fn pkcs8_v1(key: &KeyPair) -> Result<Vec<u8>, Error> {
    let der = key.serialized_der();
    let marker = &PKCS8_V1[PKCS8_V1.len() - 4..];
    let seed = der
        .windows(marker.len())
        .position(|window| window == marker)
        .map(|at| at + marker.len())
        .and_then(|at| der.get(at..at + SEED))
        .ok_or_else(|| Error::new("an Ed25519 key without its seed"))?;
    Ok([&PKCS8_V1[..], seed].concat())
}

fn pem_block(label: &str, contents: Vec<u8>) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, contents), config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_certificate_carries_its_roles_and_is_signed() {
        let authority = Authority::new().unwrap();
        let identity = authority
            .client(
                &["os:admin", "os:reader", "os:etcd:backup"],
                Validity::year(),
            )
            .unwrap();
        let block = pem::parse(&identity.certificate).unwrap();
        let (_, certificate) = X509Certificate::from_der(block.contents()).unwrap();
        let roles: Vec<_> = certificate
            .subject()
            .iter_organization()
            .map(|role| role.as_str().unwrap())
            .collect();
        assert_eq!(roles, ["os:admin", "os:reader", "os:etcd:backup"]);
        let (_, issuer) = X509Certificate::from_der(authority.der()).unwrap();
        assert_eq!(certificate.issuer(), issuer.subject());
        let signed: &[u8] = certificate.tbs_certificate.as_ref();
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(
            &aws_lc_rs::signature::ED25519,
            &issuer.public_key().subject_public_key.data,
        );
        key.verify(signed, &certificate.signature_value.data)
            .unwrap();
    }

    #[test]
    fn keys_are_written_as_talos_writes_them() {
        let authority = Authority::new().unwrap();
        let identity = authority
            .client(&["os:admin"], Validity::expired())
            .unwrap();
        assert!(
            identity
                .key
                .starts_with("-----BEGIN ED25519 PRIVATE KEY-----\n")
        );
        assert_eq!(
            pem::parse(&identity.key).unwrap().contents().len(),
            PKCS8_V1.len() + SEED
        );
        assert!(!format!("{identity:?}").contains("PRIVATE KEY"));
        let (_, certificate) =
            x509_parser::pem::parse_x509_pem(identity.certificate.as_bytes()).unwrap();
        assert!(!certificate.parse_x509().unwrap().validity().is_valid());
    }
}
