//! Upstreams whose endpoints have a source: what the document means, and what becomes of it when members are known.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use core::num::NonZeroU32;
use core::time::Duration;
use switchyard_config::{Document, Upstream};
use switchyard_core::Locality;
use switchyard_core::discovery::{
    Considered, Consul, Envoy, Etcd, HashKey, Http, Member, Registry, Source, Standing,
};
use switchyard_core::health::Health;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A document of an upstream with these endpoints, which has whatever else may depend on how many there are.
fn document(endpoints: &str) -> Document {
    let rest = r#""balance": {"policy": "maglev", "hash_on": [{"path": true}], "table_size": 251, "candidates": 16},
        "outlier": {"min_healthy": 3}"#;
    let text = format!(
        r#"{{"upstreams": [{{"name": "a", "endpoints": [{{"address": "10.0.0.1:80"}}]}}, {{"name": "web", "endpoints": {endpoints}, {rest}}}],
            "routes": [{{"match": {{}}, "upstream": "web", "retry": {{"engine": "filter"}}}}]}}"#
    );
    Document::from_json(text.as_bytes()).expect("it is right")
}

fn upstream(endpoints: &str) -> Upstream {
    document(endpoints).upstreams()[1].clone()
}

fn source(endpoints: &str) -> Source {
    upstream(endpoints).source().cloned().expect("it has one")
}

