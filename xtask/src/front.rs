//! Filters of Envoy's that stand in front of ours in a bootstrap and leave no word of who asks: the warning that a filter cannot give,
//! since it sees nothing of the others.
//!
//! Invariant: it warns of no bootstrap where users are kept apart by what these filters leave, and of none where nothing is shared.
//! Trade-off: only jwt_authn is looked at, whose default takes the token off. What a control plane sends is in no file.

use crate::documents::{Found, check};
use serde_json::{Value, json};
use switchyard_config::{Document, Route};

const JWT_AUTHN: &str = "jwt_authn.v3.JwtAuthentication";
/// Any of these leaves word: the token, its claims in a header, or in the metadata.
const LEAVES_WORD: [&str; 4] =
    ["payload_in_metadata", "forward_payload_header", "claim_to_headers", "forward"];

/// A warning for each of our plugins behind a provider of jwt_authn that leaves no word of who asks.
pub(crate) fn warnings(tree: &Value) -> Vec<String> {
    let mut found = Vec::new();
    look(tree, &mut found);
    found
}

/// Every list of HTTP filters below `tree`.
fn look(tree: &Value, found: &mut Vec<String>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| look(item, found)),
        Value::Object(fields) => {
            if let Some(Value::Array(filters)) = fields.get("http_filters") {
                found.extend(chain(filters));
            }
            fields.values().for_each(|field| look(field, found));
        }
        _ => {}
    }
}

/// The warnings of one list of HTTP filters, in their order.
fn chain(filters: &[Value]) -> Vec<String> {
    let (mut silent, mut found): (Vec<&str>, Vec<String>) = (Vec::new(), Vec::new());
    for filter in filters {
        silent.extend(silent_providers(filter));
        if silent.is_empty() {
            continue;
        }
        for Found { place, module, result } in check(&json!({ "static_resources": filter })) {
            let Ok(document) = &result else { continue };
            let routes = sharing(document, &module);
            if !routes.is_empty() {
                found.push(format!(
                    "{place}: jwt_authn in front of it takes the token off and leaves no word of who asks (provider {}): set \
                     payload_in_metadata, or users share what the routes {} share",
                    silent.join(", "),
                    routes.join(", ")
                ));
            }
        }
    }
    found
}

/// The providers of a jwt_authn filter that neither pass the token on nor say what it said.
fn silent_providers(filter: &Value) -> Vec<&str> {
    let config = filter.get("typed_config");
    let kind = config.and_then(|config| config.get("@type")).and_then(Value::as_str).unwrap_or_default();
    let providers = config.and_then(|config| config.get("providers")).and_then(Value::as_object);
    let leaves_word = |provider: &Value| {
        let says = |setting: &Value| match setting {
            Value::Bool(so) => *so,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => false,
        };
        LEAVES_WORD.iter().any(|name| provider.get(name).is_some_and(says))
    };
    let providers = providers.filter(|_| kind.ends_with(JWT_AUTHN)).into_iter().flatten();
    providers.filter(|(_, provider)| !leaves_word(provider)).map(|(name, _)| name.as_str()).collect()
}

/// The routes on which this module has one user's requests share with another's.
fn sharing<'a>(document: &'a Document, module: &str) -> Vec<&'a str> {
    let shares = |route: &&Route| {
        let coalesces = route.coalesce().is_some_and(|settings| !settings.key.share_across_principals);
        let batches = route.batch().is_some_and(|batching| !batching.settings().key.mixes_principals);
        let keeps = route.retry().is_some_and(|settings| settings.fallback.stale.is_some());
        let is = |name: &str| module.ends_with(name) || module.ends_with("switchyard.wasm");
        let of = |name: &str, does: bool| does && is(name);
        of("coalesce.wasm", coalesces) || of("batch.wasm", batches) || of("retry.wasm", keeps)
    };
    document.routes().iter().filter(shares).map(Route::name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(provider: Value) -> Value {
        let kind = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
        json!({ "name": "jwt", "typed_config": { "@type": kind, "providers": { "users": provider } } })
    }

    fn ours(module: &str, section: Value) -> Value {
        let mut route = json!({ "name": "account", "match": {}, "upstream": "a" });
        if let (Some(route), Some(section)) = (route.as_object_mut(), section.as_object()) {
            route.extend(section.clone());
        }
        let upstreams = json!([{ "name": "a", "endpoints": [{ "address": "1.1.1.1:1" }] }]);
        json!({ "name": "filter", "typed_config": { "config": {
            "name": format!("switchyard.{module}"),
            "vm_config": { "code": { "local": { "filename": format!("/etc/switchyard/{module}.wasm") } } },
            "configuration": { "value": { "upstreams": upstreams, "routes": [route] } },
        } } })
    }

    fn warned(filters: &[&Value]) -> Vec<String> {
        warnings(&json!({ "static_resources": { "listeners": [{ "any": { "http_filters": filters } }] } }))
    }

    #[test]
    fn a_token_that_is_taken_off_without_a_word_is_warned_of_with_what_to_set() {
        let stale =
            json!({ "retry": { "engine": "filter", "fallback": { "stale_if_error": { "max_age": "1s" } } } });
        let batch = json!({ "batch": { "protocol": { "json_rpc": {} } } });
        let silent = jwt(json!({ "forward": false, "claim_to_headers": [], "payload_in_metadata": "" }));
        for (module, section) in [("coalesce", json!({ "coalesce": {} })), ("batch", batch), ("retry", stale)]
        {
            let found = warned(&[&silent, &ours(module, section.clone())]);
            let begins = format!("switchyard.{module}: jwt_authn in front of it takes the token off");
            assert!(matches!(&found[..], [one] if one.starts_with(&begins)), "{found:?}");
            assert!(found.concat().contains("(provider users): set payload_in_metadata"), "{found:?}");
            assert!(found.concat().ends_with("the routes account share"), "{found:?}");
            // Behind it, or for another module, it says nothing.
            assert_eq!(warned(&[&ours(module, section.clone()), &silent]), Vec::<String>::new());
            assert_eq!(warned(&[&silent, &ours("router", section)]), Vec::<String>::new());
        }
    }

    #[test]
    fn whoever_leaves_word_or_shares_nothing_is_not_warned_of() {
        let coalesce = ours("coalesce", json!({ "coalesce": {} }));
        for word in [
            json!({ "payload_in_metadata": "payload" }),
            json!({ "forward_payload_header": "x-jwt-payload" }),
            json!({ "claim_to_headers": [{ "header_name": "x-sub", "claim_name": "sub" }] }),
            json!({ "forward": true }),
        ] {
            assert_eq!(warned(&[&jwt(word), &coalesce]), Vec::<String>::new());
        }
        let dangerous =
            json!({ "coalesce": { "i_know_that_clients_share_answers_across_credentials": true } });
        for section in [json!({}), dangerous] {
            assert_eq!(warned(&[&jwt(json!({})), &ours("coalesce", section)]), Vec::<String>::new());
        }
    }
}
