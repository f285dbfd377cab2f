//! What requests need to go where a document sends them: clusters that heed it, and a route that follows it.

use super::check::{Check, Group, Trouble, checked, list};
use super::documented::{Steered, documents, steered};
use crate::admin::{Cluster, Picture, Place};
use crate::finding::{Code, Severity};
use crate::source::Filter;
use crate::surroundings;
use serde_json::Value;
use std::collections::BTreeSet;
use switchyard_config::Document;
use switchyard_core::contract::{CANDIDATES_HEADER, CLUSTER_HEADER};

pub(super) const CLUSTERS: Code = Code {
    id: "SY0721",
    title: "clusters of the document",
    severity: Severity::Error,
    page: "An upstream is served by the Envoy cluster of its name, or that its `cluster` names. Envoy does not have that: requests for \
           it get 503.\n\nAdd the cluster, or write the name that Envoy has (`switchyard status` lists them). One that comes by CDS may \
           have been refused: see SY0713.",
};

pub(super) const OVERRIDE_HOST: Code = Code {
    id: "SY0722",
    title: "override_host",
    severity: Severity::Error,
    page: "The router writes the endpoints that it chose into the header x-gateway-destination-endpoint. Only a cluster whose \
           `load_balancing_policy` is `override_host` with that header goes to them; with any other policy Envoy's own decides, and \
           nobody notices. A cluster of an InferencePool reads metadata, into which a header_to_metadata filter in the listener must \
           carry the header.\n\nPlace (3) of envoy-config/envoy.yaml has it. Envoy refuses it beside lb_subset_config and beside the \
           zone-aware, locality-weighted and consistent-hashing parts of common_lb_config, which Istio sets for locality settings.",
};

pub(super) const FOLLOWED: Code = Code {
    id: "SY0723",
    title: "a route follows the document's clusters",
    severity: Severity::Error,
    page: "For an upstream whose cluster is not `default_cluster` the router names the cluster in the header x-switchyard-cluster. A \
           route with `cluster_header: x-switchyard-cluster` must follow that; without one the request goes where Envoy's own route \
           sends it.\n\nPlace (2) of envoy-config/envoy.yaml has both routes.",
};

pub(super) const JUDGED: Code = Code {
    id: "SY0724",
    title: "outlier.wasm judges",
    severity: Severity::Error,
    page: "An upstream with an `outlier` section needs outlier.wasm among the upstream HTTP filters of its cluster: without it nobody is \
           ever ejected. It may stand in the cluster, or in `upstream_http_filters` of the listener's router, which clusters have that have no \
           filters of their own.\n\nPlace (4) of envoy-config/envoy.yaml has it. An Istio patch of `typed_extension_protocol_options` replaces \
           what was there.",
};

/// What steering comes to.
pub(super) fn all(picture: &Picture) -> Vec<Check> {
    let documents = documents(picture);
    let steered = steered(picture, &documents);
    if steered.is_empty() {
        return Vec::new();
    }
    [
        clusters(&steered),
        override_host(picture, &steered),
        followed(picture, &documents),
        judged(picture, &steered),
    ]
    .concat()
}

fn clusters(steered: &[Steered<'_>]) -> Vec<Check> {
    let missing = steered.iter().filter(|one| one.cluster.is_none());
    let trouble = |one: &Steered<'_>| {
        Trouble::bad(
            format!("upstream {}: Envoy has no cluster {}", one.upstream.name(), one.upstream.cluster()),
            "add the cluster, or set the upstream's `cluster` to one that Envoy has",
        )
    };
    let names = list(steered.iter().map(|one| one.upstream.cluster()));
    checked(
        Group::Steering,
        &CLUSTERS,
        format!("every upstream's cluster is there: {names}"),
        missing.map(trouble).collect(),
    )
}

