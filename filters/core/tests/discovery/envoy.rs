//! Envoy's admin.

use super::{addresses, answer, read, source};
use switchyard_core::Locality;
use switchyard_core::discovery::{
    Considered, Cursor, Envoy, HashKey, Listing, Member, Read, Refusal, Registry, Source, Standing,
};
use switchyard_core::health::Health;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// As Envoy 1.40.0 writes it: nothing that has its default is there.
pub(crate) const CLUSTERS: &str = include_str!("clusters.json");

pub(crate) fn envoy(envoy: Envoy) -> Source {
    source(Registry::Envoy(envoy))
}

/// The lists of these clusters in the sample.
fn lists(clusters: &[&str], read: Envoy) -> Vec<Result<Listing, Refusal>> {
    let clusters: Vec<_> = clusters.iter().map(|name| (*name, read)).collect();
    let answered = envoy(read).read(&clusters, &Cursor::default(), answer(CLUSTERS.as_bytes()));
    match answered.expect("it is what Envoy answers") {
        Read::Lists { lists, cursor } => {
            assert_eq!(cursor, Cursor::default());
            lists
        }
        Read::Unchanged => panic!("Envoy always answers in full"),
    }
}

const SERVICE: &str = "outbound|80||web.svc";

#[test]
fn one_ask_names_several_clusters_and_none_that_are_like_them() {
    let asked = envoy(Envoy::default()).request(&[SERVICE, "plain"], &Cursor::default());
    let path = "/clusters?format=json&filter=%5E%28outbound%5C%7C80%5C%7C%5C%7Cweb%5C.svc%7Cplain%29%24";
    assert_eq!(&*asked.path, path);
    let pairs: Vec<_> = asked.pairs().collect();
    assert_eq!(pairs[0], (":method", "GET"));
    assert_eq!(pairs[2], (":authority", "registry"));
    assert!(asked.body.is_empty());
}

#[test]
fn the_hosts_of_a_cluster_are_members_with_all_that_envoy_says_of_them() {
    let read = lists(&[SERVICE], Envoy { hash_key: HashKey::Hostname, ..Envoy::default() });
    let listing = read[0].as_ref().expect("the cluster is there");
    assert_eq!(addresses(listing), ["127.0.0.1:1", "127.0.0.1:2", "[2001:db8::1]:8080", "127.0.0.1:3"]);
    assert_eq!((listing.skipped.not_ip, listing.skipped.total()), (2, 2), "a pipe and an internal address");
    let first = &listing.members[0];
    let place = Locality { region: "eu".into(), zone: "eu-a".into(), sub_zone: "s1".into() };
    let meant = Member {
        address: "127.0.0.1:1".into(),
        weight: 7.try_into().expect("not zero"),
        hash_key: Some("pod-1".into()),
        standing: Standing::Draining,
        priority: 0,
        locality: place,
    };
    assert_eq!(first, &meant);
    assert_eq!((listing.members[3].priority, &listing.members[3].hash_key), (1, &None));
}

#[test]
fn of_the_words_on_health_those_count_that_are_considered() {
    let standings = |considered| {
        let read = lists(&[SERVICE], Envoy { considered, ..Envoy::default() });
        let listing = read[0].clone().expect("the cluster is there");
        listing.members.iter().map(|member| member.standing).collect::<Vec<_>>()
    };
    let all = Considered::default();
    // Nothing listens at 127.0.0.1:1 to 3, so active health checks fail everywhere.
    let none = Considered { failed_active_health_check: false, ..all };
    use Standing::{Degraded, Draining, Healthy, Unhealthy};
    assert_eq!(standings(all), [Draining, Unhealthy, Unhealthy, Unhealthy]);
    assert_eq!(standings(none), [Draining, Degraded, Unhealthy, Healthy]);
    assert_eq!(standings(Considered { eds_health_status: false, ..none }), [Healthy; 4]);
}

