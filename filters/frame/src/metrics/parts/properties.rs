//! Anything in any order: gauges come to what the living add.

use super::tests::{HELD, Process};
use super::*;
use proptest::prelude::*;
use switchyard_host::Status;

#[derive(Clone, Debug)]
enum Happens {
    Adds(usize, bool, i64),
    Ticks(usize),
    Passes(u64),
    StepsBack(u64),
    Dies(usize),
    DiesTelling(usize, usize),
    Fails(usize, bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..3_usize, any::<bool>(), -9..20_i64).prop_map(|(vm, other, by)| Happens::Adds(vm, other, by)),
        4 => (0..3_usize).prop_map(Happens::Ticks),
        3 => (1..3_000_u64).prop_map(Happens::Passes),
        1 => (1..100_000_u64).prop_map(Happens::StepsBack),
        1 => (0..3_usize).prop_map(Happens::Dies),
        1 => (0..3_usize, 0..3_usize).prop_map(|(vm, other)| Happens::DiesTelling(vm, other)),
        1 => (0..3_usize, any::<bool>()).prop_map(|(vm, reads)| Happens::Fails(vm, reads)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happened_gauges_come_to_what_the_living_add(events in prop::collection::vec(happens(), 1..60)) {
        let process = Process::new();
        let mut vms: Vec<_> = (0..3).map(|_| process.vm()).collect();
        for event in events {
            match event {
                Happens::Adds(vm, other, by) => vms[vm].parts.adjust(if other { "other" } else { HELD }, by),
                Happens::Ticks(vm) => process.tell(&vms[vm]),
                Happens::Passes(millis) => process.now.set(process.now.get() + millis),
                Happens::StepsBack(millis) => process.now.set(process.now.get() - millis),
                Happens::Dies(vm) => vms[vm] = process.vm(),
                Happens::DiesTelling(vm, other) => {
                    // Another one tells in the middle of it, and then it is no more.
                    process.tell_while(&vms[vm], |_, _| {
                        if other != vm {
                            process.tell(&vms[other]);
                        }
                        false
                    });
                    vms[vm] = process.vm();
                }
                Happens::Fails(vm, reads) => {
                    let call = if reads { "proxy_get_shared_data" } else { "proxy_set_shared_data" };
                    vms[vm].host.fail(call, Status::InternalFailure);
                    process.tell(&vms[vm]);
                    vms[vm].host.recover(call);
                }
            }
        }
        process.pass(4_000, &vms.iter().collect::<Vec<_>>());
        for name in [HELD, "other"] {
            let sum: u64 = vms.iter().filter_map(|vm| vm.parts.own.borrow().get(name).copied()).sum();
            prop_assert_eq!(process.gauges.borrow().get(name).copied().unwrap_or(0), sum, "{}", name);
        }
    }

    #[test]
    fn no_bytes_of_a_slot_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let parts = [("a".to_owned(), 1), ("b".to_owned(), u64::MAX)].into();
        let mut slot = encode(9, &parts).unwrap_or_default();
        prop_assert_eq!(decode(&slot), Some((9, parts)));
        slot.extend(&bytes);
        let _ = (decode(&bytes), decode(&slot));
    }
}
