//! Where the endpoints of an upstream come from.
//!
//! Invariant: a section has one source. Trade-off: whether the cluster that is asked exists, Envoy knows only when it is.

use super::{check_path, check_pointer, is_graphic, size, within};
use crate::error::{Errors, Path, cut};
use crate::raw::discovery as raw;
use crate::values::{ByteSize, Duration as Written};
use core::time::Duration;
use switchyard_core::discovery::{Considered, Consul, Envoy, Etcd, HashKey, Http, Registry, Source};
use switchyard_core::memory::MOST_ANSWER;

/// No key of etcd's that anybody writes by hand is longer, in bytes.
const MOST_PREFIX: usize = 1024;
/// Consul holds an ask no longer.
const MOST_WAIT: Duration = Duration::from_secs(600);

/// What all sources have.
struct Shared<'a> {
    name: &'static str,
    cluster: (&'static str, Option<&'a str>),
    host: Option<&'a str>,
    interval: Option<Written>,
    timeout: Option<Written>,
    allow_empty: Option<bool>,
    max_body: Option<ByteSize>,
}

/// What the section of the source of this name has in common with those of others; this field names the cluster that is asked.
macro_rules! shared {
    ($raw:ident, $name:literal, $cluster:ident) => {
        Shared {
            name: $name,
            cluster: (stringify!($cluster), $raw.$cluster.as_deref()),
            host: $raw.host.as_deref(),
            interval: $raw.interval,
            timeout: $raw.timeout,
            allow_empty: $raw.allow_empty,
            max_body: $raw.max_body,
        }
    };
}

/// The source; `None` if it is not known which one is meant. What is wrong in any of them is added to `errors`.
pub(super) fn resolve(raw: &raw::Source, at: &Path<'_>, errors: &mut Errors) -> Option<Source> {
    let found = [
        raw.envoy.as_ref().map(|raw| envoy(raw, &at.field("envoy"), errors)),
        raw.etcd.as_ref().map(|raw| etcd(raw, &at.field("etcd"), errors)),
        raw.consul.as_ref().map(|raw| consul(raw, &at.field("consul"), errors)),
        raw.http.as_ref().map(|raw| http(raw, &at.field("http"), errors)),
    ];
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    if found.len() > 1 {
        let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
        errors.add(at, format!("has several sources ({}); keep one", names.join(", ")));
        return None;
    }
    if found.is_empty() && raw.bad.is_empty() {
        errors.add(at, "names no source; add one of envoy, etcd, consul, http");
    }
    // One that could not be read may be the one that is meant.
    found.pop().filter(|_| raw.bad.is_empty())?.1
}

