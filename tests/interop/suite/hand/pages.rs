//! docs/recovery by hand: certificates that are minted, machines that are replaced, what a node
//! depends on; and machine configs that were saved.

use std::fs;
use std::process::Output;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use talos_sim::{Replacement, Simulator};

use super::*;

const CERTIFICATE: &str = "docs/recovery/admin-certificate.md";
const REPLACED: &str = "docs/recovery/replaced-node.md";
const CONFIGS: &str = "docs/configs.md";

/// Control planes whose Talos CA is the one of `secrets.yaml`, and whose machine configs were
/// made of it, by talosctl.
fn generated() -> World {
    let world = admin(cluster());
    tells(&world, "talosctl gen secrets -o secrets.yaml", &[]);
    let ca = world.talos.authority().identity().unwrap();
    let packed = |text: &str| BASE64_STANDARD.encode(text);
    let own = format!(
        "yq -i '.certs.os.crt = \"{}\" | .certs.os.key = load_str(\"ca.b64\")' secrets.yaml",
        packed(&ca.certificate)
    );
    fs::write(world.path("ca.b64"), packed(&ca.key)).unwrap();
    tells(&world, &own, &[]);
    let made = of(REPLACED, "talosctl gen config").replace("ENDPOINT", "10.0.0.2");
    tells(&world, &made, &[]);
    let config = fs::read_to_string(world.path("controlplane.yaml")).unwrap();
    for node in 0..3 {
        world.talos.set_machine_config(node, &config);
    }
    world
}

/// The identity in `admin.talosconfig` is an administrator of these nodes.
fn works(world: &World) {
    let use_it = of(CERTIFICATE, "export TALOSCONFIG");
    says(world, &use_it, &["Server:", "Verdict"]);
    let info = "talosctl --talosconfig admin.talosconfig config info";
    tells(world, info, &["os:admin"]);
    fs::remove_file(world.path("admin.talosconfig")).unwrap();
}

