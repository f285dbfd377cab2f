//! nginx and Varnish, each with the setting under which it lets identical requests wait for one.
//!
//! Invariant: neither writes outside the folder that it is given. The programs are those that `$NGINX` and `$VARNISHD` name. Trade-off: what is not about
//! waiting is as they are by default, not tuned.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::foreign::{self, Foreign};

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Nginx,
    Varnish,
}

impl Kind {
    fn program(self) -> anyhow::Result<PathBuf> {
        foreign::program(if self == Self::Nginx { "NGINX" } else { "VARNISHD" })
    }

    /// `1.22.1`.
    pub(super) fn version(self) -> anyhow::Result<String> {
        foreign::version(&self.program()?, if self == Self::Nginx { "-v" } else { "-V" })
    }

    /// Starts one in front of `upstream`, and waits until it passes an answer on.
    pub(super) async fn start(self, upstream: SocketAddr) -> anyhow::Result<Foreign> {
        Foreign::start(|directory, at| self.command(directory, at, upstream)).await
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

/// Two workers, as Envoy has. What is not about waiting is nginx's default, but for what keeps it inside its folder.
fn nginx(place: &str, at: SocketAddr, upstream: SocketAddr) -> String {
    let temporary = foreign::nginx_folders(place);
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
