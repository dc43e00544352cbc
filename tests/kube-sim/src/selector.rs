//! Selectors of lists: `labelSelector` and `fieldSelector`, equality only.

use serde_json::Value as Json;

/// Whether an object has all of these: `a=b,c=d`.
pub(crate) fn has_labels(object: &Json, selector: &str) -> bool {
    pairs(selector).all(|(name, value)| object["metadata"]["labels"][name] == value)
}

/// The same of fields: `metadata.name=x`.
pub(crate) fn has_fields(object: &Json, selector: &str) -> bool {
    pairs(selector).all(|(path, value)| {
        let found = path.split('.').fold(object, |at, field| &at[field]);
        found == value
    })
}

fn pairs(selector: &str) -> impl Iterator<Item = (&str, &str)> {
    let terms = selector.split(',').filter(|term| !term.is_empty());
    terms.map(|term| {
        let (name, value) = term.split_once('=').unwrap_or((term, ""));
        (name, value.trim_start_matches('='))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_of_them_must_fit() {
        let object = json!({"metadata": {"name": "x", "labels": {"a": "b", "c": "d"}}});
        assert!(has_labels(&object, "") && has_labels(&object, "a=b,c==d"));
        assert!(!has_labels(&object, "a=b,c=x") && !has_labels(&object, "e=f"));
        assert!(has_fields(&object, "metadata.name=x"));
        assert!(!has_fields(&object, "metadata.name=y"));
    }
}
