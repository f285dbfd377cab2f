//! What workers write for each other: answers, messages, rosters, what is published, and header maps as the host writes them.
//!
//! Invariant: bytes are read as something or as nothing; what was read is written as what is read alike. What is read is no longer than a
//! few times the bytes, whatever numbers stand in them.

use crate::draw::Draw;
use switchyard_core::batch::gather::fuzzing as gather;
use switchyard_core::coalesce::{Answer, Served, fuzzing as coalesce};
use switchyard_core::outlier::{MOST_PARTS, Part, Published};
use switchyard_core::request::PlainRequest;
use switchyard_core::{HeadView as _, RequestView as _, Timestamp};
use switchyard_host::HeaderMap;

/// Answers that are held, or go to another worker.
pub fn answers(bytes: &[u8]) {
    if let Some((answer, rest)) = Answer::decode(bytes) {
        assert!(bytes.ends_with(rest));
        // A value that it depends on is four bytes at least, and counts for 48 more than it has.
        assert!(answer.size() <= 256 + 13 * bytes.len() as u64, "{} of {}", answer.size(), bytes.len());
        let read = written(&answer);
        assert_eq!(read, bytes[..bytes.len() - rest.len()], "what was read is what was written");
        serves(&answer);
    }
    let mut draw = Draw::of(bytes);
    let request = PlainRequest::get("/").with("accept", draw.bytes(9)).with("x-tenant", draw.bytes(9));
    let names = ["vary", "age", "date", "content-length", "x-a", "set-cookie", "cache-control"];
    let headers: Vec<_> = (0..draw.below(6)).map(|_| (draw.one(&names).as_bytes(), draw.bytes(20))).collect();
    let (status, at) = (draw.any(), Timestamp::from_nanos(draw.any()));
    let made = Answer::new(status, headers.into_iter(), &request, at);
    serves(&made);
    let is_of_more = made.vary.iter().any(|(name, _)| &**name == "*");
    assert!(is_of_more || made.fits(&request), "an answer fits the request that it is to: {made:?}");
    let bytes = written(&made);
    assert_eq!(Answer::decode(&bytes), Some((made, &[][..])));
}

fn written(answer: &Answer) -> Vec<u8> {
    let mut writer = switchyard_core::wire::Writer::default();
    answer.encode(&mut writer);
    writer.finish().expect("memory")
}

/// Replies with it have its headers.
fn serves(answer: &Answer) {
    for served in [Served::Collapsed, Served::Hit, Served::Stale, Served::Shared] {
        for now in [Timestamp::default(), answer.at, Timestamp::from_nanos(u64::MAX)] {
            let headers = answer.reply_headers(served, now);
            assert!(headers.len() <= answer.headers.len() + 4, "{headers:?}");
            assert!(headers.iter().all(|(name, _)| *name != b"content-length"));
        }
    }
}

/// Messages of both kinds.
pub fn queue_messages(bytes: &[u8]) {
    for again in [coalesce::message, |bytes: &[u8]| gather::message(bytes)] {
        if let Some(first) = again(bytes) {
            assert!(first.len() <= bytes.len(), "{} of {}", first.len(), bytes.len());
            assert_eq!(again(&first).as_ref(), Some(&first), "{}", bytes.escape_ascii());
            // Yes and no are bytes, of which every one but 0 is yes.
            let differ = first.iter().zip(bytes).filter(|(one, other)| one != other);
            assert!(differ.clone().count() <= 1 && differ.clone().all(|(one, _)| *one == 1));
        }
    }
}

/// What documents in force say of ejection.
pub fn published(bytes: &[u8]) {
    let mut all = Published::decode(bytes);
    assert!(all.parts().len() <= MOST_PARTS);
    assert_eq!(Published::decode(&all.encode()), all);
    for part in all.parts().to_vec() {
        let Some(watched) = part.watched() else { continue };
        let again = Part::new(part.source.clone(), part.document, part.read_at, &watched);
        let read = again.watched().expect("what was written is read");
        assert_eq!(format!("{read:?}"), format!("{watched:?}"));
    }
    let mut draw = Draw::of(bytes);
    while !draw.is_over() {
        let (source, document) = (draw.bytes(3).to_vec(), u64::from(draw.byte() % 4));
        let read_at = Timestamp::from_nanos(draw.number());
        let turn = all.next_turn(&source, document);
        let mut part = Part::new(source.clone(), document, read_at, &[]);
        part.turn = turn;
        let known = all.parts().iter().any(|part| part.source == source);
        let taken = all.put(&part);
        assert!(known || !taken, "one that watches nothing begins nothing");
        assert!(all.parts().len() <= MOST_PARTS);
    }
}

/// Header maps as the host writes them.
pub fn header_map(bytes: &[u8]) {
    if let Some(map) = HeaderMap::decode(bytes.to_vec()) {
        let pairs: Vec<_> = map.iter().collect();
        assert_eq!(pairs.len(), map.len());
        assert!(
            pairs.iter().map(|(name, value)| name.len() + value.len() + 10).sum::<usize>() <= bytes.len()
        );
        let again = HeaderMap::decode(HeaderMap::encode(&pairs)).expect("what is written is read");
        assert_eq!(again.iter().collect::<Vec<_>>(), pairs);
    }
    let mut draw = Draw::of(bytes);
    let names = ["x-a", "x-b", ":path", ""];
    let pairs: Vec<(&[u8], &[u8])> =
        (0..draw.below(8)).map(|_| (draw.one(&names).as_bytes(), draw.bytes(12))).collect();
    let map = HeaderMap::decode(HeaderMap::encode(&pairs)).expect("the ABI's own form");
    assert_eq!(map.pairs().collect::<Vec<_>>(), pairs);
    assert_eq!(HeaderMap::from_pairs(pairs.iter().copied()).iter().collect::<Vec<_>>(), pairs);
    for name in names {
        let values = pairs.iter().filter(|(key, _)| *key == name.as_bytes()).map(|(_, value)| *value);
        assert_eq!(map.header_values(name).collect::<Vec<_>>(), values.collect::<Vec<_>>());
    }
    let plain: PlainRequest = pairs.iter().copied().collect();
    assert_eq!((plain.path(), plain.query(), plain.host()), (map.path(), map.query(), map.host()));
}
