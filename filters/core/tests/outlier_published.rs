//! What documents say of ejection, on its way through shared data.

use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::outlier::{
    Check, Elsewhere, Heartbeat, LatencyPolicy, MOST_BYTES, MOST_PARTS, Part, Published, Readmission,
    Settings, Signal, StallPolicy, Watched, WatchedEndpoint,
};

fn settings() -> Settings {
    let mut settings = Settings { shadow: true, attempts: 7, ..Settings::default() };
    settings.failure.statuses = vec![429..=429, 500..=599];
    settings.failure.grpc_statuses = Some(vec![4, 14]);
    settings.failure.slow_threshold = Some(Duration::from_nanos(1_234_567));
    settings.failure.signal = Some(Signal { header: "x-out".into(), drain: true });
    settings.latency = Some(LatencyPolicy { factor: 2.5, ..LatencyPolicy::default() });
    settings.stall = Some(StallPolicy { requests: 9, ..StallPolicy::default() });
    settings.readmission = Readmission::HalfOpen { concurrency: 3, successes: 700 };
    settings.heartbeat = Some(Heartbeat {
        check: Check::Http { path: "/healthz".into(), expected: vec![200..=204, 401..=401] },
        headers: vec![("x-probe".into(), "yes".into())],
        elsewhere: Some(Elsewhere { port: 9000, cluster: "health".into() }),
        host: Some("health.example".into()),
        interval: Duration::from_millis(100),
        timeout: Duration::from_millis(50),
        healthy_threshold: 2,
        unhealthy_threshold: 4,
        watch_all: true,
    });
    settings
}

fn watched(name: &str, settings: Settings) -> Watched {
    let endpoint = |last: u8, ejected_by_hand, elsewhere| WatchedEndpoint {
        address: format!("10.0.0.{last}:80").into(),
        ejected_by_hand,
        elsewhere,
    };
    Watched {
        name: name.into(),
        cluster: format!("{name}-cluster").into(),
        endpoints: vec![endpoint(1, false, false), endpoint(2, true, false), endpoint(3, false, true)],
        called: true,
        settings,
    }
}

/// A part as it is made when the document is read.
fn read(published: &Published, source: &str, document: u64, at: u64) -> Part {
    let name = format!("web-{document}");
    let all = [watched(&name, settings())];
    let mut part = Part::new(source.into(), document, Timestamp::from_millis(at), &all);
    part.turn = published.next_turn(source.as_bytes(), document);
    part
}

fn documents(published: &Published) -> Vec<u64> {
    published.parts().iter().map(|part| part.document).collect()
}

#[test]
fn every_setting_arrives_as_it_left() {
    let after_time = Settings { readmission: Readmission::AfterTime, ..Settings::default() };
    let heartbeat = settings().heartbeat.map(|beat| Heartbeat {
        check: Check::Grpc { service: "shop".into() },
        elsewhere: None,
        headers: Vec::new(),
        ..beat
    });
    let mut bare = Settings { heartbeat, ..Settings::default() };
    (bare.failure.signal, bare.failure.statuses) = (None, Vec::new());
    bare.failure.grpc_statuses = Some(Vec::new());
    let all = [watched("a", settings()), watched("b", after_time), watched("c", bare)];
    let mut published = Published::default();
    assert!(published.put(&Part::new(b"router".to_vec(), 1, Timestamp::from_millis(5), &all)));
    let arrived = Published::decode(&published.encode());
    assert_eq!(arrived, published);
    assert_eq!(arrived.parts()[0].watched().as_deref(), Some(&all[..]));
}

#[test]
fn bytes_that_break_off_or_are_not_ours_are_nothing_and_no_fault() {
    let mut published = Published::default();
    published.put(&read(&published, "router", 1, 5));
    let bytes = published.encode();
    for end in 0..bytes.len() {
        assert_eq!(Published::decode(&bytes[..end]), Published::default(), "{end}");
    }
    for index in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[index] ^= 0xff;
        // Whatever is read, it is read without a fault.
        Published::decode(&wrong).parts().iter().for_each(|part| drop(part.watched()));
    }
}

