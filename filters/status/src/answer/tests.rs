//! What who asks gets, and what the page may do.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::status::{MOST_WORKERS, PLACES, SnapshotWriter, UpstreamView, Worker};
use switchyard_frame::metrics::catalogue::CHAPTERS;
use switchyard_frame::shared::{reach, status};
use switchyard_host::fake::{FakeHost, Reply};
use switchyard_host::{Queues as _, SharedData as _, Status};

/// Status, headers and body.
type Answered = (u16, Vec<(String, String)>, Vec<u8>);

fn asked_for(host: &FakeHost, method: &str, path: &str) -> Option<Answered> {
    asked_of(&Looks::default(), host, method, path)
}

fn asked_of(looks: &Looks, host: &FakeHost, method: &str, path: &str) -> Option<Answered> {
    host.receive(&[(":method", method), (":path", path)]);
    let flow = looks.answer(host);
    let mut replies = host.take_replies();
    match replies.pop() {
        Some(Reply::Answered { status, headers, body, .. }) => {
            assert_eq!(flow, Flow::Pause);
            Some((status, headers, body))
        }
        _ => {
            assert_eq!(flow, Flow::Continue);
            None
        }
    }
}

fn json(host: &FakeHost) -> Value {
    json_of(&Looks::default(), host)
}

/// A look at this time, by one page that has looked before.
fn look_at(millis: u64, looks: &Looks, host: &FakeHost) -> Value {
    host.set_now(Timestamp::from_millis(millis));
    json_of(looks, host)
}

fn json_of(looks: &Looks, host: &FakeHost) -> Value {
    let (status, _, body) = asked_of(looks, host, "GET", "/status.json").expect("an answer");
    assert_eq!(status, 200);
    serde_json::from_slice(&body).expect("JSON")
}

/// A worker of the router that has served a request, and its queue.
fn a_worker(host: &FakeHost, number: u32) -> u32 {
    let name = keys::looked_at("router");
    reach::prepare(&name, host).expect("shared data");
    assert_eq!(reach::take_number(&name, host), Some(number));
    let queue = reach::register(&name, number, host).expect("a queue");
    says(host, worker(number, queue, 0), "");
    queue
}

/// A worker that spoke at this time; 0: it has not.
fn worker(number: u32, queue: u32, written: u64) -> Worker {
    let (began, written) = (Timestamp::from_millis(1_000), Timestamp::from_millis(written));
    Worker { number, vm: number, queue, began, configured: began, written }
}

fn says(host: &FakeHost, worker: Worker, upstream: &str) {
    let mut said = SnapshotWriter::new(worker);
    if !upstream.is_empty() {
        let (cluster, policy, source) = ("web", "random", "document");
        let read_at = Timestamp::default();
        said.upstream(&UpstreamView { name: upstream, cluster, policy, source, read_at, endpoints: 0 });
    }
    let bytes = said.finish().expect("memory");
    host.set_shared_data(&keys::snapshot("router", worker.number % PLACES), &bytes).expect("shared data");
}

#[test]
fn its_two_paths_are_answered_and_all_else_passes() {
    let host = FakeHost::default();
    for path in ["/status", "/status?", "/status?x=1"] {
        let (status, headers, body) = asked_for(&host, "GET", path).expect("an answer");
        assert_eq!((status, &*body), (200, PAGE.as_bytes()), "{path}");
        assert!(headers.contains(&("content-type".to_owned(), "text/html; charset=utf-8".to_owned())));
    }
    for path in ["/", "/status/", "/statusx", "/stats/prometheus", "/status.jsonx", "/ready", "*"] {
        assert_eq!(asked_for(&host, "GET", path), None, "{path}");
    }
}

#[test]
fn no_method_but_get_and_head_does_anything() {
    let host = FakeHost::default();
    a_worker(&host, 1);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "CONNECT"] {
        host.forget_calls();
        let (status, headers, _) = asked_for(&host, method, "/status.json").expect("an answer");
        assert_eq!(status, 405, "{method}");
        assert!(headers.contains(&("allow".to_owned(), "GET, HEAD".to_owned())));
        assert_eq!(host.calls("proxy_get_shared_data") + host.calls("proxy_enqueue_shared_queue"), 0);
    }
    assert_eq!(asked_for(&host, "HEAD", "/status").map(|(status, ..)| status), Some(200));
}

