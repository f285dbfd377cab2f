//! Envoy's metadata in a form that can be compared: Envoy writes the fields of a map in any order, another for each request.
//!
//! The wire form is `envoy.config.core.v3.Metadata`: field 1, a `google.protobuf.Struct` for each namespace; field 2, a
//! `google.protobuf.Any` for each. Only as much of protobuf is read as these need.
//!
//! Invariants: two structures have the same canonical form only if they say the same; what does not parse, or is nested deeper
//! than [`MOST_LEVELS`], stays as it is, so that it keeps requests apart and never together. The canonical form is at most
//! five times as long as what was read: every part is written once, with four bytes of length where the wire has one.
//! Trade-off: what is in an `Any` is compared as it stands. No filter of Envoy's own says there who asks.
//! Source: protobuf's encoding (map fields are repeated entries of key, 1, and value, 2); google/protobuf/struct.proto.

use core::str;
use switchyard_core::protobuf::{Fields, Wire};

/// Structures and lists within each other. Envoy's JSON reader allows a hundred levels; claims have two or three.
const MOST_LEVELS: usize = 32;

/// What filters of Envoy's own write beside what they found out, another for each request.
const NEUTRAL: [(&str, &str); 1] = [("envoy.filters.http.ext_authz", "ext_authz_duration")];

/// A name and its value.
pub(super) type Fact = (Box<str>, Box<[u8]>);

/// A fact for each namespace; a single one, of all bytes, if they do not parse.
pub(super) fn facts(metadata: &[u8]) -> Vec<Fact> {
    if metadata.is_empty() {
        return Vec::new();
    }
    namespaces(metadata).unwrap_or_else(|| vec![("metadata".into(), metadata.into())])
}

fn namespaces(metadata: &[u8]) -> Option<Vec<Fact>> {
    let mut facts: Vec<Fact> = Vec::new();
    for field in Fields(metadata) {
        let (number, entry) = field?.message()?;
        let (namespace, value) = entry_of(entry)?;
        let namespace = str::from_utf8(namespace).ok()?;
        let (kind, value) = match number {
            1 => ("metadata", canonical(namespace, value)),
            2 => ("typed_metadata", value.into()),
            _ => return None,
        };
        facts.push((format!("{kind}.{namespace}").into(), value));
    }
    switchyard_core::sort::sort(&mut facts);
    // No map has a key twice; which of the two counts is nobody's to say.
    let is_map = facts.windows(2).all(|pair| matches!(pair, [(one, _), (other, _)] if one != other));
    is_map.then_some(facts)
}

/// The structure's canonical form; its bytes if it has none.
fn canonical(namespace: &str, value: &[u8]) -> Box<[u8]> {
    let counts = |key: &[u8]| !NEUTRAL.iter().any(|(of, name)| *of == namespace && name.as_bytes() == key);
    let mut written = Vec::with_capacity(value.len().saturating_mul(2));
    match structure(value, &counts, MOST_LEVELS, &mut written) {
        Some(()) => written.into(),
        None => value.into(),
    }
}

/// A `Struct`: its entries that count, by key.
fn structure(bytes: &[u8], counts: &dyn Fn(&[u8]) -> bool, levels: usize, out: &mut Vec<u8>) -> Option<()> {
    let levels = levels.checked_sub(1)?;
    let mut entries = Vec::new();
    for field in Fields(bytes) {
        let (1, entry) = field?.message()? else { return None };
        entries.push(entry_of(entry)?);
    }
    switchyard_core::sort::sort(&mut entries);
    if entries.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other)) {
        return None;
    }
    for (key, value) in entries.into_iter().filter(|(key, _)| counts(key)) {
        part(out, |out| {
            out.extend(key);
            Some(())
        })?;
        part(out, |out| anything(value, levels, out))?;
    }
    Some(())
}

