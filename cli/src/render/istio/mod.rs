//! Manifests for Istio.
//!
//! Invariant: what Istio has in a cluster stays there unless the site says what its endpoints speak. Upstream filters therefore come with
//! the listener's router filter, whose lists EnvoyFilters append to; in a cluster they stand in HttpProtocolOptions, which a MERGE replaces.
//! Source: istio.io's EnvoyFilter reference and the sources named in docs/platforms.md. None of it was run on an Istio.

mod envoy_filter;
mod extension;
mod pods;

use super::outcome::{Remarks, Rendered};
use super::platform;
use super::site::{Context, Form, ISTIOS, Site, envoy_of_istio, least_istio};
use super::wanted::Wanted;

/// The manifests.
///
/// # Errors
/// With what Istio cannot do.
pub(super) fn render(wanted: &Wanted, site: &Site) -> anyhow::Result<Rendered> {
    let mut remarks = Remarks::default();
    platform::check_asked(wanted, "Istio", &mut remarks);
    let version = site.istio.version;
    platform::check_envoy(wanted, "Istio", version, envoy_of_istio(version), &mut remarks);
    platform::check_least("istio.version", "Istio", version, least_istio(site.istio.form), &mut remarks);
    check_pods(site, &mut remarks);
    let mut rendered = match site.istio.form {
        Form::EnvoyFilter => envoy_filter::render(wanted, site, remarks)?,
        Form::WasmPlugin | Form::TrafficExtension => extension::render(wanted, site, remarks)?,
    };
    rendered.files.push(pods::render()?);
    Ok(rendered)
}

/// Whom the manifest reaches: the pods of its own namespace, and nobody is told when there are none.
fn check_pods(site: &Site, remarks: &mut Remarks) {
    let (namespace, labels) = (&site.istio.namespace, &site.istio.labels);
    if namespace == ISTIOS {
        if labels.is_empty() {
            remarks.warn(format!(
                "The manifest has no labels and is in {ISTIOS}, so it is for every proxy of its kind in the mesh. Write `istio: {{labels: {{…}}}}` or another namespace."
            ));
        }
        return;
    }
    if labels.is_empty() {
        remarks.warn(format!(
            "The manifest has no labels, so it is for every proxy of its kind in the namespace {namespace}. Write `istio: {{labels: {{app: …}}}}` for some of them."
        ));
    } else if site.istio.context == Context::Gateway {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        remarks.warn(format!(
            "The manifest acts in its own namespace alone, {namespace}: nothing happens unless the gateway's pods are there. See: kubectl get pods -n {namespace} -l {}. The ingress gateway of a usual install is in {ISTIOS}.",
            labels.join(",")
        ));
    }
}
