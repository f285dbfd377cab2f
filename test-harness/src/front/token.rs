//! Tokens that Envoy's jwt_authn takes: JWTs signed with one key that all tests have.
//!
//! Source: RFC 7519, RFC 7515 (HS256), RFC 7518, section 6.4 (`oct` keys).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

/// Who issues them.
pub const ISSUER: &str = "https://issuer.test";
/// Long enough for HS256.
const KEY: &[u8; 32] = b"a key that only the harness has.";
/// The year 2100.
const EXPIRES: u64 = 4_102_444_800;

/// The key as jwt_authn reads it.
#[must_use]
pub fn jwks() -> Value {
    json!({ "keys": [{ "kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(KEY) }] })
}

/// A token of this user. It has a list in it, as real ones have, and is the same each time.
#[must_use]
pub fn token(user: &str) -> String {
    let claims = json!({ "iss": ISSUER, "sub": user, "aud": ["shop", "mail"], "exp": EXPIRES });
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encoded(&json!({ "alg": "HS256", "typ": "JWT" })), encoded(&claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}
