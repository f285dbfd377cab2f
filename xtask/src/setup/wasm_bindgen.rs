//! wasm-bindgen-test-runner at the version that Cargo.lock has, for the wasm32 tests in Node.

use crate::workspace::{cargo, on_path, quietly, root, target};
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;

/// The runner, installed into the target folder unless that version is there.
///
/// # Errors
/// When Node is missing, Cargo.lock has no wasm-bindgen, or the installation fails.
pub(crate) fn test_runner() -> Result<PathBuf> {
    ensure!(on_path("node").is_some(), "no `node` on PATH: install Node.js 18 or later for the wasm32 tests");
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).context("reading Cargo.lock")?;
    let version = locked(&lock, "wasm-bindgen").context("Cargo.lock has no wasm-bindgen")?;
    let place = target().join("tools").join(format!("wasm-bindgen-{version}"));
    let runner = place.join("bin/wasm-bindgen-test-runner");
    if !runner.is_file() {
        let mut install = cargo();
        // Not --locked: the versions it was published with no longer build with every compiler.
        install
            .args(["install", "--quiet", "wasm-bindgen-cli", "--version", &version, "--root"])
            .arg(&place)
            // Without TLS, which is for browsers far away and half of what there is to compile.
            .args(["--no-default-features", "--bin", "wasm-bindgen-test-runner", "--target-dir"])
            .arg(target().join("tools/build"))
            // It runs for seconds; optimising it for more takes a minute.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        quietly("cargo install: the wasm32 test runner (a minute)", &mut install)?;
    }
    Ok(runner)
}

/// The version of `package` in a Cargo.lock.
fn locked(lock: &str, package: &str) -> Option<String> {
    let line = format!("name = {package:?}");
    let mut lines = lock.lines().skip_while(|candidate| *candidate != line).skip(1);
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::locked;

    #[test]
    fn the_locked_version_is_found_by_the_whole_name() {
        let lock = "[[package]]\nname = \"wasm-bindgen-test\"\nversion = \"0.3.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.99\"\n";
        assert_eq!(locked(lock, "wasm-bindgen"), Some("0.2.99".to_owned()));
        assert_eq!(locked(lock, "wasm"), None);
    }
}
