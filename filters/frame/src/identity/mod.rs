//! Who asks, as Envoy knows it: what the filters in front have found out, and the client's certificate.
//!
//! jwt_authn takes the token off before a filter behind it sees the request, and a certificate is in no header at all: two
//! requests whose heads are the same may be two users'. What Envoy knows of them is in the stream's metadata and in its
//! connection.
//!
//! Invariants: two requests have the same facts only if Envoy says the same of both; what cannot be read is an error, and a request
//! of which nobody knows who asks must not be shared. Two host calls, whatever is there.
//! Trade-off: all namespaces count, also those that say nothing about who asks: a filter in front that writes something else for
//! every request keeps all of them apart. Two tokens or two certificates of one user are two users.
//! Source: seen alike on Envoy 1.36.4 and 1.40.0. `metadata` is `envoy.config.core.v3.Metadata` in protobuf's own form, no bytes if
//! there is none. `metadata.filter_metadata`, the same as nested maps, fails as soon as anything in it is a list, which
//! `aud` and `groups` are. The digest is 64 hexadecimal digits, the same after a session was resumed; not found in clear
//! text and where the client has shown no certificate.

mod metadata;

use core::fmt;
use sha2::{Digest as _, Sha256};
use switchyard_core::request_key::Known;
use switchyard_host::{HostError, Properties};

/// More than this in metadata is not compared, in bytes: it would be in the keys of all that share.
pub const MOST_METADATA: usize = 64 << 10;

/// A fact that is longer is compared by its hash, in bytes.
const LONGEST_FACT: usize = 128;

/// The metadata of all filters, in one read.
const METADATA: [&str; 1] = ["metadata"];
/// The digest of the client's certificate.
const DIGEST: [&str; 2] = ["connection", "sha256_peer_certificate_digest"];

/// Why it is not known who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The host did not say.
    Host(HostError),
    /// There is more metadata than [`MOST_METADATA`].
    TooLong,
}

impl fmt::Display for Unknown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(formatter),
            Self::TooLong => write!(formatter, "more than {MOST_METADATA} bytes of metadata"),
        }
    }
}

impl core::error::Error for Unknown {}

