//! etcd's JSON gateway.

use super::{addresses, read, source};
use switchyard_core::discovery::{Cursor, Etcd, MOST_MEMBERS, Method, Refusal, Registry, Source, Standing};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub(crate) fn etcd() -> Source {
    source(Registry::Etcd(Etcd { prefix: "/services/checkout/".into() }))
}

/// An answer with these values, each in base64 as `base64` writes it.
pub(crate) fn answer(values: &[&str]) -> String {
    let kv = |(index, value): (usize, &&str)| {
        let value = base64(value.as_bytes());
        format!(
            r#"{{"key":"L3NlcnZpY2Vz{index:04}","create_revision":"7","mod_revision":"9","version":"1","lease":"7587","value":"{value}"}}"#
        )
    };
    let kvs: Vec<_> = values.iter().enumerate().map(kv).collect();
    let header = r#""header":{"cluster_id":"14841639068965178418","member_id":"10276657743932975437","revision":"9","raft_term":"2"}"#;
    format!(r#"{{{header},"kvs":[{}],"count":"{}"}}"#, kvs.join(","), values.len())
}

fn base64(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| chunk.get(index).map_or(0, |byte| u32::from(*byte));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = digits[(bits >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

#[test]
fn all_keys_below_the_prefix_are_asked_for() {
    let asked = etcd().request(&["web"], &Cursor::default());
    assert_eq!((asked.method, &*asked.path), (Method::Post, "/v3/kv/range"));
    let body = String::from_utf8(asked.body.clone()).expect("text");
    let end = base64(b"/services/checkout0");
    assert_eq!(
        body,
        format!(r#"{{"key":"{}","range_end":"{end}","limit":"5001"}}"#, base64(b"/services/checkout/"))
    );
    assert!(asked.pairs().any(|pair| pair == ("content-type", "application/json")));
}

#[test]
fn values_are_read_in_every_form_that_registries_write() {
    let values = [
        "10.0.0.1:80",
        " 10.0.0.2:80\n",
        r#""10.0.0.3:80""#,
        r#"{"address":"10.0.0.4:80","weight":3,"zone":"a","priority":1}"#,
        r#"{"addr":"10.0.0.5","port":80,"weight":"2"}"#,
        r#"{"Op":0,"Addr":"10.0.0.6:80","Metadata":{"weight":5,"zone":"b","region":"r"}}"#,
        r#"{"name":"checkout","version":"1","nodes":[{"id":"x","address":"10.0.0.7:80","metadata":{}},{"id":"y","address":"10.0.0.8:80"}]}"#,
        r#"{"host":"::1","port":"80","weight":0,"Metadata":"text"}"#,
    ];
    let listing = read(&etcd(), answer(&values).as_bytes()).expect("a list");
    let meant = [
        "10.0.0.1:80",
        "10.0.0.2:80",
        "10.0.0.3:80",
        "10.0.0.5:80",
        "10.0.0.6:80",
        "10.0.0.7:80",
        "10.0.0.8:80",
        "[::1]:80",
        "10.0.0.4:80",
    ];
    assert_eq!(addresses(&listing), meant, "by priority, then address");
    let weights: Vec<_> = listing.members.iter().map(|member| member.weight.get()).collect();
    assert_eq!(weights, [1, 1, 1, 2, 5, 1, 1, 1, 3]);
    assert_eq!(listing.members[7].standing, Standing::Draining);
    let of =
        |index: usize| (&*listing.members[index].locality.region, &*listing.members[index].locality.zone);
    assert_eq!((of(4), of(8)), (("r", "b"), ("", "a")));
    assert_eq!(listing.skipped.total(), 0);
}

#[test]
fn what_is_no_address_is_skipped_and_counted() {
    let values = [
        "web.local:80",
        r#"{"Op":1,"Addr":"10.0.0.9:80"}"#,
        "{",
        "",
        "[1]",
        r#"{"weight":1}"#,
        "10.0.0.1:80",
    ];
    let listing = read(&etcd(), answer(&values).as_bytes()).expect("a list");
    assert_eq!(addresses(&listing), ["10.0.0.1:80"]);
    assert_eq!((listing.skipped.host_names, listing.skipped.malformed), (1, 5));
    let odd = answer(&["x"]).replace(&base64(b"x"), "%%");
    assert_eq!(read(&etcd(), odd.as_bytes()).expect("a list").skipped.malformed, 1);
}

#[test]
fn a_list_is_as_long_as_it_says() {
    let whole = answer(&["10.0.0.1:80", "10.0.0.2:80"]);
    let short = whole.replace(r#""count":"2""#, r#""count":"3""#);
    assert_eq!(
        read(&etcd(), short.as_bytes()).expect_err("a key is not there").to_string(),
        "the answer has another number of kvs than it counts"
    );
    let more = short.replace(r#""count""#, r#""more":true,"count""#);
    let listing = read(&etcd(), more.as_bytes()).expect("etcd says itself that there are more");
    assert_eq!((listing.members.len(), listing.truncated), (2, true));
    let none = r#"{"header":{"revision":"9"}}"#;
    assert!(read(&etcd(), none.as_bytes()).expect("an empty one").members.is_empty());
    for wrong in [
        r#"{"error":"etcdserver: no leader","code":14}"#,
        "{}",
        r#"{"header":7}"#,
        r#"{"header":{},"kvs":7}"#,
    ] {
        assert!(matches!(read(&etcd(), wrong.as_bytes()), Err(Refusal::Shape(_))), "{wrong}");
    }
}

#[test]
fn of_too_many_the_first_are_kept() {
    let values: Vec<_> =
        (0..=MOST_MEMBERS).map(|index| format!("10.0.{}.{}:80", index / 250, index % 250)).collect();
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    let listing = read(&etcd(), answer(&values).as_bytes()).expect("a list");
    assert_eq!((listing.members.len(), listing.truncated), (MOST_MEMBERS, true));
}
