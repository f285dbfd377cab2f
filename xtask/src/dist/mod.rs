//! `cargo xtask dist`: what is handed out.
//!
//! Modules, each alone, as an image and as an artifact; for each, and for the program, the list of what is inside; the licences of what
//! others wrote; and the sums of all of it. docs/releases.md says what each is for.
//!
//! Invariant: one compiler and one Cargo.lock give the same bytes, wherever and whenever they are built.

mod check;
mod folder;
mod image;
mod licences;
mod parts;
mod program;
mod reader;
mod sbom;
mod twice;

use crate::build::{self, Module};
use crate::setup::{Install, WasmCargo};
use crate::workspace::{root, target};
use anyhow::{Context, Result};
use check::Expected;
use folder::Folder;
use image::{About, Image};
use parts::{Known, Parts};
use sbom::Made;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const LICENCE: &str = env!("CARGO_PKG_LICENSE");
const WASM: &str = "wasm32-unknown-unknown";

/// What each digest is for: they are mixed up easily, and the wrong one is refused without saying so.
const LEGEND: &str = "\
file      the module itself: Envoy's vm_config.code.remote.sha256, Envoy Gateway's code.http.sha256, and Istio's sha256 for an https:// url
image     the image's manifest: Istio's sha256 for an oci:// url, Envoy Gateway's code.image.sha256, and NAME@sha256:… in any url of an image
artifact  the same for the artifact, where that was pushed instead
program   the `switchyard` program
";

/// A module with its images.
struct Ready {
    module: Module,
    wasm: Vec<u8>,
    image: Image,
    artifact: Image,
}

impl Ready {
    fn of(module: Module) -> Result<Self> {
        let wasm = fs::read(&module.path).with_context(|| format!("reading {}", module.path.display()))?;
        let about = About {
            name: &module.name,
            version: VERSION,
            description: &module.description,
            licence: LICENCE,
        };
        let (image, artifact) = (Image::compat(&wasm, about)?, Image::artifact(&wasm, about)?);
        Ok(Self { wasm, image, artifact, module })
    }

    fn file(&self) -> String {
        format!("{}.wasm", self.module.name)
    }
}

/// Makes the folder `out` (by default target/dist) and prints what is in it; false when another run, whose sums are in the file
/// `expect`, made other bytes, which it says.
///
/// # Errors
/// When `out` is something else, `expect` cannot be read, or a build fails.
pub(crate) fn dist(out: Option<&Path>, expect: Option<&Path>, install: Install) -> Result<bool> {
    let out = out.map_or_else(|| root().join("target/dist"), Path::to_owned);
    let expected =
        |path: &Path| fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
    let expected = expect.map(expected).transpose()?;
    let mut folder = Folder::begin(&out)?;
    let ready = build::build_shipped(install)?.into_iter().map(Ready::of).collect::<Result<Vec<_>>>()?;
    let program = program::build()?;
    let known = Known::read()?;
    let inside = known.inside(program::PACKAGE, &program.target)?;
    let mut table = add_modules(&mut folder, &ready, &known, &inside)?;
    let file = format!("{}-{}", program::NAME, program.target);
    let sha256 = folder.add_program(&format!("bin/{file}"), &program.content)?;
    folder.add(&format!("bin/{file}.sha256"), format!("{sha256}  {file}\n").as_bytes())?;
    let made = Made { file: &file, sha256: &sha256, compiler: &program.compiler };
    folder.add(&format!("bin/{file}.cdx.json"), &sbom::write(made, &inside)?)?;
    row(&mut table, &file, "program", program.content.len(), &sha256)?;
    let text = format!("{table}\n{LEGEND}");
    folder.add("DIGESTS", text.as_bytes())?;
    let sums = folder.end()?;
    println!("{text}\nin {}", out.display());
    let Some(expected) = expected else { return Ok(true) };
    let others = folder::differing(&sums, &expected);
    others.iter().for_each(|name| eprintln!("not the same as in the other run: {name}"));
    Ok(others.is_empty())
}

/// Adds all that there is of modules, and the licences of what is in them and in what else is handed out; the table of their digests.
fn add_modules(folder: &mut Folder, ready: &[Ready], known: &Known, beside: &Parts) -> Result<String> {
    let compiler = WasmCargo::set_up(Install::Refused)?.compiler()?;
    let mut table = format!("{:<40} {:<9} {:>9}  sha256\n", "", "what", "bytes");
    let mut all: BTreeMap<_, _> = beside.parts.clone();
    for one in ready {
        let (file, name) = (one.file(), &one.module.name);
        let sha256 = folder.add(&format!("modules/{file}"), &one.wasm)?;
        folder.add(&format!("modules/{file}.sha256"), format!("{sha256}  {file}\n").as_bytes())?;
        let inside = known.inside(&one.module.package, WASM)?;
        let made = Made { file: &file, sha256: &sha256, compiler: &compiler };
        folder.add(&format!("modules/{file}.cdx.json"), &sbom::write(made, &inside)?)?;
        all.extend(inside.parts);
        row(&mut table, &file, "file", one.wasm.len(), &sha256)?;
        for ((kind, _), image) in check::FORMS.into_iter().zip([&one.image, &one.artifact]) {
            folder.add_layout(&format!("{kind}/{name}"), &image.layout()?)?;
            row(&mut table, "", kind.trim_end_matches('s'), image.bytes(), image.digest())?;
        }
    }
    folder.add("LICENSE", &fs::read(root().join("LICENSE"))?)?;
    folder.add("THIRD-PARTY", licences::third_party(&all)?.as_bytes())?;
    Ok(table)
}

fn row(table: &mut String, file: &str, what: &str, bytes: usize, sha256: &str) -> Result<()> {
    writeln!(table, "{file:<40} {what:<9} {bytes:>9}  {sha256}")?;
    Ok(())
}

/// Makes everything but the program of the modules that `cargo xtask build` left, and checks it; how many checks passed.
///
/// # Errors
/// At the first check that does not.
pub(crate) fn check() -> Result<u64> {
    let ready = build::built_shipped()?.into_iter().map(Ready::of).collect::<Result<Vec<_>>>()?;
    let place = target().join("dist-check");
    let mut folder = Folder::begin(&place)?;
    let known = Known::read()?;
    let inside = known.inside(program::PACKAGE, &program::compiler()?.1)?;
    add_modules(&mut folder, &ready, &known, &inside)?;
    let digests = |one: &Ready| [one.image.digest().to_owned(), one.artifact.digest().to_owned()];
    let digests: Vec<_> = ready.iter().map(digests).collect();
    let expected: Vec<_> = ready
        .iter()
        .zip(&digests)
        .map(|(one, [image, artifact])| Expected {
            name: &one.module.name,
            wasm: one.wasm.clone(),
            digests: [image, artifact],
        })
        .collect();
    let passed = check::images(folder.path(), VERSION, &expected)?;
    folder.end()?;
    twice::compare()?;
    // The lists of what is inside are checked as they are written.
    Ok(passed + ready.len() as u64 + 1)
}
