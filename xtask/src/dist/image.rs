//! Container images of a module, in the two forms that Istio's agent and Envoy Gateway read.
//!
//! Sources: the Wasm Image Specification (`spec.md`, the form `oci`, and `spec-compat.md`, the form `compat`), and the OCI Image
//! Specification, whose documents are written by `oci-spec`.
//!
//! Invariant: the same module gives the same bytes. Nothing in an image has a date, an owner or an order by chance: JSON is written
//! with sorted keys, the archive's one file belongs to root and is of 1970, and gzip's header says neither time nor name.
//! Trade-off: the configuration says linux/amd64, as an image that Docker builds of such a file does. The module runs anywhere, and
//! neither reader looks at it; but a node of another kind refuses it as an image volume.

use crate::setup::envoy::hex;
use anyhow::{Context, Result};
use flate2::{Compression, GzBuilder};
use oci_spec::image::{
    Arch, Descriptor, ImageConfigurationBuilder, ImageIndexBuilder, ImageManifestBuilder, MediaType,
    OciLayoutBuilder, Os, RootFsBuilder, SCHEMA_VERSION, Sha256Digest,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::str::FromStr as _;

/// The one name under which both readers look for the module.
pub(crate) const PLUGIN: &str = "plugin.wasm";
/// The form `oci`: what Envoy is to know of the module.
pub(crate) const WASM_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
/// The form `oci`: the module itself, not compressed.
pub(crate) const WASM_CONTENT: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
/// What the form `compat` is told by.
const VARIANT: (&str, &str) = ("module.wasm.image/variant", "compat");
const TITLE: &str = "org.opencontainers.image.title";
const TAG: &str = "org.opencontainers.image.ref.name";
const LAYOUT_VERSION: &str = "1.0.0";

/// What an image says of its module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// `router`.
    pub(crate) name: &'a str,
    /// `0.1.0`, which is the image's tag too.
    pub(crate) version: &'a str,
    /// One sentence.
    pub(crate) description: &'a str,
    /// An SPDX expression.
    pub(crate) licence: &'a str,
}

/// An image: a manifest, and what it names.
#[derive(Debug)]
pub(crate) struct Image {
    tag: String,
    manifest: Descriptor,
    /// Contents by their sha256, the manifest's among them.
    blobs: BTreeMap<String, Vec<u8>>,
}

impl Image {
    /// The form `compat`, which every tool knows as an image: one gzipped layer with `plugin.wasm` and nothing else.
    ///
    /// # Errors
    /// When a document cannot be written.
    pub(crate) fn compat(wasm: &[u8], about: About<'_>) -> Result<Self> {
        let archive = archive(wasm)?;
        // To an OCI configuration a layer is its archive, to a manifest the compressed one.
        let rootfs = RootFsBuilder::default()
            .typ("layers")
            .diff_ids([format!("sha256:{}", hex(&Sha256::digest(&archive)))])
            .build()?;
        let configuration = ImageConfigurationBuilder::default()
            .architecture(Arch::Amd64)
            .os(Os::Linux)
            .rootfs(rootfs)
            .build()?;
        let mut blobs = Blobs::default();
        let config = blobs.add(MediaType::ImageConfig, sorted(&configuration)?)?;
        let layer = blobs.add(MediaType::ImageLayerGzip, gzipped(&archive)?)?;
        let mut manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(config)
            .layers([layer])
            .build()?;
        let variant = (VARIANT.0.to_owned(), VARIANT.1.to_owned());
        manifest.set_annotations(Some(annotations(about).chain([variant]).collect()));
        blobs.image(about, &manifest)
    }

