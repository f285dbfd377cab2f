//! Headers that say who asks.
//!
//! Every header that is not known to be neutral is in a key anyway. These lists are for what an operator says about identity as
//! such: a route whose principals are told by a header of its own, or do not matter; and names that a pattern may not leave out.
//!
//! Trade-off: a list cannot be complete. What is missing here keeps requests apart all the same.
//! Source: the documentation of `oauth2-proxy`, Kong, Azure App Service, Google IAP, AWS ALB, Cloudflare Access, Vault, GitLab,
//! Traefik, Pomerium, Authelia and Authentik.

/// Whether this header proves who asks, in other words than `authorization`, `proxy-authorization` and `cookie`: keys, tokens and
/// certificates, and who pays.
pub fn proves_principal(name: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 3] = [b"x-amzn-oidc-", b"x-ms-token-", b"x-goog-iap-"];
    matches!(
        name,
        b"api-key"
            | b"apikey"
            | b"cf-access-jwt-assertion"
            | b"deploy-token"
            | b"job-token"
            | b"ocp-apim-subscription-key"
            | b"openai-organization"
            | b"openai-project"
            | b"private-token"
            | b"x-access-token"
            | b"x-amz-security-token"
            | b"x-api-key"
            | b"x-auth-key"
            | b"x-auth-token"
            | b"x-forwarded-access-token"
            | b"x-forwarded-client-cert"
            | b"x-forwarded-id-token"
            | b"x-forwarded-tls-client-cert"
            | b"x-functions-key"
            | b"x-goog-api-key"
            | b"x-goog-user-project"
            | b"x-id-token"
            | b"x-jwt-assertion"
            | b"x-jwt-payload"
            | b"x-pomerium-jwt-assertion"
            | b"x-session-token"
            | b"x-vault-token"
    ) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// Whether this header says who asks: [what proves it](proves_principal), and what a proxy in front has found out.
pub fn names_principal(name: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 10] = [
        b"remote-",
        b"tailscale-user-",
        b"x-auth-request-",
        b"x-authentik-",
        b"x-consumer-",
        b"x-goog-authenticated-user-",
        b"x-ms-client-principal",
        b"x-remote-",
        b"x-tenant",
        b"x-user",
    ];
    matches!(
        name,
        b"authorization"
            | b"cookie"
            | b"proxy-authorization"
            | b"x-authenticated-userid"
            | b"x-credential-identifier"
            | b"x-forwarded-email"
            | b"x-forwarded-groups"
            | b"x-forwarded-preferred-username"
            | b"x-forwarded-user"
            | b"x-vault-namespace"
    ) || proves_principal(name)
        || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}
