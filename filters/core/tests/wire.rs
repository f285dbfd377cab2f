//! What is written in bytes by hand: values that workers share, and fields of protobuf.

#![allow(missing_docs, reason = "a test is documented by its name")]

use switchyard_core::contract::decisions_property;
use switchyard_core::protobuf::{Field, Fields, Wire};
use switchyard_core::wire::Writer;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The number in field 1 of a message that is these bytes behind its tag.
fn number(bytes: &[u8]) -> Option<u64> {
    let message = [&[1 << 3][..], bytes].concat();
    let field = Fields(&message).next()??;
    match field {
        Field { number: 1, value: Wire::Number(number) } => Some(number),
        _ => None,
    }
}

#[test]
fn a_number_of_protobuf_has_seven_bits_in_each_byte_the_least_first() {
    assert_eq!(number(&[0x7f]), Some(127));
    assert_eq!(number(&[0xac, 0x02]), Some(300));
    assert_eq!(number(&[0x80, 0x80, 0x01]), Some(1 << 14));
    assert_eq!(number(&[0x80]), None, "it breaks off");
}

#[test]
fn the_tenth_byte_of_a_number_has_room_for_one_bit() {
    let tenth = |byte: u8| number(&[&[0xff; 9][..], &[byte]].concat());
    assert_eq!(tenth(0), Some(u64::MAX >> 1));
    assert_eq!(tenth(1), Some(u64::MAX));
    assert_eq!(tenth(2), None);
    assert_eq!(tenth(0x81), None, "an eleventh byte");
}

#[test]
fn only_a_field_that_has_bytes_is_a_message() {
    let message =
        [&[2 << 3, 7, 3 << 3 | 2, 2, b'h', b'i', 4 << 3 | 1][..], &[0; 8], &[5 << 3 | 5], &[0; 4]].concat();
    let read: Vec<_> = Fields(&message).map(|field| field.and_then(Field::message)).collect();
    assert_eq!(read, [None, Some((3, &b"hi"[..])), None, None]);
}

#[test]
fn a_writer_that_once_had_no_memory_writes_nothing_however_little_comes_later() {
    let mut writer = Writer::with_room(usize::MAX);
    writer.byte(1).raw(b"");
    assert_eq!(writer.finish(), None);
    let mut writer = Writer::with_room(1);
    writer.byte(1).byte(2);
    assert_eq!(writer.finish().as_deref(), Some(&[1, 2][..]), "it may become longer than was set aside");
}

#[test]
fn each_module_says_in_a_property_of_its_own_what_it_has_decided() {
    assert_eq!(decisions_property("switchyard"), "switchyard");
    assert_eq!(decisions_property("router"), "switchyard_router");
}
