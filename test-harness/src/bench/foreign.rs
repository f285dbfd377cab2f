//! A server of somebody else's, as a child process: nginx, Varnish, HAProxy.
//!
//! Invariant: it has a folder of its own, runs in the foreground, and ends with the value that owns it, by its own id. A free port
//! is asked of the kernel and given to it, since none of them takes port 0. Trade-off: another process may be quicker to take that port; then it is tried
//! again with another.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::load::Client;
use crate::wait;

const TRIES: usize = 3;

/// A running one.
pub(super) struct Foreign {
    child: Child,
    directory: TempDir,
    pub(super) address: SocketAddr,
}

impl Foreign {
    /// Starts what `command` makes for a folder and an address, and waits until it passes an answer on.
    ///
    /// # Errors
    /// If it does not get there, with its log.
    pub(super) async fn start(
        command: impl Fn(&Path, SocketAddr) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Self> {
        for _ in 1..TRIES {
            if let Ok(server) = Self::try_start(&command).await {
                return Ok(server);
            }
        }
        Self::try_start(&command).await
    }

    async fn try_start(
        command: &impl Fn(&Path, SocketAddr) -> anyhow::Result<Command>,
    ) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("switchyard-peer-")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = File::create(directory.path().join("log"))?;
        let mut command = command(directory.path(), address)?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let child = child.with_context(|| format!("starting {program}"))?;
        let mut server = Self { child, directory, address };
        let client = Client::to(address);
        let ready = wait::until("a peer's first answer", wait::DEADLINE, || {
            let (ended, asked) = (server.child.try_wait(), client.get("/ready").send());
            async move {
                if let Some(status) = ended? {
                    anyhow::bail!("it ended with {status}");
                }
                Ok(asked.await.ok().filter(|answer| answer.status == 200).map(drop))
            }
        });
        let ready = ready.await;
        ready.with_context(|| format!("{program} did not start; its log:\n{}", server.log()))?;
        Ok(server)
    }

    /// Its process id: that of the first process, if it has several.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // Asked to end, they end their workers first. The standard library can only kill, which leaves nginx's behind.
        let id = self.child.id().to_string();
        let asked = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).stderr(Stdio::null()).status();
        if !asked.is_ok_and(|status| status.success()) {
            // Fails only if it has ended by itself.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The program that an environment variable names.
///
/// # Errors
/// If there is none.
pub(super) fn program(variable: &str) -> anyhow::Result<PathBuf> {
    let named = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    named.with_context(|| format!("run this through `cargo xtask bench`, or set {variable}"))
}

/// What a program says about its version, asked with this flag: `1.22.1`.
///
/// # Errors
/// If it cannot be asked.
pub(super) fn version(program: &Path, flag: &str) -> anyhow::Result<String> {
    let output = Command::new(program).arg(flag).output()?;
    // nginx and Varnish write it to standard error, HAProxy to standard output.
    let said = [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(version_in(&said.concat()))
}

/// From `nginx version: nginx/1.22.1`, `varnishd (varnish-7.1.1 revision …)` or `HAProxy version 2.6.12-1+deb12u4 …`: the first
/// word, or part of one, that begins with a digit.
fn version_in(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || "/-+".contains(letter));
    let version = words.into_iter().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    version.unwrap_or("unknown").to_owned()
}

/// The lines of nginx's configuration that keep what it stores for a while inside this folder.
pub(super) fn nginx_folders(place: &str) -> String {
    ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {place}/{name};\n"))
        .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_say_their_version_in_their_own_way() {
        assert_eq!(version_in("nginx version: nginx/1.22.1\n"), "1.22.1");
        assert_eq!(version_in("varnishd (varnish-7.1.1 revision 7cee1c5)\nCopyright (c) 2006\n"), "7.1.1");
        assert_eq!(
            version_in("HAProxy version 2.6.12-1+deb12u4 2026/10/17 - https://haproxy.org/"),
            "2.6.12"
        );
        assert_eq!(version_in(""), "unknown");
    }
}
