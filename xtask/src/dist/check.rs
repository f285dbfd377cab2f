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
    push.args(["copy", "--dest-tls-verify=false", source, &remote]);
    quietly(&format!("skopeo copy {source}"), &mut push)?;
    let mut pull = tools.skopeo();
    pull.args(["copy", "--src-tls-verify=false", &remote]);
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

#[cfg(test)]
mod tests {
    use super::super::image::{About, Image};
    use super::*;
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    const ABOUT: About<'_> =
        About { name: "router", version: "1.2.3", description: "Steers.", licence: "Apache-2.0" };
    const WASM: &[u8] = b"\0asm\x01\0\0\0";

    fn write(files: &BTreeMap<String, Vec<u8>>, folder: &Path) -> PathBuf {
        for (name, content) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder.to_owned()
    }

    fn refused(layout: &Path, form: Form, digest: &str, wasm: &[u8]) -> String {
        let expected = Expected { name: "router", wasm: wasm.to_vec(), digests: ["", ""] };
        match same(layout, form, digest, &expected) {
            Ok(()) => String::new(),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn both_forms_are_read_by_istios_rules_as_what_they_are() {
        let makes = [Image::compat, Image::artifact].into_iter().zip([Form::Compat, Form::Artifact]);
        for (make, form) in makes {
            let place = tempfile::tempdir().unwrap();
            let image = make(WASM, ABOUT).unwrap();
            let layout = write(&image.layout().unwrap(), place.path());
            assert_eq!(refused(&layout, form, image.digest(), WASM), "");
            let wrong = refused(&layout, form, image.digest(), b"\0asm");
            assert!(wrong.ends_with("holds another router"), "{wrong}");
            assert!(refused(&layout, form, "0", WASM).ends_with("not 0"));
            assert!(refused(&layout, Form::Docker, image.digest(), WASM).ends_with("not as Docker"));
        }
    }

    #[test]
    fn a_blob_that_is_missing_or_was_changed_is_seen() {
        let image = Image::compat(WASM, ABOUT).unwrap();
        let whole = image.layout().unwrap();
        let blobs: Vec<_> = whole.keys().filter(|name| name.starts_with("blobs/")).collect();
        assert_eq!(blobs.len(), 3);
        for blob in blobs {
            let place = tempfile::tempdir().unwrap();
            let layout = write(&whole, place.path());
            let mut content = whole[blob].clone();
            *content.last_mut().unwrap() ^= 1;
            fs::write(layout.join(blob), content).unwrap();
            let changed = refused(&layout, Form::Compat, image.digest(), WASM);
            fs::remove_file(layout.join(blob)).unwrap();
            let missing = refused(&layout, Form::Compat, image.digest(), WASM);
            // The readers leave the configuration alone; umoci does not.
            let configuration = whole[blob].starts_with(b"{\"architecture\"");
            assert_eq!(changed.is_empty() && missing.is_empty(), configuration, "{changed} {missing}");
        }
    }
}
