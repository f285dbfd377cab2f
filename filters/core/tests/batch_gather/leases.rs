//! Slots that workers claim, and for how long.

use crate::batch_gather::proxy::settings;
use crate::batch_gather::world::{Proxy, ms, post};
use switchyard_core::batch::gather::{Arrival, SLOTS};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// How often each slot was written.
fn writes(proxy: &Proxy) -> Vec<u32> {
    let slots = proxy.outside.slots.as_ref().expect("there are slots");
    slots.values().map(|(_, cas)| cas - 1).collect()
}

#[test]
fn keys_are_spread_over_all_slots() {
    let mut proxy = Proxy::with(1, &settings());
    for stream in 0..1_000_u32 {
        let head = post().with("authorization", stream.to_string());
        assert_eq!(proxy.arrives(0, stream, head, "1"), Arrival::Alone);
        proxy.returns(stream);
    }
    let slots = proxy.outside.slots.as_ref().expect("there are slots");
    assert!(slots.keys().all(|slot| *slot < SLOTS));
    assert!(slots.len() > 200, "{}", slots.len());
}

#[test]
fn a_claim_is_renewed_when_half_of_it_is_over_and_not_before() {
    let mut proxy = Proxy::with(1, &settings());
    for (wait, written) in [(0, 1), (999, 1), (1, 2), (999, 2), (1, 3)] {
        proxy.outside.now = proxy.outside.now.plus(ms(wait));
        assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
        proxy.returns(1);
        assert_eq!(writes(&proxy), [written]);
    }
}

#[test]
fn a_claim_holds_until_its_time_is_over() {
    for (wait, arrival) in [(1_999, Arrival::Waits), (2_000, Arrival::Alone)] {
        let mut proxy = Proxy::with(2, &settings());
        assert_eq!(proxy.asks(1, "1"), Arrival::Alone);
        proxy.outside.now = proxy.outside.now.plus(ms(wait));
        assert_eq!(proxy.arrives(1, 2, post(), "2"), arrival, "after {wait} ms");
    }
}