impl From<HostError> for Unknown {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

/// What Envoy knows of the present stream: facts named `metadata.` with a namespace, and `connection.sha256_peer_certificate_digest`.
/// Ask while the request is on its way in: on the way back filters add to the metadata.
///
/// # Errors
/// If the host does not say, or says more than can be compared: then the request must go by itself.
pub fn read(host: &impl Properties) -> Result<Known, Unknown> {
    let metadata = host.property(&METADATA)?.unwrap_or_default();
    if metadata.len() > MOST_METADATA {
        return Err(Unknown::TooLong);
    }
    let digest = host.property(&DIGEST)?;
    let digest = digest.map(|digest| (DIGEST.join(".").into(), digest.into()));
    let facts = metadata::facts(&metadata).into_iter().chain(digest);
    Ok(facts.map(|(name, value)| (name, compared(value))).collect())
}

/// A fact as it is compared: a long one by its SHA-256, since a key has a bound and groups in a token may have none. The first byte tells
/// which of both it is.
fn compared(value: Box<[u8]>) -> Box<[u8]> {
    let (kind, value) = match value.len() {
        0..=LONGEST_FACT => (0, value),
        _ => (1, Sha256::digest(&value).as_slice().into()),
    };
    [&[kind], &*value].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_host::Status;
    use switchyard_host::fake::{FakeHost, Head};

    const JWT: &str = "envoy.filters.http.jwt_authn";
    const AUTHZ: &str = "envoy.filters.http.ext_authz";

    fn names(host: &FakeHost) -> Vec<String> {
        let known = read(host).expect("the host says it");
        known.facts().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
    }

    #[test]
    fn a_client_of_whom_nothing_is_known_has_no_facts_and_costs_two_calls() {
        let host = FakeHost::default();
        assert_eq!(read(&host), Ok(Known::default()));
        host.set_property("metadata", &[]);
        assert_eq!(read(&host), Ok(Known::default()));
        assert_eq!((host.calls("proxy_get_property"), host.all_calls()), (4, 4));
    }

    #[test]
    fn metadata_is_a_fact_for_each_namespace_and_the_certificate_is_one_more() {
        let host = FakeHost::default();
        host.set_metadata(&[(JWT, &[("sub", "alice")]), ("a", &[("b", "c")])]);
        host.set_property("connection.sha256_peer_certificate_digest", b"5fde");
        let jwt = format!("metadata.{JWT}");
        assert_eq!(names(&host), ["connection.sha256_peer_certificate_digest", "metadata.a", &jwt]);
        let known = read(&host).expect("the host says it");
        assert_eq!(known.facts().next().map(|(_, value)| value), Some(&b"\x005fde"[..]));
    }

    #[test]
    fn who_differs_in_anything_has_other_facts() {
        let host = FakeHost::default();
        let mut seen: Vec<Known> = Vec::new();
        let cases: [&[(&str, Head<'_>)]; 6] = [
            &[],
            &[(JWT, &[])],
            &[(JWT, &[("sub", "alice")])],
            &[(JWT, &[("sub", "bob")])],
            &[(JWT, &[("alice", "sub")])],
            &[(AUTHZ, &[("sub", "alice")])],
        ];
        for digest in [None, Some(&b""[..]), Some(b"5fde"), Some(b"dfcf")] {
            digest.inspect(|digest| host.set_property("connection.sha256_peer_certificate_digest", digest));
            for metadata in cases {
                host.set_metadata(metadata);
                let known = read(&host).expect("the host says it");
                assert!(!seen.contains(&known), "{known:?}");
                seen.push(known);
            }
        }
    }

    #[test]
    fn a_long_fact_is_short_in_a_key_and_another_than_any_other() {
        let known = |user: &str| {
            let host = FakeHost::default();
            host.set_metadata(&[(JWT, &[("groups", user)])]);
            read(&host).expect("the host says it")
        };
        let (one, other) = ("a".repeat(5000), "a".repeat(4999) + "b");
        assert_eq!(known(&one), known(&one));
        assert_ne!(known(&one), known(&other));
        assert!(known(&one).facts().all(|(_, value)| value.len() == 33));
        let pretender = known(core::str::from_utf8(&[b'a'; 33]).expect("text"));
        assert!(pretender.facts().all(|(_, value)| value.first() == Some(&0)));
    }

    #[test]
    fn the_order_in_which_envoy_says_it_does_not_matter() {
        let (one, other) = (FakeHost::default(), FakeHost::default());
        one.set_metadata(&[(JWT, &[("sub", "alice"), ("iss", "x")]), ("a", &[])]);
        other.set_metadata(&[("a", &[]), (JWT, &[("iss", "x"), ("sub", "alice")])]);
        assert_eq!(read(&one), read(&other));
    }

    #[test]
    fn how_long_ext_authz_took_says_nothing_about_who_asks() {
        let known = |metadata: &[(&str, Head<'_>)]| {
            let host = FakeHost::default();
            host.set_metadata(metadata);
            read(&host)
        };
        let took = |time| known(&[(AUTHZ, &[("ext_authz_duration", time), ("user", "alice")])]);
        assert_eq!(took("6"), took("2"));
        assert_eq!(took("6"), known(&[(AUTHZ, &[("user", "alice")])]));
        assert_ne!(took("6"), known(&[(AUTHZ, &[("ext_authz_duration", "6"), ("user", "bob")])]));
        // In another filter's words it may be anything.
        assert_ne!(
            known(&[(JWT, &[("ext_authz_duration", "6")])]),
            known(&[(JWT, &[("ext_authz_duration", "2")])])
        );
    }

    #[test]
    fn what_the_host_does_not_say_is_unknown_and_not_nothing() {
        let host = FakeHost::default();
        for status in [Status::BadArgument, Status::InternalFailure, Status::Other(3)] {
            host.fail("proxy_get_property", status);
            assert_eq!(read(&host), Err(Unknown::Host(HostError { call: "proxy_get_property", status })));
        }
        host.recover("proxy_get_property");
        host.set_property("metadata", &vec![0; MOST_METADATA + 1]);
        assert_eq!(read(&host), Err(Unknown::TooLong));
        assert_eq!(Unknown::TooLong.to_string(), "more than 65536 bytes of metadata");
    }
}
