//! The three providers whose keys lie in a configuration, decrypting only.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use crypto_secretbox::aead::AeadInPlace;
use crypto_secretbox::{KeyInit, XSalsa20Poly1305};
use zeroize::Zeroizing;

use super::sealed::Provider;

/// Opened bytes, gone when dropped.
pub(super) type Plain = Zeroizing<Vec<u8>>;

/// Whether a key of this many bytes can be one of this provider.
pub(super) fn fits(provider: Provider, bytes: usize) -> bool {
    match provider {
        Provider::Secretbox => bytes == 32,
        Provider::AesCbc | Provider::AesGcm => matches!(bytes, 16 | 24 | 32),
        Provider::KmsV1 | Provider::KmsV2 | Provider::Unknown => false,
    }
}

/// Decrypts `payload`; none: not by this key. For aescbc that is not yet proof: one wrong key
/// in 256 leaves what looks like padding.
pub(super) fn decrypt(
    provider: Provider,
    key: &[u8],
    payload: &[u8],
    etcd_key: &[u8],
) -> Option<Plain> {
    match provider {
        Provider::Secretbox => secretbox(key, payload),
        Provider::AesCbc => aes_cbc(key, payload),
        Provider::AesGcm => aes_gcm(key, payload, etcd_key),
        Provider::KmsV1 | Provider::KmsV2 | Provider::Unknown => None,
    }
}

/// 24 bytes of nonce, 16 of tag, then the ciphertext.
fn secretbox(key: &[u8], payload: &[u8]) -> Option<Plain> {
    let (nonce, rest) = payload.split_first_chunk::<24>()?;
    let (tag, ciphertext) = rest.split_first_chunk::<16>()?;
    let cipher = XSalsa20Poly1305::new_from_slice(key).ok()?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    cipher
        .decrypt_in_place_detached(nonce.into(), b"", &mut plain, tag.into())
        .ok()?;
    Some(plain)
}

/// 16 bytes of IV, then whole blocks with PKCS#7 padding.
fn aes_cbc(key: &[u8], payload: &[u8]) -> Option<Plain> {
    let (iv, ciphertext) = payload.split_first_chunk::<16>()?;
    let algorithm = match key.len() {
        16 => &cipher::AES_128,
        24 => &cipher::AES_192,
        32 => &cipher::AES_256,
        _ => return None,
    };
    let key =
        PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    let length = key
        .decrypt(&mut plain, DecryptionContext::Iv128(FixedLength::from(*iv)))
        .ok()?
        .len();
    plain.truncate(length);
    Some(plain)
}

/// 12 bytes of nonce, the ciphertext, 16 bytes of tag; bound to the key in etcd.
fn aes_gcm(key: &[u8], payload: &[u8], etcd_key: &[u8]) -> Option<Plain> {
    let (nonce, sealed) = payload.split_first_chunk::<12>()?;
    let algorithm = match key.len() {
        16 => &aead::AES_128_GCM,
        24 => &aead::AES_192_GCM,
        32 => &aead::AES_256_GCM,
        _ => return None,
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
    let mut plain = Zeroizing::new(sealed.to_vec());
    let length = key
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(etcd_key),
            &mut plain,
        )
        .ok()?
        .len();
    plain.truncate(length);
    Some(plain)
}

#[cfg(test)]
pub(super) mod vectors {
    //! Made with PyNaCl and pyca/cryptography: one Secret, one key, three providers.

