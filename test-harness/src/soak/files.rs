//! The files that Envoy has open: how many beside its connections, and, where they are too many, what they are.
//!
//! Invariant: a connection that one of Envoy's gauges counts is none of them. Trade-off: the gauges and the files are read one after the other, so
//! a number that is wrong for a moment is to be read again.

use std::collections::BTreeMap;
use std::fs;

use super::stage::Stage;

/// How many are open without connections.
pub(super) fn count(stage: &Stage, stats: &BTreeMap<String, u64>) -> anyhow::Result<u64> {
    let open = fs::read_dir(format!("/proc/{}/fd", stage.envoy.process_id()))?.count() as u64;
    let is_connection = |name: &&String| {
        (name.starts_with("cluster.") && name.ends_with(".upstream_cx_active"))
            || (name.starts_with("http.") && name.ends_with(".downstream_cx_active"))
    };
    let connections: u64 = stats.keys().filter(is_connection).filter_map(|name| stats.get(name)).sum();
    Ok(open.saturating_sub(connections))
}

/// What is open, connections too: how many of each kind, and of connections their ends and states.
pub(super) fn told(process: u32) -> anyhow::Result<String> {
    let sockets = fs::read_to_string(format!("/proc/{process}/net/tcp"))?;
    let sockets: BTreeMap<_, _> = sockets.lines().filter_map(socket).collect();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        let kind = match inode.map(|inode| sockets.get(inode)) {
            Some(Some(socket)) => socket.clone(),
            Some(None) => "another socket".to_owned(),
            None => target.split(":[").next().unwrap_or_default().to_owned(),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    Ok(kinds.join(", "))
}

/// The inode of a line of /proc/net/tcp, and its socket's ends, whose clients are one, and state.
fn socket(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace().skip(1);
    let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
    let port = |end: &str| u16::from_str_radix(end.split_once(':')?.1, 16).ok();
    let (local, remote) = (port(local)?, port(remote)?);
    let state = match state {
        "01" => "established",
        "08" => "closed by the other end",
        "0A" => return Some((words.nth(5)?.to_owned(), format!("listening at {local}"))),
        other => return Some((words.nth(5)?.to_owned(), format!("{local} to {remote} in state {other}"))),
    };
    Some((words.nth(5)?.to_owned(), format!("{local} to {remote} {state}")))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_socket_is_told_by_its_ends_and_its_state() {
        let line = "   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 20 4 30 10 -1";
        let told = |line: &str| super::socket(line).unwrap();
        assert_eq!(told(line), ("4242".to_owned(), "8080 to 54321 established".to_owned()));
        assert_eq!(told(&line.replace(" 01 ", " 0A ")), ("4242".to_owned(), "listening at 8080".to_owned()));
        assert!(super::socket("  sl  local_address rem_address   st").is_none());
    }

    #[test]
    fn what_a_process_has_open_is_told_by_kinds() {
        let _listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let told = super::told(std::process::id()).unwrap();
        assert!(told.contains("listening at "), "{told}");
    }
}
