//! An answer's bytes: how many there are, and their way to another worker.

use super::{answer, answer_to, get};
use switchyard_core::coalesce::Answer;
use switchyard_core::request::PlainRequest;
use switchyard_core::wire::Writer;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn all_bytes_of_an_answer_count_and_each_header_a_little_more() {
    let empty = answer(&[]).size();
    assert!(empty > 100, "{empty}: an answer takes more than its bytes");
    let body = Answer { body: vec![b'x'; 1_000], ..answer(&[]) };
    assert_eq!(body.size(), empty + 1_000);
    let header = answer(&[("a", "")]).size() - empty - 1;
    assert!(header >= 32, "{header}: two pointers and two lengths");
    assert_eq!(answer(&[("name", "value"), ("b", "")]).size(), empty + 2 * header + 10);
    let with_vary = |request: &PlainRequest| answer_to(request, &[("vary", "x-a")]).size();
    assert!(with_vary(&get()) > answer(&[("vary", "")]).size() + 3, "the name once more");
    assert_eq!(with_vary(&get().with("x-a", "12345")), with_vary(&get()) + header + 5);
    assert_eq!(with_vary(&get()), answer(&[("vary", "")]).size() + 3 + 3 + header, "as the header itself");
}

#[test]
fn an_answer_comes_out_as_it_went_in_and_leaves_the_rest() {
    let request = get().with("x-a", "1").with("x-a", b"\xff");
    let answer =
        Answer { body: b"hello".to_vec(), ..answer_to(&request, &[("vary", "x-a, x-b"), ("age", "7")]) };
    let mut writer = Writer::default();
    answer.encode(writer.raw(b"before"));
    let bytes = writer.finish().expect("memory");
    let bytes = [&bytes[..], b"after"].concat();
    let encoded = bytes.strip_prefix(b"before").expect("it is appended");
    assert_eq!(Answer::decode(encoded), Some((answer, &b"after"[..])));
}

#[test]
fn bytes_that_nobody_encoded_are_no_answer() {
    assert_eq!(Answer::decode(b""), None);
    assert_eq!(Answer::decode(&[0xff; 100]), None);
    let mut bytes = 200_u32.to_le_bytes().to_vec();
    bytes.extend([0; 16]);
    bytes.extend(u32::MAX.to_le_bytes());
    assert_eq!(Answer::decode(&bytes), None, "so many headers that do not come");
}
