//! The doctor on an Envoy of a platform's shape with what `switchyard render` made for it.

use super::Outcome;
use crate::cli::doctor::picture;
use switchyard_cli::doctor::{Check, Verdict, examine};
use switchyard_test_harness::prelude::*;

/// It finds nothing that does not work, once lists of endpoints are read; call it before endpoints are made to fail.
///
/// Labels of metrics are left out: they come with Envoy's own start, which no manifest changes.
pub(super) async fn finds_no_cross(envoy: &Envoy) -> Outcome {
    let client = envoy.client("ingress").await?;
    let mut crosses: Vec<Check> = Vec::new();
    let found = envoy
        .until("the doctor to find nothing that does not work", async || {
            for path in ["/", "/catalogue/1"] {
                client.get(path).header("x-user", "alice").send().await?;
            }
            let checks = examine(&picture(envoy).await?);
            let good = |code: &str| {
                checks.iter().any(|check| check.code.id == code && check.verdict == Verdict::Good)
            };
            let is_whole = good("SY0722") && good("SY0724") && good("SY0734");
            crosses.clear();
            crosses.extend(checks.into_iter().filter(|check| check.verdict == Verdict::Bad));
            crosses.retain(|check| check.code.id != "SY0751");
            Ok((is_whole && crosses.is_empty()).then_some(()))
        })
        .await;
    found.map_err(|error| error.context(format!("{crosses:#?}")))
}
