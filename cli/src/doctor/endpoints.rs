//! Whether the document and Envoy know the same endpoints.

use super::check::{Check, Group, Trouble, checked, count, list};
use super::documented::{Steered, documents, steered};
use crate::admin::Picture;
use crate::finding::{Code, Severity};
use switchyard_core::discovery::Source;
use switchyard_frame::metrics::catalogue::{ENDPOINT_LIST_AGE, ENDPOINT_LIST_ERRORS, ENDPOINTS};

pub(super) const LISTED: Code = Code {
    id: "SY0731",
    title: "endpoints of the document",
    severity: Severity::Error,
    page: "The document lists an endpoint that Envoy's cluster does not have, spelt the same: override_host looks addresses up as they are \
           written. Requests for it go to the next candidate or as the fallback policy says, and `switchyard_fallbacks_total` counts \
           `not_in_cluster`.\n\nAdd it to the cluster, take it out of the document, or let the document take Envoy's own list: `endpoints: \
           {envoy: {admin_cluster: …}}`.",
};

pub(super) const UNLISTED: Code = Code {
    id: "SY0732",
    title: "endpoints of Envoy",
    severity: Severity::Warning,
    page: "Envoy's cluster has an endpoint that the document does not list: it gets no request but by Envoy's fallback policy, and \
           outlier does not judge it.\n\nList it, or let the document take Envoy's own list: `endpoints: {envoy: {admin_cluster: …}}`.",
};

pub(super) const SOURCE: Code = Code {
    id: "SY0733",
    title: "the source of endpoints",
    severity: Severity::Error,
    page: "An upstream's endpoints come from a source that is asked through an Envoy cluster: `admin_cluster` for Envoy's own admin. \
           Envoy does not have that cluster, or it has no endpoint, so no list is ever read and requests go as the fallback policy of \
           their cluster sends them.\n\nAdd it, as place (6) of envoy-config/envoy.yaml has it; on Istio and Envoy Gateway \
           `prometheus_stats` is there already.",
};

pub(super) const READ: Code = Code {
    id: "SY0734",
    title: "lists of endpoints are read",
    severity: Severity::Warning,
    page: "Lists are read again every `interval` while requests come. One that cannot be read stays as it was, and its age \
           grows (`switchyard_endpoint_list_age_seconds`).\n\n`switchyard_endpoint_list_errors_total` has the reason, and the log; \
           docs/endpoints.md has what happens when a source fails.",
};

/// What endpoints come to.
pub(super) fn all(picture: &Picture) -> Vec<Check> {
    let steered = steered(picture, &documents(picture));
    [listed(&steered), sources(picture, &steered)].concat()
}

