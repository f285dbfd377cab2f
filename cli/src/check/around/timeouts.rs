//! What Envoy's routes give a request, beside what the document has it wait.

use crate::check::found::Found;
use crate::finding::codes;
use crate::source::{Carried, Filter};
use core::time::Duration;
use serde_json::Value;

/// What Envoy gives a request whose route says nothing.
const USUAL: Duration = Duration::from_secs(15);

/// Batches that leave when every route of Envoy's that follows our cluster header has given up already.
pub(super) fn find(tree: &Value, carried: &[Carried]) -> Vec<Found> {
    let mut timeouts = Vec::new();
    look(tree, &mut timeouts);
    // A route without a limit waits for any batch; so does one whose limit cannot be read.
    let longest: Option<Duration> =
        timeouts.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    let Some(longest) = longest else { return Vec::new() };
    let mut found = Vec::new();
    for one in carried.iter().filter(|one| one.does(Filter::Batch)) {
        let Ok(document) = &one.result else { continue };
        for (index, route) in document.routes().iter().enumerate() {
            let Some(delay) = route.batch().map(|batch| batch.settings().max_delay) else { continue };
            if delay >= longest {
                let problem = format!(
                    "{}: a request may wait {delay:?} for its batch, and Envoy's routes give it {longest:?} at most",
                    one.plugin.name
                );
                let path = format!("routes[{index}].batch.max_delay");
                found.push(
                    Found::new(&codes::LATE_BATCH, path, problem)
                        .fix("lower it, or raise the timeout of Envoy's route"),
                );
            }
        }
    }
    found
}

/// The timeouts of all routes that follow a cluster header; `None` of one without a limit.
fn look(tree: &Value, found: &mut Vec<Option<Duration>>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| look(item, found)),
        Value::Object(fields) => {
            if fields.get("cluster_header").is_some() {
                let timeout = match fields.get("timeout") {
                    None => Some(USUAL),
                    Some(timeout) => timeout.as_str().and_then(duration),
                };
                found.push(timeout.filter(|timeout| !timeout.is_zero()));
            }
            fields.values().for_each(|field| look(field, found));
        }
        _ => {}
    }
}

/// A duration as Envoy writes it: `0.25s`.
fn duration(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}
