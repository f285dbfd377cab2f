//! HAProxy's configuration.
//!
//! It ejects by what it observes in answers (`observe layer7`, `error-limit`, `on-error mark-down`), and what is down comes back by a health check, here the
//! same request as clients', every two seconds, as long as the others are out. An answer that it tries again (`retry-on` with a status, or
//! a time-out) it does not observe: such an endpoint is never marked down (2.6.12, seen here). So it either hides bad answers or ejects for them, and [`Job`] says which; connections that fail are
//! tried again and observed. It has no waits between attempts at different servers, and no budget; weight 10 is 160 points on the circle.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::job::{CONNECT, FAILURES, Job, KEY, OUT, PER_TRY, POINTS, RETRIES};

/// Points for each unit of weight.
const SCALE: u32 = 16;

/// The command that starts it.
///
/// # Errors
/// If there is no HAProxy, or its folder cannot be written to.
pub(super) fn command(
    directory: &Path,
    at: SocketAddr,
    job: Job,
    hosts: &[SocketAddr],
) -> anyhow::Result<Command> {
    let file = directory.join("haproxy.cfg");
    std::fs::write(&file, configuration(at, job, hosts))?;
    let mut command = Command::new(crate::bench::foreign::program("HAPROXY")?);
    command.arg("-db").arg("-f").arg(file);
    Ok(command)
}

fn configuration(at: SocketAddr, job: Job, hosts: &[SocketAddr]) -> String {
    let balance = if job.hashes() {
        format!("balance hdr({KEY})\n    hash-type consistent sdbm avalanche")
    } else {
        "balance roundrobin".to_owned()
    };
    let retry_on = match job {
        Job::Hashing | Job::Ejection => "conn-failure",
        Job::Retries | Job::Everything => "all-retryable-errors",
    };
    let (out, connect, per_try) = (OUT.as_secs(), CONNECT.as_millis(), PER_TRY.as_millis());
    let observed = if job.ejects() {
        format!(" check inter {out}s rise 1 observe layer7 error-limit {FAILURES} on-error mark-down")
    } else {
        String::new()
    };
    let weight = POINTS / SCALE;
    let server = |(number, host)| format!("    server s{number} {host}\n");
    let servers: String = hosts.iter().enumerate().map(server).collect();
    format!(
        "global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect {connect}ms
    timeout server {per_try}ms
    timeout check {per_try}ms
    timeout client 300s
    timeout http-keep-alive 300s
    http-reuse always
    retries {RETRIES}
    option redispatch 1
    retry-on {retry_on}
    option httpchk GET /
    default-server weight {weight}{observed}
frontend ingress
    bind {at}
    default_backend checkout
backend checkout
    {balance}
{servers}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(job: Job) -> String {
        let at = "127.0.0.1:8080".parse().unwrap();
        configuration(at, job, &[at])
    }

    #[test]
    fn each_job_has_what_it_compares() {
        assert!(text(Job::Hashing).contains("balance hdr(x-user)\n    hash-type consistent"));
        assert!(text(Job::Ejection).contains("balance roundrobin"));
        assert!(text(Job::Ejection).contains("observe layer7 error-limit 5 on-error mark-down"));
        assert!(text(Job::Hashing).contains("weight 10 "), "160 points, as nginx has");
        assert!(!text(Job::Retries).contains("observe"));
        assert!(text(Job::Retries).contains("retries 2\n    option redispatch 1\n    retry-on all-"));
    }
}
