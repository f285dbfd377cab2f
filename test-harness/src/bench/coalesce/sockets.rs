//! Whether a server has read all that its clients have sent, from Linux's table of TCP sockets.
//!
//! It is the same question for every server, and none of them has to be asked. Trade-off: IPv4 only, which loopback is.

use std::fs;
use std::net::SocketAddrV4;

use anyhow::Context as _;

/// The state ESTABLISHED in `/proc/net/tcp`.
const ESTABLISHED: &str = "01";

/// Bytes that clients on this machine have sent to the server at `address`, and that it has not read. Those that have
/// arrived and are not acknowledged yet count twice.
///
/// # Errors
/// Where there is no `/proc/net/tcp`.
pub(super) fn unread(address: SocketAddrV4) -> anyhow::Result<u64> {
    let table = fs::read_to_string("/proc/net/tcp").context("Linux's /proc says which requests were read")?;
    Ok(unread_in(&table, address))
}

fn unread_in(table: &str, address: SocketAddrV4) -> u64 {
    // The address is a number in the machine's own byte order, the port is not: both are printed as numbers.
    let ip = u32::from_ne_bytes(address.ip().octets());
    let server = format!("{ip:08X}:{:04X}", address.port());
    let queued = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (at, to, state, queues) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let (sent, arrived) = queues.split_once(':')?;
        // On a busy machine bytes are on their way for a while, even here.
        let waiting = match (at == server, to == server) {
            _ if state != ESTABLISHED => return None,
            (true, _) => arrived,
            (_, true) => sent,
            _ => return None,
        };
        u64::from_str_radix(waiting, 16).ok()
    };
    table.lines().filter_map(queued).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_the_servers_connections_and_not_read_counts() {
        let ip = format!("{:08X}", u32::from_ne_bytes([127, 0, 0, 1]));
        let table = format!(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n\
                0: {ip}:1F90 00000000:0000 0A 00000000:00000005 00:00000000\n\
                1: {ip}:1F90 {ip}:C001 01 00000009:0000000A 00:00000000\n\
                2: {ip}:1F90 {ip}:C002 01 00000000:00000001 00:00000000\n\
                3: {ip}:C001 {ip}:1F90 01 00000002:00000007 00:00000000\n\
                4: {ip}:1F91 {ip}:C003 01 00000000:00000007 00:00000000\n"
        );
        assert_eq!(unread_in(&table, "127.0.0.1:8080".parse().unwrap()), 13);
        assert_eq!(unread_in(&table, "127.0.0.2:8080".parse().unwrap()), 0);
    }

    #[tokio::test]
    async fn bytes_are_unread_until_the_server_reads_them() -> anyhow::Result<()> {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let std::net::SocketAddr::V4(address) = listener.local_addr()? else { anyhow::bail!("IPv6") };
        let mut client = tokio::net::TcpStream::connect(address).await?;
        let (mut server, _) = listener.accept().await?;
        client.write_all(b"hello").await?;
        assert!(unread(address)? >= 5);
        server.read_exact(&mut [0; 5]).await?;
        let read = async || Ok((unread(address)? == 0).then_some(()));
        crate::wait::until("nothing to be unread", crate::wait::DEADLINE, read).await
    }
}