    /// The form `oci`, an artifact: two layers, the runtime's configuration and the module as it is.
    ///
    /// # Errors
    /// When a document cannot be written.
    pub(crate) fn artifact(wasm: &[u8], about: About<'_>) -> Result<Self> {
        let runtime = json!({"type": "envoy_proxy", "abiVersions": ["0.2.1"], "config": {}});
        let mut blobs = Blobs::default();
        let config = blobs.add(MediaType::EmptyJSON, b"{}".to_vec())?;
        let titled = |mut layer: Descriptor, title: &str| {
            layer.set_annotations(Some([(TITLE.to_owned(), title.to_owned())].into()));
            layer
        };
        let layers = [
            titled(blobs.add(WASM_CONFIG.into(), sorted(&runtime)?)?, "runtime-config.json"),
            titled(blobs.add(WASM_CONTENT.into(), wasm.to_vec())?, PLUGIN),
        ];
        let mut manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .artifact_type(MediaType::from(WASM_CONFIG))
            .config(config)
            .layers(layers)
            .build()?;
        manifest.set_annotations(Some(annotations(about).collect()));
        blobs.image(about, &manifest)
    }

    /// The manifest's sha256, by which registries and platforms know the image.
    pub(crate) fn digest(&self) -> &str {
        self.manifest.digest().digest()
    }

    /// The manifest's size in bytes with that of all that it names.
    pub(crate) fn bytes(&self) -> usize {
        self.blobs.values().map(Vec::len).sum()
    }

    /// The OCI layout that holds this image and no other, by path.
    ///
    /// # Errors
    /// When a document cannot be written.
    pub(crate) fn layout(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut manifest = self.manifest.clone();
        manifest.set_annotations(Some([(TAG.to_owned(), self.tag.clone())].into()));
        let index = ImageIndexBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageIndex)
            .manifests([manifest])
            .build()?;
        let marker = OciLayoutBuilder::default().image_layout_version(LAYOUT_VERSION).build()?;
        let mut files: BTreeMap<_, _> = self
            .blobs
            .iter()
            .map(|(sha256, content)| (format!("blobs/sha256/{sha256}"), content.clone()))
            .collect();
        files.insert("index.json".to_owned(), sorted(&index)?);
        files.insert("oci-layout".to_owned(), sorted(&marker)?);
        Ok(files)
    }
}

/// Contents by their sha256.
#[derive(Default)]
struct Blobs(BTreeMap<String, Vec<u8>>);

impl Blobs {
    fn add(&mut self, kind: MediaType, content: Vec<u8>) -> Result<Descriptor> {
        let sha256 = hex(&Sha256::digest(&content));
        let descriptor = Descriptor::new(kind, content.len() as u64, Sha256Digest::from_str(&sha256)?);
        self.0.insert(sha256, content);
        Ok(descriptor)
    }

    fn image(mut self, about: About<'_>, manifest: &impl Serialize) -> Result<Image> {
        let manifest = self.add(MediaType::ImageManifest, sorted(manifest)?)?;
        Ok(Image { tag: about.version.to_owned(), manifest, blobs: self.0 })
    }
}

