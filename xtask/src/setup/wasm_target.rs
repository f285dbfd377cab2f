//! A cargo that builds for wasm32-unknown-unknown.
//!
//! Three ways: the target's library is installed; rustup installs it; Debian's packages bring a compiler and the
//! library's source, from which cargo builds it (`-Zbuild-std`). What is there already is taken first.
//!
//! Invariants: nothing is installed for the whole machine unless that is allowed. What it compiles does not depend on where the checkout,
//! cargo's own folder and the library's source are, nor on the user's RUSTFLAGS: two builds by one compiler give the same bytes.
//! Trade-off: rustup is asked without asking, for it adds 25 MB to what the user has of it; apt is not, for it adds a second compiler.

use super::Install;
use crate::workspace::{on_path, quietly, root, target};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld"];
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld";

/// What separates flags in CARGO_ENCODED_RUSTFLAGS.
const BETWEEN_FLAGS: &str = "\u{1f}";

/// Where a build is made.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// Cargo's own folder, where the sources of crates are; `None` when this machine has no home.
    pub(crate) cargo_home: Option<PathBuf>,
}

impl Place {
    /// This checkout, as everybody builds in it.
    pub(crate) fn here() -> Self {
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo"));
        let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home);
        Self { root: root(), target: target().join("wasm-build"), cargo_home }
    }

    /// Where the modules end up.
    pub(crate) fn modules(&self) -> PathBuf {
        self.target.join(TARGET).join("release")
    }

    /// Flags for a program of this machine's own kind that needs none of its libraries.
    pub(crate) fn static_flags(&self) -> String {
        let sysroot = WasmCargo::Installed.asked(&["--print", "sysroot"]).unwrap_or_default();
        [self.flags(Path::new(&sysroot)), "-Ctarget-feature=+crt-static".to_owned()].join(BETWEEN_FLAGS)
    }

    /// Flags that keep this place's paths, and those of the library's source below `sysroot`, out of what is compiled.
    fn flags(&self, sysroot: &Path) -> String {
        let library = sysroot.join("lib/rustlib/src/rust");
        let sources = self.cargo_home.as_ref().map(|home| (home.join("registry/src"), "/crates"));
        let replaced = [(self.root.clone(), "/switchyard"), (library, "/rust")].into_iter().chain(sources);
        let flags: Vec<String> = replaced
            .map(|(path, instead)| format!("--remap-path-prefix={}={instead}", path.display()))
            .collect();
        flags.join(BETWEEN_FLAGS)
    }
}

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
    /// When none of the three can be had, or only by an installation that is not allowed, with what to do by hand.
    pub(crate) fn set_up(install: Install) -> Result<Self> {
        if target_library_installed() {
            return Ok(Self::Installed);
        }
        if debian_installed() {
            return Ok(Self::Debian);
        }
        if rustup_adds_target() {
            return Ok(Self::Installed);
        }
        if on_path("apt-get").is_some() {
            if install == Install::Refused {
                bail!(not_unasked());
            }
            install_debian_packages()?;
        }
        if debian_installed() {
            return Ok(Self::Debian);
        }
        bail!(
            "no standard library for {TARGET}. Do one of these and try again:\n  \
             rustup target add {TARGET}\n  \
             {}   (Debian 12 and later, as root)\n  \
             install a Rust {} or later that brings {TARGET}",
            apt_get().join(" && "),
            env!("CARGO_PKG_RUST_VERSION"),
        );
    }

    /// `cargo <subcommand>` for wasm32, into a target folder of its own.
    pub(crate) fn command(self, subcommand: &str) -> Command {
        self.command_in(&Place::here(), subcommand)
    }

    /// `cargo <subcommand>` for wasm32, in this place.
    pub(crate) fn command_in(self, place: &Place, subcommand: &str) -> Command {
        let mut cargo = match self {
            Self::Installed => crate::workspace::cargo(),
            Self::Debian => debian_cargo(),
        };
        let sysroot = self.asked(&["--print", "sysroot"]).unwrap_or_default();
        cargo.current_dir(&place.root).env("CARGO_ENCODED_RUSTFLAGS", place.flags(Path::new(&sysroot)));
        if let Some(home) = &place.cargo_home {
            cargo.env("CARGO_HOME", home);
        }
        cargo.arg(subcommand).args(["--target", TARGET, "--target-dir"]).arg(&place.target);
        if self == Self::Debian {
            cargo.arg("-Zbuild-std=std,panic_abort");
        }
        cargo
    }

    /// `rustc 1.95.0 (59807616e 2026-04-14)`: what else must be the same for the same bytes.
    ///
    /// # Errors
    /// When the compiler does not start.
    pub(crate) fn compiler(self) -> Result<String> {
        self.asked(&["--version"]).context("rustc does not say its version")
    }

    /// What its compiler answers to `arguments`, in one line.
    fn asked(self, arguments: &[&str]) -> Option<String> {
        let rustc = match self {
            Self::Installed => std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()),
            Self::Debian => "/usr/bin/rustc".into(),
        };
        let output = Command::new(rustc).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// What apt would be asked to do.
