//! What must hold of every body, whoever wrote it.

use super::consul::{INSTANCES, consul};
use super::envoy::{CLUSTERS, envoy};
use super::etcd::etcd;
use super::http::{ENDPOINTS, http};
use super::{etcd as of_etcd, read};
use core::num::NonZeroU32;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;
use switchyard_core::Timestamp;
use switchyard_core::discovery::{Envoy, HashKey, Listing, MOST_MEMBERS, Roster, Source};

/// Each source, with an answer that it believes.
fn samples() -> Vec<(Source, String)> {
    let by_name = Envoy { hash_key: HashKey::Hostname, ..Envoy::default() };
    let keys = of_etcd::answer(&["10.0.0.1:80", r#"{"Addr":"10.0.0.2:80","Metadata":{"weight":2}}"#]);
    vec![
        (envoy(by_name), CLUSTERS.replace("\"plain\"", "\"web\"")),
        (etcd(), keys),
        (consul(), INSTANCES.to_owned()),
        (http(), ENDPOINTS.to_owned()),
    ]
}

/// A list as it may be kept.
fn is_sound(listing: &Listing) {
    let addresses: BTreeSet<_> = listing.members.iter().map(|member| &member.address).collect();
    assert_eq!(addresses.len(), listing.members.len(), "each address once");
    assert!(listing.members.len() <= MOST_MEMBERS);
    let keys: Vec<_> = listing.members.iter().filter_map(|member| member.hash_key.as_ref()).collect();
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "each hash key once");
    for member in &listing.members {
        let parsed: core::net::SocketAddr = member.address.parse().expect("ip:port");
        assert_eq!(parsed.to_string(), *member.address);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (source, _) in samples() {
            if let Ok(listing) = read(&source, &bytes) {
                is_sound(&listing);
            }
        }
        let _ = Roster::decode(&bytes);
    }

    #[test]
    fn what_breaks_off_is_never_believed(place in any::<Index>()) {
        for (source, whole) in samples() {
            let whole = whole.trim_end();
            prop_assert!(read(&source, whole.as_bytes()).is_ok());
            let part = &whole.as_bytes()[..place.index(whole.len())];
            prop_assert!(read(&source, part).is_err(), "{} bytes of it", part.len());
        }
    }

    #[test]
    fn a_few_changed_bytes_make_no_unsound_list(
        changes in prop::collection::vec((any::<Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"0\",:[]{}-.e ".as_slice())]), 1..6),
    ) {
        for (source, whole) in samples() {
            let mut bytes = whole.into_bytes();
            for (place, byte) in &changes {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            if let Ok(listing) = read(&source, &bytes) {
                is_sound(&listing);
            }
        }
    }

    #[test]
    fn a_roster_survives_its_bytes(
        hosts in prop::collection::vec((any::<[u8; 4]>(), 1..u16::MAX, 1..u32::MAX, 0..3_u32, "[a-z]{0,9}"), 0..40),
        millis in any::<u32>(),
    ) {
        let host = |(ip, port, weight, priority, zone): &([u8; 4], u16, u32, u32, String)| {
            let ip = core::net::Ipv4Addr::from(*ip);
            format!(r#"{{"ip":"{ip}","port":{port},"weight":{weight},"priority":{priority},"meta":{{"name":"{zone}","zone":"{zone}"}}}}"#)
        };
        let body = hosts.iter().map(host).collect::<Vec<_>>().join(",");
        let listing = read(&http(), format!(r#"{{"data":{{"endpoints":[{body}]}}}}"#).as_bytes()).expect("a list");
        is_sound(&listing);
        let mut roster = Roster::default();
        roster.update(listing, Timestamp::from_millis(u64::from(millis)));
        prop_assert!(roster.members().iter().all(|member| member.weight >= NonZeroU32::MIN));
        let bytes = roster.encode().expect("memory");
        prop_assert_eq!(Roster::decode(&bytes), Some(roster));
    }

    #[test]
    fn foreign_bytes_in_a_roster_make_no_unsound_one(changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..8)) {
        let mut roster = Roster::default();
        roster.update(read(&consul(), INSTANCES.as_bytes()).expect("a list"), Timestamp::from_millis(7));
        let mut bytes = roster.encode().expect("memory");
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(read) = Roster::decode(&bytes) {
            is_sound(&Listing { members: read.members().to_vec(), ..Listing::default() });
        }
    }
}
