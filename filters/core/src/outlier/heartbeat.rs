//! What a heartbeat asks an endpoint, and which answer is a good one.
//!
//! Invariant: an answer that cannot be read is not a good one. Trade-off: what stands in a body only the sender of a heartbeat sees, so
//! it judges those ([`Heartbeat::is_judged_by_sender`]); all others are judged where every attempt is, and nobody waits for their answers.
//! Source: Envoy's health checks for the settings; grpc.health.v1 for the call `Check`, whose answer has the status `SERVING`, 1, in its
//! first field; "gRPC over HTTP/2" for the frame.

use core::ops::RangeInclusive;
use core::time::Duration;

/// Active health checks of endpoints, which the router sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// What is asked.
    pub check: Check,
    /// The `:authority`; the cluster's name unless given.
    pub host: Option<Box<str>>,
    /// Headers beside those that every heartbeat has.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// Where it is asked, if not where requests go.
    pub elsewhere: Option<Elsewhere>,
    /// Time between two heartbeats of one endpoint.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Consecutive successes that readmit an ejected endpoint at once.
    pub healthy_threshold: u8,
    /// Consecutive failures that eject a healthy one.
    pub unhealthy_threshold: u8,
    /// Check endpoints in rotation, too.
    pub watch_all: bool,
}

/// What a heartbeat asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// GET of this path, which one of these statuses answers well.
    Http {
        /// The path.
        path: Box<str>,
        /// The statuses of a good answer.
        expected: Vec<RangeInclusive<u16>>,
    },
    /// Whether the service of this name serves, by gRPC; empty: the whole server.
    Grpc {
        /// Its name.
        service: Box<str>,
    },
}

/// A port of the endpoints' own for heartbeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Which.
    pub port: u16,
    /// The cluster that goes to whichever address [`DESTINATION_HEADER`] names.
    pub cluster: Box<str>,
}

/// Names the address for a cluster of type ORIGINAL_DST with `use_http_header`.
pub const DESTINATION_HEADER: &str = "x-envoy-original-dst-host";

/// The path of the call [`Check::Grpc`].
pub const GRPC_HEALTH_PATH: &str = "/grpc.health.v1.Health/Check";

impl Heartbeat {
    /// Whether its answers are judged by who sent it: they say how the endpoint is in their body, or come from where no attempt goes.
    pub fn is_judged_by_sender(&self) -> bool {
        self.elsewhere.is_some() || matches!(self.check, Check::Grpc { .. })
    }

    /// Whether an answer of this status, which is no gRPC's, is a good one.
    pub fn expects(&self, status: u16) -> bool {
        match &self.check {
            Check::Http { expected, .. } => expected.iter().any(|range| range.contains(&status)),
            Check::Grpc { .. } => status == 200,
        }
    }

    /// Whether a whole answer is a good one.
    pub fn is_good(&self, status: u16, grpc_status: Option<u32>, body: &[u8]) -> bool {
        let serves = || grpc_status == Some(0) && is_serving(body);
        self.expects(status) && (matches!(self.check, Check::Http { .. }) || serves())
    }

    /// The body of the question, if it has one.
    pub fn body(&self) -> Option<Vec<u8>> {
        let Check::Grpc { service } = &self.check else { return None };
        let mut message = Vec::new();
        if !service.is_empty() {
            // Field 1, a text. Names are short: see MOST_SERVICE.
            message.extend([0x0a, u8::try_from(service.len()).unwrap_or_default()]);
            message.extend(service.as_bytes());
        }
        let length = u32::try_from(message.len()).unwrap_or_default();
        Some([[0].as_slice(), length.to_be_bytes().as_slice(), message.as_slice()].concat())
    }
}

/// The longest name of a service whose length is one byte of protobuf.
pub const MOST_SERVICE: usize = 127;