#[test]
fn an_older_document_never_takes_a_newer_ones_place() {
    let mut published = Published::default();
    let old = read(&published, "router", 1, 1_000);
    let late = read(&published, "router", 1, 1_001);
    assert!(published.put(&old) && !published.put(&late), "another worker's, of the same document");
    let new = read(&published, "router", 2, 2_000);
    assert!(published.put(&new) && !published.put(&old) && !published.put(&late));
    assert_eq!(documents(&published), [2]);
    // The clock was set back before the next one was read.
    let newer = read(&published, "router", 3, 500);
    assert!(published.put(&newer) && !published.put(&new));
    // And back to the first: it is read anew.
    let again = read(&published, "router", 1, 600);
    assert!(published.put(&again) && !published.put(&newer));
    assert_eq!(documents(&published), [1]);
}

#[test]
fn of_two_that_were_read_before_any_request_came_the_later_one_stays() {
    let mut published = Published::default();
    let (one, two) = (read(&published, "router", 1, 1_000), read(&published, "router", 2, 2_000));
    assert!(published.put(&one) && published.put(&two) && !published.put(&one));
    assert_eq!(documents(&published), [2]);
}

#[test]
fn sources_have_a_part_each_and_the_oldest_give_way() {
    let mut published = Published::default();
    for number in 0..MOST_PARTS as u64 + 3 {
        let part = read(&published, &format!("router-{number}"), number, 1_000 + number);
        assert!(published.put(&part));
    }
    let expected: Vec<u64> = (3..MOST_PARTS as u64 + 3).rev().collect();
    assert_eq!(documents(&published), expected);
}

#[test]
fn a_document_without_ejection_says_so_only_where_something_was_said_before() {
    let mut published = Published::default();
    let silent = |document| {
        let mut part = Part::new(b"router".to_vec(), document, Timestamp::default(), &[]);
        part.turn = 9;
        part
    };
    assert!(!published.put(&silent(1)));
    assert!(published.put(&read(&published, "router", 2, 1_000)));
    assert!(published.put(&silent(3)));
    assert_eq!(published.parts()[0].watched(), Some(Vec::new()));
}

/// A part of exactly so many bytes, under a name that only this document has.
fn of_bytes(published: &Published, document: u64, at: u64, size: usize) -> Part {
    let mut part = read(published, "", document, at);
    let mut alone = Published::default();
    assert!(alone.put(&part));
    // What stands in front of each part, and the length of its source and of what is watched.
    let watched = alone.encode().len() - 1 - 3 * 8 - 2 * 4;
    let mut source = vec![b'x'; size - watched];
    source[..8].copy_from_slice(&document.to_le_bytes());
    part.source = source;
    part
}

#[test]
fn a_part_may_have_all_the_bytes_that_there_are_and_no_more() {
    let mut published = Published::default();
    let (fits, beyond) = (of_bytes(&published, 1, 5, MOST_BYTES), of_bytes(&published, 2, 6, MOST_BYTES + 1));
    assert!(!published.put(&beyond));
    assert!(published.put(&fits));
    assert!(!published.put(&beyond));
    assert_eq!(documents(&published), [1]);
}

#[test]
fn the_oldest_part_gives_way_to_the_first_byte_that_has_no_room() {
    let mut published = Published::default();
    let half = MOST_BYTES / 2;
    for (document, size) in [(1, half), (2, half)] {
        let part = of_bytes(&published, document, document, size);
        assert!(published.put(&part));
    }
    assert_eq!(documents(&published), [2, 1], "together they have all the bytes that there are");
    let one_more = of_bytes(&published, 3, 3, half + 1);
    assert!(published.put(&one_more));
    assert_eq!(documents(&published), [3], "the two older ones have no room beside it");
}

#[test]
fn of_two_that_were_read_at_one_moment_the_one_that_is_put_last_stays() {
    let mut published = Published::default();
    let (one, two) = (read(&published, "router", 1, 1_000), read(&published, "router", 2, 1_000));
    assert!(published.put(&one) && published.put(&two));
    assert_eq!(documents(&published), [2]);
}