/// The name of a source, and the source.
type Named = (&'static str, Option<Source>);

fn source(shared: &Shared<'_>, registry: Option<Registry>, at: &Path<'_>, errors: &mut Errors) -> Named {
    let (field, cluster) = shared.cluster;
    if cluster == Some("") {
        errors.add(&at.field(field), "is empty; name a cluster");
    }
    match shared.host {
        Some("") => errors.add(&at.field("host"), "is empty; name a host or remove it"),
        Some(host) if !is_graphic(host) => {
            errors.add(&at.field("host"), format!("{:?} is no host; use visible ASCII", cut(host)));
        }
        _ => {}
    }
    let (least, default) = (Duration::from_millis(100), Duration::from_secs(5));
    let most = Duration::from_secs(3600);
    let interval = within(shared.interval, default, (least, most), &at.field("interval"), errors);
    let second = Duration::from_secs(1);
    let (least, most) = (Duration::from_millis(1), Duration::from_secs(60));
    let timeout = within(shared.timeout, second, (least, most), &at.field("timeout"), errors);
    let most = u64::try_from(MOST_ANSWER).unwrap_or(u64::MAX);
    let max_body = size(shared.max_body, 16 << 20, (1 << 10, most), &at.field("max_body"), errors);
    let made = registry.zip(cluster).map(|(registry, cluster)| Source {
        cluster: cluster.into(),
        host: shared.host.map(Into::into),
        interval,
        timeout,
        allow_empty: shared.allow_empty.unwrap_or_default(),
        max_body: usize::try_from(max_body).unwrap_or(MOST_ANSWER),
        registry,
    });
    (shared.name, made)
}

fn envoy(raw: &raw::EnvoySource, at: &Path<'_>, errors: &mut Errors) -> Named {
    let registry = Registry::Envoy(Envoy {
        hash_key: match raw.hash_key {
            Some(raw::HashKey::Hostname) => HashKey::Hostname,
            _ => HashKey::Address,
        },
        considered: Considered {
            failed_active_health_check: raw.failed_active_health_check.unwrap_or(true),
            failed_outlier_check: raw.failed_outlier_check.unwrap_or(true),
            eds_health_status: raw.eds_health_status.unwrap_or(true),
        },
    });
    let shared = shared!(raw, "envoy", admin_cluster);
    source(&shared, Some(registry), at, errors)
}

fn etcd(raw: &raw::EtcdSource, at: &Path<'_>, errors: &mut Errors) -> Named {
    let prefix = raw.prefix.as_deref();
    match prefix {
        Some("") => errors.add(&at.field("prefix"), "is empty, which is every key there is; name a prefix"),
        Some(prefix) if prefix.len() > MOST_PREFIX => {
            let problem = format!("is {} bytes long; it takes {MOST_PREFIX} at most", prefix.len());
            errors.add(&at.field("prefix"), problem);
        }
        _ => {}
    }
    let shared = shared!(raw, "etcd", cluster);
    let registry = prefix.map(|prefix| Registry::Etcd(Etcd { prefix: prefix.into() }));
    source(&shared, registry, at, errors)
}

fn consul(raw: &raw::ConsulSource, at: &Path<'_>, errors: &mut Errors) -> Named {
    if raw.service.as_deref() == Some("") {
        errors.add(&at.field("service"), "is empty; name a service");
    }
    for (name, value) in [("tag", &raw.tag), ("datacenter", &raw.datacenter)] {
        if value.as_deref() == Some("") {
            errors.add(&at.field(name), "is empty; name one or remove it");
        }
    }
    let bounds = (Duration::ZERO, MOST_WAIT);
    let wait = within(raw.wait, Duration::from_secs(30), bounds, &at.field("wait"), errors);
    let registry = raw.service.as_deref().map(|service| {
        Registry::Consul(Consul {
            service: service.into(),
            tag: raw.tag.as_deref().map(Into::into),
            datacenter: raw.datacenter.as_deref().map(Into::into),
            passing: raw.passing.unwrap_or(true),
            wait,
        })
    });
    let shared = shared!(raw, "consul", cluster);
    source(&shared, registry, at, errors)
}

fn http(raw: &raw::HttpSource, at: &Path<'_>, errors: &mut Errors) -> Named {
    if let Some(path) = &raw.path {
        check_path(path, &at.field("path"), errors);
    }
    let mut pointer = |name, pointer: &Option<String>| -> Option<Box<str>> {
        check_pointer(pointer.as_deref()?, &at.field(name), errors);
        pointer.as_deref().map(Into::into)
    };
    let list = pointer("list", &raw.list);
    let address = pointer("address", &raw.address);
    let (port, weight) = (pointer("port", &raw.port), pointer("weight", &raw.weight));
    let (priority, hash_key) = (pointer("priority", &raw.priority), pointer("hash_key", &raw.hash_key));
    let (region, zone) = (pointer("region", &raw.region), pointer("zone", &raw.zone));
    let registry = raw.path.as_deref().map(|path| {
        Registry::Http(Http {
            path: path.into(),
            list: list.unwrap_or_default(),
            address: address.unwrap_or_else(|| "/address".into()),
            port,
            weight,
            priority,
            hash_key,
            region,
            zone,
        })
    });
    let shared = shared!(raw, "http", cluster);
    source(&shared, registry, at, errors)
}
