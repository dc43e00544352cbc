//! What kustomize needs around the objects. Credentials that were not given are an optional
//! component: it makes the Secret of a file that is nobody's business but the operator's.

use serde_json::{Value, json};

use super::document::Document;
use super::{Credentials, Installation, monitoring, names};

/// The component with the credentials.
const CREDENTIALS: &str = "components/s3-credentials";
/// The component with rules and dashboard.
const MONITORING: &str = "components/monitoring";

/// Everything but the objects.
pub(super) fn files(installation: &Installation, objects: &[Document]) -> Vec<Document> {
    let optional = matches!(&installation.credentials, Credentials::Existing(_));
    let mut files = vec![kustomization(objects, &note(installation, optional))];
    if optional {
        files.extend(credentials(installation));
    }
    if installation.unfilled {
        let parts = monitoring::objects(installation);
        files.push(component(
            MONITORING,
            "Rules for Prometheus' operator, and a dashboard for Grafana.",
            &parts,
        ));
        files.extend(parts.into_iter().map(|part| Document {
            file: format!("{MONITORING}/{}", part.file),
            ..part
        }));
    }
    files
}

fn note(installation: &Installation, optional: bool) -> String {
    let mut note = "Apply it with `kubectl apply -k`. The folder `machine-config/` is for Talos, not for kubectl.".to_owned();
    if optional {
        note += &format!(
            "\n\nThe pod mounts the Secret `{}`. To have it made of a file\n`{CREDENTIALS}/{}` (as ~/.aws/credentials), name the component:\n\n  components:\n  - {CREDENTIALS}",
            installation.credentials.secret(),
            names::S3_SECRET_KEY,
        );
    }
    if installation.unfilled {
        note += &format!("\n\nRules and a dashboard are the component `{MONITORING}`.");
    }
    note
}

fn kustomization(objects: &[Document], note: &str) -> Document {
    Document::object(
        "kustomization.yaml",
        note,
        json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": names_of(objects),
        }),
    )
}

fn names_of(objects: &[Document]) -> Vec<&str> {
    objects.iter().map(|object| object.file.as_str()).collect()
}

fn component(folder: &str, note: &str, parts: &[Document]) -> Document {
    let object = json!({
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": names_of(parts),
    });
    Document::object(&format!("{folder}/kustomization.yaml"), note, object)
}

/// The Secret is made when it is applied, of a file that git does not take.
fn credentials(installation: &Installation) -> [Document; 2] {
    let labels: Value = names::labels(installation);
    let generator = json!({
        "name": installation.credentials.secret(),
        "namespace": installation.namespace,
        "type": "Opaque",
        "files": [names::S3_SECRET_KEY],
        "options": { "disableNameSuffixHash": true, "labels": labels },
    });
    let note = format!(
        "Makes the Secret with the S3 credentials of the file `{}` beside it:\n  [default]\n  aws_access_key_id = …\n  aws_secret_access_key = …\nOf a key that can only write to the bucket: neither list nor delete is needed.",
        names::S3_SECRET_KEY
    );
    let object = json!({
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "secretGenerator": [generator],
    });
    [
        Document::object(&format!("{CREDENTIALS}/kustomization.yaml"), &note, object),
        Document::text_file(
            &format!("{CREDENTIALS}/.gitignore"),
            format!("/{}\n", names::S3_SECRET_KEY),
        ),
    ]
}
