//! Keys: who can read a backup, and where keys lie that should not.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::containers::Container;
use super::{Finding, Objects, Severity, name};

/// By which name recipients are given: ours, and both of talos-backup's.
const RECIPIENTS: [&str; 4] = [
    "ETCDBACKUP_RECIPIENTS",
    "ETCDBACKUP_RECIPIENTS_FILE",
    "AGE_RECIPIENT_PUBLIC_KEY",
    "AGE_X25519_PUBLIC_KEY",
];
const RECIPIENT_FLAGS: [&str; 4] = ["-r", "--recipient", "-R", "--recipients-file"];

/// A backup that everybody reads who reads the bucket.
pub(super) fn encryption(container: &Container<'_>) -> Option<Finding> {
    let words = container.words();
    let recipient = container.variable(&RECIPIENTS).is_some()
        || words
            .iter()
            .any(|word| RECIPIENT_FLAGS.contains(&word.split('=').next().unwrap_or(word)));
    let off = container.variable(&["DISABLE_ENCRYPTION"]) == Some("true");
    let said_off = words.contains(&"--no-encrypt") || off && !recipient;
    let finding = |what: &str, hint: &str| {
        Some(Finding {
            rule: "encryption",
            severity: Severity::Warn,
            object: container.object.clone(),
            what: what.to_owned(),
            hint: hint.to_owned(),
        })
    };
    if said_off {
        return finding(
            "encryption is off: whoever reads the bucket reads every Secret of the cluster",
            "make a key with `age-keygen -o key.txt`, keep it elsewhere, and give its public half",
        );
    }
    if !recipient && !container.partly {
        return finding(
            "no recipient is set: the backup will refuse to run",
            "set ETCDBACKUP_RECIPIENTS, or AGE_RECIPIENT_PUBLIC_KEY as talos-backup has it",
        );
    }
    None
}

/// A key that everybody reads who reads the object.
pub(super) fn plain_key(container: &Container<'_>) -> Option<Finding> {
    const SECRETS: [&str; 2] = ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
    let known = SECRETS
        .into_iter()
        .find(|name| container.variables.contains_key(name))?;
    Some(Finding {
        rule: "plain-key",
        severity: Severity::Warn,
        object: container.object.clone(),
        what: format!("{known} stands in the object, and so in every copy of it"),
        hint: "put the keys into a Secret, and mount it as a file".to_owned(),
    })
}

/// Secrets that the pod waits for, and nobody here makes.
pub(super) fn missing(container: &Container<'_>, objects: &Objects) -> Vec<Finding> {
    let mut wanted = Vec::new();
    for volume in container.pod["volumes"].as_array().into_iter().flatten() {
        let secret = &volume["secret"];
        wanted.push((secret["secretName"].as_str(), &secret["optional"]));
        for source in volume["projected"]["sources"]
            .as_array()
            .into_iter()
            .flatten()
        {
            wanted.push((
                source["secret"]["name"].as_str(),
                &source["secret"]["optional"],
            ));
        }
    }
    for source in container.spec["envFrom"].as_array().into_iter().flatten() {
        wanted.push((
            source["secretRef"]["name"].as_str(),
            &source["secretRef"]["optional"],
        ));
    }
    for one in container.spec["env"].as_array().into_iter().flatten() {
        let key = &one["valueFrom"]["secretKeyRef"];
        wanted.push((key["name"].as_str(), &key["optional"]));
    }
    let needed = wanted
        .into_iter()
        .filter(|(_, optional)| optional.as_bool() != Some(true));
    let mut names: Vec<&str> = needed.filter_map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !is_made(objects, container.namespace, name));
    let finding = |name: &&str| Finding {
        rule: "secret",
        severity: Severity::Warn,
        object: container.object.clone(),
        what: format!("Secret `{name}` is not among the objects: until it is there the pod waits"),
        hint: format!(
            "make it before the first run, or see that it is: `kubectl get secret {name}`"
        ),
    };
    names.iter().map(finding).collect()
}

/// By itself, or by what makes one of the same name: Talos, a controller, an operator.
fn is_made(objects: &Objects, namespace: &str, name: &str) -> bool {
    objects.iter().any(|object| {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let makes = match object["kind"].as_str().unwrap_or_default() {
            "Secret" => true,
            "ServiceAccount" => version.starts_with("talos.dev/"),
            "SealedSecret" => true,
            "ExternalSecret" => object["spec"]["target"]["name"]
                .as_str()
                .is_none_or(|target| target == name),
            _ => false,
        };
        let target = object["spec"]["target"]["name"].as_str();
        let metadata = &object["metadata"];
        let own = target.or(metadata["name"].as_str());
        let of = metadata["namespace"].as_str().unwrap_or_default();
        makes && own == Some(name) && of == namespace
    })
}

/// The key that opens every backup, in the cluster that the backups are of.
pub(super) fn identity(object: &Value) -> Option<Finding> {
    let found = contains(object, &|text| {
        text.contains("AGE-SECRET-KEY-") || text.contains("AGE-PLUGIN-")
    });
    found.then(|| Finding {
        rule: "identity",
        severity: Severity::Refuse,
        object: name(object),
        what: "an age identity is in it: whoever has the cluster can read every backup".to_owned(),
        hint: "keep it outside of the cluster; `manifests --for systemd` renders what needs it"
            .to_owned(),
    })
}

