//! Whether the cluster CA that pods trust is the CA of a configuration: a snapshot of one
//! cluster does not live with the certificates of another.

use aws_lc_rs::digest::{SHA256, digest};

/// What the ConfigMap `kube-root-ca.crt` and a configuration say of the cluster's CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorityVerdict {
    /// The configuration's own CA is in the ConfigMap.
    Same(String),
    /// It is not.
    Different {
        /// Fingerprint of the snapshot's.
        snapshot: String,
        /// Fingerprint of the configuration's.
        config: String,
    },
    /// The configuration names no CA.
    NotInConfig,
    /// The snapshot has no such ConfigMap.
    NotInSnapshot,
}

impl AuthorityVerdict {
    /// Compares the certificates of both, each first one being the one that signs.
    pub(super) fn of(snapshot: &[Vec<u8>], config: &[Vec<u8>]) -> Self {
        match (snapshot, config) {
            (_, []) => Self::NotInConfig,
            ([], _) => Self::NotInSnapshot,
            (known, [own, ..]) if known.contains(own) => Self::Same(fingerprint(own)),
            ([first, ..], [own, ..]) => Self::Different {
                snapshot: fingerprint(first),
                config: fingerprint(own),
            },
        }
    }
}

/// Each certificate's DER; what is no certificate is passed over.
pub fn certificates(text: &str) -> Vec<Vec<u8>> {
    let blocks = pem::parse_many(text).unwrap_or_default();
    blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(pem::Pem::into_contents)
        .collect()
}

/// The first eight bytes of the SHA-256, which tell two apart and give nothing away.
pub fn fingerprint(bytes: &[u8]) -> String {
    hex::encode(&digest(&SHA256, bytes).as_ref()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_ca_must_be_among_those_pods_trust() {
        let (a, b) = (vec![1u8], vec![2u8]);
        let of = |snapshot: &[&Vec<u8>], config: &[&Vec<u8>]| {
            let owned =
                |list: &[&Vec<u8>]| list.iter().map(|der| (*der).clone()).collect::<Vec<_>>();
            AuthorityVerdict::of(&owned(snapshot), &owned(config))
        };
        assert!(matches!(of(&[&b, &a], &[&a]), AuthorityVerdict::Same(_)));
        assert!(matches!(
            of(&[&b], &[&a, &b]),
            AuthorityVerdict::Different { .. }
        ));
        assert_eq!(of(&[&b], &[]), AuthorityVerdict::NotInConfig);
        assert_eq!(of(&[], &[&a]), AuthorityVerdict::NotInSnapshot);
    }

    #[test]
    fn only_certificates_count() {
        let text = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAEC\n-----END PRIVATE KEY-----\n";
        assert_eq!(certificates(text), [vec![0, 1, 2]]);
        assert!(certificates("no PEM").is_empty());
    }
}