#[test]
fn a_look_writes_nothing_but_a_message_to_each_worker() {
    let host = FakeHost::default();
    let queues = [a_worker(&host, 1), a_worker(&host, 2)];
    host.forget_calls();
    for _ in 0..5 {
        let shown = json(&host);
        assert_eq!(
            (&shown["asking"], shown["workers"].as_array().map(Vec::len)),
            (&Value::Bool(true), Some(2))
        );
    }
    assert_eq!(host.calls("proxy_set_shared_data"), 0);
    assert_eq!(queues.map(|queue| host.queued(queue)), [1, 1], "who is gone has one message, and no more");
    assert_eq!(host.dequeue(queues[0]).expect("a queue").as_deref(), Some(&b"look"[..]));
}

#[test]
fn what_a_worker_says_is_shown_while_it_is_of_now() {
    let host = FakeHost::default();
    let queue = a_worker(&host, 1);
    says(&host, worker(1, queue, 60_000), "checkout");
    host.set_now(Timestamp::from_millis(61_000));
    let shown = json(&host);
    assert_eq!(shown["upstreams"][0]["name"], "checkout");
    assert_eq!(
        (&shown["asking"], &shown["workers"][0]["said_ms_ago"]),
        (&Value::Bool(false), &Value::from(1_000))
    );
    assert_eq!(shown["workers"][0]["vm_age_ms"], 60_000);
    host.set_now(Timestamp::from_millis(90_000));
    let shown = json(&host);
    assert_eq!((&shown["upstreams"], &shown["asking"]), (&Value::Array(Vec::new()), &Value::Bool(true)));
}

#[test]
fn however_many_look_the_json_is_made_ten_times_a_second_at_most() {
    let (host, looks) = (FakeHost::default(), Looks::default());
    let queue = a_worker(&host, 1);
    let first = look_at(60_000, &looks, &host);
    assert_eq!(host.queued(queue), 1);
    host.dequeue(queue).expect("a queue");
    says(&host, worker(1, queue, 60_010), "checkout");
    for millis in [60_000, 60_050, 60_099] {
        host.forget_calls();
        assert_eq!(look_at(millis, &looks, &host), first);
        let read = host.calls("proxy_get_shared_data") + host.calls("proxy_enqueue_shared_queue");
        assert_eq!(read, 0, "at {millis}");
    }
    assert_eq!(look_at(60_105, &looks, &host)["upstreams"][0]["name"], "checkout");
    assert_eq!(host.queued(queue), 0, "who has just spoken is not woken, whoever looks");
    assert_eq!(json(&host)["upstreams"][0]["name"], "checkout");
    assert_eq!(host.queued(queue), 0, "by another page neither");
    look_at(60_215, &looks, &host);
    assert_eq!(host.queued(queue), 1);
    assert_eq!(look_at(50_000, &looks, &host)["time_ms"], 50_000, "the clock has stepped back");
    host.fail("proxy_get_current_time_nanoseconds", Status::InternalFailure);
    host.forget_calls();
    (0..2).for_each(|_| assert_eq!(json_of(&looks, &host)["time_ms"], 0));
    assert!(host.calls("proxy_get_shared_data") > 4, "without a clock nothing is kept");
}

#[test]
fn places_of_the_dead_keep_no_worker_from_being_heard_and_are_freed() {
    let (host, looks) = (FakeHost::default(), Looks::default());
    let last = u32::try_from(MOST_WORKERS).expect("small") + 40;
    let queues: Vec<_> = (1..=last).map(|number| a_worker(&host, number)).collect();
    let living = queues[last as usize - 1];
    let speaks = |millis| says(&host, worker(last, living, millis), "checkout");
    let taken = || {
        let is_taken = |place: &u32| {
            let there = host.shared_data(&keys::snapshot("router", *place)).expect("shared data");
            there.is_some_and(|there| !there.value.is_empty())
        };
        (0..PLACES).filter(is_taken).count()
    };
    let asked = look_at(100_000, &looks, &host);
    assert_eq!(
        (&asked["asking"], asked["workers"].as_array().map(Vec::len)),
        (&true.into(), Some(MOST_WORKERS))
    );
    speaks(100_005);
    let heard = look_at(100_200, &looks, &host);
    assert_eq!((&heard["asking"], &heard["upstreams"][0]["name"]), (&false.into(), &"checkout".into()));
    assert_eq!(heard["workers"][0]["said_ms_ago"], 195, "who has spoken comes first");
    speaks(109_500);
    look_at(109_999, &looks, &host);
    assert_eq!(taken(), last as usize);
    look_at(110_000 + 100, &looks, &host);
    assert_eq!(taken(), 1, "who was asked ten seconds ago and is silent is gone");
    let queued: usize = queues.iter().map(|queue| host.queued(*queue)).sum();
    for second in 120..130 {
        look_at(second * 1_000, &looks, &host);
    }
    assert!(queues.iter().map(|queue| host.queued(*queue)).sum::<usize>() <= queued, "nor is it woken again");
}

