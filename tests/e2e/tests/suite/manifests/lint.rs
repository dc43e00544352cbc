//! The linter, on what others wrote.

use e2e::golden::compare;
use e2e::text;

use crate::support::{code, ok, serving};

/// talos-backup's own sample, with a bucket in the cluster and a role too many.
const SAMPLE: &str = r#"apiVersion: batch/v1
kind: CronJob
metadata: {name: talos-backup}
spec:
  schedule: "0/10 * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - name: talos-backup
            image: registry.example.com/myusername/talos-backup:latest
            env:
            - {name: AWS_ACCESS_KEY_ID, value: a}
            - {name: AWS_SECRET_ACCESS_KEY, value: b}
            - {name: CUSTOM_S3_ENDPOINT, value: "http://minio.storage.svc:9000"}
            - {name: BUCKET, value: talos-backups}
            - {name: S3_PREFIX, value: important/backups/}
            - {name: DISABLE_ENCRYPTION, value: "true"}
            volumeMounts:
            - {mountPath: /var/run/secrets/talos.dev, name: talos-secrets}
          volumes:
          - name: talos-secrets
            secret: {secretName: talos-backup-secrets}
---
apiVersion: talos.dev/v1alpha1
kind: ServiceAccount
metadata: {name: talos-backup-secrets-of-another-name}
spec: {roles: ["os:admin"]}
---
machine:
  features:
    kubernetesTalosAPIAccess:
      enabled: true
      allowedRoles: [os:reader, os:etcd:backup]
      allowedKubernetesNamespaces: [backup, monitoring]
"#;

#[test]
fn everything_that_is_wrong_is_said_the_worst_first() {
    let world = serving();
    std::fs::write(world.path("sample.yaml"), SAMPLE).unwrap();
    let found = world.shell("kubectl etcdbackup manifests --lint sample.yaml");
    assert_eq!(code(&found), 78, "{}", text(&found.stderr));
    compare("manifests/lint.txt", &text(&found.stdout));
    let piped = world.shell("kubectl etcdbackup manifests --lint - < sample.yaml");
    assert_eq!(text(&piped.stdout), text(&found.stdout));
}

#[test]
fn networks_that_are_said_take_the_place_of_the_usual_ones() {
    let world = serving();
    let sample = SAMPLE.replace("http://minio.storage.svc:9000", "http://192.168.1.10:9000");
    std::fs::write(world.path("sample.yaml"), sample).unwrap();
    let lint = |more: &str| {
        let line = format!("kubectl etcdbackup manifests --lint sample.yaml {more}");
        text(&world.shell(&line).stdout)
    };
    assert!(!lint("").contains("refuse   bucket "));
    assert!(lint("--cluster-networks 192.168.1.0/24").contains("refuse   bucket "));
    let wrong = world.shell("kubectl etcdbackup manifests --lint sample.yaml --cluster-networks x");
    assert_eq!(code(&wrong), 2);
}

#[test]
fn our_own_set_has_nothing_to_be_refused() {
    let world = serving();
    let line = "kubectl etcdbackup manifests s3://backups/prod -R recipients.txt --cluster-name prod --out set && kubectl kustomize set | kubectl etcdbackup manifests --lint -";
    let clean = world.shell(line);
    ok(&clean);
    let said = text(&clean.stdout);
    assert_eq!(said.matches("\nwarn ").count(), 1, "{said}");
    assert!(said.contains("Secret `etcdbackup-s3` is not"), "{said}");
}
