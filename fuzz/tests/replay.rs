//! Every target on all that libFuzzer has found for it, and for a while on what a few changes make of that: without libFuzzer.
//!
//! What was found to be wrong once is in `regressions/TARGET/`, and stays. `SWITCHYARD_FUZZ_SECONDS` says how long each target is tried
//! with changes (2); `SWITCHYARD_SEED` draws others. An input that makes a target panic is written to `artifacts/TARGET/`.

#![allow(
    clippy::disallowed_methods,
    reason = "how long targets are tried is told by a clock, which no target sees"
)]

use fastrand::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};
use switchyard_fuzz::TARGETS;

/// The most bytes of a folder of the corpus; of all together.
const MOST_OF_ONE: u64 = 100 << 10;
const MOST_OF_ALL: u64 = 1_536 << 10;
/// The longest input that changes make.
const LONGEST: usize = 4_096;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The inputs in a folder, in the order of their names; none if there is no such folder.
fn inputs(folder: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = here().join(folder).join(target);
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).expect("a file"))).collect()
}

fn setting(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Gives a target these bytes; a panic says which they were.
fn give(target: (&str, fn(&[u8])), bytes: &[u8]) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| target.1(bytes))) else { return };
    let folder = here().join("artifacts").join(target.0);
    let file = folder.join(format!("crash-{:016x}", xxhash_rust::xxh64::xxh64(bytes, 0)));
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, bytes));
    println!("{}: {written:?}; {}", file.display(), bytes.escape_ascii());
    resume_unwind(panic);
}

/// An input after a few changes: bytes that are others, gone, there twice, or a part of another input.
fn changed(all: &[(PathBuf, Vec<u8>)], rng: &mut Rng) -> Vec<u8> {
    let any =
        |rng: &mut Rng| if all.is_empty() { Vec::new() } else { all[rng.usize(0..all.len())].1.clone() };
    let mut bytes = any(rng);
    for _ in 0..rng.usize(1..5) {
        let at = rng.usize(0..=bytes.len());
        let end = rng.usize(at..=bytes.len().min(at + 16));
        match rng.u8(0..6) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.insert(at, rng.u8(..)),
            2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.u8(..)),
            3 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.u8(0..8)),
            4 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            _ => {
                let other = any(rng);
                let from = rng.usize(0..=other.len());
                let to = rng.usize(from..=other.len().min(from + 64));
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// One target.
fn holds(name: &str) {
    let target = *TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let known = [inputs("corpus", name), inputs("regressions", name)].concat();
    known.iter().for_each(|(_, bytes)| give(target, bytes));
    let (mut rng, began) = (Rng::with_seed(setting("SWITCHYARD_SEED", 1)), Instant::now());
    let (time, mut runs) = (Duration::from_secs(setting("SWITCHYARD_FUZZ_SECONDS", 2)), 0_u64);
    while began.elapsed() < time {
        give(target, &changed(&known, &mut rng));
        runs += 1;
    }
    println!("{name}: {} of the corpus, {runs} others", known.len());
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            holds(stringify!($name));
        })*

        #[test]
        fn no_target_is_left_out() {
            let names = TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

targets! {
    answers,
    board,
    body_predicate,
    budget,
    chain,
    config_bytes,
    config_grown,
    consul,
    cookies,
    embeddings,
    envoy_admin,
    etcd,
    grpc_timeout,
    header_map,
    http_list,
    id_list,
    json,
    json_array,
    json_rpc,
    ledger,
    orca,
    published,
    query,
    queue_messages,
    retry_after,
    ring_and_maglev,
    roster,
    route_table,
    stored,
    tally,
}

#[test]
fn each_target_is_one_of_cargo_fuzz_and_has_a_corpus_of_bounded_size() {
    let manifest = fs::read_to_string(here().join("Cargo.toml")).expect("a manifest");
    let mut all = 0;
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        let text = fs::read_to_string(here().join(format!("fuzz_targets/{name}.rs"))).expect("a target");
        assert!(text.contains(&format!("::{name}(bytes)")), "{name}");
        let bytes: u64 = inputs("corpus", name).iter().map(|(_, bytes)| bytes.len() as u64).sum();
        assert!((1..=MOST_OF_ONE).contains(&bytes), "the corpus of {name} has {bytes} bytes");
        all += bytes;
    }
    assert!(all <= MOST_OF_ALL, "{all} bytes");
}
