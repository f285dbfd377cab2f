//! `peak_ewma` in a simulated worker: clients that ask again as soon as they are answered, endpoints that take their time, and a
//! virtual clock. Held beside Finagle's rules in the same world.

#![allow(missing_docs, reason = "a test is documented by its name")]
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]
// Minutes of traffic; the same code is tested on wasm32 in health_load.rs.
#![cfg(not(target_arch = "wasm32"))]

mod world;

use world::{Endpoint, Finagle, Ours, World};

const DECAY: f64 = 10.0;

/// How far the share of any endpoint is from an equal one, as a part of it.
fn deviation(went: &[usize], endpoints: usize) -> f64 {
    let ideal = went.len() as f64 / endpoints as f64;
    let share = |index| went.iter().filter(|to| **to == index).count() as f64;
    (0..endpoints).map(|index| (share(index) / ideal - 1.0).abs()).fold(0.0, f64::max)
}

#[test]
fn equal_endpoints_get_equal_shares_whatever_their_latencies_are_like() {
    for endpoint in [Endpoint::Even, Endpoint::Noisy, Endpoint::Exponential] {
        for endpoints in [2, 3, 5, 10] {
            for clients in [1, 8] {
                let mut world = World::new(clients, vec![endpoint; endpoints], 1);
                let went = world.requests(&mut Ours::new(endpoints, DECAY, 1), 30_000 * endpoints);
                let off = deviation(&went, endpoints);
                assert!(off < 0.05, "{endpoints} endpoints, {endpoint:?}, {clients} clients: {off:.3}");
            }
        }
    }
}

#[test]
fn a_few_hundred_requests_are_shared_too_where_finagles_rules_give_one_endpoint_all_of_them() {
    for (endpoint, clients) in [(Endpoint::Noisy, 1), (Endpoint::Exponential, 1)] {
        let median = |went: Vec<usize>| {
            let mut all: Vec<f64> = went.chunks_exact(400).map(|some| deviation(some, 2)).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let world = || World::new(clients, vec![endpoint; 2], 2);
        let ours = median(world().requests(&mut Ours::new(2, DECAY, 2), 40_000));
        let finagles = median(world().requests(&mut Finagle::new(2, DECAY, 2), 40_000));
        assert!(ours < 0.2, "{endpoint:?}: {ours:.2}");
        assert!(finagles > 0.4, "{endpoint:?}: {finagles:.2}, and nothing would be gained");
    }
}

#[test]
fn the_first_requests_are_shared() {
    for clients in [1, 4] {
        for seed in 0..20 {
            let mut world = World::new(clients, vec![Endpoint::Even; 2], seed);
            let went = world.requests(&mut Ours::new(2, DECAY, seed), 400);
            assert!(deviation(&went, 2) < 0.2, "{clients} clients, {seed}: {:.2}", deviation(&went, 2));
        }
    }
}

#[test]
fn an_endpoint_that_was_slow_has_its_share_again_within_three_decays() {
    for clients in [1, 4, 16] {
        for slow_ms in [100, 1_000, 10_000] {
            for seed in 0..5 {
                let mut rules = Ours::new(2, DECAY, seed);
                let mut world = World::new(clients, vec![Endpoint::Noisy; 2], seed);
                world.until(&mut rules, 5.0);
                world.endpoints[0] = Endpoint::Slow(slow_ms);
                let during = world.until(&mut rules, 35.0);
                let share =
                    |went: &[usize]| went.iter().filter(|to| **to == 0).count() as f64 / went.len() as f64;
                assert!(share(&during) < 0.05, "{clients} clients, {slow_ms} ms: {:.3}", share(&during));
                world.endpoints[0] = Endpoint::Noisy;
                world.until(&mut rules, 35.0 + 3.0 * DECAY);
                let after = share(&world.until(&mut rules, 35.0 + 3.5 * DECAY));
                assert!((0.4..0.6).contains(&after), "{clients} clients, {slow_ms} ms, {seed}: {after:.3}");
            }
        }
    }
}

#[test]
fn an_open_websocket_takes_nothing_from_its_endpoint() {
    for clients in [1, 8] {
        let mut rules = Ours::new(2, DECAY, 3);
        let mut world = World::new(clients, vec![Endpoint::Noisy; 2], 3);
        world.until(&mut rules, 1.0);
        let _open = rules.open(0);
        let went = world.requests(&mut rules, 60_000);
        assert!(deviation(&went, 2) < 0.05, "{clients} clients: {:.3}", deviation(&went, 2));
    }
}

#[test]
fn the_slower_an_endpoint_the_less_it_gets() {
    for (slower, clients, most) in [(2, 1, 0.25), (2, 8, 0.32), (10, 1, 0.02), (10, 8, 0.06), (100, 8, 0.005)]
    {
        let mut world = World::new(clients, vec![Endpoint::Slow(5 * slower), Endpoint::Slow(5)], 4);
        let went = world.requests(&mut Ours::new(2, DECAY, 4), 40_000);
        let share = went.iter().filter(|to| **to == 0).count() as f64 / went.len() as f64;
        assert!(share < most, "{slower} times as slow, {clients} clients: {share:.4}");
    }
}

#[test]
fn one_that_never_answers_gets_a_handful_at_a_time_and_no_herd() {
    let mut rules = Ours::new(3, DECAY, 5);
    let mut world = World::new(16, vec![Endpoint::Even, Endpoint::Even, Endpoint::Slow(3_600_000)], 5);
    let went = world.requests(&mut rules, 2_000);
    let lost = went.iter().filter(|to| **to == 2).count();
    assert!(lost < 12, "{lost} of 2,000 wait at it");
}

#[test]
fn weights_are_honoured_with_and_without_load() {
    for clients in [1, 32] {
        let mut world = World::new(clients, vec![Endpoint::Even; 2], 6);
        let went = world.requests(&mut Ours::weighted(&[3, 1], DECAY, 6), 60_000);
        let share = went.iter().filter(|to| **to == 0).count() as f64 / went.len() as f64;
        assert!((0.7..0.8).contains(&share), "{clients} clients: {share:.3}");
    }
}