#[test]
fn an_admin_certificate_is_minted_by_hand() {
    let world = generated();
    tells(&world, &of(CERTIFICATE, "date -u"), &["os:admin", "prod"]);
    // While a certificate is left.
    tells(
        &world,
        &of(CERTIFICATE, "talosctl -e 10.0.0.2 -n 10.0.0.2 config new"),
        &[],
    );
    works(&world);
    // From the bundle.
    tells(&world, &of(CERTIFICATE, "umask 077"), &[]);
    works(&world);
    // From a control plane's machine config, by way of a bundle.
    fs::remove_file(world.path("secrets.yaml")).unwrap();
    tells(&world, &of(CERTIFICATE, "talosctl gen secrets --from"), &[]);
    tells(&world, &of(CERTIFICATE, "umask 077"), &[]);
    works(&world);
    // And by its parts, into the file that the page shows.
    tells(&world, &of(CERTIFICATE, "yq eval 'select(.machine)"), &[]);
    assert!(
        fs::read_to_string(world.path("ca.crt"))
            .unwrap()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    let shown = e2e::documents::fenced(CERTIFICATE, "yaml").remove(0);
    let filled: Vec<String> = shown.lines().map(|line| filled(&world, line)).collect();
    // What `fenced` took away: how deep each line is.
    let depth = ["", "", "  ", "    ", "    ", "    ", "    "];
    assert_eq!(filled.len(), depth.len());
    let lines = depth
        .iter()
        .zip(&filled)
        .map(|(depth, line)| format!("{depth}{line}\n"));
    fs::write(world.path("admin.talosconfig"), lines.collect::<String>()).unwrap();
    works(&world);
}

/// `key: …  # file`: the base64 of that file.
fn filled(world: &World, line: &str) -> String {
    let Some((key, file)) = line.split_once('…') else {
        return here(&world.talos, line);
    };
    let file = file.split_whitespace().last().unwrap();
    tells(world, &format!("base64 -w0 {file} > packed"), &[]);
    let packed = fs::read_to_string(world.path("packed")).unwrap();
    format!("{key}{packed}")
}

/// A block that ends so.
fn ends(world: &World, block: &str, exit: i32) -> String {
    let output = typed(world, block);
    assert_eq!(
        output.status.code(),
        Some(exit),
        "{block}\n{}",
        both(&output)
    );
    both(&output)
}

#[test]
fn a_replaced_node_gets_its_config_by_hand() {
    let world = generated();
    let save = of(CONFIGS, "kubectl etcdbackup configs save");
    let save = save.lines().next().unwrap();
    tells(&world, save, &[]);
    let old = fs::read_to_string(world.path("controlplane.yaml")).unwrap();
    // Of this very node, of another one, and out of the bundle: one and the same here.
    fs::remove_file(world.path("controlplane.yaml")).unwrap();
    tells(&world, &of(REPLACED, "kubectl-etcdbackup configs get"), &[]);
    assert_eq!(
        fs::read_to_string(world.path("controlplane.yaml")).unwrap(),
        old
    );
    tells(&world, &of(REPLACED, "talosctl -n 10.0.0.2 get mc"), &[]);
    assert_eq!(
        fs::read_to_string(world.path("controlplane.yaml"))
            .unwrap()
            .trim_end(),
        old.trim_end()
    );
    ends(
        &world,
        &of(REPLACED, "talosctl-recover-check nodes --saved-configs"),
        0,
    );
    by_age_alone(&world, &old);
    depends(&world);
    drop(world);
    // Nobody may do this to a machine in our place, so no judge looks on.
    let talos = Simulator::builder()
        .snapshot_bytes(talos_sim::sample::snapshot(100_000))
        .start()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = BASE64_STANDARD.encode(talos.authority().pem());
    let config = yaml_with(&old, &ca);
    for (page, block) in [
        (
            REPLACED,
            of(REPLACED, "talosctl -n 10.0.0.4 -e 10.0.0.4 apply-config"),
        ),
        (CONFIGS, of(CONFIGS, "talosctl apply-config --insecure")),
    ] {
        talos.replace_node(2, Replacement::Maintenance).unwrap();
        for file in ["controlplane.yaml", "cp-3.yaml"] {
            fs::write(folder.path().join(file), &config).unwrap();
        }
        let is_it = of(
            REPLACED,
            "talosctl -n 10.0.0.4 -e 10.0.0.4 version --insecure",
        );
        let answer = alone(&talos, folder.path(), &is_it);
        assert!(served(&answer), "{}", both(&answer));
        let applied = alone(&talos, folder.path(), &block);
        assert!(applied.status.success(), "{page}: {}", both(&applied));
        talos
            .talosconfig(&["os:admin"])
            .unwrap()
            .write(&folder.path().join("talosconfig"))
            .unwrap();
        let then = "talosctl -n 10.0.0.4 -e 10.0.0.4 service etcd";
        wait_for(page, || {
            let said = both(&alone(&talos, folder.path(), then));
            said.contains("STATE").then_some(())
        });
        // Who is one of the cluster is in no maintenance any more.
        let again = alone(&talos, folder.path(), &is_it);
        assert!(!served(&again), "{page}: {}", both(&again));
    }
}

/// Whether `talosctl version` had an answer: it tells its own, too.
fn served(output: &Output) -> bool {
    text(&output.stdout).matches("Tag:").count() == 2
}

/// The machine config with another Talos CA.
fn yaml_with(config: &str, ca: &str) -> String {
    let line = |line: &str| match line.trim_start().starts_with("crt: ") {
        true => {
            let (indent, _) = line.split_once("crt: ").unwrap();
            format!("{indent}crt: {ca}\n")
        }
        false => format!("{line}\n"),
    };
    config.lines().map(line).collect()
}

/// Typed by a user of this talosconfig who has nothing else.
fn alone(talos: &Simulator, folder: &std::path::Path, block: &str) -> Output {
    let mut bash = e2e::user_command("timeout", folder, "http://127.0.0.1:9");
    bash.args(["60", "bash", "-c", &script(talos, block)]);
    bash.output().unwrap()
}

/// Without our programs: the AWS CLI and age.
fn by_age_alone(world: &World, config: &str) {
    let listed = tells(
        world,
        "aws s3 ls s3://backups/prod/.configs/prod/",
        &["cp-1"],
    );
    let object = listed.lines().find(|line| line.contains("cp-1")).unwrap();
    let object = object.split_whitespace().last().unwrap();
    let open = of(CONFIGS, "aws s3 cp s3://backups/prod/.configs");
    tells(world, &open.replace("OBJECT", object), &[]);
    assert_eq!(fs::read_to_string(world.path("cp-1.yaml")).unwrap(), config);
}

/// What docs/recovery/dependencies.md looks for in a machine config, and access.md at first.
fn depends(world: &World) {
    let config = of(
        "docs/recovery/dependencies.md",
        "talosctl -n 10.0.0.2 get mc",
    );
    tells(world, &config, &["image:"]);
    fixture(world, "after", "db.snapshot");
    let access = "docs/recovery/access.md";
    // The addresses of the fixtures' cluster, which are those of the examples.
    let inside = of(access, "talosctl-snapshot-inspect status");
    let inside = tells(world, &inside, &[]);
    assert!(inside.contains("address: \"10.0.0.12\""), "{inside}");
    let reached = of(access, "talosctl -e 10.0.0.2 -n 10.0.0.2 version");
    says(world, &reached, &["is a control plane"]);
}
