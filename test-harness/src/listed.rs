//! A cluster whose endpoints Envoy has from a file that it watches (EDS), documents that take them from Envoy, and whom the router names of them.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::envoy::{Bootstrap, Envoy, pieces};
use crate::steered::judged;

/// The cluster by which the filters reach Envoy's admin.
pub const ADMIN: &str = "admin";

/// The source that is Envoy's own view, asked this often though there be no sign that it is another.
#[must_use]
pub fn envoys_view(interval: &str) -> Value {
    json!({ "envoy": { "admin_cluster": ADMIN, "interval": interval } })
}

/// The shipped bootstrap with `document`; its cluster `checkout` has these endpoints at first.
#[must_use]
pub fn live(endpoints: &[SocketAddr], document: &Value) -> Bootstrap {
    Bootstrap::shipped()
        .endpoints("checkout", endpoints)
        .document(document)
        .only(&judged(document, &["router", "retry"]))
        .live_endpoints("checkout")
        .admin_cluster(ADMIN)
}

/// These addresses as Envoy's file has them, with equal weights.
#[must_use]
pub fn localities(addresses: &[SocketAddr]) -> Value {
    pieces::localities(&addresses.iter().map(|address| (*address, 1)).collect::<Vec<_>>())
}

/// The first candidate that an explanation names; empty if it names none.
#[must_use]
pub fn first_of(explanation: &str) -> &str {
    let list = explanation.split("candidates=").nth(1);
    list.and_then(|list| list.split([',', ';']).next()).unwrap_or_default()
}

/// Whom the router names first for each of so many users; the document must explain itself.
///
/// # Errors
/// If there is no answer.
pub async fn named(envoy: &Envoy, users: u64) -> anyhow::Result<Vec<String>> {
    named_for(envoy, "/", users).await
}

/// The same for requests of this path.
///
/// # Errors
/// If there is no answer.
pub async fn named_for(envoy: &Envoy, path: &str, users: u64) -> anyhow::Result<Vec<String>> {
    let client = envoy.client("ingress").await?;
    let mut all = Vec::new();
    for user in 0..users {
        let answer = client.get(path).header("x-user", format!("user-{user}")).send().await?;
        all.push(first_of(answer.header("x-switchyard-explain")).to_owned());
    }
    Ok(all)
}

/// Waits until the router names these and no others for so many users; whom it names for each.
///
/// # Errors
/// If it does not.
pub async fn until_named(envoy: &Envoy, users: u64, addresses: &[SocketAddr]) -> anyhow::Result<Vec<String>> {
    let wanted: BTreeSet<_> = addresses.iter().map(SocketAddr::to_string).collect();
    envoy
        .until("the router to name whom Envoy has", async || {
            let now = named(envoy, users).await?;
            Ok((now.iter().cloned().collect::<BTreeSet<_>>() == wanted).then_some(now))
        })
        .await
}
