//! How many keys another endpoint gets when one of ten leaves, beside the tenth that must.

use serde_json::{Map, Value, json};

use super::documents::{by_user, listed};
use crate::envoy::Envoy;
use crate::listed::{live, localities, until_named};
use crate::upstream::Upstreams;

const KEYS: u64 = 2_000;

pub(super) async fn measure() -> anyhow::Result<Map<String, Value>> {
    let hash_on = json!([{ "header": "x-user" }]);
    let policies = [
        (
            "keys_moved_vs_optimum",
            json!({ "policy": "ring_hash", "hash_on": hash_on, "points_per_endpoint": 160 }),
        ),
        ("keys_moved_vs_optimum_maglev", by_user("maglev")),
        ("keys_moved_vs_optimum_ring_hash", by_user("ring_hash")),
    ];
    let mut moved = Map::new();
    for (key, balance) in policies {
        moved.insert(key.to_owned(), json!(of(&balance).await?));
    }
    Ok(moved)
}

async fn of(balance: &Value) -> anyhow::Result<f64> {
    let upstreams = Upstreams::start(10).await?;
    let all = upstreams.addresses();
    let envoy = Envoy::start(live(&all, &listed(balance, "500ms")).concurrency(1)).await?;
    let before = until_named(&envoy, KEYS, &all).await?;
    let rest = all.get(1..).unwrap_or_default();
    envoy.update_endpoints("checkout", &localities(rest)).await?;
    let after = until_named(&envoy, KEYS, rest).await?;
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    let gone = all.first().map(ToString::to_string).unwrap_or_default();
    let must = before.iter().filter(|named| **named == gone).count();
    Ok(moved as f64 / must.max(1) as f64)
}
