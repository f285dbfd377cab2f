//! nginx and Varnish as child processes, each with the setting under which it lets identical requests wait for one.
//!
//! Invariant: a peer has a folder of its own, runs in the foreground, and ends with the value that owns it, by its
//! own id. A free port is asked of the kernel and given to it, since neither takes port 0; should another process be
//! quicker, it is tried again. The programs are those that `$NGINX` and `$VARNISHD` name.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::load::Client;
use crate::wait;

const TRIES: usize = 3;

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nginx,
    Varnish,
}

/// A running one.
pub(super) struct Peer {
    child: Child,
    directory: TempDir,
    pub(super) address: SocketAddr,
}

impl Kind {
    fn program(self) -> anyhow::Result<PathBuf> {
        let variable = match self {
            Self::Nginx => "NGINX",
            Self::Varnish => "VARNISHD",
        };
        let named = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
        named.with_context(|| format!("run this through `cargo xtask bench coalesce`, or set {variable}"))
    }

    /// `1.22.1`.
    pub(super) fn version(self) -> anyhow::Result<String> {
        let flag = if self == Self::Nginx { "-v" } else { "-V" };
        let output = Command::new(self.program()?).arg(flag).output()?;
        // Both write it to standard error.
        Ok(version_in(&String::from_utf8_lossy(&output.stderr)))
    }

    fn command(self, directory: &Path, at: SocketAddr, upstream: SocketAddr) -> anyhow::Result<Command> {
        let mut command = Command::new(self.program()?);
        let place = directory.display();
        match self {
            Self::Nginx => {
                let file = directory.join("nginx.conf");
                std::fs::write(&file, nginx(&place.to_string(), at, upstream))?;
                command.arg("-e").arg(directory.join("log")).arg("-p").arg(directory).arg("-c").arg(file);
            }
            Self::Varnish => {
                let file = directory.join("default.vcl");
                std::fs::write(&file, varnish(upstream))?;
                command.args(["-F", "-j", "none", "-s", "malloc,64m", "-a"]).arg(at.to_string());
                command.arg("-n").arg(directory.join("state")).arg("-f").arg(file);
                // Clients stay connected while the others have their turn. The rest is about starting quickly.
                for parameter in
                    ["timeout_idle=300", "vsl_space=1M", "cc_command=exec cc -O1 -w -fpic -shared -o %o %s"]
                {
                    command.args(["-p", parameter]);
                }
            }
        }
        Ok(command)
    }
}

impl Peer {
    /// Starts one in front of `upstream`, and waits until it passes an answer on.
    pub(super) async fn start(kind: Kind, upstream: SocketAddr) -> anyhow::Result<Self> {
        for _ in 1..TRIES {
            if let Ok(peer) = Self::try_start(kind, upstream).await {
                return Ok(peer);
            }
        }
        Self::try_start(kind, upstream).await
    }

    async fn try_start(kind: Kind, upstream: SocketAddr) -> anyhow::Result<Self> {
        let directory = TempDir::with_prefix("switchyard-peer-")?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = File::create(directory.path().join("log"))?;
        let mut command = kind.command(directory.path(), address, upstream)?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let child =
            child.with_context(|| format!("starting {}", kind.program().unwrap_or_default().display()))?;
        let mut peer = Self { child, directory, address };
        let client = Client::to(address);
        let ready = wait::until("a peer's first answer", wait::DEADLINE, || {
            let (ended, asked) = (peer.child.try_wait(), client.get("/ready").send());
            async move {
                if let Some(status) = ended? {
                    anyhow::bail!("it ended with {status}");
                }
                Ok(asked.await.ok().filter(|answer| answer.status == 200).map(drop))
            }
        });
        let ready = ready.await;
        ready.with_context(|| format!("{kind:?} did not start; its log:\n{}", peer.log()))?;
        Ok(peer)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Peer {
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

/// From `nginx version: nginx/1.22.1` or `varnishd (varnish-7.1.1 revision …)`.
fn version_in(text: &str) -> String {
    let version = text.split(['/', '-']).nth(1).unwrap_or_default();
    version.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// Two workers, as Envoy has. What is not about waiting is nginx's default, but for what keeps it inside its folder.
fn nginx(place: &str, at: SocketAddr, upstream: SocketAddr) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {place}/{name};\n"))
        .concat();
    format!(
        "daemon off;
worker_processes 2;
user root;
pid {place}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
{temporary}    proxy_cache_path {place}/cache keys_zone=answers:8m use_temp_path=off;
    upstream origin {{ server {upstream}; keepalive 64; }}
    server {{
        listen {at};
        keepalive_timeout 300s;
        keepalive_requests 100000;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header connection \"\";
            proxy_cache answers;
            proxy_cache_lock on;
            proxy_cache_valid 200 10s;
        }}
    }}
}}
"
    )
}

/// Varnish lets identical requests wait unless it is told otherwise.
fn varnish(upstream: SocketAddr) -> String {
    format!(
        "vcl 4.1;\nbackend origin {{ .host = \"{}\"; .port = \"{}\"; }}\n",
        upstream.ip(),
        upstream.port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_say_their_version_in_their_own_way() {
        assert_eq!(version_in("nginx version: nginx/1.22.1\n"), "1.22.1");
        assert_eq!(version_in("varnishd (varnish-7.1.1 revision 7cee1c5)\nCopyright (c) 2006\n"), "7.1.1");
        assert_eq!(version_in(""), "unknown");
    }

    #[test]
    fn nginx_writes_nothing_outside_its_folder() {
        let address = "127.0.0.1:8080".parse().unwrap();
        let text = nginx("/its/own", address, address);
        let paths: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with('/')).collect();
        assert_eq!(paths.len(), 8, "{paths:?}");
        assert!(paths.iter().all(|path| *path == "/" || path.starts_with("/its/own/")), "{paths:?}");
    }

    #[test]
    fn varnish_asks_the_upstream_by_address_and_port() {
        let text = varnish("127.0.0.1:8080".parse().unwrap());
        assert!(text.contains(r#".host = "127.0.0.1"; .port = "8080";"#), "{text}");
    }
}
