//! Whom outlier.wasm blames: endpoints whose clients are impatient, slow or silent are not ejected, on a real Envoy and however the attempts end.
//!
//! Each scenario ends with the same Envoy ejecting an endpoint that is bad, so that it would have ejected a good one.

mod limits;
mod silent;
mod slow;
mod statuses;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

type Outcome = anyhow::Result<()>;

/// Endpoints of a scenario, and how many attempts each gets: more than the three failures that eject.
const ENDPOINTS: usize = 3;
const EACH: usize = 5;

/// A document that sends each user to one endpoint, ejected as `outlier` says.
fn by_user(upstreams: &Upstreams, outlier: &Value) -> Value {
    with_outlier(balanced(upstreams, &ring_hash()), outlier)
}

/// One worker, no retries of anybody's, and these fields in every route of Envoy's.
fn plain(upstreams: &Upstreams, document: &Value, route: &Value) -> Bootstrap {
    let bootstrap = steered(upstreams, document).retry_policy(&json!({ "num_retries": 0 }));
    let route = route.clone();
    bootstrap.edit(move |value| with_fields(value, "route", &route))
}

/// Adds `fields` to every object of this name.
fn with_fields(value: &mut Value, name: &str, fields: &Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| with_fields(item, name, fields)),
        Value::Object(object) => {
            for (key, field) in object.iter_mut() {
                match (field.as_object_mut(), fields.as_object()) {
                    (Some(target), Some(more)) if key == name => target.extend(more.clone()),
                    _ => with_fields(field, name, fields),
                }
            }
        }
        _ => {}
    }
}

/// For every endpoint a user of it, in the order of the endpoints. They must answer 200.
async fn users(envoy: &Envoy, upstreams: &Upstreams) -> anyhow::Result<Vec<String>> {
    let client = envoy.client("ingress").await?;
    let mut users = vec![None; upstreams.len()];
    for number in 0..1_000 {
        let user = format!("user-{number}");
        let answer = client.get("/").header("x-user", &user).send().await?;
        let place = upstreams.iter().position(|one| one.name() == answer.upstream());
        if let Some(slot) = place.and_then(|place| users.get_mut(place)) {
            slot.get_or_insert(user);
        }
        if users.iter().all(Option::is_some) {
            break;
        }
    }
    Ok(users.into_iter().flatten().collect())
}

/// Nobody has been ejected, and one that answers 500 to its user is.
async fn only_the_bad_one_goes(envoy: &Envoy, upstreams: &Upstreams, user: &str) -> Outcome {
    nobody_goes(envoy, "")?;
    bad(upstreams)?.behave(Behaviour::status(500)).await?;
    let client = envoy.client("ingress").await?;
    for _ in 0..3 {
        client.get("/").header("x-user", user).send().await?;
    }
    envoy.wait_for_log("outlier: ejected ").await?;
    let (log, address) = (envoy.log(), bad(upstreams)?.address());
    assert_eq!(log.matches("outlier: ejected ").count(), 1, "one was");
    assert!(log.contains(&format!("outlier: ejected {address} of checkout")), "and it is the bad one");
    Ok(())
}

/// Nobody has been ejected.
fn nobody_goes(envoy: &Envoy, when: &str) -> Outcome {
    let log = envoy.log();
    let ejected: Vec<_> = log.lines().filter(|line| line.contains("outlier: ejected ")).collect();
    anyhow::ensure!(ejected.is_empty(), "{when}: {ejected:?}");
    Ok(())
}

/// Waits until no attempt is under way at the endpoints.
async fn until_idle(envoy: &Envoy) -> Outcome {
    envoy.wait_for_stat("cluster.checkout.upstream_rq_active", |active| active == 0).await.map(drop)
}
