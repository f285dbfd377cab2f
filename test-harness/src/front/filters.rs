//! Envoy's filters that know who asks, as scenarios configure them.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{documented, jwks};

/// The cluster of the service that ext_authz asks.
pub(super) const AUTHORIZER: &str = "authorizer";

const COALESCE_PAGE: &str = include_str!("../../../docs/coalesce.md");
const KIND: &str = "type.googleapis.com/envoy.extensions.filters.http";

/// jwt_authn as docs/coalesce.md has it, with the harness's key, and with this setting in the place of `payload_in_metadata`;
/// without a value it has neither.
pub(super) fn jwt_authn(setting: &str, value: Option<&str>) -> anyhow::Result<Value> {
    let mut filter = documented(COALESCE_PAGE, "envoy.filters.http.jwt_authn")?;
    let providers = filter.pointer_mut("/typed_config/providers").and_then(Value::as_object_mut);
    let provider = providers.and_then(|providers| providers.values_mut().next());
    let provider = provider.and_then(Value::as_object_mut).context("an example without a provider")?;
    let keys = json!({ "inline_string": jwks().to_string() });
    provider.insert("local_jwks".to_owned(), keys).context("an example without local_jwks")?;
    provider.remove("payload_in_metadata").context("an example without payload_in_metadata")?;
    provider.extend(value.map(|value| (setting.to_owned(), json!(value))));
    Ok(filter)
}

/// ext_authz, which shows its service this header and takes over from the answer, as `setting` has it, what begins with
/// `prefix`; and a filter behind it that takes the header off.
pub(super) fn ext_authz(header: &str, setting: &str, prefix: &str) -> Vec<Value> {
    let response = json!({ setting: { "patterns": [{ "prefix": prefix }] } });
    let ext_authz = json!({
        "@type": format!("{KIND}.ext_authz.v3.ExtAuthz"),
        "allowed_headers": { "patterns": [{ "exact": header }] },
        "http_service": {
            "server_uri": { "uri": "http://authorizer.test", "cluster": AUTHORIZER, "timeout": "5s" },
            "authorization_response": response,
        },
    });
    let header_mutation = json!({
        "@type": format!("{KIND}.header_mutation.v3.HeaderMutation"),
        "mutations": { "request_mutations": [{ "remove": header }] },
    });
    vec![
        json!({ "name": "envoy.filters.http.ext_authz", "typed_config": ext_authz }),
        json!({ "name": "envoy.filters.http.header_mutation", "typed_config": header_mutation }),
    ]
}
