//! Where the document is, if it lives in a store.
//!
//! Invariant: nothing else stands beside that, since what is in the store would not say whether it counts.

use super::asked::{the_one, wait, written};
use super::check_path;
use crate::error::{Errors, Fault, Path};
use crate::raw;
use crate::raw::stored::{ConsulKey, EtcdKey, HttpDocument};
use switchyard_core::discovery::{Store, StoredDocument};

/// No key that anybody writes by hand is longer, in bytes.
const MOST_KEY: usize = 1024;

/// Where the document is; `None`: here, or it is not known where.
pub(super) fn resolve(raw: &raw::Document, errors: &mut Errors) -> Option<StoredDocument> {
    let stored = raw.document.as_ref()?;
    let at = Path::Root.field("document");
    let beside = [
        ("mode", raw.mode.is_some()),
        ("explain", raw.explain.is_some()),
        ("log_decisions", raw.log_decisions.is_some()),
        ("default_cluster", raw.default_cluster.is_some()),
        ("upstreams", raw.upstreams.is_some()),
        ("routes", raw.routes.is_some()),
    ];
    let beside: Vec<_> = beside.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| *name).collect();
    if !beside.is_empty() {
        let problem = format!("says that the document is elsewhere; put {} there, too", beside.join(", "));
        errors.add(&at, problem);
    }
    let found = [
        stored.etcd.as_ref().map(|raw| ("etcd", etcd(raw, &at.field("etcd"), errors))),
        stored.consul.as_ref().map(|raw| ("consul", consul(raw, &at.field("consul"), errors))),
        stored.http.as_ref().map(|raw| ("http", http(raw, &at.field("http"), errors))),
    ];
    the_one(found, ("store", "etcd, consul, http"), &stored.bad, &at, errors)
}

fn etcd(raw: &EtcdKey, at: &Path<'_>, errors: &mut Errors) -> Option<StoredDocument> {
    let key = key(raw.key.as_deref(), at, errors);
    stored(written!(raw, cluster).resolve(at, errors), key.map(|key| Store::Etcd { key }))
}

fn consul(raw: &ConsulKey, at: &Path<'_>, errors: &mut Errors) -> Option<StoredDocument> {
    if raw.datacenter.as_deref() == Some("") {
        errors.add(&at.field("datacenter"), "is empty; name one or remove it");
    }
    let (key, wait) = (key(raw.key.as_deref(), at, errors), wait(raw.wait, at, errors));
    let datacenter = raw.datacenter.as_deref().map(Into::into);
    let store = key.map(|key| Store::Consul { key, datacenter, wait });
    stored(written!(raw, cluster).resolve(at, errors), store)
}

fn http(raw: &HttpDocument, at: &Path<'_>, errors: &mut Errors) -> Option<StoredDocument> {
    if let Some(path) = &raw.path {
        check_path(path, &at.field("path"), errors);
    }
    let store = raw.path.as_deref().map(|path| Store::Http { path: path.into() });
    stored(written!(raw, cluster).resolve(at, errors), store)
}

fn stored(asked: Option<super::asked::Asked>, store: Option<Store>) -> Option<StoredDocument> {
    let (asked, store) = asked.zip(store)?;
    Some(StoredDocument {
        cluster: asked.cluster,
        host: asked.host,
        interval: asked.interval,
        timeout: asked.timeout,
        max_body: asked.max_body,
        store,
    })
}

fn key(key: Option<&str>, at: &Path<'_>, errors: &mut Errors) -> Option<Box<str>> {
    let key = key?;
    match key.len() {
        0 => errors.add(&at.field("key"), "is empty; name a key"),
        length if length > MOST_KEY => {
            errors.add_as(
                Fault::OutOfRange,
                &at.field("key"),
                format!("is {length} bytes long; it takes {MOST_KEY} at most"),
            );
        }
        _ => {}
    }
    Some(key.into())
}
