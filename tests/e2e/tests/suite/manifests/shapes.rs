//! Custom objects against the shapes of their definitions, as far as we use them: a field that
//! is not there, is missing, or is of another type is a misfit. The definitions' own sources:
//! `serviceaccounts.talos.dev`, `sealedsecrets.bitnami.com`, `prometheusrules.monitoring.coreos.com`
//! and `ciliumnetworkpolicies.cilium.io`. The interop tests have kubeseal open the second and
//! promtool read the third.

use serde_json::{Map, Value, json};

/// `!` behind a key: it must be there. A text is any text, or one of a list joined by `|`; a
/// map of `*` takes any key.
fn shape(kind: &str) -> Value {
    let metadata = json!({
        "name!": "", "namespace!": "", "labels": {"*": ""}, "annotations": {"*": ""},
    });
    let ports = json!([{"ports!": [{"port!": "", "protocol!": "TCP|UDP|SCTP|ANY"}], "rules": {"dns": [{"matchName": "", "matchPattern": ""}]}}]);
    let spec = match kind {
        "ServiceAccount" => json!({"roles!": [""]}),
        "SealedSecret" => json!({
            "encryptedData!": {"*": ""},
            "template": {"metadata": metadata, "type": "", "immutable": true, "data": {"*": ""}},
        }),
        "PrometheusRule" => json!({"groups": [{"name!": "", "interval": "", "rules": [{
            "alert!": "", "expr!": "", "for": "", "labels": {"*": ""}, "annotations": {"*": ""},
        }]}]}),
        "CiliumNetworkPolicy" => json!({
            "description": "",
            "endpointSelector!": {"matchLabels": {"*": ""}},
            "ingress": [{}],
            "egress": [{
                "toEndpoints": [{"matchLabels": {"*": ""}}],
                "toEntities": ["all|world|cluster|host|init|ingress|unmanaged|remote-node|health|none|kube-apiserver"],
                "toCIDR": [""],
                "toFQDNs": [{"matchName": "", "matchPattern": ""}],
                "toPorts": ports,
            }],
        }),
        other => panic!("no shape of {other}"),
    };
    json!({"apiVersion!": "", "kind!": "", "metadata!": metadata, "spec!": spec})
}

/// What does not fit.
pub(super) fn misfits(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let kind = object["kind"].as_str().unwrap_or_default();
    look(kind, object, &shape(kind), &mut found);
    found
}

fn look(path: &str, value: &Value, shape: &Value, found: &mut Vec<String>) {
    match (value, shape) {
        (Value::Object(map), Value::Object(shape)) => look_at_map(path, map, shape, found),
        (Value::Array(list), Value::Array(shape)) => {
            for one in list {
                look(&format!("{path}[]"), one, &shape[0], found);
            }
        }
        (Value::String(text), Value::String(shape)) => {
            if !shape.is_empty() && !shape.split('|').any(|known| known == text) {
                found.push(format!("{path} is `{text}`"));
            }
        }
        (Value::Bool(_), Value::Bool(_)) => {}
        _ => found.push(format!("{path} is of another type: {value}")),
    }
}

fn look_at_map(
    path: &str,
    map: &Map<String, Value>,
    shape: &Map<String, Value>,
    found: &mut Vec<String>,
) {
    for (key, value) in map {
        let below = format!("{path}.{key}");
        let known = shape.get(key).or_else(|| shape.get(&format!("{key}!")));
        match known.or_else(|| shape.get("*")) {
            Some(shape) => look(&below, value, shape, found),
            None => found.push(format!("{below} is not known")),
        }
    }
    for needed in shape.keys().filter_map(|key| key.strip_suffix('!')) {
        if !map.contains_key(needed) {
            found.push(format!("{path}.{needed} is missing"));
        }
    }
}
