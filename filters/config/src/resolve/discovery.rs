//! Where the endpoints of an upstream come from.
//!
//! Invariant: a section has one source.

use super::asked::{Written, the_one, wait, written};
use super::{check_path, check_pointer};
use crate::error::{Errors, Fault, Path};
use crate::raw::discovery as raw;
use switchyard_core::discovery::{Considered, Consul, Envoy, Etcd, HashKey, Http, Registry, Source};

/// No key of etcd's that anybody writes by hand is longer, in bytes.
const MOST_PREFIX: usize = 1024;

/// The source; `None` if it is not known which one is meant. What is wrong in any of them is added to `errors`.
pub(super) fn resolve(raw: &raw::Source, at: &Path<'_>, errors: &mut Errors) -> Option<Source> {
    let found = [
        raw.envoy.as_ref().map(|raw| envoy(raw, &at.field("envoy"), errors)),
        raw.etcd.as_ref().map(|raw| etcd(raw, &at.field("etcd"), errors)),
        raw.consul.as_ref().map(|raw| consul(raw, &at.field("consul"), errors)),
        raw.http.as_ref().map(|raw| http(raw, &at.field("http"), errors)),
    ];
    the_one(found, ("source", "envoy, etcd, consul, http"), &raw.bad, at, errors)
}

/// The name of a source, and the source.
type Named = (&'static str, Option<Source>);

fn source(
    (name, asked, allow_empty): (&'static str, Written<'_>, Option<bool>),
    registry: Option<Registry>,
    at: &Path<'_>,
    errors: &mut Errors,
) -> Named {
    let asked = asked.resolve(at, errors);
    let made = registry.zip(asked).map(|(registry, asked)| Source {
        cluster: asked.cluster,
        host: asked.host,
        interval: asked.interval,
        timeout: asked.timeout,
        allow_empty: allow_empty.unwrap_or_default(),
        max_body: asked.max_body,
        registry,
    });
    (name, made)
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
    let asked = ("envoy", written!(raw, admin_cluster), raw.allow_empty);
    source(asked, Some(registry), at, errors)
}

fn etcd(raw: &raw::EtcdSource, at: &Path<'_>, errors: &mut Errors) -> Named {
    let prefix = raw.prefix.as_deref();
    match prefix {
        Some("") => errors.add(&at.field("prefix"), "is empty, which is every key there is; name a prefix"),
        Some(prefix) if prefix.len() > MOST_PREFIX => {
            let problem = format!("is {} bytes long; it takes {MOST_PREFIX} at most", prefix.len());
            errors.add_as(Fault::OutOfRange, &at.field("prefix"), problem);
        }
        _ => {}
    }
    let asked = ("etcd", written!(raw, cluster), raw.allow_empty);
    let registry = prefix.map(|prefix| Registry::Etcd(Etcd { prefix: prefix.into() }));
    source(asked, registry, at, errors)
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
    let wait = wait(raw.wait, at, errors);
    let registry = raw.service.as_deref().map(|service| {
        Registry::Consul(Consul {
            service: service.into(),
            tag: raw.tag.as_deref().map(Into::into),
            datacenter: raw.datacenter.as_deref().map(Into::into),
            passing: raw.passing.unwrap_or(true),
            wait,
        })
    });
    let asked = ("consul", written!(raw, cluster), raw.allow_empty);
    source(asked, registry, at, errors)
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
    let asked = ("http", written!(raw, cluster), raw.allow_empty);
    source(asked, registry, at, errors)
}
