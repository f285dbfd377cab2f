//! A DNS server for one test: every name has the IPv4 addresses that the test says.
//!
//! Invariant: it answers on loopback alone and ends with the test. Trade-off: it knows no other records, and no name from another.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, QTYPE, ResourceRecord, TYPE};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// The server.
pub struct Dns {
    address: SocketAddr,
    hosts: Arc<Mutex<Vec<Ipv4Addr>>>,
    task: JoinHandle<()>,
}

impl Dns {
    /// One that has these hosts for every name.
    ///
    /// # Errors
    /// If there is no port.
    pub async fn start(hosts: &[SocketAddr]) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
                let hosts = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
                // Who asks what it cannot read asks again.
                if let Some(answer) = buffer.get(..length).and_then(|asked| answer(asked, &hosts)) {
                    let _ = socket.send_to(&answer, client).await;
                }
            }
        });
        let dns = Self { address, hosts: shared, task };
        dns.set(hosts);
        Ok(dns)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every name has these hosts from now on; ports are no matter of its own.
    pub fn set(&self, hosts: &[SocketAddr]) {
        let hosts = hosts.iter().filter_map(|host| match host {
            SocketAddr::V4(host) => Some(*host.ip()),
            SocketAddr::V6(_) => None,
        });
        *self.hosts.lock().unwrap_or_else(PoisonError::into_inner) = hosts.collect();
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(asked: &[u8], hosts: &[Ipv4Addr]) -> Option<Vec<u8>> {
    let asked = Packet::parse(asked).ok()?;
    let mut answer = Packet::new_reply(asked.id());
    for question in &asked.questions {
        if question.qtype == QTYPE::TYPE(TYPE::A) {
            let record = |host: &Ipv4Addr| {
                let data = RData::A(A { address: u32::from(*host) });
                ResourceRecord::new(question.qname.clone(), CLASS::IN, 1, data)
            };
            answer.answers.extend(hosts.iter().map(record));
        }
        answer.questions.push(question.clone());
    }
    answer.build_bytes_vec().ok()
}
