//! One endpoint, as a source tells of it.
//!
//! Invariant: its address is `ip:port` exactly as Envoy prints it, since override_host finds a host by that text; names are bounded.

use crate::health::Health;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU32;

/// The longest hash key, in bytes: as long as a host name may be.
pub const MOST_NAME: usize = 255;
/// The longest name of a region, zone or sub-zone, in bytes.
pub const MOST_PLACE: usize = 64;

/// One endpoint of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// `ip:port` as Envoy prints it: `10.0.0.1:8080`, `[::1]:8080`.
    pub address: Box<str>,
    /// Share of the traffic relative to the others.
    pub weight: NonZeroU32,
    /// What consistent hashing hashes instead of the address; no two members of a list have the same. At most [`MOST_NAME`] bytes.
    pub hash_key: Option<Box<str>>,
    /// Where it stands by the source's word.
    pub standing: Standing,
    /// Envoy's priority: 0 is the highest.
    pub priority: u32,
    /// Where it is.
    pub locality: Locality,
}

/// Where an endpoint is; what is not known is empty. Each name has at most [`MOST_PLACE`] bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locality {
    /// Its region.
    pub region: Box<str>,
    /// Its zone.
    pub zone: Box<str>,
    /// Its part of the zone.
    pub sub_zone: Box<str>,
}

/// Where an endpoint stands by its source's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It serves.
    #[default]
    Healthy,
    /// It serves, but badly.
    Degraded,
    /// It does not serve; it is one of those that there are all the same, as panic counts them.
    Unhealthy,
    /// It is leaving, and is to get nothing new.
    Draining,
}

impl Standing {
    /// What that means for a choice.
    pub fn health(self) -> Health {
        match self {
            Self::Healthy | Self::Degraded => Health::Healthy,
            Self::Unhealthy => Health::Ejected,
            Self::Draining => Health::Withdrawn,
        }
    }
}

impl Member {
    /// A healthy one of weight 1 at this address.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address: address.to_string().into(),
            weight: NonZeroU32::MIN,
            hash_key: None,
            standing: Standing::Healthy,
            priority: 0,
            locality: Locality::default(),
        }
    }
}

/// Why a text is no address that Envoy could be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAddress {
    /// It is the name of a host.
    HostName,
    /// It is neither a name nor an address, or there is no port.
    Malformed,
}

/// The address that a text is: `ip:port`, or an IP alone, beside which the port stands.
pub(super) fn address(text: &str, port: Option<u64>) -> Result<SocketAddr, NoAddress> {
    let port = port.map(|port| u16::try_from(port).map_err(|_| NoAddress::Malformed)).transpose()?;
    let ip = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let parsed = match (ip.parse::<IpAddr>(), port) {
        (Ok(ip), Some(port)) => SocketAddr::new(ip, port),
        (Ok(_), None) => return Err(NoAddress::Malformed),
        (Err(_), _) => text.parse().map_err(|_| no_address(text))?,
    };
    // Envoy's addresses have no scope id, and no host listens on port 0.
    let has_scope = matches!(parsed, SocketAddr::V6(six) if six.scope_id() != 0);
    if parsed.port() == 0 || has_scope { Err(NoAddress::Malformed) } else { Ok(parsed) }
}

fn no_address(text: &str) -> NoAddress {
    let name = text.split(':').next().unwrap_or_default();
    let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    if is_name && name.contains(|letter: char| letter.is_ascii_alphabetic()) {
        NoAddress::HostName
    } else {
        NoAddress::Malformed
    }
}
