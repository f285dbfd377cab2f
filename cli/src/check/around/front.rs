//! Filters of Envoy's that stand in front of ours and leave no word of who asks: the warning that a filter cannot give, since it sees nothing
//! of the others.
//!
//! Invariant: it warns of no bootstrap where users are kept apart by what these filters leave, and of none where nothing is shared.
//! Trade-off: only jwt_authn is looked at, whose default takes the token off.

use crate::check::found::Found;
use crate::finding::codes;
use crate::source::{Carried, File, Filter, Kind};
use serde_json::Value;
use switchyard_config::{Document, Route};

const JWT_AUTHN: &str = "jwt_authn.v3.JwtAuthentication";
/// Any of these leaves word: the token, its claims in a header, or in the metadata.
const LEAVES_WORD: [&str; 4] =
    ["payload_in_metadata", "forward_payload_header", "claim_to_headers", "forward"];

/// Each of our plugins below `tree` that stands behind a provider of jwt_authn that leaves no word of who asks.
pub(super) fn find(tree: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    look(tree, "", &mut found);
    found
}

/// Every list of HTTP filters below `tree`, which stands at `path`.
fn look(tree: &Value, path: &str, found: &mut Vec<Found>) {
    match tree {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| look(item, &format!("{path}[{index}]"), found));
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{name}");
                if let ("http_filters", Value::Array(filters)) = (name.as_str(), field) {
                    found.extend(chain(filters, &path));
                }
                look(field, &path, found);
            }
        }
        _ => {}
    }
}

/// What is found in one list of HTTP filters, in their order.
fn chain(filters: &[Value], path: &str) -> Vec<Found> {
    let (mut silent, mut found): (Vec<&str>, Vec<Found>) = (Vec::new(), Vec::new());
    for (index, filter) in filters.iter().enumerate() {
        silent.extend(silent_providers(filter));
        if silent.is_empty() {
            continue;
        }
        let file = File::of_trees(String::new(), Kind::Resources, vec![filter.clone()]);
        for carried in file.documents() {
            let Ok(document) = &carried.result else { continue };
            let routes = sharing(document, &carried);
            if !routes.is_empty() {
                let problem = format!(
                    "{}: jwt_authn in front of it takes the token off and leaves no word of who asks (provider {}), so users share what \
                     the routes {} share",
                    carried.plugin.name,
                    silent.join(", "),
                    routes.join(", ")
                );
                let found_here = Found::new(&codes::SILENT_TOKEN, format!("{path}[{index}]"), problem);
                found.push(found_here.fix("set payload_in_metadata for the provider"));
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

/// The routes on which a plugin has one user's requests share with another's.
fn sharing<'a>(document: &'a Document, carried: &Carried) -> Vec<&'a str> {
    let shares = |route: &&Route| {
        let coalesces = route.coalesce().is_some_and(|settings| !settings.key.share_across_principals);
        let batches = route.batch().is_some_and(|batching| !batching.settings().key.mixes_principals);
        let keeps = route.retry().is_some_and(|settings| settings.fallback.stale.is_some());
        [(Filter::Coalesce, coalesces), (Filter::Batch, batches), (Filter::Retry, keeps)]
            .into_iter()
            .any(|(filter, shares)| shares && carried.does(filter))
    };
    document.routes().iter().filter(shares).map(Route::name).collect()
}