fn override_host(picture: &Picture, steered: &[Steered<'_>]) -> Vec<Check> {
    let header = format!("header {CANDIDATES_HEADER}");
    let heeded = surroundings::heeded(&picture.listeners);
    let mut troubles = Vec::new();
    for one in steered {
        let Some(cluster) = one.cluster else { continue };
        let name = one.upstream.cluster();
        match surroundings::override_sources(&cluster.tree) {
            Some(sources) if sources.iter().any(|source| heeded.contains(source)) => {}
            Some(sources) if !sources.is_empty() => troubles.push(Trouble::bad(
                format!("cluster {name}: override_host listens to {}, and not to the {header}", list(sources)),
                "add the header to override_host_sources; with metadata alone a header_to_metadata filter must carry it over",
            )),
            _ => {
                let kept = surroundings::refused_beside(&cluster.tree);
                let next = "give it the load_balancing_policy override_host, place (3) of envoy-config/envoy.yaml";
                let next = if kept.is_empty() {
                    next.to_owned()
                } else {
                    format!("{next}; remove {} first, beside which Envoy refuses it", list(kept))
                };
                troubles.push(Trouble::bad(
                    format!("cluster {name} has no override_host: Envoy's own policy decides where its requests go"),
                    next,
                ));
            }
        }
    }
    checked(Group::Steering, &OVERRIDE_HOST, format!("every cluster heeds the {header}"), troubles)
}

fn followed(picture: &Picture, documents: &[Document]) -> Vec<Check> {
    let mut named = BTreeSet::new();
    for document in documents {
        for route in document.routes().iter().filter(|route| !route.is_envoys()) {
            let upstreams =
                route.targets().iter().filter_map(|target| document.upstreams().get(target.upstream()));
            let clusters = upstreams.map(|upstream| upstream.cluster().to_owned());
            named.extend(clusters.filter(|cluster| document.default_cluster() != Some(cluster)));
        }
    }
    if named.is_empty() {
        return Vec::new();
    }
    let trouble = (!picture.routes.iter().any(follows)).then(|| {
        Trouble::bad(
            format!(
                "no route follows the header {CLUSTER_HEADER}, which names the clusters {}",
                list(&named)
            ),
            "add a route with cluster_header: x-switchyard-cluster, place (2) of envoy-config/envoy.yaml",
        )
    });
    let found = format!("a route follows the header {CLUSTER_HEADER}");
    checked(Group::Steering, &FOLLOWED, found, trouble.into_iter().collect())
}

fn follows(tree: &Value) -> bool {
    match tree {
        Value::Array(items) => items.iter().any(follows),
        Value::Object(fields) => {
            fields.get("cluster_header").and_then(Value::as_str) == Some(CLUSTER_HEADER)
                || fields.values().any(follows)
        }
        _ => false,
    }
}

fn judged(picture: &Picture, steered: &[Steered<'_>]) -> Vec<Check> {
    let stands = |is: &dyn Fn(&Place) -> bool| {
        picture.plugins.iter().any(|plugin| plugin.filter == Filter::Outlier && is(&plugin.place))
    };
    let by_router = stands(&|place| matches!(place, Place::Router(_)));
    let wanted: Vec<_> = steered
        .iter()
        .filter(|one| one.upstream.outlier().is_some())
        .filter_map(|one| Some((one.upstream.cluster(), one.cluster?)))
        .collect();
    let judges = |name: &str, cluster: &Cluster| {
        let own = Place::Cluster(name.to_owned());
        stands(&|place| *place == own) || by_router && !surroundings::has_own_filters(&cluster.tree)
    };
    let trouble = |(name, _): &(&str, &Cluster)| {
        Trouble::bad(
            format!("cluster {name} lacks outlier.wasm, so no endpoint of it is ever ejected"),
            "add outlier.wasm to its upstream http_filters, place (4) of envoy-config/envoy.yaml",
        )
    };
    let found = match wanted.as_slice() {
        [] => "no upstream has an outlier section".to_owned(),
        clusters => format!("outlier.wasm judges {}", list(clusters.iter().map(|(name, _)| name))),
    };
    let troubles = wanted.iter().filter(|(name, cluster)| !judges(name, cluster)).map(trouble).collect();
    checked(Group::Steering, &JUDGED, found, troubles)
}
