//! What each machine config makes of the fixtures' Secrets.

use std::ops::ControlFlow;

use etcdbackup::snapshot::bolt::Database;
use etcdbackup::snapshot::encryption::{AuthorityVerdict, Counts, KeysReport, Stored};
use etcdbackup::snapshot::kubernetes::Contents;

use crate::fixture::{bytes, keyring};

/// Live counts of secretbox:key2, aescbc:key1 and plaintext Secrets, and how many live values
/// cannot be read.
fn counts(snapshot: &str, config: &str) -> ([Counts; 3], u64) {
    let ring = keyring(config);
    let bytes = bytes(&format!("{snapshot}.snap.zst"));
    let database = Database::open(&*bytes).unwrap();
    let contents = Contents::find(&database, None).unwrap();
    let mut report = KeysReport::new(&ring);
    contents
        .each(|entry| {
            report.see(entry.place(), entry.value, entry.live);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(report.authority(), AuthorityVerdict::NotInConfig);
    let of = |encryption: &str| {
        let stored = Stored {
            resource: "secrets".into(),
            encryption: encryption.into(),
        };
        report
            .tallies()
            .get(&stored)
            .map(|tally| tally.live.clone())
            .unwrap_or_default()
    };
    (
        ["secretbox:key2", "aescbc:key1", "plaintext"].map(of),
        report.unreadable(),
    )
}

#[test]
fn the_right_configs_open_everything() {
    for config in ["controlplane-v1alpha1.yaml", "secrets-bundle.yaml"] {
        let ([secretbox, aescbc, plain], unreadable) = counts("before", config);
        assert_eq!(
            (secretbox.opened, aescbc.opened, plain.opened),
            (24, 3, 2),
            "{config}"
        );
        assert_eq!(unreadable, 0);
        let ([secretbox, aescbc, plain], unreadable) = counts("after", config);
        assert_eq!(
            (secretbox.opened, aescbc.total, plain.total, unreadable),
            (15, 0, 0, 0),
            "{config}"
        );
    }
}

#[test]
fn without_the_identity_provider_the_plain_ones_cannot_be_read() {
    let ([secretbox, aescbc, plain], unreadable) = counts("before", "controlplane-documents.yaml");
    assert_eq!((secretbox.opened, aescbc.opened), (24, 3));
    assert_eq!((plain.plain_refused, unreadable), (2, 2));
    assert_eq!(counts("after", "controlplane-documents.yaml").1, 0);
}

#[test]
fn the_right_key_under_a_wrong_name_is_told_from_a_wrong_key() {
    let ([secretbox, aescbc, _], _) = counts("before", "controlplane-wrong-name.yaml");
    assert_eq!((secretbox.misplaced, secretbox.no_key), (24, 0));
    assert_eq!((aescbc.misplaced, aescbc.no_key), (0, 3));
    let ([secretbox, aescbc, plain], unreadable) = counts("before", "controlplane-wrong-key.yaml");
    assert_eq!((secretbox.misplaced, secretbox.no_key), (0, 24));
    assert_eq!((aescbc.opened, plain.opened, unreadable), (3, 2, 24));
}
