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
use super::site::{Form, Image, Site, envoy_of_istio};
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
    let mut rendered = match site.istio.form {
        Form::EnvoyFilter => envoy_filter::render(wanted, site, remarks)?,
        Form::WasmPlugin | Form::TrafficExtension => extension::render(wanted, site, remarks)?,
    };
    rendered.files.push(pods::render()?);
    Ok(rendered)
}

/// The image of a module; a stand-in where the site has none.
fn image(module: &str, given: Option<&Image>, remarks: &mut Remarks) -> Image {
    let image = given.cloned().unwrap_or_else(|| {
        remarks.warn(format!(
            "The site says no image of {module}.wasm: registry.example stands in its place. Write `images: {{{module}: {{reference: …, sha256: …}}}}`."
        ));
        let path = if module == "switchyard" { "switchyard" } else { "switchyard-outlier" };
        Image { reference: format!("registry.example/{path}:{}", env!("CARGO_PKG_VERSION")), sha256: None }
    });
    if given.is_some() && image.sha256.is_none() {
        remarks.warn(format!(
            "The image of {module}.wasm is not pinned, so whoever can push to the registry can replace it. Write `images: {{{module}: {{sha256: …}}}}`, the digest of its manifest."
        ));
    }
    image
}
