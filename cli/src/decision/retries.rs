//! How a request would be tried again.
//!
//! Invariant: whether it may be sent twice is what the core says, asked as the filter asks.

use super::Request;
use serde::Serialize;
use switchyard_config::{Document, Route, Upstream};
use switchyard_core::RequestView as _;
use switchyard_core::retry::{BodyRule, Engine, Failure, Jitter, RetryRequest, Settings};

/// How a request would be tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retrying {
    /// `router` or `filter`.
    pub engine: &'static str,
    /// It is decided and counted, and nothing is tried again.
    pub shadow: bool,
    /// Attempts after the first.
    pub num_retries: u8,
    /// What is worth another attempt.
    pub retry_on: Vec<String>,
    /// Whether this request may be sent twice.
    pub repeats: Repeats,
    /// Of all requests of the route, and how many a second at least.
    pub budget: String,
    /// The waits.
    pub back_off: String,
    /// How long the answer to an attempt may take to begin, and the request altogether.
    pub times: String,
    /// A second attempt before the first has failed.
    pub hedge: Option<String>,
    /// What a client gets when all have failed, in this order.
    pub fallback: Vec<String>,
    /// What keeps it from being tried again in part or at all.
    pub limits: Vec<String>,
}

/// Whether a request may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// Its method, or its `idempotency-key`, says that twice does what once does.
    Idempotent,
    /// The document says so: `non_idempotent`.
    ByTheDocument,
    /// Only if no endpoint has seen it: no connection, or a stream that was refused.
    OnlyUnseen,
}

impl Repeats {
    /// It in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Idempotent => "it may be sent twice: its method or its idempotency-key says so",
            Self::ByTheDocument => "it may be sent twice: the document says non_idempotent",
            Self::OnlyUnseen => {
                "it must not be sent twice: tried again only if no endpoint has seen it; an idempotency-key changes that"
            }
        }
    }
}

impl Retrying {
    /// How a request of this route that goes to this upstream is tried again, if it is: as the route says, or else the upstream.
    pub fn of(document: &Document, route: &Route, upstream: &Upstream, request: &Request) -> Option<Self> {
        let settings = route.retry().or_else(|| upstream.retry())?;
        Some(Self {
            engine: if settings.engine == Engine::Router { "router" } else { "filter" },
            shadow: settings.shadow,
            num_retries: settings.num_retries,
            retry_on: retry_on(settings),
            repeats: repeats(settings, request),
            budget: budget(settings),
            back_off: back_off(settings),
            times: times(settings),
            hedge: hedge(settings),
            fallback: fallback(document, settings),
            limits: limits(settings, request),
        })
    }
}

fn repeats(settings: &Settings, request: &Request) -> Repeats {
    let view = request.view();
    let asked = RetryRequest {
        method: request.header(":method"),
        has_idempotency_key: view.header_values("idempotency-key").any(|key| !key.is_empty()),
    };
    match (asked.is_idempotent(), asked.may_repeat(Failure::Reset, settings.non_idempotent)) {
        (true, _) => Repeats::Idempotent,
        (false, true) => Repeats::ByTheDocument,
        (false, false) => Repeats::OnlyUnseen,
    }
}

fn retry_on(settings: &Settings) -> Vec<String> {
    let on = &settings.retry_on;
    let mut list = Vec::new();
    let statuses = on.statuses.iter().map(|range| match (range.start(), range.end()) {
        (start, end) if start == end => start.to_string(),
        (start, end) => format!("{start}-{end}"),
    });
    list.extend(joined("status", statuses));
    list.extend(joined("gRPC status", on.grpc_statuses.iter().map(ToString::to_string)));
    let named = [
        (on.connect_failure, "no connection"),
        (on.refused_stream, "refused stream"),
        (on.reset, "reset"),
        (on.timeout, "no answer in time"),
    ];
    list.extend(named.iter().filter(|(wanted, _)| *wanted).map(|(_, words)| (*words).to_owned()));
    list.extend(joined("response header", on.headers.iter().map(|header| header.name.to_string())));
    list.extend(joined(
        "body",
        on.body.iter().map(|body| {
            let rule = match body.rule {
                BodyRule::Exists => "is there",
                BodyRule::Equals(_) => "has a value",
                BodyRule::Matches(_) => "matches",
            };
            format!("{:?} {rule}", body.pointer)
        }),
    ));
    list
}

fn joined(what: &str, all: impl Iterator<Item = String>) -> Option<String> {
    let all: Vec<_> = all.collect();
    (!all.is_empty()).then(|| format!("{what} {}", all.join(", ")))
}

fn budget(settings: &Settings) -> String {
    let budget = settings.budget;
    let percent = f64::from(budget.ratio_ppm) / 10_000.0;
    format!("{percent} % of the requests and {} a second, over {:?}", budget.min_per_second, budget.window)
}

fn back_off(settings: &Settings) -> String {
    if settings.engine == Engine::Router {
        return "by retry_back_off of Envoy's route; 25ms up to 250ms without one".to_owned();
    }
    let back_off = &settings.back_off;
    let jitter = if back_off.jitter == Jitter::Full { "full" } else { "decorrelated" };
    let asked = match back_off.retry_after_ceiling {
        Some(ceiling) => format!("retry-after is heard up to {ceiling:?}"),
        None => "retry-after is not heard".to_owned(),
    };
    format!("{:?} up to {:?}, jitter {jitter}; {asked}", back_off.base, back_off.max)
}

fn times(settings: &Settings) -> String {
    let whole = format!("{:?} for the request", settings.deadline.timeout);
    match settings.per_try_timeout {
        Some(each) => format!("{each:?} for an attempt, {whole}"),
        None => whole,
    }
}

fn hedge(settings: &Settings) -> Option<String> {
    let by_time = settings.hedge_on_per_try_timeout.then(|| "when the time of an attempt is over".to_owned());
    let hedge = settings.hedge.map(|hedge| {
        let (first, least) = (hedge.initial_delay, hedge.min_delay);
        format!(
            "after the time of {} % of recent answers, {least:?} at least, {first:?} at first",
            hedge.quantile
        )
    });
    hedge.or(by_time)
}

fn fallback(document: &Document, settings: &Settings) -> Vec<String> {
    let fallback = &settings.fallback;
    let upstream = fallback.upstream.and_then(|position| document.upstreams().get(position));
    let mut list: Vec<_> = upstream.map(|one| format!("upstream {}", one.name())).into_iter().collect();
    list.extend(fallback.stale.as_ref().map(|stale| format!("a good answer up to {:?} old", stale.max_age)));
    list.extend(fallback.answer.as_ref().map(|answer| format!("a fixed answer, {}", answer.status)));
    list
}

fn limits(settings: &Settings, request: &Request) -> Vec<String> {
    let mut list = Vec::new();
    let body = u64::try_from(request.body.len()).unwrap_or(u64::MAX);
    if settings.engine == Engine::Filter && body > settings.max_body {
        list.push(format!(
            "its body of {body} bytes is longer than max_body, {}, and not kept",
            settings.max_body
        ));
    }
    if request.has("upgrade") || request.header(":method") == "CONNECT" {
        list.push("a tunnel has no answer that another attempt could replace".to_owned());
    }
    if settings.shadow {
        list.push("shadow: counted, and nothing is tried again".to_owned());
    }
    list
}
