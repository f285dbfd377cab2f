//! VMs of one process that add to gauges, die at any step, and race.

use super::*;
use switchyard_host::Status;
use switchyard_host::fake::{FakeHost, SharedStore};

const FILTER: &str = "soup";
pub(super) const HELD: &str = "held";

/// A process: what its VMs share, its gauges, and the time.
pub(super) struct Process {
    store: SharedStore,
    pub(super) gauges: RefCell<BTreeMap<String, u64>>,
    pub(super) now: Cell<u64>,
}

pub(super) struct Vm {
    pub(super) host: FakeHost,
    pub(super) parts: Parts,
}

impl Process {
    pub(super) fn new() -> Self {
        let store = SharedStore::default();
        prepare(FILTER, &FakeHost::with_shared(&store)).expect("shared data");
        Self { store, gauges: RefCell::default(), now: Cell::new(1_700_000_000_000) }
    }

    pub(super) fn vm(&self) -> Vm {
        Vm { host: FakeHost::with_shared(&self.store), parts: Parts::default() }
    }

    fn set(&self, name: &str, value: u64) -> bool {
        self.gauges.borrow_mut().insert(name.to_owned(), value);
        true
    }

    pub(super) fn tell(&self, vm: &Vm) {
        self.tell_while(vm, |name, value| self.set(name, value));
    }

    pub(super) fn tell_while(&self, vm: &Vm, set: impl FnMut(&str, u64) -> bool) {
        vm.parts.tell(FILTER, &vm.host, Timestamp::from_millis(self.now.get()), set);
    }

    fn held(&self, vm: &Vm, by: i64) {
        vm.parts.adjust(HELD, by);
        self.tell(vm);
    }

    /// Time passes, in which these tick.
    pub(super) fn pass(&self, millis: u64, vms: &[&Vm]) {
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