fn listed(steered: &[Steered<'_>]) -> Vec<Check> {
    let (mut lacks, mut unlisted, mut agreeing) = (Vec::new(), Vec::new(), 0);
    for one in steered.iter().filter(|one| one.upstream.source().is_none()) {
        let Some(cluster) = one.cluster else { continue };
        let listed: Vec<&str> = one.upstream.endpoints().iter().map(|endpoint| &*endpoint.address).collect();
        let missing: Vec<_> =
            listed.iter().filter(|address| !cluster.hosts.iter().any(|host| host == **address)).collect();
        let more: Vec<_> = cluster.hosts.iter().filter(|host| !listed.contains(&host.as_str())).collect();
        let name = one.upstream.name();
        agreeing += listed.len() - missing.len();
        if !missing.is_empty() {
            lacks.push(Trouble::bad(
                format!("upstream {name}: Envoy's cluster {} lacks {}", one.upstream.cluster(), list(missing)),
                "add them to the cluster, take them out of the document, or let the document take Envoy's own list",
            ));
        }
        if !more.is_empty() {
            unlisted.push(Trouble::warning(
                format!("upstream {name}: the document lacks {}, which Envoy has", list(more)),
                "list them, or let the document take Envoy's own list: endpoints: {envoy: {admin_cluster: …}}",
            ));
        }
    }
    if agreeing == 0 && lacks.is_empty() && unlisted.is_empty() {
        return Vec::new();
    }
    let found = format!("Envoy has the {} that the document lists", count(agreeing, "endpoint"));
    let mut checks = checked(Group::Endpoints, &LISTED, found, lacks);
    checks.extend(checked(
        Group::Endpoints,
        &UNLISTED,
        "Envoy has no endpoint that the document lacks",
        unlisted,
    ));
    checks
}

fn sources(picture: &Picture, steered: &[Steered<'_>]) -> Vec<Check> {
    let asked: Vec<(&Steered<'_>, &Source)> =
        steered.iter().filter_map(|one| Some((one, one.upstream.source()?))).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let mut troubles = Vec::new();
    let mut seen = Vec::new();
    for (one, source) in &asked {
        if seen.contains(&&source.cluster) {
            continue;
        }
        seen.push(&source.cluster);
        let said = match picture.clusters.get(&*source.cluster) {
            None => format!("upstream {}: Envoy has no cluster {}", one.upstream.name(), source.cluster),
            Some(cluster) if cluster.hosts.is_empty() => {
                format!("cluster {} has no endpoint", source.cluster)
            }
            Some(_) => continue,
        };
        let next = "add the cluster that reaches Envoy's admin, place (6) of envoy-config/envoy.yaml, or name the one that does";
        troubles.push(Trouble::bad(format!("{said}, and is to be asked for endpoints"), next));
    }
    let found = format!("endpoints are asked for through the cluster {}", list(&seen));
    let is_reachable = troubles.is_empty();
    let mut checks = checked(Group::Endpoints, &SOURCE, found, troubles);
    if is_reachable {
        let troubles = asked.iter().filter_map(|(one, source)| unread(picture, one, source)).collect();
        checks.extend(checked(Group::Endpoints, &READ, read(picture, &asked), troubles));
    }
    checks
}

/// How many endpoints the lists have.
fn read(picture: &Picture, asked: &[(&Steered<'_>, &Source)]) -> String {
    let of = |one: &Steered<'_>| picture.metrics.sum(ENDPOINTS.name, &[("upstream", one.upstream.name())]);
    let said = asked.iter().map(|(one, _)| format!("{} {}", one.upstream.name(), of(one)));
    format!("lists are read and current: {}", list(said))
}

/// What is wrong with the list of an upstream.
fn unread(picture: &Picture, one: &Steered<'_>, source: &Source) -> Option<Trouble> {
    let (metrics, name) = (&picture.metrics, one.upstream.name());
    let label = [("upstream", name)];
    let errors = metrics
        .named(ENDPOINT_LIST_ERRORS.name)
        .filter(|series| series.label("upstream") == name && series.value > 0);
    let reasons = list(errors.map(|series| format!("{} {}", series.label("reason"), series.value)));
    let age = metrics.named(ENDPOINT_LIST_AGE.name).find(|series| series.label("upstream") == name);
    match age {
        None if !reasons.is_empty() => Some(Trouble::bad(
            format!("upstream {name}: its list was never read: {reasons}"),
            "Envoy's log says what came in its place; see docs/endpoints.md",
        )),
        None => Some(Trouble::note(
            format!("upstream {name}: its list was not asked for yet; the first request has it read"),
            "send a request, and look again",
        )),
        Some(age) if age.value > 3 * source.interval.as_secs().max(1) => Some(Trouble::warning(
            format!("upstream {name}: its list is {} s old: {reasons}", age.value),
            "see whether its source answers; the list stays as it is meanwhile",
        )),
        Some(_) if metrics.sum(ENDPOINTS.name, &label) == 0 => Some(Trouble::warning(
            format!("upstream {name}: its list is empty"),
            "see whether the cluster has endpoints that are not by hostname behind an internal listener",
        )),
        Some(_) => None,
    }
}
