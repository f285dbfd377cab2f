//! A cargo that builds for wasm32-unknown-unknown.
//!
//! Three ways: the target's library is installed; rustup installs it; Debian's packages bring a compiler and the
//! library's source, from which cargo builds it (`-Zbuild-std`). What is there already is taken first.

use crate::workspace::{on_path, quietly, root};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld";

/// A way to build for wasm32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WasmCargo {
    /// The toolchain at hand has the target's library.
    Installed,
    /// Debian's compiler builds the library too.
    Debian,
}

impl WasmCargo {
    /// Finds a way, or makes one.
    ///
    /// # Errors
    /// When none of the three can be had, with what to do by hand.
    pub(crate) fn set_up() -> Result<Self> {
        if target_library_installed() {
            return Ok(Self::Installed);
        }
        if debian_installed() {
            return Ok(Self::Debian);
        }
        if rustup_adds_target() {
            return Ok(Self::Installed);
        }
        install_debian_packages()?;
        if debian_installed() {
            return Ok(Self::Debian);
        }
        bail!(
            "no standard library for {TARGET}. Do one of these and try again:\n  \
             rustup target add {TARGET}\n  \
             apt-get install {packages}   (Debian 12 and later, as root)\n  \
             install a Rust {version} or later that brings {TARGET}",
            packages = DEBIAN_PACKAGES.join(" "),
            version = env!("CARGO_PKG_RUST_VERSION"),
        );
    }

    /// `cargo <subcommand>` for wasm32, into a target folder of its own.
    pub(crate) fn command(self, subcommand: &str) -> Command {
        let mut cargo = match self {
            Self::Installed => crate::workspace::cargo(),
            Self::Debian => debian_cargo(),
        };
        cargo.arg(subcommand).args(["--target", TARGET, "--target-dir"]).arg(Self::target_dir());
        if self == Self::Debian {
            cargo.arg("-Zbuild-std=std,panic_abort");
        }
        cargo
    }

    /// Where its modules end up.
    pub(crate) fn modules(self) -> PathBuf {
        Self::target_dir().join(TARGET).join("release")
    }

    fn target_dir() -> PathBuf {
        crate::workspace::target().join("wasm-build")
    }
}

fn debian_cargo() -> Command {
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        .current_dir(root())
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTDOC", "/usr/bin/rustdoc")
        // -Zbuild-std is unstable; the flag lets a stable compiler of the same version build its own library.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", DEBIAN_LINKER);
    // What rustup and the outer cargo set is about their own toolchain.
    for variable in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC_WRAPPER", "CARGO_TARGET_DIR"] {
        cargo.env_remove(variable);
    }
    cargo
}

fn target_library_installed() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    asked.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

fn rustup_adds_target() -> bool {
    if on_path("rustup").is_none() {
        return false;
    }
    // Where rustup cannot download, its retries, or a network that swallows packets, would only delay the next way.
    let mut rustup = Command::new(if on_path("timeout").is_some() { "timeout" } else { "rustup" });
    if on_path("timeout").is_some() {
        rustup.args(["120", "rustup"]);
    }
    rustup.args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "0").stdout(Stdio::null());
    quietly("asking rustup for the wasm32 library", &mut rustup).is_ok() && target_library_installed()
}

/// Whether Debian's compiler is there, new enough, with the library's source and the linker.
fn debian_installed() -> bool {
    let version = Command::new("/usr/bin/rustc").arg("--version").output();
    let version =
        version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let minor = |text: &str| text.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    // Debian also has packages of the same files that are too old.
    if minor(&version) < minor(env!("CARGO_PKG_RUST_VERSION")) {
        return false;
    }
    let source = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
    ["/usr/bin/cargo", "/usr/bin/rustc", DEBIAN_LINKER, source].iter().all(|file| Path::new(file).exists())
}

fn install_debian_packages() -> Result<()> {
    if on_path("apt-get").is_none() {
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let hint = "as root, run: apt-get update && apt-get install rustc-web cargo-web rust-web-src lld";
    quietly("apt-get update", &mut apt(&["update"])).context(hint)?;
    let install = [&["install", "--yes", "--no-install-recommends"], DEBIAN_PACKAGES.as_slice()].concat();
    quietly("apt-get install: a compiler for wasm32 (250 MB)", &mut apt(&install)).context(hint)?;
    Ok(())
}