#[test]
fn every_source_has_its_defaults() {
    let defaults = |cluster: &str, registry| Source {
        cluster: cluster.into(),
        host: None,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        allow_empty: false,
        max_body: 16 << 20,
        registry,
    };
    let envoy = Envoy { hash_key: HashKey::Address, considered: Considered::default() };
    assert_eq!(
        source(r#"{"envoy": {"admin_cluster": "prometheus_stats"}}"#),
        defaults("prometheus_stats", Registry::Envoy(envoy))
    );
    let etcd = Registry::Etcd(Etcd { prefix: "/services/checkout/".into() });
    assert_eq!(
        source(r#"{"etcd": {"cluster": "etcd", "prefix": "/services/checkout/"}}"#),
        defaults("etcd", etcd)
    );
    let consul = Registry::Consul(Consul {
        service: "checkout".into(),
        tag: None,
        datacenter: None,
        passing: true,
        wait: Duration::from_secs(30),
    });
    assert_eq!(
        source(r#"{"consul": {"cluster": "consul", "service": "checkout"}}"#),
        defaults("consul", consul)
    );
    let http = Registry::Http(Http {
        path: "/v1/checkout".into(),
        list: "".into(),
        address: "/address".into(),
        port: None,
        weight: None,
        priority: None,
        hash_key: None,
        region: None,
        zone: None,
    });
    assert_eq!(
        source(r#"{"http": {"cluster": "registry", "path": "/v1/checkout"}}"#),
        defaults("registry", http)
    );
}

#[test]
fn every_field_is_heard() {
    let shared = r#""interval": "100ms", "timeout": "1m", "allow_empty": true, "max_body": "64MiB", "host": "registry.local""#;
    let changed = |cluster: &str, registry| Source {
        cluster: cluster.into(),
        host: Some("registry.local".into()),
        interval: Duration::from_millis(100),
        timeout: Duration::from_secs(60),
        allow_empty: true,
        max_body: 64 << 20,
        registry,
    };
    let words =
        r#""failed_active_health_check": false, "failed_outlier_check": false, "eds_health_status": false"#;
    let envoy = Envoy {
        hash_key: HashKey::Hostname,
        considered: Considered {
            failed_active_health_check: false,
            failed_outlier_check: false,
            eds_health_status: false,
        },
    };
    assert_eq!(
        source(&format!(
            r#"{{"envoy": {{"admin_cluster": "x", "hash_key": "hostname", {words}, {shared}}}}}"#
        )),
        changed("x", Registry::Envoy(envoy))
    );
    let etcd = Registry::Etcd(Etcd { prefix: "p".into() });
    assert_eq!(
        source(&format!(r#"{{"etcd": {{"cluster": "x", "prefix": "p", {shared}}}}}"#)),
        changed("x", etcd)
    );
    let own = r#""service": "s", "tag": "t", "datacenter": "d", "passing": false, "wait": "0s""#;
    let consul = Registry::Consul(Consul {
        service: "s".into(),
        tag: Some("t".into()),
        datacenter: Some("d".into()),
        passing: false,
        wait: Duration::ZERO,
    });
    assert_eq!(
        source(&format!(r#"{{"consul": {{"cluster": "x", {own}, {shared}}}}}"#)),
        changed("x", consul)
    );
    let own = r#""path": "/", "list": "/l", "address": "", "port": "/p", "weight": "/w", "priority": "/o", "hash_key": "/h",
        "region": "/r", "zone": "/z", "_why": "a comment""#;
    let at = |pointer: &str| Some(pointer.into());
    let http = Registry::Http(Http {
        path: "/".into(),
        list: "/l".into(),
        address: "".into(),
        port: at("/p"),
        weight: at("/w"),
        priority: at("/o"),
        hash_key: at("/h"),
        region: at("/r"),
        zone: at("/z"),
    });
    assert_eq!(source(&format!(r#"{{"http": {{"cluster": "x", {own}, {shared}}}}}"#)), changed("x", http));
}

fn member(number: u8, weight: u32, standing: Standing) -> Member {
    Member {
        address: format!("10.0.0.{number}:80").into(),
        weight: NonZeroU32::new(weight).expect("not zero"),
        hash_key: (number == 2).then(|| "two".into()),
        standing,
        priority: 0,
        locality: Locality::default(),
    }
}

const ETCD: &str = r#"{"etcd": {"cluster": "etcd", "prefix": "/web/"}}"#;

#[test]
fn an_upstream_with_a_source_has_nobody_until_members_are_known() {
    let upstream = upstream(ETCD);
    assert!(upstream.endpoints().is_empty());
    let members = [
        member(1, 7, Standing::Healthy),
        member(2, 1, Standing::Degraded),
        member(3, 1, Standing::Unhealthy),
        member(4, 1, Standing::Draining),
    ];
    let with = upstream.with_members(&members);
    let endpoints: Vec<_> =
        with.endpoints().iter().map(|one| (&*one.address, one.weight.get(), one.hash_key())).collect();
    assert_eq!(
        endpoints,
        [
            ("10.0.0.1:80", 7, "10.0.0.1:80"),
            ("10.0.0.2:80", 1, "two"),
            ("10.0.0.3:80", 1, "10.0.0.3:80"),
            ("10.0.0.4:80", 1, "10.0.0.4:80"),
        ]
    );
    use Health::{Ejected, Healthy, Withdrawn};
    assert_eq!([0, 1, 2, 3].map(|index| with.health(index)), [Healthy, Healthy, Ejected, Withdrawn]);
    assert_eq!(
        (with.name(), with.policy(), with.source()),
        (upstream.name(), upstream.policy(), upstream.source())
    );
    assert!(with.with_members(&[]).endpoints().is_empty());
}

#[test]
fn weights_whose_sum_is_too_large_are_lowered_alike() {
    let weights = |weights: &[u32]| {
        let members = weights.iter().enumerate();
        let members: Vec<_> =
            members.map(|(index, weight)| member(index as u8, *weight, Standing::Healthy)).collect();
        let with = upstream(ETCD).with_members(&members);
        with.endpoints().iter().map(|endpoint| endpoint.weight.get()).collect::<Vec<_>>()
    };
    assert_eq!(weights(&[u32::MAX - 7, 2, 1]), [u32::MAX - 7, 2, 1]);
    assert_eq!(weights(&[u32::MAX, u32::MAX / 2, 1]), [u32::MAX / 2, u32::MAX / 4, 1]);
    let many = weights(&[u32::MAX; 200]);
    assert!(many.iter().map(|weight| u64::from(*weight)).sum::<u64>() <= u64::from(u32::MAX));
    assert!(many.iter().all(|weight| *weight > 20_000_000));
}

#[test]
fn the_same_document_with_other_members_has_them_watched_and_its_routes_stay() {
    let before = document(ETCD);
    assert!(before.watched()[0].endpoints.is_empty());
    let members = [
        member(1, 1, Standing::Healthy),
        member(3, 1, Standing::Unhealthy),
        member(4, 1, Standing::Draining),
    ];
    let after =
        before.with_upstreams([(1, before.upstreams()[1].with_members(&members)), (9, upstream(ETCD))]);
    let watched = &after.watched()[0];
    let told: Vec<_> =
        watched.endpoints.iter().map(|one| (&*one.address, one.ejected_by_hand, one.elsewhere)).collect();
    let meant = [("10.0.0.1:80", false, true), ("10.0.0.3:80", false, false), ("10.0.0.4:80", true, false)];
    assert_eq!(told, meant, "the first is another upstream's, too");
    assert_eq!((after.upstreams().len(), after.routes().len(), watched.called), (2, 1 + 2, true));
    assert!(core::ptr::eq(after.routes(), before.routes()), "routes are not copied");
    assert!(before.upstreams()[1].endpoints().is_empty());
}