fn annotations(about: About<'_>) -> impl Iterator<Item = (String, String)> {
    [
        (TITLE, format!("switchyard {}", about.name)),
        ("org.opencontainers.image.description", about.description.to_owned()),
        ("org.opencontainers.image.licenses", about.licence.to_owned()),
        ("org.opencontainers.image.version", about.version.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
}

/// The JSON of a document with sorted keys: annotations are in a hash table, whose order is another at each run.
pub(super) fn sorted(document: &impl Serialize) -> Result<Vec<u8>> {
    fn sort(value: Value) -> Value {
        match value {
            Value::Object(map) => {
                let by_key: BTreeMap<_, _> = map.into_iter().map(|(key, value)| (key, sort(value))).collect();
                Value::Object(Map::from_iter(by_key))
            }
            Value::Array(values) => values.into_iter().map(sort).collect(),
            other => other,
        }
    }
    Ok(serde_json::to_vec(&sort(serde_json::to_value(document)?))?)
}

/// The archive of a layer: the module under the name that the readers look for.
fn archive(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.mode(tar::HeaderMode::Deterministic);
    archive.append_data(&mut header(wasm.len() as u64), PLUGIN, wasm).context("packing the module")?;
    Ok(archive.into_inner()?)
}

/// What an archive says of a file: root's, readable, of 1970.
pub(super) fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn gzipped(content: &[u8]) -> Result<Vec<u8>> {
    // 255 is "unknown" for the operating system: by default it would be this one.
    let mut writer = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    writer.write_all(content)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const ABOUT: About<'_> =
        About { name: "router", version: "1.2.3", description: "Steers.", licence: "Apache-2.0" };

    fn document(image: &Image, sha256: &str) -> Value {
        serde_json::from_slice(&image.blobs[sha256]).unwrap()
    }

    fn blob<'a>(image: &'a Image, descriptor: &Value) -> &'a [u8] {
        let content = &image.blobs[descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap()];
        assert_eq!(descriptor["size"], content.len());
        content
    }

    #[test]
    fn the_compat_image_has_one_gzipped_layer_and_says_its_variant() {
        let image = Image::compat(b"\0asm", ABOUT).unwrap();
        let manifest = document(&image, image.digest());
        assert_eq!(manifest["schemaVersion"], 2);
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.image.config.v1+json");
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        assert_eq!(manifest["layers"][0]["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
        assert_eq!(manifest["annotations"]["module.wasm.image/variant"], "compat");
        assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "1.2.3");
    }

    #[test]
    fn a_layer_has_plugin_wasm_alone_without_a_date_or_an_owner() {
        let image = Image::compat(b"\0asm", ABOUT).unwrap();
        let manifest = document(&image, image.digest());
        let compressed = blob(&image, &manifest["layers"][0]);
        // RFC 1952: no name, no time, best compression, unknown system.
        assert_eq!(compressed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(compressed), &mut plain).unwrap();
        let mut archive = tar::Archive::new(&plain[..]);
        let entries: Vec<_> = archive.entries().unwrap().map(Result::unwrap).collect();
        assert_eq!(entries.len(), 1);
        let header = entries[0].header();
        assert_eq!(header.path().unwrap(), std::path::Path::new(PLUGIN));
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        assert_eq!((header.mode().unwrap(), header.size().unwrap()), (0o644, 4));
        let config: Value = serde_json::from_slice(blob(&image, &manifest["config"])).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], json!([format!("sha256:{}", hex(&Sha256::digest(&plain)))]));
        assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!("amd64")));
    }

    #[test]
    fn the_artifact_has_exactly_the_two_layers_of_its_specification() {
        let image = Image::artifact(b"\0asm", ABOUT).unwrap();
        let manifest = document(&image, image.digest());
        let kinds: Vec<_> = manifest["layers"].as_array().unwrap().iter().map(|l| &l["mediaType"]).collect();
        assert_eq!(kinds, [WASM_CONFIG, WASM_CONTENT]);
        assert_eq!(blob(&image, &manifest["layers"][1]), b"\0asm");
        let runtime: Value = serde_json::from_slice(blob(&image, &manifest["layers"][0])).unwrap();
        assert_eq!(runtime["type"], "envoy_proxy");
        // The OCI specification asks for it where the configuration is empty.
        assert_eq!(manifest["artifactType"], WASM_CONFIG);
        assert_eq!(blob(&image, &manifest["config"]), b"{}");
    }

    #[test]
    fn the_same_module_gives_the_same_layout_each_time() {
        for make in [Image::compat, Image::artifact] {
            let first = make(b"\0asm", ABOUT).unwrap().layout().unwrap();
            // The order within a hash table differs between two of them.
            for _ in 0..16 {
                assert_eq!(make(b"\0asm", ABOUT).unwrap().layout().unwrap(), first);
            }
            assert_ne!(make(b"\0asm\x01", ABOUT).unwrap().layout().unwrap(), first);
        }
    }

    #[test]
    fn a_layout_names_one_manifest_by_the_version() {
        let image = Image::compat(b"\0asm", ABOUT).unwrap();
        let files = image.layout().unwrap();
        let index: Value = serde_json::from_slice(&files["index.json"]).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
        assert_eq!(index["manifests"][0]["digest"], format!("sha256:{}", image.digest()));
        assert_eq!(index["manifests"][0]["annotations"][TAG], "1.2.3");
        assert_eq!(files["oci-layout"], br#"{"imageLayoutVersion":"1.0.0"}"#);
        assert_eq!(files.len(), 2 + 3);
        assert!(image.bytes() > 0);
    }
}
