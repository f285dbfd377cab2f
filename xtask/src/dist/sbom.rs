//! The list of what is inside a module or a program (SBOM), as CycloneDX 1.5.
//!
//! Source: the CycloneDX specification, by `cyclonedx-bom`, which writes it and checks it against the specification's rules.
//! Invariant: the same crates and the same file give the same list: it has no date, and its serial number comes of the file's sha256.

use super::parts::{Key, Part, Parts};
use anyhow::{Result, anyhow, ensure};
use cyclonedx_bom::models::component::Classification;
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::tool::Tools;
use cyclonedx_bom::prelude::{
    Bom, Component, Components, Metadata, Purl, SpecVersion, UrnUuid, Validate as _,
};

/// The licence of Rust's own library, which is inside everything.
pub(super) const OF_RUST: &str = "MIT OR Apache-2.0";

/// A file that is handed out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    /// `router.wasm`.
    pub(super) file: &'a str,
    /// 64 digits.
    pub(super) sha256: &'a str,
    /// `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub(super) compiler: &'a str,
}

/// The list for this file, as JSON.
///
/// # Errors
/// When it breaks a rule of the specification, such as a licence that SPDX does not know.
pub(super) fn write(made: Made<'_>, inside: &Parts) -> Result<Vec<u8>> {
    let bom = list(made, inside)?;
    let checked = bom.validate_version(SpecVersion::V1_5);
    ensure!(checked.passed(), "the list of what is in {} is not CycloneDX: {checked:?}", made.file);
    let mut json = Vec::new();
    bom.output_as_json_v1_5(&mut json)?;
    json.push(b'\n');
    Ok(json)
}

fn list(made: Made<'_>, inside: &Parts) -> Result<Bom> {
    let mut file = component(Classification::File, made.file, &inside.top.1, made.file);
    file.hashes = Some(sha256(made.sha256));
    file.licenses = inside.parts.get(&inside.top).map(|part| licence(&part.licence));
    let rustc = component(Classification::Application, "rustc", version(made.compiler), made.compiler);
    let tools = Tools::Object { services: None, components: Some(Components(vec![rustc])) };
    let mut library = component(Classification::Library, "rust-std", version(made.compiler), "rust-std");
    library.licenses = Some(licence(OF_RUST));
    let crates = inside.parts.iter().map(|(key, part)| of_crate(key, part)).collect::<Result<Vec<_>>>()?;
    Ok(Bom {
        version: 1,
        serial_number: Some(UrnUuid::new(serial(made.sha256)).map_err(|error| anyhow!("{error:?}"))?),
        metadata: Some(Metadata { component: Some(file), tools: Some(tools), ..Metadata::default() }),
        components: Some(Components(crates.into_iter().chain([library]).collect())),
        dependencies: Some(Dependencies(taken(made.file, inside))),
        spec_version: SpecVersion::V1_5,
        ..Bom::default()
    })
}

fn component(kind: Classification, name: &str, version: &str, reference: &str) -> Component {
    Component::new(kind, name, version, Some(reference.to_owned()))
}

fn of_crate(key: &Key, part: &Part) -> Result<Component> {
    let (name, version) = key;
    let mut component = component(Classification::Library, name, version, &reference(key));
    component.licenses = Some(licence(&part.licence));
    // Our own crates are in no registry.
    if let Some(checksum) = &part.checksum {
        component.hashes = Some(sha256(checksum));
        component.purl = Some(Purl::new("cargo", name, version)?);
    }
    Ok(component)
}

/// By what the list refers to a crate.
fn reference((name, version): &Key) -> String {
    format!("{name}@{version}")
}

/// Who takes whom, from the file down.
fn taken(file: &str, inside: &Parts) -> Vec<Dependency> {
    let top = Dependency {
        dependency_ref: file.to_owned(),
        dependencies: vec![reference(&inside.top), "rust-std".to_owned()],
    };
    let crates = inside.takes.iter().map(|(key, takes)| Dependency {
        dependency_ref: reference(key),
        dependencies: takes.iter().map(reference).collect(),
    });
    [top].into_iter().chain(crates).collect()
}

fn licence(expression: &str) -> Licenses {
    Licenses(vec![LicenseChoice::expression(expression)])
}

fn sha256(digits: &str) -> Hashes {
    Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(digits.to_owned()) }])
}

/// `1.95.0` of `rustc 1.95.0 (…)`.
fn version(compiler: &str) -> &str {
    compiler.split_whitespace().nth(1).unwrap_or_default()
}

/// A UUID of version 8, RFC 9562's "by the user's own rule": here, digits of the sha256.
fn serial(sha256: &str) -> String {
    let part = |from: usize, to: usize| sha256.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::{BTreeMap, BTreeSet};

    const SHA256: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const MADE: Made<'_> =
        Made { file: "a.wasm", sha256: SHA256, compiler: "rustc 1.95.0 (59807616e 2026-04-14)" };

    fn inside(licence: &str) -> Parts {
        let key = |name: &str| (name.to_owned(), "1.0.0".to_owned());
        let part = |licence: &str, checksum: Option<&str>| Part {
            licence: licence.to_owned(),
            checksum: checksum.map(str::to_owned),
            folder: "/".into(),
        };
        Parts {
            top: key("a"),
            parts: BTreeMap::from([
                (key("a"), part("Apache-2.0", None)),
                (key("b"), part(licence, Some(SHA256))),
            ]),
            takes: BTreeMap::from([(key("a"), BTreeSet::from([key("b")])), (key("b"), BTreeSet::new())]),
        }
    }

    #[test]
    fn the_list_names_file_crates_licences_and_who_takes_whom() {
        let list: Value =
            serde_json::from_slice(&write(MADE, &inside("MIT OR Apache-2.0")).unwrap()).unwrap();
        assert_eq!((&list["bomFormat"], &list["specVersion"]), (&json!("CycloneDX"), &json!("1.5")));
        assert_eq!(list["serialNumber"], "urn:uuid:01234567-89ab-8def-8123-456789abcdef");
        assert_eq!(list["metadata"]["component"]["hashes"], json!([{"alg": "SHA-256", "content": SHA256}]));
        assert_eq!(list["metadata"]["tools"]["components"][0]["version"], "1.95.0");
        let names: Vec<_> = list["components"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
        assert_eq!(names, ["a", "b", "rust-std"]);
        let b = &list["components"][1];
        assert_eq!(b["licenses"], json!([{"expression": "MIT OR Apache-2.0"}]));
        assert_eq!(b["purl"], "pkg:cargo/b@1.0.0");
        assert_eq!(list["components"][0].get("purl"), None);
        let first = json!({"ref": "a.wasm", "dependsOn": ["a@1.0.0", "rust-std"]});
        assert_eq!(list["dependencies"][0], first);
        assert_eq!(list["dependencies"][1], json!({"ref": "a@1.0.0", "dependsOn": ["b@1.0.0"]}));
    }

    #[test]
    fn a_licence_that_spdx_does_not_know_is_an_error() {
        let error = write(MADE, &inside("Beerware of my own")).unwrap_err().to_string();
        assert!(error.contains("a.wasm is not CycloneDX"), "{error}");
    }

    #[test]
    fn the_list_is_the_same_each_time() {
        assert_eq!(write(MADE, &inside("MIT")).unwrap(), write(MADE, &inside("MIT")).unwrap());
    }
}