#[test]
fn where_only_the_dead_are_left_nobody_is_waited_for_for_ever() {
    let (host, looks) = (FakeHost::default(), Looks::default());
    let queue = a_worker(&host, 1);
    says(&host, worker(1, queue, 5_000), "checkout");
    let asking = [60_000, 62_000, 63_000, 69_000, 70_000, 71_000].map(|millis| {
        let shown = look_at(millis, &looks, &host);
        (shown["asking"] == true, shown["workers"].as_array().map_or(0, Vec::len))
    });
    assert_eq!(asking, [(true, 1), (true, 1), (false, 1), (false, 1), (false, 0), (false, 0)]);
}

#[test]
fn what_filters_have_told_is_shown() {
    let host = FakeHost::default();
    host.set_property("plugin_root_id", b"shop");
    host.set_now(Timestamp::from_millis(5_000));
    status::accepted("switchyard", 0xab, "3 routes", Timestamp::from_millis(2_000), &host);
    status::refused("switchyard", "routes[0]: </script><b>no", &host);
    let shown = json(&host);
    let one = &shown["configurations"][0];
    assert_eq!(
        (&one["module"], &one["root"], &one["refused"]),
        (&"switchyard".into(), &"shop".into(), &1.into())
    );
    assert_eq!(
        (&one["in_force"]["hash"], &one["in_force"]["age_ms"]),
        (&"00000000000000ab".into(), &3_000.into())
    );
    assert_eq!(one["last_refusal"]["text"], "routes[0]: </script><b>no");
}

#[test]
fn a_host_that_refuses_stops_nothing() {
    let refused =
        ["proxy_get_shared_data", "proxy_get_current_time_nanoseconds", "proxy_enqueue_shared_queue"];
    for call in refused {
        let host = FakeHost::default();
        a_worker(&host, 1);
        host.fail(call, Status::InternalFailure);
        assert_eq!(json(&host)["version"], 1, "{call}");
    }
    let host = FakeHost::default();
    host.fail("proxy_send_local_response", Status::InternalFailure);
    assert_eq!(asked_for(&host, "GET", "/status"), None, "it goes where it would have gone");
    host.fail("proxy_get_header_map_pairs", Status::InternalFailure);
    assert_eq!(asked_for(&host, "GET", "/status"), None);
}

/// What stands between these in the page.
fn between<'a>(begin: &str, end: &str) -> &'a str {
    let (_, rest) = PAGE.split_once(begin).expect("its beginning");
    rest.split_once(end).expect("its end").0
}

#[test]
fn the_policy_lets_run_what_stands_in_the_page_and_nothing_else() {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let (script, style) = (hash(between("<script>", "</script>")), hash(between("<style>", "</style>")));
    assert!(CONTENT_SECURITY_POLICY.contains(&format!("script-src {script};")), "it is {script} now");
    assert!(CONTENT_SECURITY_POLICY.contains(&format!("style-src {style};")), "it is {style} now");
    assert_eq!((PAGE.matches("<script").count(), PAGE.matches("<style").count()), (1, 1));
    for way in ["style=\"", "onclick=", "onload=", "onerror=", "javascript:"] {
        assert!(!PAGE.contains(way), "{way} is what the policy would not let run");
    }
}

/// A metric that is renamed breaks this, and not the page.
#[test]
fn the_page_asks_for_metrics_that_there_are() {
    let known: Vec<_> = CHAPTERS.iter().flat_map(|chapter| chapter.metrics).collect();
    let mut found = 0;
    for call in
        ["of.sum(", "of.perSecond(", "of.by(", "of.mean(", "counter.name === ", "one.name === ", ": ["]
    {
        for (_, rest) in PAGE.match_indices(call).map(|(at, _)| PAGE.split_at(at + call.len())) {
            let Some(name) = rest.strip_prefix('"').and_then(|rest| rest.split('"').next()) else { continue };
            // What stands behind ": [" is a metric where a list of columns follows.
            if call == ": [" && !rest.contains(", [\n") {
                continue;
            }
            let is_held = ["coalesce_flights", "coalesce_waiting"].contains(&name);
            assert!(is_held || known.iter().any(|metric| metric.name == name), "{call}{name}");
            found += 1;
        }
    }
    assert!(found > 25, "{found}");
}

#[test]
fn the_page_needs_no_network_and_makes_no_markup_of_data() {
    let namespace = "http://www.w3.org/2000/svg";
    assert!(!PAGE.replace(namespace, "").contains("://"), "nothing is loaded from elsewhere");
    for way in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser", "srcdoc"]
    {
        assert!(!PAGE.contains(way), "{way}");
    }
}
