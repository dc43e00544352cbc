//! CustomResourceDefinitions as the API serves them. etcd holds them as `v1beta1`, which no
//! API server takes any more: what that version has once for all, `v1` has in each version.

use serde_json::{Map, Value as Json, json};

const STORED: &str = "apiextensions.k8s.io/v1beta1";
const SERVED: &str = "apiextensions.k8s.io/v1";
/// Fields of `spec` that `v1` has in each version.
const FOR_EACH_VERSION: &[(&str, &str)] = &[
    ("validation", "schema"),
    ("subresources", "subresources"),
    ("additionalPrinterColumns", "additionalPrinterColumns"),
    ("selectableFields", "selectableFields"),
];

/// Makes a stored definition one of `v1`; anything else stays as it is.
pub fn serve_definition(object: &mut Json) {
    if object["kind"] != "CustomResourceDefinition" || object["apiVersion"] != STORED {
        return;
    }
    object["apiVersion"] = SERVED.into();
    let Some(spec) = object.get_mut("spec").and_then(Json::as_object_mut) else {
        return;
    };
    spread(spec);
    if let Some(conversion) = spec.get_mut("conversion").and_then(Json::as_object_mut) {
        nest_webhook(conversion);
    }
    // False is what `v1` always means.
    if spec.get("preserveUnknownFields") == Some(&Json::Bool(false)) {
        spec.remove("preserveUnknownFields");
    }
}

fn spread(spec: &mut Map<String, Json>) {
    let version = spec.remove("version");
    let shared: Vec<(&str, Json)> = FOR_EACH_VERSION
        .iter()
        .filter_map(|(old, new)| Some((*new, spec.remove(*old)?)))
        .collect();
    let versions = spec.entry("versions").or_insert_with(|| {
        let name = version.unwrap_or_default();
        json!([{"name": name, "served": true, "storage": true}])
    });
    for version in versions
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter_map(Json::as_object_mut)
    {
        for (name, value) in &shared {
            version.entry(*name).or_insert_with(|| value.clone());
        }
        let columns = version
            .get_mut("additionalPrinterColumns")
            .and_then(Json::as_array_mut);
        for column in columns
            .into_iter()
            .flatten()
            .filter_map(Json::as_object_mut)
        {
            if let Some(path) = column.remove("JSONPath") {
                column.insert("jsonPath".to_owned(), path);
            }
        }
    }
}

fn nest_webhook(conversion: &mut Map<String, Json>) {
    let client = conversion.remove("webhookClientConfig");
    let versions = conversion.remove("conversionReviewVersions");
    if client.is_none() && versions.is_none() {
        return;
    }
    let mut webhook = Map::new();
    webhook.extend(client.map(|client| ("clientConfig".to_owned(), client)));
    webhook.extend(versions.map(|versions| ("conversionReviewVersions".to_owned(), versions)));
    conversion.insert("webhook".to_owned(), Json::Object(webhook));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(spec: &Json) -> Json {
        let mut object =
            json!({"apiVersion": STORED, "kind": "CustomResourceDefinition", "spec": spec});
        serve_definition(&mut object);
        assert_eq!(object["apiVersion"], SERVED);
        object["spec"].take()
    }

    #[test]
    fn what_all_versions_share_goes_into_each() {
        let spec = served(&json!({
            "version": "v1", "validation": {"openAPIV3Schema": {"type": "object"}}, "subresources": {"status": {}},
            "additionalPrinterColumns": [{"name": "Ready", "JSONPath": ".status.ready"}], "preserveUnknownFields": false,
            "versions": [{"name": "v1", "served": true, "storage": true}],
        }));
        assert_eq!(
            spec,
            json!({"versions": [{
                "name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}},
                "subresources": {"status": {}}, "additionalPrinterColumns": [{"name": "Ready", "jsonPath": ".status.ready"}],
            }]})
        );
    }

    #[test]
    fn versions_keep_what_is_their_own() {
        let own = json!([
            {"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}, "additionalPrinterColumns": [{"JSONPath": ".a"}]},
            {"name": "v2"},
        ]);
        let spec = served(&json!({"versions": own, "validation": {"openAPIV3Schema": {}}}));
        assert_eq!(
            spec["versions"][0]["schema"],
            json!({"openAPIV3Schema": {"type": "object"}})
        );
        assert_eq!(
            spec["versions"][0]["additionalPrinterColumns"],
            json!([{"jsonPath": ".a"}])
        );
        assert_eq!(
            spec["versions"][1]["schema"],
            json!({"openAPIV3Schema": {}})
        );
        let old = served(
            &json!({"version": "v1", "conversion": {"strategy": "Webhook", "webhookClientConfig": {"url": "x"}, "conversionReviewVersions": ["v1"]}}),
        );
        assert_eq!(
            old["versions"],
            json!([{"name": "v1", "served": true, "storage": true}])
        );
        assert_eq!(
            old["conversion"],
            json!({"strategy": "Webhook", "webhook": {"clientConfig": {"url": "x"}, "conversionReviewVersions": ["v1"]}})
        );
    }

    #[test]
    fn others_stay() {
        for object in [
            json!({"kind": "CustomResourceDefinition", "apiVersion": SERVED, "spec": {"validation": 1}}),
            json!([1]),
            json!({"kind": "CustomResourceDefinition", "apiVersion": STORED, "spec": 1}),
        ] {
            let mut same = object.clone();
            serve_definition(&mut same);
            assert_eq!(same.get("spec"), object.get("spec"));
        }
    }
}
