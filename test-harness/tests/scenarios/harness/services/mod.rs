//! The services judged by themselves, without Envoy: if they lie, every scenario of batching does.

mod answers;
mod faults;
mod truth;

use std::time::Duration;

use serde_json::{Value, json};
use switchyard_test_harness::prelude::*;

pub(crate) type Outcome = anyhow::Result<()>;

pub(crate) const MS: Duration = Duration::from_millis(1);

/// The body; a text if it is no JSON.
pub(crate) fn document(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| json!(answer.text()))
}

/// A service that costs nothing, and a client of it.
pub(crate) async fn start() -> anyhow::Result<(Service, Client)> {
    let service = Service::start(Cost::FREE).await?;
    let client = Client::to(service.address());
    Ok((service, client))
}