/// A `Value`: which kind it is of, and what it says.
fn anything(bytes: &[u8], levels: usize, out: &mut Vec<u8>) -> Option<()> {
    let mut fields = Fields(bytes);
    let Some(field) = fields.next() else {
        out.push(0);
        return Some(());
    };
    let field = field?;
    // Of several the last would count.
    if fields.next().is_some() {
        return None;
    }
    out.push(u8::try_from(field.number).ok()?);
    match (field.number, field.value) {
        (1 | 4, Wire::Number(number)) => out.extend(number.to_le_bytes()),
        (2, Wire::Double(bytes)) | (3, Wire::Message(bytes)) => out.extend(bytes),
        (5, Wire::Message(bytes)) => structure(bytes, &|_| true, levels, out)?,
        (6, Wire::Message(bytes)) => list(bytes, levels, out)?,
        _ => return None,
    }
    Some(())
}

/// A `ListValue`: its values, in their order.
fn list(bytes: &[u8], levels: usize, out: &mut Vec<u8>) -> Option<()> {
    let levels = levels.checked_sub(1)?;
    for field in Fields(bytes) {
        let (1, value) = field?.message()? else { return None };
        part(out, |out| anything(value, levels, out))?;
    }
    Some(())
}

/// Something with its length in front, so that no two sequences are written alike.
fn part(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Option<()>) -> Option<()> {
    let start = out.len();
    out.extend([0; 4]);
    write(out)?;
    let length = u32::try_from(out.len().checked_sub(start)?.checked_sub(4)?).ok()?;
    out.get_mut(start..start.checked_add(4)?)?.copy_from_slice(&length.to_le_bytes());
    Some(())
}

