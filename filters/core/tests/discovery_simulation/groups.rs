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