fn apt_get() -> [String; 2] {
    let install = format!("apt-get install --yes --no-install-recommends {}", DEBIAN_PACKAGES.join(" "));
    ["apt-get update".to_owned(), install]
}

/// Why there is no build, and how there would be one.
fn not_unasked() -> String {
    format!(
        "no standard library for {TARGET} on this machine, and no rustup that adds it. With --install (or CI=true) this command runs, \
         as root, and then builds:\n  {}\nThat installs a second compiler (250 MB). Or run `rustup target add {TARGET}` yourself.",
        apt_get().join("\n  ")
    )
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
    let commands = apt_get();
    let hint = || format!("as root, run: {}", commands.join(" && "));
    for (command, why) in commands.iter().zip(["", ": a compiler for wasm32 (250 MB)"]) {
        let mut words = command.split(' ');
        let mut apt = Command::new(words.next().unwrap_or_default());
        apt.args(words).env("DEBIAN_FRONTEND", "noninteractive");
        quietly(&format!("{command}{why}"), &mut apt).with_context(hint)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(cargo_home: Option<&str>) -> Place {
        Place { root: "/a".into(), target: "/a/t".into(), cargo_home: cargo_home.map(PathBuf::from) }
    }

    #[test]
    fn no_path_of_this_machine_is_compiled_in() {
        let flags = place(Some("/home/me/.cargo")).flags(Path::new("/opt/rust"));
        assert_eq!(
            flags.split(BETWEEN_FLAGS).collect::<Vec<_>>(),
            [
                "--remap-path-prefix=/a=/switchyard",
                "--remap-path-prefix=/opt/rust/lib/rustlib/src/rust=/rust",
                "--remap-path-prefix=/home/me/.cargo/registry/src=/crates",
            ]
        );
        assert_eq!(place(None).flags(Path::new("/opt/rust")).split(BETWEEN_FLAGS).count(), 2);
    }

    #[test]
    fn a_command_is_the_places_own() {
        let mut home = place(Some("/b"));
        let command = WasmCargo::Debian.command_in(&home, "rustc");
        assert_eq!(command.get_current_dir(), Some(Path::new("/a")));
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        assert_eq!(
            arguments,
            ["rustc", "--target", TARGET, "--target-dir", "/a/t", "-Zbuild-std=std,panic_abort"]
        );
        let set = |command: &Command, name: &str| {
            command.get_envs().find(|(known, _)| *known == name).and_then(|(_, value)| value).is_some()
        };
        assert!(set(&command, "CARGO_HOME") && set(&command, "CARGO_ENCODED_RUSTFLAGS"));
        home.cargo_home = None;
        assert!(!set(&WasmCargo::Debian.command_in(&home, "rustc"), "CARGO_HOME"));
        assert_eq!(home.modules(), Path::new("/a/t/wasm32-unknown-unknown/release"));
    }

    #[test]
    fn what_would_be_installed_is_said_word_for_word() {
        let said = not_unasked();
        for command in apt_get() {
            assert!(said.contains(&format!("\n  {command}\n")), "{said}");
        }
        assert!(said.contains("--install (or CI=true)"), "{said}");
    }
}
