//! Reads a module out of an OCI layout by the rules of Istio's agent, and of Envoy Gateway, which has the same code.
//!
//! Source: `pkg/wasm/imagefetcher.go` of Istio and `internal/wasm/imagefetcher.go` of Envoy Gateway, as of August 2026. A manifest of
//! Docker's kind is read as Docker's form; any other first as `compat`, then as `oci`. `compat` looks into the last layer alone, which must
//! be of exactly the gzip type, for a file whose base name is `plugin.wasm`; `oci` wants exactly two layers.
//! Invariants: what is read is what the digests say, as in a registry's client; a module is at most 256 MiB, as theirs.
//! Nothing is shared with what makes the images, so that a slip there is seen here.
//! Trade-off: stricter than they are in one thing. An index of several manifests is refused, where they pick one by its platform.

use crate::setup::envoy::hex;
use anyhow::{Context, Result, bail, ensure};
use oci_spec::image::{Descriptor, ImageIndex, ImageManifest, MediaType};
use sha2::{Digest as _, Sha256};
use std::fs;
use std::io::Read as _;
use std::path::Path;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONTENT: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
const PLUGIN: &str = "plugin.wasm";
const LIMIT: u64 = 256 << 20;

/// By which rules a module was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Docker's media types.
    Docker,
    /// The form `compat` of the Wasm Image Specification.
    Compat,
    /// The form `oci`.
    Artifact,
}

/// What was found in a layout.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) form: Form,
    pub(crate) wasm: Vec<u8>,
    /// The manifest's sha256.
    pub(crate) digest: String,
    /// Other files in the module's layer. The readers step over them; the specification knows `runtime-config.json` only.
    pub(crate) beside: Vec<String>,
}

/// Reads the one image of the layout in `folder`.
///
/// # Errors
/// When the readers would not take it, with each rule that it breaks.
pub(crate) fn read(folder: &Path) -> Result<Found> {
    let index = fs::read(folder.join("index.json")).context("no index.json: this is no OCI layout")?;
    let index = ImageIndex::from_reader(&index[..]).context("index.json")?;
    let [only] = &index.manifests()[..] else {
        bail!("index.json names {} manifests: one image has one", index.manifests().len());
    };
    ensure!(*only.media_type() != MediaType::ImageIndex, "an index of several manifests: one image has one");
    let digest = only.digest().digest().to_owned();
    let manifest = ImageManifest::from_reader(&blob(folder, only)?[..]).context("the manifest")?;
    let layers = manifest.layers();
    let found = |form, (wasm, beside)| Found { form, wasm, digest, beside };
    if manifest.media_type().as_ref().is_some_and(|kind| kind.as_ref() == DOCKER_MANIFEST) {
        let docker = packed(folder, layers, DOCKER_LAYER).context("could not be read as Docker's image")?;
        return Ok(found(Form::Docker, docker));
    }
    let no_compat = match packed(folder, layers, OCI_LAYER) {
        Ok(compat) => return Ok(found(Form::Compat, compat)),
        Err(error) => error,
    };
    match artifact(folder, layers) {
        Ok(wasm) => Ok(found(Form::Artifact, (wasm, Vec::new()))),
        Err(no_artifact) => bail!(
            "could not be read as compat variant: {no_compat:#}; could not be read as oci variant: {no_artifact:#}"
        ),
    }
}

/// The module in the last layer, and what else is there; that layer must be of this kind.
fn packed(folder: &Path, layers: &[Descriptor], kind: &str) -> Result<(Vec<u8>, Vec<String>)> {
    let last = layers.last().context("number of layers must be greater than zero")?;
    let is = last.media_type();
    ensure!(is.as_ref() == kind, "invalid media type {is} (expect {kind})");
    let layer = blob(folder, last)?;
    let gzip = flate2::read::GzDecoder::new(&layer[..]);
    ensure!(gzip.header().is_some(), "failed to parse layer as tar.gz");
    let mut archive = tar::Archive::new(gzip.take(LIMIT));
    let (mut wasm, mut beside) = (None, Vec::new());
    for entry in archive.entries()? {
        let mut entry = entry.context("failed to parse layer as tar.gz")?;
        let path = entry.path()?.into_owned();
        if wasm.is_none() && path.file_name().is_some_and(|name| name == PLUGIN) {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).with_context(|| format!("failed to read {PLUGIN}"))?;
            wasm = Some(content);
        } else {
            beside.push(path.display().to_string());
        }
    }
    Ok((wasm.with_context(|| format!("{PLUGIN} not found in the archive"))?, beside))
}

