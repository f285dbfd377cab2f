//! What Envoy's filters in front of ours have said about a request, in the form in which Envoy gives it.

use super::{FakeHost, Head};

impl FakeHost {
    /// The metadata of the streams from now on: namespaces, each with its fields. Written in this order, as Envoy writes it in any.
    pub fn set_metadata(&self, namespaces: &[(&str, Head<'_>)]) {
        let written: Vec<_> = namespaces
            .iter()
            .map(|(name, fields)| {
                let fields: Vec<_> =
                    fields.iter().map(|(key, text)| entry(key, &field(3, text.as_bytes()))).collect();
                entry(name, &fields.concat())
            })
            .collect();
        self.set_property("metadata", &written.concat());
    }

    /// The digest of the certificate that the clients show from now on; `None`: they show none.
    pub fn set_certificate(&self, digest: Option<&str>) {
        let property = "connection.sha256_peer_certificate_digest";
        match digest {
            Some(digest) => self.set_property(property, digest.as_bytes()),
            None => self.remove_property(property),
        }
    }
}

/// An entry of a map.
fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, key.as_bytes()), field(2, value)].concat())
}

/// A field with bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut length = bytes.len();
    let mut written = vec![number << 3 | 2];
    while length > 0x7f {
        written.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    written.push(u8::try_from(length).unwrap_or_default());
    written.extend_from_slice(bytes);
    written
}
