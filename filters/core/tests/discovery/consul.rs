//! Consul's catalogue.

use super::{addresses, answer, read, source};
use core::time::Duration;
use switchyard_core::discovery::{Answer, Consul, Cursor, Envoy, Read, Refusal, Registry, Source, Standing};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn settings() -> Consul {
    Consul {
        service: "checkout".into(),
        tag: None,
        datacenter: None,
        passing: true,
        wait: Duration::from_secs(32),
    }
}

pub(crate) fn consul() -> Source {
    source(Registry::Consul(settings()))
}

/// As Consul's documentation has it, in short.
pub(crate) const INSTANCES: &str = r#"[
  {"Node": {"ID": "40e4a748", "Node": "foobar", "Address": "10.1.10.12", "Datacenter": "dc1", "TaggedAddresses": {"lan": "10.1.10.12"}},
   "Service": {"ID": "redis", "Service": "redis", "Tags": ["primary"], "Address": "10.1.10.99", "Port": 8000,
               "Weights": {"Passing": 10, "Warning": 1}, "Locality": {"Region": "eu", "Zone": "eu-a"}},
   "Checks": [{"Node": "foobar", "CheckID": "serfHealth", "Status": "passing", "Output": ""}]},
  {"Node": {"Node": "other", "Address": "10.1.10.13", "Locality": {"Region": "eu", "Zone": "eu-b"}},
   "Service": {"Address": "", "Port": 8000, "Weights": {"Passing": 10, "Warning": 2}},
   "Checks": [{"Status": "passing"}, {"Status": "warning"}]},
  {"Node": {"Address": "10.1.10.14"}, "Service": {"Port": 8000, "Weights": {"Passing": 0, "Warning": 0}}, "Checks": []},
  {"Node": {"Address": "10.1.10.15"}, "Service": {"Port": 8000}, "Checks": [{"Status": "critical"}, {"Status": "warning"}]}
]"#;

#[test]
fn instances_have_their_own_address_or_their_nodes() {
    let listing = read(&consul(), INSTANCES.as_bytes()).expect("a list");
    let meant = ["10.1.10.13:8000", "10.1.10.14:8000", "10.1.10.15:8000", "10.1.10.99:8000"];
    assert_eq!(addresses(&listing), meant);
    let found: Vec<_> =
        listing.members.iter().map(|one| (one.weight.get(), one.standing, &*one.locality.zone)).collect();
    use Standing::{Degraded, Draining, Healthy, Unhealthy};
    assert_eq!(found, [(2, Degraded, "eu-b"), (1, Draining, ""), (1, Unhealthy, ""), (10, Healthy, "eu-a")]);
}

#[test]
fn what_is_no_instance_is_skipped() {
    let body = r#"[7, {"Service": {"Port": 80}}, {"Service": {"Address": "web.local", "Port": 80}},
        {"Service": {"Address": "10.0.0.1"}}, {"Service": {"Address": "10.0.0.1", "Port": 0}},
        {"Service": {"Address": "10.0.0.2", "Port": 80}, "Checks": [{"Status": "?"}]},
        {"Service": {"Address": "10.0.0.3", "Port": 80}}]"#;
    let listing = read(&consul(), body.as_bytes()).expect("a list");
    assert_eq!(addresses(&listing), ["10.0.0.3:80"]);
    assert_eq!((listing.skipped.host_names, listing.skipped.malformed), (1, 5));
    assert_eq!(read(&consul(), br#"{"error": 1}"#), Err(Refusal::Shape("is no list")));
}

#[test]
fn an_ask_blocks_once_an_index_is_known() {
    let path = |consul: Consul, index| {
        let asked = source(Registry::Consul(consul)).request(&[], &Cursor { index, etag: None });
        (asked.path, asked.timeout)
    };
    let second = Duration::from_secs(1);
    assert_eq!(path(settings(), 0), ("/v1/health/service/checkout?passing=1".into(), second));
    let blocking = "/v1/health/service/checkout?passing=1&index=7&wait=32000ms";
    assert_eq!(path(settings(), 7), (blocking.into(), 35 * second), "Consul adds a sixteenth of the wait");
    let other = Consul {
        service: "a/b?c".into(),
        tag: Some("v1&x".into()),
        datacenter: Some("dc 2".into()),
        passing: false,
        wait: Duration::ZERO,
    };
    assert_eq!(path(other.clone(), 7), ("/v1/health/service/a%2Fb%3Fc?tag=v1%26x&dc=dc%202".into(), second));
    assert_eq!(
        path(Consul { tag: None, datacenter: None, ..other }, 7).0,
        "/v1/health/service/a%2Fb%3Fc".into()
    );
}

#[test]
fn an_index_that_goes_back_begins_anew() {
    let next = |before, index| {
        let cursor = Cursor { index: before, etag: None };
        let answer = Answer { index, ..answer(b"[]") };
        match consul().read(&[("web", Envoy::default())], &cursor, answer) {
            Ok(Read::Lists { cursor, .. }) => cursor.index,
            other => panic!("{other:?}"),
        }
    };
    let cases = [(0, Some(7)), (7, Some(7)), (7, Some(9)), (7, Some(6)), (7, Some(0)), (7, None)];
    assert_eq!(cases.map(|(before, index)| next(before, index)), [7, 7, 9, 0, 0, 0]);
}