impl Elsewhere {
    /// Where the heartbeats of the endpoint at this `ip:port` go.
    pub fn address(&self, endpoint: &str) -> String {
        let ip = endpoint.rsplit_once(':').map_or(endpoint, |(ip, _)| ip);
        format!("{ip}:{}", self.port)
    }
}

/// Whether a gRPC message, not compressed, has the number 1 in its first field. As anywhere in protobuf the last one counts, and fields
/// that are not known are passed over.
fn is_serving(body: &[u8]) -> bool {
    let Some(([0, length @ ..], message)) = body.split_first_chunk::<5>() else { return false };
    let size = usize::try_from(u32::from_be_bytes(*length)).ok();
    size == Some(message.len()) && first_field(message) == Some(1)
}

/// The number in the first field of a message; 0 if there is none, `None` if it cannot be read.
fn first_field(mut message: &[u8]) -> Option<u64> {
    let mut found = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match tag & 7 {
            0 => {
                let value = varint(&mut message)?;
                found = if tag >> 3 == 1 { value } else { found };
            }
            1 => message = message.get(8..)?,
            2 => {
                let size = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(size..)?;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

fn varint(from: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(check: Check) -> Heartbeat {
        Heartbeat {
            check,
            host: None,
            headers: Vec::new(),
            elsewhere: None,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            healthy_threshold: 1,
            unhealthy_threshold: 1,
            watch_all: false,
        }
    }

    fn grpc(service: &str) -> Heartbeat {
        heartbeat(Check::Grpc { service: service.into() })
    }

    #[test]
    fn an_answer_of_http_is_good_by_its_status() {
        let path = heartbeat(Check::Http { path: "/".into(), expected: vec![200..=299, 401..=401] });
        let good = |status| (path.expects(status), path.is_good(status, None, b"whatever"));
        for (status, expected) in
            [(200, true), (299, true), (300, false), (401, true), (402, false), (0, false)]
        {
            assert_eq!(good(status), (expected, expected), "{status}");
        }
        assert_eq!((path.body(), path.is_judged_by_sender()), (None, false));
        let elsewhere = Elsewhere { port: 9000, cluster: "health".into() };
        assert_eq!(elsewhere.address("10.0.0.1:80"), "10.0.0.1:9000");
        assert_eq!(elsewhere.address("[fd00::1]:80"), "[fd00::1]:9000");
        assert!(Heartbeat { elsewhere: Some(elsewhere), ..path }.is_judged_by_sender());
    }

    #[test]
    fn a_service_is_asked_for_in_grpcs_words() {
        assert_eq!(grpc("").body().as_deref(), Some(&[0, 0, 0, 0, 0][..]));
        assert_eq!(grpc("shop").body().as_deref(), Some(&b"\0\0\0\0\x06\x0a\x04shop"[..]));
        assert!(grpc("").is_judged_by_sender());
    }

    #[test]
    fn only_a_server_that_says_so_serves() {
        let is_good = |body: &[u8]| grpc("").is_good(200, Some(0), body);
        assert!(is_good(&[0, 0, 0, 0, 2, 8, 1]));
        assert!(is_good(&[0, 0, 0, 0, 5, 0x12, 1, 9, 8, 1]), "a field of the future");
        let not: [&[u8]; 9] = [
            &[],
            &[0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 2, 8, 2],
            &[0, 0, 0, 0, 2, 8, 3],
            &[1, 0, 0, 0, 2, 8, 1],
            &[0, 0, 0, 0, 3, 8, 1],
            &[0, 0, 0, 0, 1, 8],
            &[0, 0, 0, 0, 2, 0x12, 9],
            &[0, 0, 0, 0, 4, 8, 1, 8, 2],
        ];
        for body in not {
            assert!(!is_good(body), "{body:?}");
        }
        let serving = [0, 0, 0, 0, 2, 8, 1];
        assert!(!grpc("").is_good(200, Some(5), &serving) && !grpc("").is_good(200, None, &serving));
        assert!(!grpc("").is_good(503, Some(0), &serving));
    }
}
