//! One endpoint, as a source tells of it.
//!
//! Invariant: its address is `ip:port` exactly as Envoy prints it, since override_host finds a host by that text; names are bounded.

use crate::Locality;
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
    /// Where it is; each name has at most [`MOST_PLACE`] bytes.
    pub locality: Locality,
}

/// Where an endpoint stands by its source's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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

/// Why an entry of a source is no member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoMember {
    /// It is the name of a host.
    HostName,
    /// It is a pipe, or an address inside Envoy.
    NotIp,
    /// It is no address, or something else of it cannot be.
    Malformed,
}

impl Member {
    /// A healthy one of weight 1 at this address, which is `ip:port`, or an IP alone, beside which the port stands.
    pub(super) fn at(text: &str, port: Option<u64>) -> Result<Self, NoMember> {
        Ok(Self {
            address: address(text, port)?.to_string().into(),
            weight: NonZeroU32::MIN,
            hash_key: None,
            standing: Standing::Healthy,
            priority: 0,
            locality: Locality::default(),
        })
    }

    /// Gives it this weight; one of 0 gets nothing new.
    pub(super) fn weigh(&mut self, weight: u64) -> Result<(), NoMember> {
        let weight = u32::try_from(weight).map_err(|_| NoMember::Malformed)?;
        match NonZeroU32::new(weight) {
            Some(weight) => self.weight = weight,
            None => self.standing = Standing::Draining,
        }
        Ok(())
    }

    /// Whether its names are as long as they may be.
    fn is_bounded(&self) -> bool {
        let Locality { region, zone, sub_zone } = &self.locality;
        let key = self.hash_key.as_deref().unwrap_or_default();
        key.len() <= MOST_NAME && [region, zone, sub_zone].iter().all(|name| name.len() <= MOST_PLACE)
    }

    /// It, if it can be kept.
    pub(super) fn checked(self) -> Result<Self, NoMember> {
        if self.is_bounded() { Ok(self) } else { Err(NoMember::Malformed) }
    }
}

/// The address that a text is.
fn address(text: &str, port: Option<u64>) -> Result<SocketAddr, NoMember> {
    let port = port.map(|port| u16::try_from(port).map_err(|_| NoMember::Malformed)).transpose()?;
    let ip = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let parsed = match (ip.parse::<IpAddr>(), port) {
        (Ok(ip), Some(port)) => SocketAddr::new(ip, port),
        (Ok(_), None) => return Err(NoMember::Malformed),
        (Err(_), _) => text.parse().map_err(|_| no_address(text))?,
    };
    // Envoy's addresses have no scope id, and no host listens on port 0.
    let has_scope = matches!(parsed, SocketAddr::V6(six) if six.scope_id() != 0);
    if parsed.port() == 0 || has_scope { Err(NoMember::Malformed) } else { Ok(parsed) }
}

fn no_address(text: &str) -> NoMember {
    let name = text.split(':').next().unwrap_or_default();
    let is_name = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    if is_name && name.contains(|letter: char| letter.is_ascii_alphabetic()) {
        NoMember::HostName
    } else {
        NoMember::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn at(text: &str, port: Option<u64>) -> Result<Box<str>, NoMember> {
        Member::at(text, port).map(|member| member.address)
    }

    #[test]
    fn an_address_is_written_as_envoy_prints_it() {
        assert_eq!(at("10.0.0.1:80", None), Ok("10.0.0.1:80".into()));
        assert_eq!(at("10.0.0.1", Some(80)), Ok("10.0.0.1:80".into()));
        assert_eq!(at("2001:DB8:0::1", Some(80)), Ok("[2001:db8::1]:80".into()));
        assert_eq!(at("[2001:db8::1]", Some(80)), Ok("[2001:db8::1]:80".into()));
        assert_eq!(at("[2001:DB8::1]:80", None), Ok("[2001:db8::1]:80".into()));
        assert_eq!(
            at("10.0.0.1:80", Some(90)),
            Ok("10.0.0.1:80".into()),
            "what stands in the address counts"
        );
    }

    #[test]
    fn what_is_no_address_says_why() {
        for name in ["web.example.com:80", "localhost", "node_1:8080", "a"] {
            assert_eq!(at(name, Some(80)), Err(NoMember::HostName), "{name}");
        }
        for wrong in [
            "",
            ":80",
            "10.0.0.1",
            "10.0.0.1:0",
            "10.0.0.1:70000",
            "::1",
            "[fe80::1%1]:80",
            "1.2.3:80",
            "ü:1",
        ] {
            assert_eq!(at(wrong, None), Err(NoMember::Malformed), "{wrong}");
        }
        assert_eq!(at("10.0.0.1", Some(70_000)), Err(NoMember::Malformed));
        assert_eq!(at("10.0.0.1", Some(0)), Err(NoMember::Malformed));
    }

    #[test]
    fn a_weight_of_zero_gets_nothing_new() {
        let mut member = Member::at("10.0.0.1:80", None).expect("an address");
        assert_eq!(member.weigh(7), Ok(()));
        assert_eq!((member.weight.get(), member.standing.health()), (7, Health::Healthy));
        assert_eq!(member.weigh(0), Ok(()));
        assert_eq!(member.standing.health(), Health::Withdrawn);
        assert_eq!(member.weigh(1 << 32), Err(NoMember::Malformed));
    }

    #[test]
    fn panic_counts_who_is_unhealthy_and_not_who_is_leaving() {
        let health = [Standing::Healthy, Standing::Degraded, Standing::Unhealthy, Standing::Draining];
        let meant = [Health::Healthy, Health::Healthy, Health::Ejected, Health::Withdrawn];
        assert_eq!(health.map(Standing::health), meant);
    }
}
