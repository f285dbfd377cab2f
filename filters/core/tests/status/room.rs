//! How much one worker may say of itself.

use super::at;
use super::page::endpoint;
use switchyard_core::status::{MOST_SNAPSHOT, Record, Snapshot, SnapshotWriter, UpstreamView, Worker};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Bytes that say whose it is.
const HEAD: usize = 37;
/// Bytes that are kept for saying what is left out.
const END: usize = 16;

fn writer() -> SnapshotWriter {
    SnapshotWriter::new(Worker::default())
}

fn last(said: SnapshotWriter) -> Option<(u32, u32)> {
    let said = Snapshot::decode(said.finish().expect("memory")).expect("a snapshot");
    match said.records().last() {
        Some(Record::Truncated { counters, upstreams }) => Some((counters, upstreams)),
        _ => None,
    }
}

#[test]
fn who_has_succeeded_another_says_all_and_who_was_succeeded_does_not() {
    assert!(writer().says_all());
    assert!(!SnapshotWriter::of_succeeded(Worker::default()).says_all());
}

#[test]
fn what_is_left_out_is_told_whether_it_is_counters_or_upstreams() {
    assert_eq!(last(writer()), None);
    let mut said = writer();
    said.leave_out_upstream();
    said.leave_out_upstream();
    assert!(!said.is_cut(), "others have room");
    assert_eq!(last(said), Some((0, 2)));
    let mut said = writer();
    said.counter(&"x".repeat(513), || Some(1));
    assert_eq!(last(said), Some((1, 0)));
}

#[test]
fn a_counter_has_a_name_of_512_bytes_at_most_and_others_may_follow_a_longer_one() {
    let mut said = writer();
    let (long, longer) = ("x".repeat(512), "y".repeat(513));
    said.counter(&long, || Some(1));
    said.counter(&longer, || Some(2));
    said.counter("z", || Some(3));
    let said = Snapshot::decode(said.finish().expect("memory")).expect("a snapshot");
    let records =
        [Record::Counter(&long, 1), Record::Counter("z", 3), Record::Truncated { counters: 1, upstreams: 0 }];
    assert_eq!(said.records().collect::<Vec<_>>(), records);
}

#[test]
fn endpoints_take_the_room_that_they_have_in_bytes_and_no_more_is_kept_for_them() {
    let mut said = writer();
    let one = endpoint("10.0.0.1:80", 0);
    let told = (0..10_000).take_while(|_| said.endpoint(&one)).count();
    // Four texts behind their lengths (`10.0.0.1:80`, `eu`, `b` and none), and 26 bytes more.
    let bytes = 4 * 4 + 14 + 26;
    assert_eq!(told, (MOST_SNAPSHOT - HEAD - END) / bytes);
    assert!(said.is_cut());
    assert_eq!(said.finish().map(|said| said.len()), Some(HEAD + told * bytes + 9));
}

#[test]
fn upstreams_take_the_room_that_they_have_in_bytes_and_no_more_is_kept_for_them() {
    let mut said = writer();
    let (name, cluster, policy, source) = ("web", "c", "random", "etcd");
    let one = UpstreamView { name, cluster, policy, source, read_at: at(1), endpoints: 1 };
    let told = (0..10_000).take_while(|_| said.upstream(&one)).count();
    // As many as are counted for each, of which three are not written.
    assert_eq!(told, (MOST_SNAPSHOT - HEAD - END) / (4 * 4 + 14 + 16));
}
