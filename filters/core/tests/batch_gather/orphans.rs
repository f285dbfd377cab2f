//! Requests whose worker that gathered them is no more.

use crate::guests::dies;
use crate::proxy::{busy, settings};
use crate::world::{Done, ms, post, resumed};
use switchyard_core::batch::Settings;
use switchyard_core::batch::gather::Arrival;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_crowd_whose_worker_has_died_goes_a_few_at_a_time() {
    let mut proxy = busy(&Settings { max_in_flight: 2, ..settings() });
    for stream in 2..=9 {
        assert_eq!(proxy.arrives(1, stream, post(), &stream.to_string()), Arrival::Waits);
    }
    assert_eq!(proxy.talk(), []);
    dies(&mut proxy, 0);
    assert_eq!(proxy.lives_for(ms(1_500)), resumed([2, 3]), "two at a time");
    proxy.leaves(1, 2);
    assert!(proxy.workers[1].has_work());
    assert_eq!(proxy.acts(1), resumed([4]), "when the answer to one begins, or it ends, the next goes");
    proxy.leaves(1, 5);
    proxy.leaves(1, 3);
    proxy.leaves(1, 4);
    assert_eq!(proxy.acts(1), resumed([6, 7]), "one that has left takes no place");
    let late: Vec<_> = proxy.lives_for(ms(14_000));
    assert!(matches!(late[..], [Done::Replied(8, 504, _), Done::Replied(9, 504, _)]), "{late:?}");
    proxy.passes(ms(100));
    [6, 7].into_iter().for_each(|stream| proxy.leaves(1, stream));
    proxy.is_quiet();
}
