//! Envoy's own view of its clusters: its admin's `GET /clusters?format=json`.
//!
//! One ask serves several clusters. Since 1.38 Envoy tells only those that `filter` matches; before, it tells all, and the others are passed
//! over. Invariants: only a cluster of exactly the wanted name is read; what Envoy leaves out has its default, since it writes no zeros.
//! Trade-off: to find the wanted clusters among thousands the whole answer is gone through, which is why a long one is asked for less often.
//! Source: `envoy/admin/v3/clusters.proto`; `HostImplBase::coarseHealth` for which words make a host unhealthy.

use super::document::{field, fields, gathered, is_true, list, name, number, priority, read, text};
use super::encoding::{pattern, percent_encoded};
use super::listing::{Gathered, Listing};
use super::member::{Member, NoMember, Standing};
use super::read::{Cursor, Read};
use super::refusal::Refusal;
use crate::Locality;
use crate::batch::json::Value;

/// How the hosts of a cluster become members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Envoy {
    /// What consistent hashing hashes.
    pub hash_key: HashKey,
    /// Which of Envoy's words count.
    pub considered: Considered,
}

/// What consistent hashing hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HashKey {
    /// The address.
    #[default]
    Address,
    /// The host's name as Envoy has it, where no other host has the same.
    Hostname,
}

/// Which of Envoy's words on the health of a host count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Considered {
    /// What active health checks found.
    pub failed_active_health_check: bool,
    /// That Envoy's own outlier detection ejected it.
    pub failed_outlier_check: bool,
    /// What the control plane says of it.
    pub eds_health_status: bool,
}

impl Default for Considered {
    fn default() -> Self {
        Self { failed_active_health_check: true, failed_outlier_check: true, eds_health_status: true }
    }
}

impl Envoy {
    /// The path that asks for these clusters.
    pub(super) fn path(clusters: &[&str]) -> String {
        format!("/clusters?format=json&filter={}", percent_encoded(&pattern(clusters.iter().copied())))
    }

    /// The lists of these clusters, each read as is said beside its name.
    pub(super) fn read(clusters: &[(&str, Self)], body: &[u8]) -> Result<Read, Refusal> {
        let document = read(body)?;
        if !document.is_object() {
            return Err(Refusal::Shape("is no object"));
        }
        let mut found = vec![None; clusters.len()];
        for status in list(field(document, "cluster_statuses"), "has cluster_statuses that are no list")? {
            let Some(name) = text(status, "name") else { continue };
            // Several upstreams may have one cluster.
            for ((_, read), place) in
                clusters.iter().zip(&mut found).filter(|((wanted, _), _)| *wanted == name)
            {
                *place = Some(read.listing(status)?);
            }
        }
        let lists = found.into_iter().map(|listing| listing.ok_or(Refusal::NoCluster)).collect();
        Ok(Read::Lists { lists, cursor: Cursor::default() })
    }

    fn listing(self, status: Value<'_>) -> Result<Listing, Refusal> {
        let hosts = list(field(status, "host_statuses"), "has host_statuses that are no list")?;
        Ok(gathered(hosts, |host, gathered: &mut Gathered| gathered.add(self.member(host))).finish())
    }

    fn member(self, host: Value<'_>) -> Result<Member, NoMember> {
        // Most of what is said of a host is its statistics, which are not gone through for every field.
        let [address, weight, level, locality, hostname, health] =
            fields(host, ["address", "weight", "priority", "locality", "hostname", "health_status"]);
        let socket = address.and_then(|address| field(address, "socket_address")).ok_or(NoMember::NotIp)?;
        let port = number(field(socket, "port_value"))?.ok_or(NoMember::Malformed)?;
        let mut member = Member::at(&text(socket, "address").ok_or(NoMember::Malformed)?, Some(port))?;
        member.weigh(number(weight)?.unwrap_or(1).max(1))?;
        member.priority = priority(level)?;
        if let Some(locality) = locality {
            let [region, zone, sub_zone] = fields(locality, ["region", "zone", "sub_zone"]);
            member.locality =
                Locality { region: name(region)?, zone: name(zone)?, sub_zone: name(sub_zone)? };
        }
        if self.hash_key == HashKey::Hostname {
            member.hash_key = Some(name(hostname)?);
        }
        if let Some(health) = health {
            member.standing = self.considered.standing(health);
        }
        Ok(member)
    }
}

impl Considered {
    /// Where a host stands whose `health_status` is this.
    fn standing(self, health: Value<'_>) -> Standing {
        let says = |counts: bool, name| counts && is_true(health, name);
        let active = self.failed_active_health_check;
        let eds = text(health, "eds_health_status").filter(|_| self.eds_health_status).unwrap_or_default();
        // Who said of itself that it is leaving is no part of those that panic counts, as in Envoy.
        if eds == "DRAINING" || says(active, "excluded_via_immediate_hc_fail") {
            return Standing::Draining;
        }
        let is_unhealthy = says(active, "failed_active_health_check")
            || says(self.failed_outlier_check, "failed_outlier_check")
            || matches!(&*eds, "UNHEALTHY" | "TIMEOUT");
        let is_degraded = says(active, "failed_active_degraded_check") || eds == "DEGRADED";
        match (is_unhealthy, is_degraded) {
            (true, _) => Standing::Unhealthy,
            (_, true) => Standing::Degraded,
            _ => Standing::Healthy,
        }
    }
}
