//! What the budget of each route must have allowed, counted from outside.
//!
//! In any window retries are no more than the share of its requests and what is allowed for the time; a bucket is a tenth of a window, and
//! requests are told a tick after they came. Trade-off: it is looked at only while all has been well for a few windows with the clock and the
//! hosts, and under one document: what a host could not take is told when it can, and a clock that is set back has some requests twice.

use crate::document::WINDOW;
use std::collections::{BTreeMap, VecDeque};

/// Requests and retries of one route, by when they were sent.
#[derive(Default)]
struct Route {
    requests: VecDeque<u64>,
    retries: VecDeque<u64>,
}

/// The budgets of a process.
#[derive(Default)]
pub(crate) struct Budgets(BTreeMap<&'static str, Route>);

/// How much of the window counts for retries, and for requests.
const SURELY: f64 = 0.85;
const PERHAPS: f64 = 1.4;

/// The name of the route that has this path, if it has a budget that is asked before each retry.
fn route(path: &str) -> Option<&'static str> {
    ["/items", "/rpc"].into_iter().find(|prefix| path.starts_with(prefix))
}

fn forget(times: &mut VecDeque<u64>, windows: f64, now: u64) {
    let millis = WINDOW * windows * 1_000.0;
    while times.front().is_some_and(|at| (now - at) as f64 > millis) {
        times.pop_front();
    }
}

impl Budgets {
    /// A request has gone on to its endpoint.
    pub(crate) fn is_sent(&mut self, path: &str, now: u64) {
        let Some(name) = route(path) else { return };
        let requests = &mut self.0.entry(name).or_default().requests;
        requests.push_back(now);
        forget(requests, PERHAPS, now);
    }

    /// One is tried again, where there may be so many for each request and each second: how much of the budget of its route is used with it,
    /// 1 is all. `None`: it has none.
    pub(crate) fn is_tried_again(
        &mut self,
        path: &str,
        (ratio, per_second): (f64, f64),
        now: u64,
    ) -> Option<f64> {
        let route = self.0.entry(route(path)?).or_default();
        route.retries.push_back(now);
        forget(&mut route.retries, SURELY, now);
        forget(&mut route.requests, PERHAPS, now);
        let allowed = ratio * route.requests.len() as f64 + per_second * WINDOW + 1.0;
        Some(route.retries.len() as f64 / allowed)
    }
}
