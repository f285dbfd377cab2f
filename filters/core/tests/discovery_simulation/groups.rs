//! Which upstreams share an ask.

use super::{SECOND, START, source, wanted};
use fastrand::Rng;
use switchyard_core::discovery::{
    Answer, Considered, Envoy, HashKey, News, Poller, Refusal, Registry, Source, State,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn envoy() -> Source {
    Source { cluster: "admin".into(), registry: Registry::Envoy(Envoy::default()), ..source() }
}

fn upstreams(poller: &Poller) -> Vec<usize> {
    poller.lists().iter().map(|list| list.upstream).collect()
}

#[test]
fn clusters_of_one_envoy_share_an_ask_and_other_sources_none() {
    let by_name = Registry::Envoy(Envoy { hash_key: HashKey::Hostname, considered: Considered::default() });
    let pollers = Poller::of(vec![
        wanted(0, "a", envoy()),
        wanted(1, "a", source()),
        wanted(3, "b", Source { registry: by_name, ..envoy() }),
        wanted(4, "c", Source { interval: SECOND, ..envoy() }),
        wanted(5, "b", source()),
        wanted(6, "d", envoy()),
    ]);
    let groups: Vec<_> = pollers.iter().map(upstreams).collect();
    assert_eq!(groups, [vec![0, 3, 6], vec![1], vec![4], vec![5]]);
    assert_eq!((pollers[0].cluster(), pollers[0].max_body()), ("admin", 1 << 20));
    assert!(Poller::of(Vec::new()).is_empty());
}

#[test]
fn no_ask_has_a_path_without_bounds() {
    let names: Vec<_> = (0..2000).map(|index| format!("outbound|80||service-{index}.svc")).collect();
    let mut pollers =
        Poller::of(names.iter().enumerate().map(|(index, name)| wanted(index, name, envoy())).collect());
    assert!(pollers.len() > 1 && pollers.len() < 100, "{}", pollers.len());
    for poller in &mut pollers {
        let ask = poller.poll(START, &mut Rng::with_seed(1), &mut Vec::new()).expect("due");
        assert!(ask.path.len() < 16 << 10, "{}", ask.path.len());
    }
    let long = "x".repeat(10_000);
    assert_eq!(Poller::of(vec![wanted(0, &long, envoy()), wanted(1, "b", envoy())]).len(), 2);
}

#[test]
fn a_cluster_that_is_gone_makes_none_beside_it_stale() {
    let (mut news, mut rng) = (Vec::new(), Rng::with_seed(7));
    let mut poller = Poller::of(vec![wanted(0, "a", envoy()), wanted(1, "b", envoy())]).pop().expect("one");
    let body = |names: &[&str]| {
        let host = r#"{"address":{"socket_address":{"address":"10.0.0.1","port_value":80}}}"#;
        let status = |name: &&str| format!(r#"{{"name":"{name}","host_statuses":[{host}]}}"#);
        format!(r#"{{"cluster_statuses":[{}]}}"#, names.iter().map(status).collect::<Vec<_>>().join(","))
    };
    let mut now = START;
    for names in [["a", "b"].as_slice(), &["a"], &["a"], &["a", "b"]] {
        let ask = poller.poll(now, &mut rng, &mut news).expect("due");
        let (body, etag, index) = (body(names), None, None);
        let answer = Answer { status: 200, etag, index, body: body.as_bytes() };
        poller.answered(ask.number, answer, now, &mut rng, &mut news);
        assert!(poller.due_in(now) <= 6 * SECOND, "no back-off: there was an answer");
        assert_eq!(poller.lists()[1].roster.members().len(), 1, "what was read last stays");
        now = now.plus(6 * SECOND);
    }
    let told: Vec<_> = news.iter().filter(|one| matches!(one, News::State { upstream: 1, .. })).collect();
    let (upstream, why) = (1, None);
    let current = News::State { upstream, state: State::Current, why };
    let stale = State::Stale { since: START };
    let stale = News::State { upstream, state: stale, why: Some(Refusal::NoCluster) };
    assert_eq!(told, [&current, &stale, &current]);
    assert_eq!(poller.lists()[0].state, State::Current);
    let errors: u64 =
        poller.lists().iter().flat_map(|list| list.tally.errors()).map(|(_, count)| count).sum();
    assert_eq!((errors, poller.lists()[1].tally.changes), (2, 1));
}

#[test]
fn a_registry_at_the_same_address_as_an_envoy_is_asked_by_itself() {
    let registry = || Source { cluster: "admin".into(), ..source() };
    let groups = |sources: Vec<Source>| {
        let all = sources.into_iter().enumerate().map(|(index, source)| wanted(index, "a", source));
        Poller::of(all.collect()).iter().map(upstreams).collect::<Vec<_>>()
    };
    assert_eq!(groups(vec![registry(), envoy(), registry(), envoy()]), [vec![0], vec![1, 3], vec![2]]);
    assert_eq!(groups(vec![envoy(), registry(), envoy()]), [vec![0, 2], vec![1]]);
}

#[test]
fn a_pattern_holds_as_many_clusters_as_have_room() {
    // Each counts with the four bytes around the whole: eight of 512 bytes are 4096.
    let names: Vec<_> = (0..20).map(|index| format!("{index:0508}")).collect();
    let pollers =
        Poller::of(names.iter().enumerate().map(|(index, name)| wanted(index, name, envoy())).collect());
    let sizes: Vec<_> = pollers.iter().map(|poller| poller.lists().len()).collect();
    assert_eq!(sizes, [8, 8, 4]);
}

/// An answer of Envoy's admin, in which each of these clusters has one host, by this name and at this port.
fn clusters(hosts: &[(&str, u16)]) -> String {
    let status = |(name, port): &(&str, u16)| {
        let at = format!(r#"{{"socket_address":{{"address":"10.0.0.1","port_value":{port}}}}}"#);
        format!(r#"{{"name":"{name}","host_statuses":[{{"address":{at},"hostname":"pod"}}]}}"#)
    };
    format!(r#"{{"cluster_statuses":[{}]}}"#, hosts.iter().map(status).collect::<Vec<_>>().join(","))
}

#[test]
fn hosts_are_read_as_each_upstream_wants_it() {
    let by_name = Registry::Envoy(Envoy { hash_key: HashKey::Hostname, considered: Considered::default() });
    let all = vec![wanted(0, "a", envoy()), wanted(1, "b", Source { registry: by_name, ..envoy() })];
    let mut poller = Poller::of(all).pop().expect("one");
    let (rng, news) = (&mut Rng::with_seed(1), &mut Vec::new());
    let ask = poller.poll(START, rng, news).expect("due");
    let body = clusters(&[("a", 80), ("b", 80)]);
    poller.answered(
        ask.number,
        Answer { status: 200, etag: None, index: None, body: body.as_bytes() },
        START,
        rng,
        news,
    );
    let keys: Vec<_> =
        poller.lists().iter().map(|list| list.roster.members()[0].hash_key.as_deref()).collect();
    assert_eq!(keys, [None, Some("pod")]);
}

#[test]
fn a_hint_was_worth_it_if_any_list_has_changed_and_else_the_next_counts_less() {
    let pause = |ports: [u16; 2]| {
        let all = vec![wanted(0, "a", envoy()), wanted(1, "b", envoy())];
        let mut poller = Poller::of(all).pop().expect("one");
        let (mut rng, mut news, mut now) = (Rng::with_seed(1), Vec::new(), START);
        for [a, b] in [[80, 80], ports] {
            now = now.plus(poller.due_in(now));
            let ask = poller.poll(now, &mut rng, &mut news).expect("due");
            let body = clusters(&[("a", a), ("b", b)]);
            let answer = Answer { status: 200, etag: None, index: None, body: body.as_bytes() };
            poller.answered(ask.number, answer, now, &mut rng, &mut news);
            poller.hint();
        }
        poller.due_in(now).as_millis()
    };
    assert_eq!(pause([81, 81]), 250);
    assert_eq!((pause([81, 80]), pause([80, 81])), (250, 250));
    assert_eq!(pause([80, 80]), 500);
}

#[test]
fn only_what_was_never_read_is_asked_for_again_at_once_after_a_failure() {
    let mut poller = Poller::of(vec![wanted(0, "a", envoy())]).pop().expect("one");
    let (rng, news) = (&mut Rng::with_seed(1), &mut Vec::new());
    let ask = poller.poll(START, rng, news).expect("due");
    poller.failed(ask.number, Refusal::Unreachable, START, rng, news);
    assert!(poller.due_in(START) < SECOND, "whom it asks may be starting up");
    let now = START.plus(poller.due_in(START));
    let ask = poller.poll(now, rng, news).expect("due");
    let body = clusters(&[("a", 80)]);
    poller.answered(
        ask.number,
        Answer { status: 200, etag: None, index: None, body: body.as_bytes() },
        now,
        rng,
        news,
    );
    let now = now.plus(poller.due_in(now));
    let ask = poller.poll(now, rng, news).expect("due");
    poller.failed(ask.number, Refusal::Unreachable, now, rng, news);
    assert!(poller.due_in(now) > 4 * SECOND);
}