/// The module among two layers.
fn artifact(folder: &Path, layers: &[Descriptor]) -> Result<Vec<u8>> {
    ensure!(layers.len() == 2, "number of layers must be 2 but got {}", layers.len());
    let content = layers.iter().find(|layer| layer.media_type().as_ref() == CONTENT);
    blob(folder, content.with_context(|| format!("could not find the layer of type {CONTENT}"))?)
}

/// What a descriptor names, if its size and digest are what it says.
fn blob(folder: &Path, of: &Descriptor) -> Result<Vec<u8>> {
    let (size, digest) = (of.size(), of.digest());
    ensure!(size <= LIMIT, "{digest} has {size} bytes, more than {LIMIT}");
    let path = folder.join("blobs/sha256").join(digest.digest());
    let content = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    ensure!(content.len() as u64 == size, "{digest} has {} bytes, not {size}", content.len());
    let actual = hex(&Sha256::digest(&content));
    ensure!(actual == digest.digest(), "{digest} is sha256:{actual}");
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::io::Write as _;

    const WASM: &[u8] = b"\0asm\x01\0\0\0";

    fn gz(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, *content).unwrap();
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&archive.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap()
    }

    /// A layout of layers of these kinds, its manifest of that kind.
    struct Layout(tempfile::TempDir);

    impl Layout {
        fn of(layers: &[(&str, Vec<u8>)]) -> Self {
            Self::with("application/vnd.oci.image.manifest.v1+json", layers)
        }

        fn with(kind: &str, layers: &[(&str, Vec<u8>)]) -> Self {
            let layout = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(layout.0.path().join("blobs/sha256")).unwrap();
            let layers: Vec<_> = layers.iter().map(|(kind, content)| layout.blob(kind, content)).collect();
            let config = layout.blob("application/vnd.oci.image.config.v1+json", b"{}");
            let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers});
            layout.index(&[layout.blob(kind, manifest.to_string().as_bytes())]);
            layout
        }

        fn blob(&self, kind: &str, content: &[u8]) -> Value {
            let sha256 = hex(&Sha256::digest(content));
            fs::write(self.0.path().join("blobs/sha256").join(&sha256), content).unwrap();
            json!({"mediaType": kind, "digest": format!("sha256:{sha256}"), "size": content.len()})
        }

        fn index(&self, manifests: &[Value]) {
            let index = json!({"schemaVersion": 2, "manifests": manifests});
            fs::write(self.0.path().join("index.json"), index.to_string()).unwrap();
        }

        fn found(&self) -> Found {
            read(self.0.path()).unwrap()
        }

        fn refused(&self) -> String {
            format!("{:#}", read(self.0.path()).unwrap_err())
        }
    }

    #[test]
    fn the_last_of_several_layers_is_the_one_that_counts() {
        let other = || (OCI_LAYER, gz(&[("etc/passwd", b"root")]));
        let plugin = || (OCI_LAYER, gz(&[(PLUGIN, WASM)]));
        for layers in [vec![plugin()], vec![other(), plugin()], vec![other(), other(), plugin()]] {
            let found = Layout::of(&layers).found();
            assert_eq!((found.form, &*found.wasm, found.beside.len()), (Form::Compat, WASM, 0));
        }
        let refused = Layout::of(&[plugin(), other(), other()]).refused();
        assert_eq!(
            refused,
            "could not be read as compat variant: plugin.wasm not found in the archive; \
             could not be read as oci variant: number of layers must be 2 but got 3"
        );
    }

    #[test]
    fn a_layer_of_zstd_is_refused_whatever_it_holds() {
        let kind = "application/vnd.oci.image.layer.v1.tar+zstd";
        let refused = Layout::of(&[(kind, gz(&[(PLUGIN, WASM)]))]).refused();
        assert!(
            refused.contains(&format!("invalid media type {kind} (expect {OCI_LAYER})"))
                && refused.contains("number of layers must be 2 but got 1"),
            "{refused}"
        );
        // And one that says gzip and is none.
        let refused = Layout::of(&[(OCI_LAYER, b"\x28\xb5\x2f\xfd zstd".to_vec())]).refused();
        assert!(refused.contains("failed to parse layer as tar.gz"), "{refused}");
    }

    #[test]
    fn another_name_is_refused_and_another_folder_is_not() {
        let refused = Layout::of(&[(OCI_LAYER, gz(&[("router.wasm", WASM)]))]).refused();
        assert!(refused.contains("plugin.wasm not found in the archive"), "{refused}");
        let found = Layout::of(&[(OCI_LAYER, gz(&[("./opt/plugin.wasm", WASM)]))]).found();
        assert_eq!(found.wasm, WASM);
    }

    #[test]
    fn files_beside_the_module_are_stepped_over_and_named() {
        let files: [(&str, &[u8]); 3] = [("a", b"1"), (PLUGIN, WASM), ("runtime-config.json", b"{}")];
        let found = Layout::of(&[(OCI_LAYER, gz(&files))]).found();
        assert_eq!(
            (&*found.wasm, &found.beside[..]),
            (WASM, &["a".to_owned(), "runtime-config.json".to_owned()][..])
        );
    }

    #[test]
    fn an_artifact_has_two_layers_in_either_order() {
        let layers =
            || [("application/vnd.module.wasm.config.v1+json", b"{}".to_vec()), (CONTENT, WASM.to_vec())];
        let mut turned = layers();
        turned.reverse();
        for layers in [layers(), turned] {
            let found = Layout::of(&layers).found();
            assert_eq!((found.form, &*found.wasm), (Form::Artifact, WASM));
        }
        let [config, content] = layers();
        assert!(Layout::of(&[config.clone(), config]).refused().contains("could not find the layer of type"));
        assert!(Layout::of(&[content]).refused().contains("number of layers must be 2 but got 1"));
        // What other platforms take.
        let refused = Layout::of(&[("application/wasm", WASM.to_vec())]).refused();
        assert!(refused.contains("invalid media type application/wasm"), "{refused}");
    }

    #[test]
    fn a_manifest_of_dockers_kind_wants_a_layer_of_dockers_kind() {
        let plugin = || gz(&[(PLUGIN, WASM)]);
        assert_eq!(Layout::with(DOCKER_MANIFEST, &[(DOCKER_LAYER, plugin())]).found().form, Form::Docker);
        let refused = Layout::with(DOCKER_MANIFEST, &[(OCI_LAYER, plugin())]).refused();
        assert!(
            refused.contains(&format!("invalid media type {OCI_LAYER} (expect {DOCKER_LAYER})")),
            "{refused}"
        );
        let refused = Layout::of(&[(DOCKER_LAYER, plugin())]).refused();
        assert!(
            refused.contains(&format!("invalid media type {DOCKER_LAYER} (expect {OCI_LAYER})")),
            "{refused}"
        );
        assert!(Layout::of(&[]).refused().contains("number of layers must be greater than zero"));
    }

    #[test]
    fn several_manifests_are_refused() {
        let layout = Layout::of(&[(OCI_LAYER, gz(&[(PLUGIN, WASM)]))]);
        let manifest = layout.blob("application/vnd.oci.image.manifest.v1+json", b"{}");
        layout.index(&[manifest.clone(), manifest]);
        assert_eq!(layout.refused(), "index.json names 2 manifests: one image has one");
        let index = layout.blob("application/vnd.oci.image.index.v1+json", b"{}");
        layout.index(&[index]);
        assert_eq!(layout.refused(), "an index of several manifests: one image has one");
    }

    #[test]
    fn what_is_not_what_its_digest_says_is_refused() {
        let layout = Layout::of(&[(OCI_LAYER, gz(&[(PLUGIN, WASM)]))]);
        for file in fs::read_dir(layout.0.path().join("blobs/sha256")).unwrap() {
            let path = file.unwrap().path();
            let mut content = fs::read(&path).unwrap();
            content.reverse();
            fs::write(path, content).unwrap();
        }
        assert!(layout.refused().contains(" is sha256:"), "{}", layout.refused());
    }
}
