//! Flag before variable before configuration file before default, through real programs.

use e2e::{BUCKET, text};

use crate::support::{ok, refused, serving};

const CONFIG: &str = "
profile: prod
profiles:
  prod:
    destination: s3://backups/from-file
    recipients-file: recipients.txt
    cluster-name: filed
    compress: none
  lab:
    destination: s3://backups/lab
    recipients-file: ~/recipients.txt
";

#[test]
fn a_profile_makes_a_backup_one_word_and_each_step_above_it_wins() {
    let world = serving();
    let folder = world.path(".config/etcdbackup");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.yaml"), CONFIG).unwrap();
    std::fs::copy(world.path("recipients.txt"), folder.join("recipients.txt")).unwrap();
    let now = |more: &[&str], variables: &[(&str, &str)]| {
        let arguments = [&["now", "--direct"][..], more].concat();
        let mut run = world.command(e2e::programs().join("kubectl-etcdbackup"));
        let output = run
            .args(arguments)
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        ok(&output);
        text(&output.stdout).trim().to_owned()
    };
    let url = now(&[], &[]);
    assert!(
        url.starts_with("s3://backups/from-file/filed-") && url.ends_with(".snap.age"),
        "{url}"
    );
    let url = now(&[], &[("ETCDBACKUP_CLUSTER_NAME", "set")]);
    assert!(url.starts_with("s3://backups/from-file/set-"), "{url}");
    let url = now(
        &["--cluster-name", "typed"],
        &[("ETCDBACKUP_CLUSTER_NAME", "set")],
    );
    assert!(url.starts_with("s3://backups/from-file/typed-"), "{url}");
    let url = now(&["s3://backups/typed", "--compress", "zstd"], &[]);
    assert!(
        url.starts_with("s3://backups/typed/filed-") && url.ends_with(".snap.zst.age"),
        "{url}"
    );
    let url = now(&["--profile", "lab"], &[]);
    assert!(url.starts_with("s3://backups/lab/sim-"), "{url}");
    let url = now(&["--profile", "lab"], &[("ETCDBACKUP_PROFILE", "prod")]);
    assert!(url.starts_with("s3://backups/lab/"), "{url}");
    let url = now(
        &[],
        &[
            ("ETCDBACKUP_PROFILE", "lab"),
            ("ETCDBACKUP_DESTINATION", "s3://backups/var"),
        ],
    );
    assert!(url.starts_with("s3://backups/var/sim-"), "{url}");
    assert_eq!(world.s3.keys(BUCKET, "from-file").len(), 3);
}

#[test]
fn help_does_not_need_a_good_configuration_and_work_does() {
    let world = serving();
    std::fs::write(world.path("broken.yaml"), "profiles: {a: [").unwrap();
    let help = world.ours("talosctl-snapshot-push", &["--config", "broken.yaml", "-h"]);
    ok(&help);
    let list = world.ours(
        "kubectl-etcdbackup",
        &["list", "s3://backups/prod", "--config", "broken.yaml"],
    );
    refused(&list, 78, "broken.yaml");
    assert!(!world.path(".config").exists(), "something was created");
}

#[test]
fn several_destinations_of_a_variable_need_a_choice_where_one_is_meant() {
    let world = serving();
    let mut pull = world.command(e2e::programs().join("talosctl-snapshot-pull"));
    let pull = pull
        .args(["-i", "key.txt", "-o", "back"])
        .env("ETCDBACKUP_DESTINATION", "s3://backups/a s3://backups/b")
        .output()
        .unwrap();
    refused(&pull, 2, "ETCDBACKUP_DESTINATION holds 2 values");
}