fn standing(health: &str, considered: Considered) -> Standing {
    let host = r#"{"address":{"socket_address":{"address":"10.0.0.1","port_value":80}},"health_status":"#;
    let body = format!(r#"{{"cluster_statuses":[{{"name":"web","host_statuses":[{host}{health}}}]}}]}}"#);
    let listing = read(&envoy(Envoy { considered, ..Envoy::default() }), body.as_bytes()).expect("a list");
    listing.members[0].standing
}

#[test]
fn each_word_can_be_left_out_by_itself() {
    let all = Considered::default();
    let words = [
        (r#"{"failed_active_health_check":true}"#, Considered { failed_active_health_check: false, ..all }),
        (r#"{"failed_outlier_check":true}"#, Considered { failed_outlier_check: false, ..all }),
        (r#"{"eds_health_status":"UNHEALTHY"}"#, Considered { eds_health_status: false, ..all }),
        (r#"{"eds_health_status":"TIMEOUT"}"#, Considered { eds_health_status: false, ..all }),
    ];
    for (word, without) in words {
        assert_eq!(
            (standing(word, all), standing(word, without)),
            (Standing::Unhealthy, Standing::Healthy),
            "{word}"
        );
    }
    let leaving = r#"{"failed_active_health_check":true,"excluded_via_immediate_hc_fail":true}"#;
    assert_eq!(standing(leaving, all).health(), Health::Withdrawn);
    assert_eq!(standing(r#"{"failed_active_degraded_check":true}"#, all), Standing::Degraded);
    assert_eq!(
        standing(r#"{"eds_health_status":"HEALTHY","pending_active_hc":true}"#, all),
        Standing::Healthy
    );
    assert_eq!(standing(r#"{"failed_outlier_check":false,"eds_health_status":7}"#, all), Standing::Healthy);
}

#[test]
fn a_cluster_that_is_not_there_does_not_spoil_the_others() {
    let read = lists(&["plain", "gone", "empty", "plain"], Envoy::default());
    assert_eq!(addresses(read[0].as_ref().expect("there")), ["10.0.0.1:80", "10.0.0.2:80"]);
    assert_eq!(read[1], Err(Refusal::NoCluster));
    assert_eq!(read[2], Ok(Listing::default()));
    assert_eq!(read[3], read[0]);
}

#[test]
fn what_is_not_envoys_is_refused_in_words() {
    let refused = |body: &str| read(&envoy(Envoy::default()), body.as_bytes()).expect_err(body).to_string();
    assert_eq!(refused(""), "the answer is no JSON from byte 0 on");
    assert_eq!(refused("<html>"), "the answer is no JSON from byte 0 on");
    assert_eq!(refused("[]"), "the answer is no object");
    assert_eq!(refused("{}"), "Envoy has no such cluster");
    assert_eq!(refused(r#"{"cluster_statuses":7}"#), "the answer has cluster_statuses that are no list");
    assert_eq!(
        refused(r#"{"cluster_statuses":[{"name":"web","host_statuses":{}}]}"#),
        "the answer has host_statuses that are no list"
    );
    assert_eq!(
        refused(r#"{"cluster_statuses":["web",{"name":7},{"nam":"web"}]}"#),
        "Envoy has no such cluster"
    );
}

#[test]
fn a_host_that_cannot_be_is_skipped_and_the_others_stay() {
    let host = |rest: &str| {
        format!(r#"{{"address":{{"socket_address":{{"address":"10.0.0.1","port_value":80}}}}{rest}}}"#)
    };
    let hosts = [
        host(r#","weight":"x""#),
        host(r#","weight":4294967296"#),
        host(r#","priority":-1"#),
        host(r#","locality":{"zone":7}"#),
        r#"{"address":{"socket_address":{"address":"10.0.0.3"}}}"#.to_owned(),
        r#"{"address":{"socket_address":{"port_value":3}}}"#.to_owned(),
        r#"{"address":{"socket_address":{"address":"web.local","port_value":80}}}"#.to_owned(),
        "7".to_owned(),
        "null".to_owned(),
        host(r#","weight":0"#),
    ];
    let body = format!(r#"{{"cluster_statuses":[{{"host_statuses":[{}],"name":"web"}}]}}"#, hosts.join(","));
    let listing = read(&envoy(Envoy::default()), body.as_bytes()).expect("a list");
    assert_eq!(addresses(&listing), ["10.0.0.1:80"]);
    assert_eq!((listing.skipped.malformed, listing.skipped.host_names, listing.skipped.not_ip), (6, 1, 2));
}

#[test]
fn other_statuses_say_nothing() {
    let source = envoy(Envoy::default());
    for status in [0, 204, 304, 404, 503] {
        let answer = switchyard_core::discovery::Answer { status, ..answer(CLUSTERS.as_bytes()) };
        let read = source.read(&[("plain", Envoy::default())], &Cursor::default(), answer);
        assert_eq!(read, Err(Refusal::Status(status)));
    }
    let short = Source { max_body: 100, ..source };
    assert_eq!(read(&short, CLUSTERS.as_bytes()), Err(Refusal::TooLong { most: 100 }));
}