/// A Secret that would take the place of a real one.
pub(super) fn placeholder(object: &Value) -> Option<Finding> {
    if object["kind"] != "Secret" {
        return None;
    }
    const HELD: [&str; 6] = [
        "changeme",
        "change_me",
        "change-me",
        "replaceme",
        "replace_me",
        "replace-me",
    ];
    let found = [&object["data"], &object["stringData"]]
        .into_iter()
        .any(|data| {
            contains(data, &|text| {
                let lower = text.trim().to_ascii_lowercase();
                let angle = lower.starts_with('<') && lower.ends_with('>');
                angle || HELD.iter().any(|held| lower.contains(held))
            })
        });
    found.then(|| Finding {
        rule: "placeholder",
        severity: Severity::Refuse,
        object: name(object),
        what: "a value is a placeholder: applied, it takes the place of the real one".to_owned(),
        hint: "leave the Secret out, or make it of the real values".to_owned(),
    })
}

/// Whether some text in it, as it is or out of base64, is such a one.
fn contains(value: &Value, such: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Object(map) => map.values().any(|value| contains(value, such)),
        Value::Array(list) => list.iter().any(|value| contains(value, such)),
        Value::String(text) => {
            let bytes = BASE64_STANDARD.decode(text.trim()).unwrap_or_default();
            such(text) || such(&String::from_utf8_lossy(&bytes))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{cron_job, found, objects};
    use super::*;

    #[test]
    fn encryption_off_is_said_and_so_is_a_forgotten_recipient() {
        const WARNED: &[(&str, Severity)] = &[("encryption", Severity::Warn)];
        for (container, expected) in [
            ("env: [{name: DISABLE_ENCRYPTION, value: \"true\"}]", WARNED),
            ("args: [now, --no-encrypt]", WARNED),
            ("env: [{name: BUCKET, value: b}]", WARNED),
            (
                "env: [{name: AGE_RECIPIENT_PUBLIC_KEY, value: age1x}, {name: DISABLE_ENCRYPTION, value: \"true\"}]",
                &[],
            ),
            ("args: [now, --recipient=age1x]", &[]),
            ("envFrom: [{configMapRef: {name: elsewhere}}]", &[]),
        ] {
            assert_eq!(found(&cron_job(container)), expected, "{container}");
        }
    }

    #[test]
    fn a_secret_nobody_makes_is_named() {
        let container = "env: [{name: AGE_X25519_PUBLIC_KEY, value: age1x}, {name: AWS_SECRET_ACCESS_KEY, valueFrom: {secretKeyRef: {name: s3, key: k}}}]";
        assert_eq!(found(&cron_job(container)), [("secret", Severity::Warn)]);
        for maker in [
            "{kind: Secret, metadata: {name: s3, namespace: n}}",
            "{kind: SealedSecret, metadata: {name: s3, namespace: n}}",
            "{apiVersion: talos.dev/v1alpha1, kind: ServiceAccount, metadata: {name: s3, namespace: n}, spec: {roles: [\"os:etcd:backup\"]}}",
            "{kind: ExternalSecret, metadata: {name: other, namespace: n}, spec: {target: {name: s3}}}",
        ] {
            let mut all = cron_job(container);
            all.0.extend(objects(maker).0);
            assert_eq!(found(&all), [], "{maker}");
        }
        let mut elsewhere = cron_job(container);
        elsewhere
            .0
            .extend(objects("{kind: Secret, metadata: {name: s3, namespace: other}}").0);
        assert_eq!(found(&elsewhere), [("secret", Severity::Warn)]);
    }

    #[test]
    fn a_key_in_plain_an_identity_and_a_placeholder_are_found_in_base64_too() {
        let plain = cron_job(
            "env: [{name: AGE_X25519_PUBLIC_KEY, value: age1x}, {name: AWS_SECRET_ACCESS_KEY, value: k}]",
        );
        assert_eq!(found(&plain), [("plain-key", Severity::Warn)]);
        let packed = |text: &str| BASE64_STANDARD.encode(text);
        for (value, rule) in [
            ("AGE-SECRET-KEY-1X".to_owned(), "identity"),
            (packed("# key\nAGE-SECRET-KEY-1X\n"), "identity"),
            (packed("AGE-PLUGIN-YUBIKEY-1X"), "identity"),
            ("CHANGEME".to_owned(), "placeholder"),
            (packed("<your key>"), "placeholder"),
        ] {
            let secret = objects(&format!(
                "{{kind: Secret, metadata: {{name: x}}, data: {{k: \"{value}\"}}}}"
            ));
            assert_eq!(found(&secret), [(rule, Severity::Refuse)], "{value}");
        }
        let good = packed("[default]\naws_access_key_id = A\n");
        assert_eq!(
            found(&objects(&format!(
                "{{kind: Secret, data: {{credentials: {good}}}}}"
            ))),
            []
        );
    }
}
