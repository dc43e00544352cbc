//! `recover-check nodes`: saved machine configs against the live ones, and images that come from
//! a registry inside the dead cluster.

use e2e::{World, text};

use super::outage::assert_nothing_changed;
use super::{check, json, of, refused, three};

const KEY: &str = "TUOI2xzyrYePH0w/tvFeSzZ97DnqWNcmcBvBitlUAE0=";
const OTHER: &str = "QGuzYyN26Ub2TikASHfHzcFNZgcO6wEUOA6W25nTUlw=";

fn config(key: &str, machine: &str) -> String {
    format!(
        "version: v1alpha1\nmachine:\n  type: controlplane\n{machine}cluster:\n  clusterName: sim\n  controlPlane:\n    endpoint: https://10.0.0.5:6443\n  secretboxEncryptionSecret: {key}\n"
    )
}

fn give(world: &World, config: &str) {
    for node in 0..3 {
        world.talos.set_machine_config(node, config);
    }
}

fn save(world: &World, name: &str, text: &str) {
    let path = world.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn saved_configs_are_held_against_the_live_ones_and_no_key_shows() {
    let world = three();
    give(&world, &config(KEY, ""));
    save(&world, "saved/cp-1.yaml", &config(KEY, ""));
    save(&world, "saved/talosconfig", "context: x\ncontexts: {}\n");
    save(
        &world,
        "saved/worker.yaml",
        "version: v1alpha1\nmachine:\n  type: worker\n",
    );
    let nodes = ["nodes", "--saved-configs", "saved"];
    let (exit, value) = json(&world, &nodes);
    assert_eq!(exit, 0, "{value}");
    let found = of(&value, "machine-config");
    assert_eq!(
        found,
        [(
            "ok",
            "saved/cp-1.yaml is of this cluster: CAs, keys and names are the same"
        )]
    );
    // Another key: a machine made from it could not read the data.
    let host = "  network:\n    hostname: cp-2\n";
    save(&world, "cp-2.yaml", &config(OTHER, host));
    let two = ["nodes", "--saved-configs", "saved,cp-2.yaml"];
    let (exit, value) = json(&world, &two);
    assert_eq!(exit, 1);
    let found = of(&value, "machine-config");
    let fails: Vec<_> = found
        .iter()
        .filter(|(severity, _)| *severity == "fail")
        .collect();
    // By its host name it is the second machine's: the others are no matter of it.
    assert_eq!(fails.len(), 1, "{found:?}");
    assert!(
        fails[0].1.contains("encryption keys of cp-2.yaml"),
        "{found:?}"
    );
    // So is a live one that differs from its neighbours.
    world.talos.set_machine_config(2, &config(OTHER, ""));
    let (exit, value) = json(&world, &nodes);
    assert_eq!(exit, 1);
    let live = of(&value, "machine-config");
    assert!(
        live[0].1.contains("encryption keys of node cp-1"),
        "{live:?}"
    );
    for format in ["table", "wide", "json", "yaml"] {
        let shown = check(&world, &[&two[..], &["-o", format]].concat());
        let said = text(&shown.stdout) + &text(&shown.stderr);
        assert!(
            !said.contains(&KEY[..8]) && !said.contains(&OTHER[..8]),
            "{said}"
        );
    }
    save(&world, "none/notes.txt", "nothing");
    for (place, word) in [("none", "holds no machine config"), ("absent", "absent")] {
        let refusal = check(&world, &["nodes", "--saved-configs", place]);
        refused(&refusal, 78, word);
    }
    assert_nothing_changed(&world);
}

#[test]
fn a_registry_inside_the_dead_cluster_is_named_before_anything_is_wiped() {
    let world = three();
    let mirror = |endpoint: &str, skip: bool| {
        let registries = format!(
            "  registries:\n    mirrors:\n      registry.k8s.io:\n        endpoints:\n          - {endpoint}\n        skipFallback: {skip}\n"
        );
        config(KEY, &registries)
    };
    let images = |config: &str, more: &[&str]| {
        give(&world, config);
        let (exit, value) = json(&world, &[&["nodes"], more].concat());
        let found = of(&value, "images");
        assert_eq!(found.len(), 3, "{value}");
        (exit, found[0].0.to_owned(), found[0].1.to_owned())
    };
    let (exit, severity, _) = images(&config(KEY, ""), &[]);
    assert_eq!((exit, severity.as_str()), (0, "ok"));
    let node = format!("https://{}:5000", world.talos.address(1));
    let (exit, severity, what) = images(&mirror(&node, true), &[]);
    assert_eq!((exit, severity.as_str()), (1, "fail"), "{what}");
    assert!(what.contains("(control plane cp-2"), "{what}");
    // The registry itself is asked after that: worth knowing.
    let (exit, severity, what) = images(&mirror(&node, false), &[]);
    assert_eq!((exit, severity.as_str()), (0, "warn"), "{what}");
    // What the cluster serves by an ingress only its snapshot tells.
    let packed = e2e::repository().join("tests/fixtures/before.snap.zst");
    let bytes = zstd::decode_all(&*std::fs::read(packed).unwrap()).unwrap();
    std::fs::write(world.path("db.snapshot"), bytes).unwrap();
    let harbor = mirror("https://web.example/v2", true);
    let (_, severity, _) = images(&harbor, &[]);
    assert_eq!(severity, "ok");
    let (_, severity, what) = images(&harbor, &["db.snapshot"]);
    assert_eq!(severity, "fail", "{what}");
    assert!(what.contains("ingresses web/web"), "{what}");
    assert_nothing_changed(&world);
}
