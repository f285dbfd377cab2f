//! Lists of endpoints as Envoy's admin, etcd, Consul and others answer with them, and documents in stores.
//!
//! Invariants: a list that is believed has each address once, as Envoy prints it, within its bounds; what breaks off is not believed; members
//! are read from each registry's form as they were written there; a list survives its bytes, and any bytes are a list or none.

mod forms;

use crate::draw::Draw;
use core::net::SocketAddr;
use core::time::Duration;
use forms::Form;
use std::collections::BTreeSet;
use switchyard_core::Timestamp;
use switchyard_core::discovery::{
    Answer, Brought, Cursor, Envoy, Keeper, Listing, MOST_MEMBERS, MOST_NAME, MOST_PLACE, Read, Registry,
    Roster, Source, Store, StoredDocument,
};

/// Envoy's admin.
pub fn envoy_admin(bytes: &[u8]) {
    answered(Form::Envoy, bytes);
}

/// etcd.
pub fn etcd(bytes: &[u8]) {
    answered(Form::Etcd, bytes);
}

/// Consul.
pub fn consul(bytes: &[u8]) {
    answered(Form::Consul, bytes);
}

/// Any JSON.
pub fn http_list(bytes: &[u8]) {
    answered(Form::Http, bytes);
}

/// What a source makes of these bytes, and of a list that is made of them.
fn answered(form: Form, bytes: &[u8]) {
    let source = source(form.registry());
    if let Some(listing) = read(&source, bytes) {
        is_sound(&listing);
        survives(&listing);
        let text = bytes.trim_ascii_end();
        assert!(read(&source, &text[..text.len() - 1]).is_none(), "what breaks off is not believed");
    }
    let members = forms::members(&mut Draw::of(bytes));
    let written = form.write(&members);
    let listing = read(&source, written.as_bytes()).unwrap_or_else(|| panic!("{written}"));
    assert_eq!(listing.members, form.expected(&members), "{written}");
    assert_eq!(listing.skipped.total(), 0, "{written}");
}

fn source(registry: Registry) -> Source {
    Source {
        cluster: "registry".into(),
        host: None,
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        allow_empty: false,
        max_body: 16 << 20,
        registry,
    }
}

fn read(source: &Source, body: &[u8]) -> Option<Listing> {
    let envoy = match source.registry {
        Registry::Envoy(envoy) => envoy,
        _ => Envoy::default(),
    };
    let answer = Answer { status: 200, etag: Some("\"1\""), index: Some(7), body };
    match source.read(&[("web", envoy)], &Cursor::default(), answer).ok()? {
        Read::Lists { mut lists, .. } => lists.pop().expect("one list").ok(),
        Read::Unchanged => panic!("nothing was asked for on a condition"),
    }
}

/// A list as it may be kept.
fn is_sound(listing: &Listing) {
    let members = &listing.members;
    assert!(members.len() <= MOST_MEMBERS);
    let addresses: BTreeSet<_> = members.iter().map(|member| &member.address).collect();
    assert_eq!(addresses.len(), members.len(), "each address once");
    let keys: Vec<_> = members.iter().filter_map(|member| member.hash_key.as_deref()).collect();
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "each hash key once");
    for member in members {
        let parsed: SocketAddr = member.address.parse().expect("ip:port");
        assert_eq!(parsed.to_string(), *member.address);
        assert_ne!(parsed.port(), 0);
        let places = [&member.locality.region, &member.locality.zone, &member.locality.sub_zone];
        assert!(places.iter().all(|place| place.len() <= MOST_PLACE));
        assert!(member.hash_key.as_ref().is_none_or(|key| (1..=MOST_NAME).contains(&key.len())));
    }
}

fn survives(listing: &Listing) {
    let mut roster = Roster::default();
    assert!(roster.update(listing.clone(), Timestamp::from_millis(7)));
    assert!(!roster.update(listing.clone(), Timestamp::from_millis(8)), "nothing has changed");
    let bytes = roster.encode().expect("memory");
    assert_eq!(Roster::decode(&bytes), Some(roster));
}

/// A list as workers hand it to each other.
pub fn roster(bytes: &[u8]) {
    let Some(roster) = Roster::decode(bytes) else { return };
    assert_eq!(Roster::peek(bytes), Some((roster.version, roster.read_at)));
    is_sound(&Listing { members: roster.members().to_vec(), ..Listing::default() });
    let again = roster.encode().expect("memory");
    assert!(again.len() <= bytes.len(), "{} of {}", again.len(), bytes.len());
    assert_eq!(Roster::decode(&again), Some(roster));
}

/// A document in a store, which answers with these bytes twice.
pub fn stored(bytes: &[u8]) {
    let stores = [
        Store::Etcd { key: "k".into() },
        Store::Consul { key: "k".into(), datacenter: None, wait: Duration::from_secs(9) },
        Store::Http { path: "/k".into() },
    ];
    for store in stores {
        let is_plain = !matches!(store, Store::Etcd { .. });
        let (interval, timeout) = (Duration::from_secs(1), Duration::from_secs(1));
        let mut keeper = Keeper::new(StoredDocument {
            cluster: "c".into(),
            host: None,
            interval,
            timeout,
            max_body: 4_096,
            store,
        });
        let (mut rng, mut now) = (fastrand::Rng::with_seed(1), Timestamp::from_millis(1_000));
        let mut found = None;
        for _ in 0..2 {
            now = now.plus(keeper.due_in(now));
            let Some(ask) = keeper.poll(now) else { panic!("it is due") };
            let answer = Answer { status: 200, etag: None, index: Some(3), body: bytes };
            let said = keeper.answered(ask.number, answer, now, &mut rng).expect("it was asked");
            assert!(!is_plain || said.is_ok() == (bytes.len() <= 4_096));
            match (said, &found) {
                (Ok(Brought::Text { text, .. }), None) => found = Some(text),
                (Ok(Brought::Text { .. }), Some(_)) => panic!("the same is no news"),
                (Ok(Brought::Nothing), _) => assert!(found.is_some()),
                (Err(_), _) => assert_eq!(found, None),
            }
        }
        assert!(!is_plain || found.is_none_or(|text| text == bytes));
    }
}
