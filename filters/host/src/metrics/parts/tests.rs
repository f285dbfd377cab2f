//! VMs of one process that add to gauges, die at any step, and race.

use super::*;
use crate::Status;
use crate::fake::{FakeHost, SharedStore};
use proptest::prelude::*;

const FILTER: &str = "soup";
const HELD: &str = "held";

/// A process: what its VMs share, its gauges, and the time.
struct Process {
    store: SharedStore,
    gauges: RefCell<BTreeMap<String, u64>>,
    now: Cell<u64>,
}

struct Vm {
    host: FakeHost,
    parts: Parts,
}

impl Process {
    fn new() -> Self {
        let store = SharedStore::default();
        prepare(FILTER, &FakeHost::with_shared(&store)).expect("shared data");
        Self { store, gauges: RefCell::default(), now: Cell::new(1_700_000_000_000) }
    }

    fn vm(&self) -> Vm {
        Vm { host: FakeHost::with_shared(&self.store), parts: Parts::default() }
    }

    fn set(&self, name: &str, value: u64) -> bool {
        self.gauges.borrow_mut().insert(name.to_owned(), value);
        true
    }

    fn tell(&self, vm: &Vm) {
        self.tell_while(vm, |name, value| self.set(name, value));
    }

    fn tell_while(&self, vm: &Vm, set: impl FnMut(&str, u64) -> bool) {
        vm.parts.tell(FILTER, &vm.host, Timestamp::from_millis(self.now.get()), set);
    }

    fn held(&self, vm: &Vm, by: i64) {
        vm.parts.adjust(HELD, by);
        self.tell(vm);
    }

    /// Time passes, in which these tick.
    fn pass(&self, millis: u64, vms: &[&Vm]) {
        for _ in 0..millis / 100 {
            self.now.set(self.now.get() + 100);
            vms.iter().for_each(|vm| self.tell(vm));
        }
    }

    fn gauge(&self) -> u64 {
        self.gauges.borrow().get(HELD).copied().unwrap_or(0)
    }
}

#[test]
fn a_gauge_is_the_sum_of_what_all_vms_add() {
    let process = Process::new();
    let (one, two) = (process.vm(), process.vm());
    process.held(&one, 5);
    process.held(&two, 7);
    assert_eq!(process.gauge(), 12);
    process.held(&one, -3);
    assert_eq!(process.gauge(), 9);
    process.pass(60_000, &[&one, &two]);
    assert_eq!(process.gauge(), 9, "both live");
    process.held(&one, -2);
    process.held(&two, -7);
    assert_eq!(process.gauge(), 0);
    process.pass(1_000, &[&one, &two]);
    assert_eq!(
        (one.parts.next_look(), two.parts.next_look()),
        (None, None),
        "nothing is to be looked at any more"
    );
}

#[test]
fn what_a_vm_added_that_died_is_taken_off_by_whoever_looks() {
    let process = Process::new();
    let (one, two) = (process.vm(), process.vm());
    process.held(&one, 5);
    process.held(&two, 7);
    drop(one);
    process.pass(1_000, &[&two]);
    assert_eq!(process.gauge(), 12, "it may live");
    process.pass(2_000, &[&two]);
    assert_eq!(process.gauge(), 7);
    process.held(&two, -7);
    process.pass(1_000, &[&two]);
    assert_eq!((process.gauge(), two.parts.next_look()), (0, None));
}

#[test]
fn a_successor_takes_off_what_its_predecessor_added_though_it_adds_nothing_itself() {
    let process = Process::new();
    let one = process.vm();
    process.held(&one, 5);
    drop(one);
    let successor = process.vm();
    process.tell(&successor);
    assert_eq!(successor.parts.next_look(), Some(LOOK));
    process.pass(3_000, &[&successor]);
    assert_eq!((process.gauge(), successor.parts.next_look()), (0, None));
}

#[test]
fn who_dies_before_it_has_set_the_gauge_leaves_nothing() {
    let process = Process::new();
    let (one, two) = (process.vm(), process.vm());
    process.held(&two, 7);
    one.parts.adjust(HELD, 5);
    process.tell_while(&one, |_, _| false);
    drop(one);
    process.pass(3_000, &[&two]);
    assert_eq!(process.gauge(), 7);
}

#[test]
fn who_dies_before_it_has_said_that_it_adds_nothing_any_more_leaves_nothing() {
    let process = Process::new();
    let one = process.vm();
    process.held(&one, 5);
    one.parts.adjust(HELD, -5);
    process.tell_while(&one, |_, _| false);
    drop(one);
    let successor = process.vm();
    process.tell(&successor);
    process.pass(3_000, &[&successor]);
    assert_eq!(process.gauge(), 0);
}

#[test]
fn who_dies_before_it_has_freed_a_dead_ones_slot_is_followed_by_another() {
    let process = Process::new();
    let (one, two, three) = (process.vm(), process.vm(), process.vm());
    process.held(&one, 5);
    drop(one);
    process.tell(&two);
    two.host.fail("proxy_set_shared_data", Status::InternalFailure);
    process.pass(2_500, &[&two]);
    assert_eq!(process.gauge(), 0, "it has set the gauge");
    drop(two);
    process.held(&three, 4);
    process.pass(3_000, &[&three]);
    process.held(&three, -4);
    process.pass(1_000, &[&three]);
    assert_eq!((process.gauge(), three.parts.next_look()), (0, None));
}

#[test]
fn who_sets_a_gauge_late_sees_what_has_changed_meanwhile() {
    let process = Process::new();
    let (one, two) = (process.vm(), process.vm());
    one.parts.adjust(HELD, 5);
    two.parts.adjust(HELD, 7);
    let mut is_overtaken = false;
    process.tell_while(&one, |name, value| {
        if !is_overtaken {
            is_overtaken = true;
            process.tell(&two);
            assert_eq!(process.gauge(), 12);
        }
        process.set(name, value)
    });
    assert_eq!(process.gauge(), 12, "not what was read before");
}

#[test]
fn a_clock_that_leaps_takes_nobody_for_dead() {
    let process = Process::new();
    let (one, two) = (process.vm(), process.vm());
    process.held(&one, 5);
    process.held(&two, 7);
    for leap in [3_600_000_i64, -7_200_000, 3_600_000, 1_000] {
        process.now.set(process.now.get().saturating_add_signed(leap));
        process.tell(&two);
        assert_eq!(process.gauge(), 12, "after {leap} ms");
        process.tell(&one);
    }
}

#[test]
fn who_stood_still_for_long_is_counted_again() {
    let process = Process::new();
    let (one, two) = (process.vm(), process.vm());
    process.held(&one, 5);
    process.held(&two, 7);
    process.pass(5_000, &[&two]);
    assert_eq!(process.gauge(), 7);
    // Somebody else may have its slot by now.
    let three = process.vm();
    process.held(&three, 1);
    process.pass(100, &[&one, &two, &three]);
    assert_eq!(process.gauge(), 13);
}

#[test]
fn when_there_is_no_slot_left_others_are_told_still() {
    let process = Process::new();
    let vms: Vec<_> = (0..=SLOTS).map(|_| process.vm()).collect();
    vms.iter().for_each(|vm| process.held(vm, 1));
    assert_eq!(process.gauge(), u64::from(SLOTS));
    process.held(&vms[0], 1);
    assert_eq!(process.gauge(), u64::from(SLOTS) + 1);
}

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
        let mut slot = encode(9, &parts);
        prop_assert_eq!(decode(&slot), Some((9, parts)));
        slot.extend(&bytes);
        let _ = (decode(&bytes), decode(&slot));
    }
}
