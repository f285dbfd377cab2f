//! Checks the images as those who take them do: by skopeo, through a registry; by umoci; and by the rules of Istio's agent and of Envoy
//! Gateway.
//!
//! Invariant: a module that comes out is byte for byte the one that went in, under the digest that is printed for it.

use super::reader::{Form, read};
use crate::setup::{ImageTools, Registry};
use crate::workspace::quietly;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

/// What should come out.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    /// `router`.
    pub(super) name: &'a str,
    pub(super) wasm: Vec<u8>,
    /// The manifest's sha256 of the image and of the artifact.
    pub(super) digests: [&'a str; 2],
}

/// The folders of images and of artifacts, and how each must be read.
pub(super) const FORMS: [(&str, Form); 2] = [("images", Form::Compat), ("artifacts", Form::Artifact)];

/// Checks each of these in `made`; how many checks passed.
///
/// # Errors
/// At the first that does not.
pub(super) fn images(made: &Path, tag: &str, expected: &[Expected<'_>]) -> Result<u64> {
    let tools = ImageTools::set_up()?;
    let place = tempfile::tempdir()?;
    let registry = tools.registry(place.path())?;
    let mut passed = 0;
    for one in expected {
        for ((folder, form), digest) in FORMS.into_iter().zip(one.digests) {
            let layout = made.join(folder).join(one.name);
            same(&layout, form, digest, one)?;
            // The layout for one form and its archive for the other, so that both are read.
            let source = match form {
                Form::Artifact => format!("oci-archive:{}.tar:{tag}", layout.display()),
                Form::Compat | Form::Docker => format!("oci:{}:{tag}", layout.display()),
            };
            let back = place.path().join(format!("{folder}-{}", one.name));
            let name = format!("{folder}/{}:{tag}", one.name);
            through(&tools, &registry, &source, &name, &back)?;
            same(&back, form, digest, one).with_context(|| format!("{name} out of the registry"))?;
            passed += 2;
        }
        unpacked(&tools, &made.join("images").join(one.name), tag, place.path(), one)?;
        passed += 1;
    }
    Ok(passed)
}

/// What Istio's agent would take out of this layout is what went in.
fn same(layout: &Path, form: Form, digest: &str, expected: &Expected<'_>) -> Result<()> {
    let place = layout.display();
    let found = read(layout).with_context(|| format!("{place}: Istio's agent would not take it"))?;
    ensure!(found.form == form, "{place} is read as {:?}, not as {form:?}", found.form);
    ensure!(found.digest == digest, "{place} has the digest {}, not {digest}", found.digest);
    ensure!(found.beside.is_empty(), "{place} holds more than the module: {:?}", found.beside);
    ensure!(found.wasm == expected.wasm, "{place} holds another {}", expected.name);
    Ok(())
}

/// Pushes an image, as the documentation says, and pulls it again.
fn through(tools: &ImageTools, registry: &Registry, source: &str, name: &str, back: &Path) -> Result<()> {
    let remote = format!("docker://{}/{name}", registry.address);
    let mut push = tools.skopeo();
    push.args(["--insecure-policy", "copy", "--dest-tls-verify=false", source, &remote]);
    quietly(&format!("skopeo copy {source}"), &mut push)?;
    let mut pull = tools.skopeo();
    pull.args(["--insecure-policy", "copy", "--src-tls-verify=false", &remote]);
    quietly(&format!("skopeo copy {name} back"), pull.arg(format!("oci:{}", back.display())))?;
    Ok(())
}

/// The image's files, as a container runtime would lay them out, are the module alone.
fn unpacked(
    tools: &ImageTools,
    layout: &Path,
    tag: &str,
    place: &Path,
    expected: &Expected<'_>,
) -> Result<()> {
    let bundle = place.join(format!("bundle-{}", expected.name));
    let mut unpack = tools.umoci();
    unpack.args(["unpack", "--rootless", "--image"]).arg(format!("{}:{tag}", layout.display())).arg(&bundle);
    quietly(&format!("umoci unpack {}", expected.name), &mut unpack)?;
    let files = fs::read_dir(bundle.join("rootfs"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    ensure!(files == ["plugin.wasm"], "umoci unpacks {files:?}, not plugin.wasm alone");
    ensure!(fs::read(bundle.join("rootfs/plugin.wasm"))? == expected.wasm, "umoci unpacks another module");
    Ok(())
}