    pub(crate) const ETCD_KEY: &[u8] = b"/registry/secrets/default/demo";
    pub(crate) const KEY: [u8; 32] = [
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
        25, 26, 27, 28, 29, 30, 31,
    ];
    const PLAIN: &str = "6b3873000a0c0a027631120653656372657412650a470a0464656d6f12001a0764656661756c7422002a2436663163306633652d303030302d343030302d383030302d3030303030303030303030313200380042080880e2cfaa06100012120a0870617373776f726412067333637233741a064f70617175651a002200";
    const SECRETBOX: &str = "6b38733a656e633a736563726574626f783a76313a6b6579323a6465666768696a6b6c6d6e6f707172737475767778797a7be2ac9026e7d1ef93edfa191617cc79c16981eac930bac4ebc6cc319264e1c06a5bde2ac2eee1411fc2692ffb188bd38fcc0a92793a5befc6f53c33546622be55a7a3cb3522b6096f2ed56334eb9fa65473bb615df80c78ba89bf2fc270f3dca154af8d45aff7fbe05d318f3778f4f7ccf2b988089cae55b5676979f88f3fe70b0c359005a74a317c25960e81e4";
    const AESCBC: &str = "6b38733a656e633a6165736362633a76313a6b6579313a000102030405060708090a0b0c0d0e0f7b6dc64cb3bf63ab06816e245d7b86c5cd5512bd47d9b8e365569ae637a3a75faf769d3a1b588509b36d710863411df93bf7d5672b61de4d2703401a4bfe1ebebf80729a2951ef1f618398aa7aa3b8d3c68e75aa4049132ec32c78f47006d1b135c8faed5891c8a1b9300e4b0e60aa9e3181a94a009c522a4cd6db1e1b21e975";
    const AESGCM: &str = "6b38733a656e633a61657367636d3a76313a6b6579313a000102030405060708090a0b2c3aa51bcfe9c819fb70858de28c1b1fe6a29551fa3c55785c0288ea0f691ab56575c89ddaad66ba748e5bdbeeb64b08886a05a06ae693ea12a31a2928cecddec00ceb4ae3e116512c649a5edfbf3fda38b2c9207e6bd38a325798dc78e2ab87c3883895d736a768fa0e38c17b16534cce7d64e493a454ef28e557ef8221d0ecec369d80e38ccc7a3f4a12695e";

    pub(crate) fn plain() -> Vec<u8> {
        hex::decode(PLAIN).unwrap()
    }

    pub(crate) fn secretbox() -> Vec<u8> {
        hex::decode(SECRETBOX).unwrap()
    }

    pub(crate) fn aescbc() -> Vec<u8> {
        hex::decode(AESCBC).unwrap()
    }

    pub(crate) fn aesgcm() -> Vec<u8> {
        hex::decode(AESGCM).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::vectors::{ETCD_KEY, KEY, aescbc, aesgcm, plain, secretbox};
    use super::*;
    use crate::snapshot::encryption::Sealed;
    use proptest::prelude::*;

    fn open(value: &[u8], key: &[u8], etcd_key: &[u8]) -> Option<Vec<u8>> {
        let sealed = Sealed::parse(value).unwrap();
        decrypt(sealed.provider, key, sealed.payload().unwrap(), etcd_key)
            .map(|plain| plain.to_vec())
    }

    #[test]
    fn the_vectors_open() {
        for value in [secretbox(), aescbc(), aesgcm()] {
            assert_eq!(open(&value, &KEY, ETCD_KEY).unwrap(), plain());
        }
    }

    #[test]
    fn every_changed_byte_of_an_authenticated_value_is_refused() {
        for (value, head) in [(secretbox(), 26), (aesgcm(), 23)] {
            for index in head..value.len() {
                let mut changed = value.clone();
                changed[index] ^= 1;
                assert_eq!(open(&changed, &KEY, ETCD_KEY), None, "byte {index}");
            }
        }
    }

    #[test]
    fn aesgcm_is_bound_to_its_place_and_the_others_are_not() {
        let elsewhere = b"/registry/secrets/default/other";
        assert_eq!(open(&aesgcm(), &KEY, elsewhere), None);
        assert!(open(&secretbox(), &KEY, elsewhere).is_some());
        assert!(open(&aescbc(), &KEY, elsewhere).is_some());
    }

    #[test]
    fn one_wrong_key_in_256_passes_for_aescbc() {
        let mut passed = 0;
        for trial in 0..2560u32 {
            let mut key = KEY;
            key[..4].copy_from_slice(&(trial + 1).to_le_bytes());
            key[31] = 0xff;
            if let Some(opened) = open(&aescbc(), &key, ETCD_KEY) {
                passed += 1;
                assert!(
                    !opened.starts_with(b"k8s\0"),
                    "a wrong key made an envelope"
                );
            }
        }
        assert!((2..40).contains(&passed), "{passed} of 2560");
    }

    proptest! {
        #[test]
        fn any_payload_and_key_is_answered(payload in prop::collection::vec(any::<u8>(), 0..100), key in prop::collection::vec(any::<u8>(), 0..40)) {
            for provider in [Provider::Secretbox, Provider::AesCbc, Provider::AesGcm, Provider::KmsV2] {
                let opened = decrypt(provider, &key, &payload, b"k");
                prop_assert!(opened.is_none() || fits(provider, key.len()));
            }
        }
    }
}
