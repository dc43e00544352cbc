//! Every object against its schema: Kubernetes' own by a validator of others, offline; custom
//! ones by the shapes of their definitions.

use e2e::{World, text, tool};
use serde_json::Value;

use super::shapes::misfits;
use super::{EVERYTHING, REPORTS, give_ping, objects, rendered};
use crate::support::{ok, serving};

/// Releases that Talos 1.12 to 1.14 run.
const RELEASES: [&str; 3] = ["1.33", "1.35", "1.37"];
/// Groups that Kubernetes itself does not have.
const CUSTOM: [&str; 4] = [
    "talos.dev/",
    "bitnami.com/",
    "monitoring.coreos.com/",
    "cilium.io/",
];

/// Objects of a set in every variation.
fn sets(world: &World) -> Vec<String> {
    let certificate = e2e::repository().join("tests/fixtures/sealing/tls.crt");
    let keys = "[default]\naws_access_key_id = a\naws_secret_access_key = b\n";
    std::fs::write(world.path("credentials"), keys).unwrap();
    let ca = std::fs::read_to_string(&certificate).unwrap();
    std::fs::write(world.path("ca.pem"), ca).unwrap();
    give_ping(world);
    let given = "--s3-credentials-file credentials";
    [
        String::new(),
        format!("{EVERYTHING} --network-policy cilium {given}"),
        format!("{EVERYTHING} --network-policy kubernetes --s3-ca-file ca.pem --suspend"),
        format!(
            "{given} --seal-cert {} --seal-scope cluster-wide",
            certificate.display()
        ),
        format!("{REPORTS} --network-policy cilium"),
        format!("{REPORTS} --network-policy kubernetes"),
        "--no-encrypt --network-policy cilium --schedule @daily".to_owned(),
    ]
    .iter()
    .map(|more| match more.contains("--no-encrypt") {
        false => rendered(world, more),
        true => {
            let line =
                format!("kubectl etcdbackup manifests s3://backups/prod --cluster-name c {more}");
            let output = world.shell(&line);
            ok(&output);
            text(&output.stdout)
        }
    })
    .collect()
}

#[test]
fn every_object_is_valid_for_kubernetes() {
    let world = serving();
    let validate = tool("kubernetes-validate/kubernetes-validate");
    for (place, set) in sets(&world).iter().enumerate() {
        let (custom, own): (Vec<Value>, Vec<Value>) =
            objects(&world, set).into_iter().partition(|object| {
                let version = object["apiVersion"].as_str().unwrap();
                CUSTOM.iter().any(|group| version.starts_with(group))
            });
        assert!(!custom.is_empty() && own.len() >= 4, "set {place}");
        let file = world.path(&format!("own-{place}.yaml"));
        let lines: Vec<String> = own.iter().map(Value::to_string).collect();
        std::fs::write(&file, lines.join("\n---\n")).unwrap();
        for release in RELEASES {
            let output = world
                .command(&validate)
                .args(["--strict", "-k", release])
                .arg(&file)
                .output()
                .unwrap();
            let said = text(&output.stdout) + &text(&output.stderr);
            assert!(output.status.success(), "set {place}, {release}: {said}");
            // One without a schema would be passed over with a word.
            assert!(!said.contains("Couldn't find schema"), "{said}");
        }
        for object in custom {
            assert_eq!(misfits(&object), [""; 0], "set {place}: {object}");
        }
    }
}

#[test]
fn the_validators_find_what_is_wrong() {
    let world = serving();
    let validate = tool("kubernetes-validate/kubernetes-validate");
    let wrong = rendered(&world, "").replace("backoffLimit", "backofLimit");
    std::fs::write(world.path("wrong.yaml"), wrong).unwrap();
    let output = world
        .command(validate)
        .args(["--strict", "wrong.yaml"])
        .output()
        .unwrap();
    assert!(!output.status.success(), "{}", text(&output.stdout));
    let set = rendered(&world, &format!("{EVERYTHING} --network-policy cilium"));
    for (right, wrong) in [
        (
            "  roles:\n  - os:etcd:backup",
            "  rules:\n  - os:etcd:backup",
        ),
        ("      for: \"5m\"", "      form: \"5m\""),
        ("- toEntities:", "- toEntity:"),
    ] {
        assert!(set.contains(right), "{right}");
        let found = objects(&world, &set.replacen(right, wrong, 1))
            .iter()
            .filter(|object| {
                let version = object["apiVersion"].as_str().unwrap();
                CUSTOM.iter().any(|group| version.starts_with(group))
            })
            .flat_map(misfits)
            .count();
        assert!(found > 0, "{wrong}");
    }
}
