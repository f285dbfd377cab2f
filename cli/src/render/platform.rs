//! What Istio and Envoy Gateway have in common: a bootstrap that is theirs, and an Envoy that comes with them; and what is known of Envoys.

use super::outcome::Remarks;
use super::site::{Least, Minor, Site};
use super::wanted::{Wanted, listed};

/// The cluster of their bootstraps that reaches Envoy's admin.
pub(super) const ADMIN: &str = "prometheus_stats";

/// What the document wants of the bootstrap is there.
pub(super) fn check_asked(wanted: &Wanted, platform: &str, remarks: &mut Remarks) {
    for (path, cluster) in &wanted.asked {
        if path.ends_with("admin_cluster") && cluster != ADMIN {
            remarks.refuse(format!(
                "{path}: {cluster:?} is no cluster of {platform}'s bootstraps, in which {ADMIN:?} reaches Envoy's admin; write admin_cluster: {ADMIN}"
            ));
        }
    }
}

/// The platform knows what is rendered for it.
pub(super) fn check_least(
    field: &str,
    platform: &str,
    version: Minor,
    (least, why): Least,
    remarks: &mut Remarks,
) {
    if version < least {
        remarks.refuse(format!(
            "{field}: {platform} {version} does not take what is rendered; {least} is the first that {why}"
        ));
    }
}

/// What is known of the Envoy that the platform carries.
pub(super) fn check_envoy(
    wanted: &Wanted,
    platform: &str,
    version: Minor,
    envoy: Option<Minor>,
    remarks: &mut Remarks,
) {
    let Some(envoy) = envoy else {
        remarks.warn(format!(
            "Which Envoy {platform} {version} carries is not known here, so nothing was checked against it; Switchyard is tested on 1.36 to 1.40."
        ));
        return;
    };
    check_bodies(wanted, &format!("{platform} {version} carries Envoy {envoy}, which"), envoy, remarks);
}

/// What is known against this Envoy where filters hold bodies.
pub(super) fn check_bodies(wanted: &Wanted, who: &str, envoy: Minor, remarks: &mut Remarks) {
    if envoy < Minor(1, 39) && !wanted.bodies.is_empty() {
        remarks.warn(format!(
            "{who} may lose a piece of a body between two filters that hold it (Envoy issue 46841), so let no filter that holds bodies, as \
             ext_proc in FULL_DUPLEX_STREAMED does, stand beside this one; Envoy 1.39 does not. It is for {}.",
            listed(&wanted.bodies)
        ));
    }
}

/// What the calls of the filter lack in clusters of which the site does not say what they speak, and whose upstream filters are therefore
/// the listener's.
pub(super) fn check_calls(wanted: &Wanted, site: &Site, replaced: &str, remarks: &mut Remarks) {
    let unsaid = |name: &&String| site.cluster(name).is_none_or(|cluster| cluster.protocol.is_none());
    let without: Vec<_> = wanted.called.iter().filter(unsaid).map(|name| format!("{name:?}")).collect();
    if without.is_empty() {
        return;
    }
    let calls = listed(&wanted.calls);
    remarks.warn(format!(
        "Calls of the filter's own pass no listener, and so not its upstream filters: in {} they are not judged, and the service sees \
         their x-switchyard-… headers. They come from {calls}. Say what those clusters' endpoints speak, in the site: \
         `clusters: [{{name: …, protocol: http1}}]`{replaced}.",
        without.join(", "),
    ));
}
