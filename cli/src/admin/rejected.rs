//! What Envoy was given and has refused.

use serde_json::Value;

/// A resource that Envoy refuses at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// `listener ingress`.
    pub what: String,
    /// Envoy's complaint.
    pub why: String,
}

impl Rejected {
    /// All of a configuration dump: Envoy keeps an `error_state` beside what it still serves.
    pub(super) fn all(dump: &Value) -> Vec<Self> {
        let mut found = Vec::new();
        find(dump, &mut found);
        found.sort_by(|one, other| (&one.what, &one.why).cmp(&(&other.what, &other.why)));
        found
    }
}

fn find(tree: &Value, found: &mut Vec<Rejected>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| find(item, found)),
        Value::Object(fields) => {
            if let Some(state) = fields.get("error_state").filter(|state| state.is_object()) {
                let failed = state.get("failed_configuration").unwrap_or(&Value::Null);
                let text =
                    |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
                let kind = text(failed.get("@type"));
                let kind = kind.rsplit('.').next().unwrap_or_default().to_lowercase();
                let name = text(fields.get("name").or_else(|| failed.get("name")));
                let kind = if kind.is_empty() { "resource" } else { kind.as_str() };
                found.push(Rejected { what: format!("{kind} {name}"), why: text(state.get("details")) });
                return;
            }
            fields.values().for_each(|field| find(field, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_state_is_found_with_its_complaint() {
        let dump = json!({ "configs": [{ "dynamic_listeners": [
            { "name": "fine", "active_state": {} },
            { "name": "ingress", "active_state": {}, "error_state": {
                "failed_configuration": { "@type": "type.googleapis.com/envoy.config.listener.v3.Listener", "name": "ingress" },
                "details": "Unable to create Wasm plugin",
            } },
        ] }] });
        let [rejected] = Rejected::all(&dump).try_into().unwrap();
        assert_eq!(
            (rejected.what.as_str(), rejected.why.as_str()),
            ("listener ingress", "Unable to create Wasm plugin")
        );
    }
}
