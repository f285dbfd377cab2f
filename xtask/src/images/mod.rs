//! Container images made from this machine's own files, for where no registry can be reached.
//!
//! Invariant: an image holds one program, the shared libraries it names, `/etc/passwd` and `/tmp`, and nothing
//! else; its label carries the digest of exactly those, so an unchanged image is never made twice.
//! Trade-off: there is no shell in it and no certificate store: docker-compose.yml needs neither. Nothing is
//! written to disk, the archive is streamed into `docker import`.

mod libraries;
mod rootfs;

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use rootfs::Rootfs;

/// Where the digest of an image's files is kept, for the next run to compare.
const LABEL: &str = "switchyard.content";
const ENVOY: &str = "switchyard-envoy:local";
const UPSTREAM: &str = "switchyard-upstream:local";

/// One image of the local engine.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its reference, as docker-compose.yml takes it.
    pub(crate) reference: &'static str,
    /// Whether this run made it; false when it was there with the same files.
    pub(crate) made: bool,
}

/// Both images that docker-compose.yml needs.
#[derive(Debug)]
pub(crate) struct Images {
    /// What belongs into `ENVOY_IMAGE`.
    pub(crate) envoy: Image,
    /// What belongs into `UPSTREAM_IMAGE`.
    pub(crate) upstream: Image,
}

/// Makes the images of `envoy` (a binary of this machine) and of the harness's upstream, which is built first.
///
/// # Errors
/// When no engine answers, the upstream does not build, or a library that a program names is missing.
pub(crate) fn make(root: &Path, envoy: &Path) -> Result<Images> {
    engine()?;
    let upstream = build_upstream(root)?;
    Ok(Images {
        envoy: image(ENVOY, envoy, "/usr/local/bin/envoy")?,
        upstream: image(UPSTREAM, &upstream, "/usr/local/bin/switchyard-upstream")?,
    })
}

/// The version of the Docker engine that answers.
///
/// # Errors
/// When none does: with the client's own words, which say whether it is missing, stopped or not permitted.
pub(crate) fn engine() -> Result<String> {
    let asked = Command::new("docker")
        .args(["version", "--format", "{{.Server.Version}}"])
        .stdin(Stdio::null())
        .output()
        .context("no `docker` command on PATH: install Docker, or leave the compose scenario out")?;
    if !asked.status.success() {
        bail!("no Docker engine answers: {}", String::from_utf8_lossy(&asked.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&asked.stdout).trim().to_owned())
}

fn build_upstream(root: &Path) -> Result<PathBuf> {
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", "switchyard-test-harness"])
        .args(["--bin", "switchyard-upstream"])
        .current_dir(root)
        .status()
        .context("cargo did not start")?;
    if !status.success() {
        bail!("switchyard-upstream does not build: see the compiler's message above");
    }
    // Relative to the root, as cargo reads it there.
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Ok(root.join(target).join("debug/switchyard-upstream"))
}

fn image(reference: &'static str, program: &Path, place: &str) -> Result<Image> {
    let rootfs = Rootfs::of(program, place)?;
    let digest = rootfs.digest()?;
    let made = label(reference).is_none_or(|known| known != digest);
    if made {
        import(reference, &digest, &rootfs).with_context(|| format!("making {reference}"))?;
    }
    Ok(Image { reference, made })
}

/// The digest that an image carries; `None` when there is no such image or it is not ours.
fn label(reference: &str) -> Option<String> {
    let format = format!("{{{{index .Config.Labels {LABEL:?}}}}}");
    let asked =
        Command::new("docker").args(["image", "inspect", "--format", &format, reference]).output().ok()?;
    asked.status.success().then(|| String::from_utf8_lossy(&asked.stdout).trim().to_owned())
}

fn import(reference: &str, digest: &str, rootfs: &Rootfs) -> Result<()> {
    let mut docker = Command::new("docker")
        .args(["import", "--change", &format!("LABEL {LABEL}={digest}"), "-", reference])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("docker did not start")?;
    let written = match docker.stdin.take() {
        Some(pipe) => rootfs.write(BufWriter::with_capacity(1 << 16, pipe)),
        None => bail!("docker import has no standard input"),
    };
    // The engine's own words say more than the broken pipe that they cause, so they come first.
    let answer = docker.wait_with_output()?;
    if !answer.status.success() {
        bail!("docker import: {}", String::from_utf8_lossy(&answer.stderr).trim());
    }
    written
}
