//! What is stored as Secret stays hidden: values give way to their sizes, also where a copy of
//! them hides.

use serde_json::{Map, Value as Json};

/// Annotation in which `kubectl apply` keeps a whole copy of the object.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether this object is a Secret, by what it says itself.
pub fn is_secret(object: &Json) -> bool {
    object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

/// Puts `(6 bytes, hidden)` in the place of each value of a Secret.
pub fn hide(object: &mut Json) {
    for part in ["data", "stringData"] {
        if let Some(values) = object.get_mut(part).and_then(Json::as_object_mut) {
            values
                .values_mut()
                .for_each(|value| *value = hidden(value, part == "data").into());
        }
    }
    let annotations = object
        .pointer_mut("/metadata/annotations")
        .and_then(Json::as_object_mut);
    if let Some(copy) = annotations
        .and_then(|annotations: &mut Map<String, Json>| annotations.get_mut(LAST_APPLIED))
    {
        *copy = hidden(copy, false).into();
    }
}

fn hidden(value: &Json, is_base64: bool) -> String {
    let text = value.as_str().unwrap_or_default();
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    let bytes = if is_base64 {
        (text.len() / 4 * 3).saturating_sub(padding)
    } else {
        text.len()
    };
    format!("({bytes} bytes, hidden)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_and_their_copies_are_hidden() {
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "a", "annotations": {LAST_APPLIED: "{\"data\":{\"password\":\"czNjcjN0\"}}", "other": "stays"}},
            "data": {"password": "czNjcjN0", "empty": "", "five": "aGVsbG8="}, "type": "Opaque",
        });
        assert!(is_secret(&secret));
        hide(&mut secret);
        let text = secret.to_string();
        assert!(
            !text.contains("czNjcjN0") && !text.contains("aGVsbG8") && text.contains("stays"),
            "{text}"
        );
        assert_eq!(
            secret["data"],
            json!({"password": "(6 bytes, hidden)", "empty": "(0 bytes, hidden)", "five": "(5 bytes, hidden)"})
        );
    }
}
