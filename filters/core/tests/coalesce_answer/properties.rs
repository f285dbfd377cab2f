//! The same of answers and requests that nobody thought of.

use super::{answer, fits, get};
use proptest::collection::vec;
use proptest::prelude::*;
use switchyard_core::Timestamp;
use switchyard_core::coalesce::Answer;
use switchyard_core::request::PlainRequest;
use switchyard_core::wire::Writer;

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

fn name() -> impl Strategy<Value = Box<str>> {
    "\\PC{0,6}".prop_map(Into::into)
}

fn any_answer() -> impl Strategy<Value = Answer> {
    let value = || bytes(12).prop_map(Into::into);
    (
        any::<u16>(),
        vec((name(), value()), 0..5),
        bytes(100),
        vec((name(), vec(value(), 0..3)), 0..3),
        any::<u64>(),
        any::<u64>(),
    )
        .prop_map(|(status, headers, body, vary, at, age)| Answer {
            status,
            headers,
            body,
            vary,
            at: Timestamp::from_nanos(at),
            age,
            // It is not told to other workers.
            asked_by: None,
        })
}

/// Values of few different letters, of two headers.
fn request() -> impl Strategy<Value = PlainRequest> {
    vec((0..2_usize, "[ab,]{0,2}"), 0..4).prop_map(|headers| {
        let name = |at: usize| if at == 0 { "x-a" } else { "x-b" };
        headers.iter().fold(get(), |request, (at, value)| request.with(name(*at), value))
    })
}

fn written(answer: &Answer) -> Vec<u8> {
    let mut writer = Writer::default();
    answer.encode(&mut writer);
    writer.finish().expect("memory")
}

fn values<'a>(request: &'a PlainRequest, name: &str) -> Vec<&'a [u8]> {
    request.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_slice()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn every_answer_comes_out_as_it_went_in(answer in any_answer(), after in bytes(20)) {
        let mut encoded = written(&answer);
        let length = encoded.len();
        encoded.extend(&after);
        prop_assert_eq!(Answer::decode(&encoded), Some((answer, &after[..])));
        prop_assert!((0..length).all(|end| Answer::decode(&encoded[..end]).is_none()), "broken off");
    }

    #[test]
    fn whatever_reads_as_an_answer_is_written_the_same_way(
        answer in any_answer(), noise in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut encoded = written(&answer);
        for (at, byte) in noise {
            let at = at.index(encoded.len());
            encoded[at] = byte;
        }
        if let Some((read, rest)) = Answer::decode(&encoded) {
            let mut again = written(&read);
            again.extend(rest);
            prop_assert_eq!(again, encoded);
        }
    }

    #[test]
    fn noise_is_never_read_beyond_its_end(noise in bytes(200)) {
        if let Some((_, rest)) = Answer::decode(&noise) {
            prop_assert!(noise.ends_with(rest));
        }
    }

    #[test]
    fn an_answer_fits_exactly_those_whose_headers_are_the_leaders(
        leader in request(), other in request(), vary in prop::sample::subsequence(vec!["X-A", "x-b"], 0..=2),
    ) {
        let same = vary.iter().all(|name| {
            let name = name.to_ascii_lowercase();
            values(&leader, &name) == values(&other, &name)
        });
        prop_assert_eq!(fits(&vary.join(" ,"), &leader, &other), same);
    }

    #[test]
    fn no_header_of_one_connection_gets_through_whatever_connection_says(
        listed in vec("x-[a-c]|[ ,]{0,2}|close", 0..4), present in vec("x-[a-c]", 0..4),
    ) {
        let listed = listed.join(",");
        let mut headers = vec![("connection", listed.as_str())];
        headers.extend(present.iter().map(|name| (name.as_str(), "1")));
        let options: Vec<_> = listed.split([',', ' ']).collect();
        let expected: Vec<_> = present.iter().filter(|name| !options.contains(&name.as_str())).collect();
        let found = answer(&headers);
        let found: Vec<_> = found.headers.iter().map(|(name, _)| name.to_string()).collect();
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    }
}