/// Key and value of a map's entry; one that is not there is empty.
fn entry_of(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut key, mut value) = (None, None);
    for field in Fields(entry) {
        let place = match field?.message()? {
            (1, bytes) => (&mut key, bytes),
            (2, bytes) => (&mut value, bytes),
            _ => return None,
        };
        // Of several the last would count.
        if place.0.replace(place.1).is_some() {
            return None;
        }
    }
    Some((key.unwrap_or_default(), value.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a `Value` may say.
    #[derive(Clone, Debug, PartialEq)]
    enum Says {
        Nothing,
        Number(f64),
        Text(String),
        Bool(bool),
        Fields(Vec<(String, Says)>),
        List(Vec<Says>),
    }

    fn varint(mut number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
            number >>= 7;
        }
        bytes.push(u8::try_from(number).unwrap_or_default());
        bytes
    }

    fn message(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2][..], &varint(bytes.len()), bytes].concat()
    }

    fn entry(key: &str, value: &[u8]) -> Vec<u8> {
        message(1, &[message(1, key.as_bytes()), message(2, value)].concat())
    }

    /// As Envoy may write it; `turn` says in which order.
    fn fields(of: &[(String, Says)], turn: usize) -> Vec<u8> {
        let mut written: Vec<_> = of.iter().map(|(key, says)| entry(key, &value(says, turn))).collect();
        let middle = turn.checked_rem(written.len()).unwrap_or_default();
        written.rotate_left(middle);
        if turn % 2 == 1 {
            written.reverse();
        }
        written.concat()
    }

    fn value(says: &Says, turn: usize) -> Vec<u8> {
        match says {
            Says::Nothing => vec![1 << 3, 0],
            Says::Number(number) => [&[2 << 3 | 1][..], &number.to_le_bytes()].concat(),
            Says::Text(text) => message(3, text.as_bytes()),
            Says::Bool(so) => vec![4 << 3, u8::from(*so)],
            Says::Fields(of) => message(5, &fields(of, turn)),
            Says::List(of) => {
                let items: Vec<_> = of.iter().map(|item| message(1, &value(item, turn))).collect();
                message(6, &items.concat())
            }
        }
    }

    fn named(namespace: &str, of: &[(String, Says)], turn: usize) -> Vec<u8> {
        entry(namespace, &fields(of, turn))
    }

    fn any_fields(of: impl Strategy<Value = Says>) -> impl Strategy<Value = Vec<(String, Says)>> {
        let sorted = |map: std::collections::BTreeMap<String, Says>| map.into_iter().collect();
        prop::collection::btree_map("[a-c]{0,2}", of, 0..4).prop_map(sorted)
    }

    fn says() -> impl Strategy<Value = Says> {
        let plain = prop_oneof![
            Just(Says::Nothing),
            prop::sample::select(vec![0.0, 1.0, -1.5]).prop_map(Says::Number),
            "[a-c]{0,2}".prop_map(Says::Text),
            any::<bool>().prop_map(Says::Bool),
        ];
        plain.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                any_fields(inner.clone()).prop_map(Says::Fields),
                prop::collection::vec(inner, 0..4).prop_map(Says::List),
            ]
        })
    }

    #[test]
    fn what_envoy_writes_of_a_token_is_the_same_in_any_order() {
        let text = |text: &str| Says::Text(text.to_owned());
        let claims = vec![
            ("aud".to_owned(), Says::List(vec![text("shop"), text("mail")])),
            ("exp".to_owned(), Says::Number(4_102_444_800.0)),
            ("realm_access".to_owned(), Says::Fields(vec![("roles".to_owned(), text("admin"))])),
            ("sub".to_owned(), text("alice")),
        ];
        let payload = vec![("p".to_owned(), Says::Fields(claims))];
        let orders: Vec<_> = (0..8).map(|turn| facts(&named("jwt", &payload, turn))).collect();
        assert!(orders.windows(2).all(|pair| pair.first() == pair.last()), "{orders:?}");
        assert_eq!(orders.first().map(Vec::len), Some(1));
    }

    #[test]
    fn what_does_not_parse_stays_as_it_is_and_keeps_requests_apart() {
        let deep = (0..=MOST_LEVELS).fold(Says::Nothing, |inner, _| Says::List(vec![inner]));
        let twice = [entry("sub", &value(&Says::Nothing, 0)), entry("sub", &value(&Says::Bool(true), 0))];
        let wrong: [Vec<u8>; 5] = [
            fields(&[("deep".to_owned(), deep)], 0),
            twice.concat(),
            vec![0x0a],
            vec![0x0a, 0x05, 0x0a],
            vec![0xff; 11],
        ];
        for bytes in wrong {
            let raw: Box<[u8]> = bytes.clone().into();
            assert_eq!(facts(&entry("jwt", &bytes)), [("metadata.jwt".into(), raw.clone())], "{bytes:?}");
        }
        for bytes in [vec![0x0a], vec![0x1a, 0], [named("a", &[], 0), named("a", &[], 0)].concat()] {
            let raw: Box<[u8]> = bytes.clone().into();
            assert_eq!(facts(&bytes), [("metadata".into(), raw)], "{bytes:?}");
        }
    }

    #[test]
    fn typed_metadata_is_a_fact_of_its_own() {
        let typed = message(2, &[message(1, b"a"), message(2, b"any")].concat());
        let both = facts(&[typed, named("a", &[], 0)].concat());
        let names: Vec<_> = both.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(names, [("metadata.a", &b""[..]), ("typed_metadata.a", b"any")]);
    }

    proptest! {
        #[test]
        fn two_structures_are_written_alike_only_if_they_say_the_same(
            one in any_fields(says()), other in any_fields(says()), turn in 0usize..6
        ) {
            let (first, second) = (facts(&named("a", &one, 0)), facts(&named("a", &other, turn)));
            prop_assert_eq!(first == second, one == other);
            prop_assert_eq!(facts(&named("a", &one, turn)), first);
        }

        #[test]
        fn no_bytes_make_it_panic_and_it_writes_no_more_than_five_times_as_many(
            bytes in prop::collection::vec(prop_oneof![Just(0x0a_u8), 0..8_u8, any::<u8>()], 0..200)
        ) {
            for metadata in [bytes.clone(), entry("a", &bytes)] {
                let written: usize = facts(&metadata).iter().map(|(name, value)| name.len() + value.len()).sum();
                prop_assert!(written <= 5 * metadata.len() + "typed_metadata.".len() * metadata.len());
            }
        }
    }
}
