//! The images of modules, where a platform fetches them.

use super::outcome::Remarks;
use super::site::Image;

/// The image of a module; a stand-in where the site has none.
pub(super) fn image(module: &str, given: Option<&Image>, remarks: &mut Remarks) -> Image {
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
