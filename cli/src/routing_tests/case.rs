//! One test: a request, and what is expected of it.

use super::reader::{Fields, Problems, texts};
use crate::decision::Request;
use core::net::IpAddr;
use serde_json::Value;

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name; names are unique.
    pub name: String,
    /// The request.
    pub request: Request,
    /// What is expected.
    pub expected: Expected,
}

/// One of these texts.
pub type OneOf = Vec<String>;

/// What is expected of a request; what is not set may be as it will.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Whether a route is for it.
    pub matches: Option<bool>,
    /// Its route.
    pub route: Option<OneOf>,
    /// Its upstream.
    pub upstream: Option<OneOf>,
    /// Envoy's cluster.
    pub cluster: Option<OneOf>,
    /// The policy that chose.
    pub policy: Option<OneOf>,
    /// The hash, in hexadecimal digits; `none` if there is nothing to hash.
    pub hash: Option<OneOf>,
    /// The best endpoint.
    pub first: Option<OneOf>,
    /// All endpoints, best first.
    pub candidates: Option<Vec<String>>,
    /// Whether it waits for the answer to one like it.
    pub coalesces: Option<bool>,
    /// Whether it may go in one call with others.
    pub batches: Option<bool>,
    /// Whether it would be tried again after a failure that an endpoint may have seen.
    pub retries: Option<bool>,
    /// What it has in common with other tests, and what not.
    pub relations: Vec<Relation>,
}

/// What a request has in common with that of another test, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The field: `same_key_as`.
    pub field: &'static str,
    /// What is compared.
    pub kind: Kind,
    /// Whether it is to be the same.
    pub is_same: bool,
    /// The other test.
    pub other: String,
}

/// What two requests may have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The hash, and the upstream.
    Key,
    /// The key under which they share an answer.
    Answer,
    /// The key under which they share a call.
    Call,
}

/// All relations there are.
const RELATIONS: [(&str, Kind, bool); 6] = [
    ("same_key_as", Kind::Key, true),
    ("other_key_than", Kind::Key, false),
    ("same_answer_as", Kind::Answer, true),
    ("other_answer_than", Kind::Answer, false),
    ("same_call_as", Kind::Call, true),
    ("other_call_than", Kind::Call, false),
];

impl Case {
    /// The test that stands at this path.
    pub(super) fn read(value: &Value, path: &str, problems: &Problems) -> Option<Self> {
        let mut fields = Fields::of(value, path, problems);
        let name = fields.text("name").filter(|name| !name.is_empty());
        let (input_at, expect_at) = (fields.at("input"), fields.at("expect"));
        let request = fields.take("input").map(|input| request(input, &input_at, problems));
        let expected = fields.take("expect").map(|expect| Expected::read(expect, &expect_at, problems));
        fields.done();
        for (field, is_there) in
            [("name", name.is_some()), ("input", request.is_some()), ("expect", expected.is_some())]
        {
            if !is_there && value.get(field).is_none_or(|value| value.is_null() || value == "") {
                problems.add(&format!("{path}.{field}"), "is missing");
            }
        }
        Some(Self { name: name?, request: request??, expected: expected? })
    }
}

/// A request as it stands there.
fn request(value: &Value, path: &str, problems: &Problems) -> Option<Request> {
    let mut fields = Fields::of(value, path, problems);
    let method = fields.text("method").unwrap_or_else(|| "GET".to_owned());
    let target = fields.text("path");
    let is_connect = method == "CONNECT";
    check_path(target.as_deref(), value, is_connect, &fields.at("path"), problems);
    let mut request = Request::new(&method, target.as_deref().unwrap_or("/"));
    let authority = fields.text("authority");
    if is_connect && authority.as_deref().and_then(Request::connect).is_none() {
        problems.add(
            &fields.at("authority"),
            "a CONNECT is for a host:port; write it so, as in \"shop.example:443\"",
        );
    }
    if let Some(authority) = authority {
        request.add(":authority", &authority);
    }
    for (name, at, value) in fields.map("headers") {
        for value in texts(value, &at, problems).unwrap_or_default() {
            request.add(name, &value);
        }
    }
    request.body = fields.text("body").unwrap_or_default().into_bytes();
    if let Some(ip) = fields.text("source_ip") {
        if ip.parse::<IpAddr>().is_err() {
            problems.add(&fields.at("source_ip"), format!("{ip:?} is no address; write it without a port"));
        }
        request.source_ip = Some(ip);
    }
    request.cluster = fields.text("cluster");
    fields.done();
    (is_connect || target.is_some()).then_some(request)
}

/// Whether the path is one; a CONNECT has none.
fn check_path(target: Option<&str>, value: &Value, is_connect: bool, path: &str, problems: &Problems) {
    match target {
        Some(_) if is_connect => {
            problems.add(path, "a CONNECT has none; take it out, and write its host:port as authority");
        }
        None if is_connect && value.get("path").is_none_or(Value::is_null) => {}
        Some(target) if !target.starts_with('/') && target != "*" => {
            problems.add(path, format!("{target:?} is no path; begin it with \"/\""));
        }
        None if value.is_object() && value.get("path").is_none() => problems.add(path, "is missing"),
        _ => {}
    }
}

impl Expected {
    fn read(value: &Value, path: &str, problems: &Problems) -> Self {
        let mut fields = Fields::of(value, path, problems);
        let expected = Self {
            matches: fields.flag("matches"),
            route: fields.texts("route"),
            upstream: fields.texts("upstream"),
            cluster: fields.texts("cluster"),
            policy: fields.texts("policy"),
            hash: fields.texts("hash"),
            first: fields.texts("first"),
            candidates: fields.texts("candidates"),
            coalesces: fields.flag("coalesces"),
            batches: fields.flag("batches"),
            retries: fields.flag("retries"),
            relations: RELATIONS
                .iter()
                .flat_map(|(field, kind, is_same)| {
                    let others = fields.texts(field).unwrap_or_default();
                    others.into_iter().map(|other| Relation { field, kind: *kind, is_same: *is_same, other })
                })
                .collect(),
        };
        fields.done();
        if value.as_object().is_some_and(serde_json::Map::is_empty) {
            problems.add(path, "expects nothing; say what the request should become, as in {route: NAME}");
        }
        expected
    }
}
