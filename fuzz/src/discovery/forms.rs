//! Lists of endpoints, and how each registry writes them.

use crate::draw::Draw;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use core::num::NonZeroU32;
use core::time::Duration;
use serde_json::{Value as Json, json};
use switchyard_core::Locality;
use switchyard_core::discovery::{Consul, Envoy, Etcd, HashKey, Http, Member, Registry, Standing};

/// What answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Envoy,
    Etcd,
    Consul,
    Http,
}

/// Any members, each address once.
pub(super) fn members(draw: &mut Draw<'_>) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for _ in 0..draw.below(6) {
        let (ip, port) = (draw.byte(), u16::from(draw.byte()) + 1);
        let address = match ip % 3 {
            0 => format!("[2001:db8::{:x}]:{port}", u16::from(ip) + 1),
            _ => format!("10.0.0.{ip}:{port}"),
        };
        let name = draw.word(&["a", "é", "\"", "\\", "\n"], 3);
        let place = |draw: &mut Draw<'_>| draw.word(&["z", "1", "/", "\u{1}"], 3).into();
        let locality = Locality { region: place(draw), zone: place(draw), sub_zone: place(draw) };
        let member = Member {
            address: address.into(),
            weight: NonZeroU32::new(draw.number() as u32).unwrap_or(NonZeroU32::MIN),
            hash_key: Some(name).filter(|name| !name.is_empty()).map(Into::into),
            standing: draw.one(&[
                Standing::Healthy,
                Standing::Degraded,
                Standing::Unhealthy,
                Standing::Draining,
            ]),
            priority: draw.number() as u32,
            locality,
        };
        if members.iter().all(|known| known.address != member.address) {
            members.push(member);
        }
    }
    members
}

impl Form {
    pub(super) fn registry(self) -> Registry {
        let at = |pointer: &str| Some(pointer.into());
        match self {
            Self::Envoy => Registry::Envoy(Envoy { hash_key: HashKey::Hostname, ..Envoy::default() }),
            Self::Etcd => Registry::Etcd(Etcd { prefix: "/web/".into() }),
            Self::Consul => Registry::Consul(Consul {
                service: "web".into(),
                tag: None,
                datacenter: None,
                passing: false,
                wait: Duration::ZERO,
            }),
            Self::Http => Registry::Http(Http {
                path: "/".into(),
                list: "/data/0".into(),
                address: "/a~1b".into(),
                port: at("/port"),
                weight: at("/weight"),
                priority: at("/priority"),
                hash_key: at("/name"),
                region: at("/at/region"),
                zone: at("/at/zone"),
            }),
        }
    }

    /// The whole answer.
    pub(super) fn write(self, members: &[Member]) -> String {
        let entries: Vec<Json> = members.iter().map(|member| self.entry(member)).collect();
        let answer = match self {
            Self::Envoy => json!({"cluster_statuses": [
                {"name": "other", "host_statuses": 7},
                {"name": "web", "host_statuses": entries},
            ]}),
            Self::Etcd => {
                json!({"header": {}, "kvs": entries, "count": entries.len().to_string(), "more": false})
            }
            Self::Consul => entries.into(),
            Self::Http => json!({"data": [entries]}),
        };
        answer.to_string()
    }

    fn entry(self, member: &Member) -> Json {
        let (ip, port) = member.address.rsplit_once(':').expect("a port");
        let ip = ip.trim_matches(['[', ']']);
        let port: u16 = port.parse().expect("a number");
        let Locality { region, zone, sub_zone } = &member.locality;
        match self {
            Self::Envoy => json!({
                "address": {"socket_address": {"address": ip, "port_value": port}},
                "weight": member.weight, "priority": member.priority, "hostname": member.hash_key.as_deref().unwrap_or_default(),
                "locality": {"region": region, "zone": zone, "sub_zone": sub_zone},
                "health_status": health(member.standing),
            }),
            Self::Etcd => {
                let value = json!({
                    "Addr": member.address,
                    "Metadata": {"weight": weight(member), "priority": member.priority.to_string(), "region": region, "zone": zone},
                });
                json!({"key": "eA==", "value": BASE64_STANDARD.encode(value.to_string())})
            }
            Self::Consul => {
                let status = match member.standing {
                    Standing::Degraded => "warning",
                    Standing::Unhealthy => "critical",
                    Standing::Healthy | Standing::Draining => "passing",
                };
                json!({
                    "Node": {"Address": "9.9.9.9"},
                    "Service": {"Address": ip, "Port": port, "Weights": {"Passing": weight(member), "Warning": weight(member)},
                        "Locality": {"Region": region, "Zone": zone}},
                    "Checks": [{"Status": "passing"}, {"Status": status}],
                })
            }
            Self::Http => json!({
                "a/b": ip, "port": port, "weight": weight(member), "priority": member.priority,
                "name": member.hash_key, "at": {"region": region, "zone": zone},
            }),
        }
    }

    /// What is read of them, in the order in which it is kept.
    pub(super) fn expected(self, members: &[Member]) -> Vec<Member> {
        let mut expected: Vec<_> = members.iter().map(|member| self.kept(member)).collect();
        expected.sort_by(|one, other| (one.priority, &one.address).cmp(&(other.priority, &other.address)));
        let keys: Vec<_> = expected.iter().map(|member| member.hash_key.clone()).collect();
        for member in &mut expected {
            // One that two have is nobody's.
            let is_own = keys.iter().filter(|key| **key == member.hash_key).count() == 1;
            member.hash_key = member.hash_key.take().filter(|_| is_own);
        }
        expected
    }

    /// What this form has of a member.
    fn kept(self, member: &Member) -> Member {
        let mut kept = member.clone();
        if self != Self::Envoy {
            kept.locality.sub_zone = "".into();
        }
        if member.standing == Standing::Draining && self != Self::Envoy {
            kept.weight = NonZeroU32::MIN;
        }
        match self {
            Self::Etcd | Self::Http if member.standing != Standing::Draining => {
                kept.standing = Standing::Healthy
            }
            Self::Consul => kept.priority = 0,
            _ => {}
        }
        if matches!(self, Self::Etcd | Self::Consul) {
            kept.hash_key = None;
        }
        kept
    }
}

/// A weight of 0 is how registries say that somebody leaves.
fn weight(member: &Member) -> u32 {
    if member.standing == Standing::Draining { 0 } else { member.weight.get() }
}

fn health(standing: Standing) -> Json {
    match standing {
        Standing::Healthy => json!({"eds_health_status": "HEALTHY"}),
        Standing::Degraded => json!({"failed_active_degraded_check": true}),
        Standing::Unhealthy => json!({"failed_outlier_check": true, "eds_health_status": "DEGRADED"}),
        Standing::Draining => json!({"eds_health_status": "DRAINING"}),
    }
}
