//! A private /24 that nothing on this machine uses, and Envoy's bootstrap written for it.
//!
//! Invariant: a subnet is chosen only if it overlaps no Docker network and no route of the host. Trade-off: two
//! runs that choose in the same moment can still meet, so each starts its search at another place.

use std::fmt;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail};

/// The first three numbers of a /24, as the `SUBNET` variable of docker-compose.yml takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet([u8; 3]);

impl Subnet {
    /// What docker-compose.yml and envoy-config/envoy.yaml say.
    pub const SHIPPED: Self = Self([172, 30, 0]);

    /// The first of the 256 in 172.30.0.0/16, from number `start` on, that overlaps none of `taken`.
    ///
    /// # Errors
    /// When none is free.
    pub fn free(taken: &[Block], start: u8) -> Result<Self> {
        (0..=u8::MAX)
            .map(|step| Self([172, 30, start.wrapping_add(step)]))
            .find(|subnet| !taken.iter().any(|block| block.overlaps(subnet.block())))
            .context("every /24 of 172.30.0.0/16 is in use: remove Docker networks (docker network prune)")
    }

    /// The bootstrap with this subnet in place of the shipped one.
    ///
    /// # Errors
    /// When the bootstrap does not name the shipped subnet: then it would send requests elsewhere.
    pub fn render(self, bootstrap: &str) -> Result<String> {
        let shipped = format!("{}.", Self::SHIPPED);
        if !bootstrap.contains(&shipped) {
            bail!(
                "the bootstrap names no address in {shipped}0/24, which docker-compose.yml gives its services"
            );
        }
        Ok(bootstrap.replace(&shipped, &format!("{self}.")))
    }

    fn block(self) -> Block {
        let [a, b, c] = self.0;
        Block { first: u32::from_be_bytes([a, b, c, 0]), mask: mask(24) }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{a}.{b}.{c}")
    }
}

/// A range of IPv4 addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    first: u32,
    mask: u32,
}

impl Block {
    /// Reads `172.17.0.0/16`; `None` for anything else, IPv6 included.
    #[must_use]
    pub fn from_cidr(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let bits = bits.parse().ok().filter(|bits| *bits <= 32)?;
        let mask = mask(bits);
        Some(Self { first: u32::from(address.parse::<Ipv4Addr>().ok()?) & mask, mask })
    }

    /// Reads one line of `/proc/net/route`; `None` for the heading and for a default route, which takes nothing.
    #[must_use]
    pub fn from_route(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        // The kernel prints the numbers as they lie in memory, so they turn with the machine's byte order.
        let mut number = |place| {
            let field = fields.nth(place)?;
            u32::from_str_radix(field, 16).ok().map(|raw| u32::from_be_bytes(raw.to_ne_bytes()))
        };
        let (first, mask) = (number(1)?, number(5)?);
        (mask != 0).then_some(Self { first, mask })
    }

    fn overlaps(self, other: Self) -> bool {
        let shared = self.mask & other.mask;
        self.first & shared == other.first & shared
    }
}

fn mask(bits: u32) -> u32 {
    u32::MAX.checked_shl(32 - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Block {
        Block::from_cidr(text).unwrap()
    }

    #[test]
    fn the_first_free_subnet_is_taken() {
        assert_eq!(Subnet::free(&[], 0).unwrap(), Subnet::SHIPPED);
        assert_eq!(Subnet::free(&[cidr("172.30.0.0/24")], 0).unwrap().to_string(), "172.30.1");
        assert_eq!(Subnet::free(&[cidr("172.30.0.128/25")], 0).unwrap().to_string(), "172.30.1");
        assert_eq!(Subnet::free(&[cidr("172.30.0.0/17")], 0).unwrap().to_string(), "172.30.128");
        assert_eq!(Subnet::free(&[cidr("172.17.0.0/16")], 7).unwrap().to_string(), "172.30.7");
    }

    #[test]
    fn the_search_goes_round() {
        assert_eq!(Subnet::free(&[cidr("172.30.255.0/24")], 255).unwrap(), Subnet::SHIPPED);
    }

    #[test]
    fn none_free_is_an_error_that_says_what_to_do() {
        let error = Subnet::free(&[cidr("172.16.0.0/12")], 3).unwrap_err().to_string();
        assert!(error.contains("docker network prune"), "{error}");
    }

    #[test]
    fn reads_routes_as_the_kernel_prints_them() {
        if cfg!(target_endian = "little") {
            let line = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0";
            assert_eq!(Block::from_route(line), Some(cidr("172.17.0.0/16")));
        }
        assert_eq!(Block::from_route("eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0"), None);
        assert_eq!(Block::from_route("Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask"), None);
    }

    #[test]
    fn what_is_no_cidr_is_no_block() {
        for text in ["", "fd00::/64", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/-1"] {
            assert_eq!(Block::from_cidr(text), None, "{text}");
        }
    }

    #[test]
    fn every_address_of_the_bootstrap_moves() {
        let subnet = Subnet([172, 30, 9]);
        assert_eq!(
            subnet.render("a: 172.30.0.11, b: 172.30.0.12:80").unwrap(),
            "a: 172.30.9.11, b: 172.30.9.12:80"
        );
        assert!(subnet.render("a: 10.0.0.1").is_err());
    }
}
