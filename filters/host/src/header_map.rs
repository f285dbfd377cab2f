//! A header map as the ABI serialises it, read in place.
//!
//! Layout (proxy-wasm ABI 0.2.1): count as u32, then per pair the lengths of name and value as u32, then name
//! NUL value NUL for each; little endian. One buffer is kept as the host filled it and values are borrowed from
//! it, because a request has some twenty headers and a rule looks at one or two.
//!
//! Invariant: every span lies inside the buffer; a buffer that does not decode is refused whole.
//! Trade-off: a map does not change, so a clone is the same map, and whoever needs the head of a request has it for nothing.

use core::ops::Range;
use std::rc::Rc;
use switchyard_core::{HeadView, RequestView};

/// The headers of one message, in order, duplicates kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap(Rc<Decoded>);

#[derive(Debug, Default, PartialEq, Eq)]
struct Decoded {
    buffer: Vec<u8>,
    spans: Vec<(Range<usize>, Range<usize>)>,
}

impl Decoded {
    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        start..self.buffer.len()
    }
}

impl HeaderMap {
    /// Decodes the ABI's form; `None` if lengths and buffer do not agree.
    pub fn decode(buffer: Vec<u8>) -> Option<Self> {
        if buffer.is_empty() {
            return Some(Self::default());
        }
        let count = read_u32(&buffer, 0)?;
        let mut data = count.checked_mul(8)?.checked_add(4)?;
        if data > buffer.len() {
            return None;
        }
        let mut spans = Vec::with_capacity(count);
        for pair in 0..count {
            let name = span(&buffer, data, read_u32(&buffer, 4 + pair * 8)?)?;
            let value = span(&buffer, name.end + 1, read_u32(&buffer, 8 + pair * 8)?)?;
            data = value.end + 1;
            spans.push((name, value));
        }
        Some(Self(Rc::new(Decoded { buffer, spans })))
    }

    /// These pairs in the ABI's form.
    pub fn encode<T: AsRef<[u8]>>(pairs: &[(T, T)]) -> Vec<u8> {
        let word = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let data: usize =
            pairs.iter().map(|(name, value)| name.as_ref().len() + value.as_ref().len() + 10).sum();
        let mut buffer = Vec::with_capacity(data + 4);
        buffer.extend(word(pairs.len()));
        for (name, value) in pairs {
            buffer.extend(word(name.as_ref().len()));
            buffer.extend(word(value.as_ref().len()));
        }
        for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
            buffer.extend(text.as_ref());
            buffer.push(0);
        }
        buffer
    }

    /// A map of these pairs.
    pub fn from_pairs<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let size = pairs.iter().map(|(name, value)| name.as_ref().len() + value.as_ref().len()).sum();
        let mut map = Decoded { buffer: Vec::with_capacity(size), spans: Vec::with_capacity(pairs.len()) };
        for (name, value) in &pairs {
            let name = map.append(name.as_ref());
            let value = map.append(value.as_ref());
            map.spans.push((name, value));
        }
        Self(Rc::new(map))
    }

    /// Name and value of every header, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.spans.iter().filter_map(|(name, value)| {
            Some((self.0.buffer.get(name.clone())?, self.0.buffer.get(value.clone())?))
        })
    }

    /// All values of the header `name` (lower case), in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
    }

    /// Whether the header `name` (lower case) is there.
    pub fn contains(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.0.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.spans.is_empty()
    }
}

impl<'a> FromIterator<(&'a [u8], &'a [u8])> for HeaderMap {
    fn from_iter<T: IntoIterator<Item = (&'a [u8], &'a [u8])>>(pairs: T) -> Self {
        Self::from_pairs(pairs)
    }
}

/// Headers are all there is to a request that was kept: nobody knows its client any more.
impl RequestView for HeaderMap {
    fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.values(name)
    }

    fn source_ip(&self) -> Option<Vec<u8>> {
        None
    }
}

impl HeadView for HeaderMap {
    fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter()
    }
}

fn read_u32(buffer: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = buffer.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

/// The `length` bytes at `start`, if they and the NUL behind them lie inside the buffer.
fn span(buffer: &[u8], start: usize, length: usize) -> Option<Range<usize>> {
    let end = start.checked_add(length)?;
    (end < buffer.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = u32::try_from(pairs.len()).unwrap().to_le_bytes().to_vec();
        for (name, value) in pairs {
            bytes.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
            bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        }
        for (name, value) in pairs {
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(value);
            bytes.push(0);
        }
        bytes
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same_pairs() {
        let pairs = [(":method", "GET"), ("x-empty", ""), (":path", "/health")];
        let map = HeaderMap::decode(HeaderMap::encode(&pairs)).expect("the ABI's own form");
        let read: Vec<_> = map.iter().collect();
        assert_eq!(read, pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        assert!(HeaderMap::decode(HeaderMap::encode::<&str>(&[])).is_some_and(|map| map.is_empty()));
    }

    #[test]
    fn a_header_that_stands_twice_yields_both_values_in_order() {
        let map = HeaderMap::from_pairs([("x-a", "1"), ("x-b", "2"), ("x-a", "3")]);
        assert_eq!(map.values("x-a").collect::<Vec<_>>(), [b"1", b"3"]);
        assert!(map.contains("x-b"));
        assert!(!map.contains("x-c"));
        assert_eq!(map.len(), 3);
    }

    #[test]
    fn an_empty_buffer_is_an_empty_map() {
        assert!(HeaderMap::decode(Vec::new()).is_some_and(|map| map.is_empty()));
        assert!(HeaderMap::decode(vec![0, 0, 0, 0]).is_some_and(|map| map.is_empty()));
    }

    #[test]
    fn a_count_that_the_buffer_cannot_hold_is_refused_without_allocating_for_it() {
        assert_eq!(HeaderMap::decode(vec![255, 255, 255, 255]), None);
        assert_eq!(HeaderMap::decode(vec![1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn what_a_host_encodes_decodes_to_the_same_pairs(
            pairs in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..20), prop::collection::vec(any::<u8>(), 0..60)), 0..30)
        ) {
            let map = HeaderMap::decode(encode(&pairs)).expect("well-formed");
            let seen: Vec<_> = map.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            prop_assert_eq!(seen, pairs);
        }

        #[test]
        fn no_buffer_makes_it_panic(buffer in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(map) = HeaderMap::decode(buffer) {
                prop_assert_eq!(map.iter().count(), map.len());
            }
        }
    }
}
