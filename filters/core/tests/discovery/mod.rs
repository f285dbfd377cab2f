//! Where endpoints come from: what each source is asked, and what is believed of its answer.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod consul;
mod envoy;
mod etcd;
mod http;
mod keeper;
#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod roster;
mod sources;

use core::time::Duration;
use switchyard_core::discovery::{Answer, Cursor, Envoy, Listing, Read, Refusal, Registry, Source};

/// A source with the defaults of the document.
pub(crate) fn source(registry: Registry) -> Source {
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

pub(crate) fn answer(body: &[u8]) -> Answer<'_> {
    Answer { status: 200, etag: None, index: None, body }
}

/// What this source makes of this body, for a cluster named web.
pub(crate) fn read(source: &Source, body: &[u8]) -> Result<Listing, Refusal> {
    let envoy = match source.registry {
        Registry::Envoy(envoy) => envoy,
        _ => Envoy::default(),
    };
    match source.read(&[("web", envoy)], &Cursor::default(), answer(body))? {
        Read::Lists { mut lists, .. } => lists.pop().expect("one list"),
        Read::Unchanged => panic!("nothing was asked for on a condition"),
    }
}

/// The addresses of a list.
pub(crate) fn addresses(listing: &Listing) -> Vec<&str> {
    listing.members.iter().map(|member| &*member.address).collect()
}
