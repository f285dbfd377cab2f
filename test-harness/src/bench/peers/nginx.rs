//! nginx's configuration.
//!
//! Its `max_fails` counts failures within `fail_timeout`, in a row or not, and what a failure is says `proxy_next_upstream`. It does not count a bad status of the last
//! attempt, so without retries it would eject for none. After `fail_timeout` it tries one request. It has no waits between attempts, no budget, and
//! 160 points for each endpoint. Invariant: it writes nothing outside the folder that it is given.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::job::{CONNECT, FAILURES, Job, KEPT, KEY, OUT, PER_TRY, RETRIES};

/// The command that starts it.
///
/// # Errors
/// If there is no nginx, or its folder cannot be written to.
pub(super) fn command(
    directory: &Path,
    at: SocketAddr,
    job: Job,
    hosts: &[SocketAddr],
) -> anyhow::Result<Command> {
    let file = directory.join("nginx.conf");
    std::fs::write(&file, configuration(&directory.display().to_string(), at, job, hosts))?;
    let mut command = Command::new(crate::bench::foreign::program("NGINX")?);
    command.arg("-e").arg(directory.join("log")).arg("-p").arg(directory).arg("-c").arg(file);
    Ok(command)
}

fn configuration(place: &str, at: SocketAddr, job: Job, hosts: &[SocketAddr]) -> String {
    let temporary = crate::bench::foreign::nginx_folders(place);
    let max_fails = if job.ejects() { FAILURES } else { 0 };
    let (out, connect, per_try) = (OUT.as_secs(), CONNECT.as_millis(), PER_TRY.as_millis());
    let server = |host| format!("        server {host} max_fails={max_fails} fail_timeout={out}s;\n");
    let servers: String = hosts.iter().map(server).collect();
    let variable = format!("$http_{}", KEY.replace('-', "_"));
    let hash = if job.hashes() { format!("        hash {variable} consistent;\n") } else { String::new() };
    let tries = RETRIES + 1;
    format!(
        "daemon off;
worker_processes 1;
user root;
pid {place}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
{temporary}    upstream checkout {{
        zone checkout 256k;
{hash}{servers}        keepalive {KEPT};
        keepalive_requests 1000000;
    }}
    server {{
        listen {at};
        keepalive_timeout 300s;
        keepalive_requests 1000000;
        location / {{
            proxy_pass http://checkout;
            proxy_http_version 1.1;
            proxy_set_header connection \"\";
            proxy_connect_timeout {connect}ms;
            proxy_read_timeout {per_try}ms;
            proxy_next_upstream error timeout http_500 http_502 http_503 http_504;
            proxy_next_upstream_tries {tries};
        }}
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(job: Job) -> String {
        let at = "127.0.0.1:8080".parse().unwrap();
        configuration("/its/own", at, job, &[at])
    }

    #[test]
    fn it_writes_nothing_outside_its_folder() {
        let text = text(Job::Hashing);
        let paths: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with('/')).collect();
        assert_eq!(paths.len(), 7, "{paths:?}");
        assert!(paths.iter().all(|path| *path == "/" || path.starts_with("/its/own/")), "{paths:?}");
    }

    #[test]
    fn each_job_has_what_it_compares() {
        assert!(text(Job::Hashing).contains("hash $http_x_user consistent;"));
        assert!(!text(Job::Ejection).contains("hash "));
        assert!(text(Job::Ejection).contains("max_fails=5 fail_timeout=2s;"));
        assert!(text(Job::Retries).contains("max_fails=0 "), "0 is never");
        assert!(text(Job::Retries).contains("proxy_next_upstream_tries 3;"), "the first is one of them");
    }
}
