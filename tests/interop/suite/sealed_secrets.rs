//! kubeseal: the controller's own code opens what we seal, in each scope, and there only.

use std::fs;
use std::process::Stdio;

use e2e::{World, repository, text, tool};

use crate::process::{manifests, other, printed};
use crate::support::serving;

const KEYS: &str = "[default]\naws_access_key_id = MINE\naws_secret_access_key = this-one\n";

/// The SealedSecret of a set, as a file.
fn sealed(world: &World, scope: &str) -> String {
    fs::write(world.path("credentials"), KEYS).unwrap();
    let certificate = repository().join("tests/fixtures/sealing/tls.crt");
    let certificate = certificate.display().to_string();
    let given = [
        "--s3-credentials-file",
        "credentials",
        "--seal-cert",
        &certificate,
    ];
    manifests(
        world,
        scope,
        &[&given[..], &["--seal-scope", scope]].concat(),
    );
    fs::read_to_string(world.path(&format!("{scope}/s3-sealedsecret.yaml"))).unwrap()
}

fn unseal(world: &World, sealed: &str) -> std::process::Output {
    fs::write(world.path("sealed.yaml"), sealed).unwrap();
    let key = repository().join("tests/fixtures/sealing/tls.key");
    let mut command = other(&tool("sealed-secrets/kubeseal"));
    command
        .args(["--recovery-unseal", "-o", "yaml", "--recovery-private-key"])
        .arg(key)
        .stdin(Stdio::from(
            fs::File::open(world.path("sealed.yaml")).unwrap(),
        ))
        .env("HOME", world.folder.path())
        .output()
        .unwrap()
}

#[test]
fn the_controllers_code_opens_every_scope_where_it_may_be_opened() {
    let world = serving();
    let elsewhere = |sealed: &str| sealed.replace("namespace: etcdbackup", "namespace: other");
    let renamed = |sealed: &str| sealed.replace("name: etcdbackup-s3", "name: other");
    for (scope, opens_renamed, opens_elsewhere) in [
        ("strict", false, false),
        ("namespace-wide", true, false),
        ("cluster-wide", true, true),
    ] {
        let sealed = sealed(&world, scope);
        let opened = unseal(&world, &sealed);
        assert!(opened.status.success(), "{scope}: {}", text(&opened.stderr));
        let opened = text(&opened.stdout);
        let value = opened
            .lines()
            .find_map(|line| line.trim().strip_prefix("credentials: "));
        assert_eq!(decoded(&world, value.unwrap()), KEYS, "{scope}");
        assert!(opened.contains("name: etcdbackup-s3") && opened.contains("type: Opaque"));
        for (changed, opens) in [
            (renamed(&sealed), opens_renamed),
            (elsewhere(&sealed), opens_elsewhere),
        ] {
            let tried = unseal(&world, &changed);
            assert_eq!(
                tried.status.success(),
                opens,
                "{scope}: {}",
                text(&tried.stderr)
            );
        }
    }
}

fn decoded(world: &World, base64: &str) -> String {
    fs::write(world.path("value"), base64).unwrap();
    let mut command = std::process::Command::new("/usr/bin/base64");
    printed(command.arg("-d").arg(world.path("value")))
}
