//! What outlives the configurations of a VM.
//!
//! Old and new configuration of a plugin are two roots in one VM: what they count, and what they may keep, they share.

use crate::metrics::Registry;
use crate::serving::Serving;
use crate::shared::reach;
use core::any::{Any, TypeId};
use core::cell::{Cell, RefCell};
use std::rc::Rc;
use switchyard_core::Timestamp;
use switchyard_core::memory::Memory;
use switchyard_host::SharedData;

/// What counts VMs of all filters in shared data.
const ALL: &str = "vm";

/// One VM; `V` is the filter's own. A clone is the same VM.
pub struct Vm<V> {
    /// Its metrics.
    pub registry: Rc<Registry>,
    /// What it may keep.
    pub memory: Memory,
    /// The filter's own.
    pub own: Rc<V>,
    configurations: Rc<Cell<u32>>,
    /// Among all VMs; 0: it has none yet.
    number: Rc<Cell<u32>>,
    serves: Rc<Cell<bool>>,
    began: Rc<Cell<Timestamp>>,
    serving: Rc<Serving>,
}

impl<V> Clone for Vm<V> {
    fn clone(&self) -> Self {
        Self {
            registry: Rc::clone(&self.registry),
            memory: self.memory.clone(),
            own: Rc::clone(&self.own),
            configurations: Rc::clone(&self.configurations),
            number: Rc::clone(&self.number),
            serves: Rc::clone(&self.serves),
            began: Rc::clone(&self.began),
            serving: Rc::clone(&self.serving),
        }
    }
}

impl<V: Default> Default for Vm<V> {
    fn default() -> Self {
        Self {
            registry: Rc::default(),
            memory: Memory::default(),
            own: Rc::default(),
            configurations: Rc::default(),
            number: Rc::default(),
            serves: Rc::default(),
            began: Rc::default(),
            serving: Rc::default(),
        }
    }
}

impl<V: Default> Vm<V> {
    /// One that may keep this.
    pub fn with_memory(memory: Memory) -> Self {
        Self { memory, ..Self::default() }
    }
}

impl<V> Vm<V> {
    /// A number that no configuration of it has had, and no one's that is none has: not 0.
    pub(crate) fn take_number(&self) -> u32 {
        let number = self.configurations.get().wrapping_add(1).max(1);
        self.configurations.set(number);
        number
    }

    /// A number that no other VM has, of whatever filter; 0 while none can be had.
    pub(crate) fn number(&self, host: &impl SharedData) -> u32 {
        if self.number.get() == 0 {
            let number = reach::prepare(ALL, host).ok().and_then(|()| reach::take_number(ALL, host));
            self.number.set(number.unwrap_or_default());
        }
        self.number.get()
    }

    /// It has a configuration at `now`.
    pub(crate) fn is_configured(&self, now: Timestamp) {
        if self.began.get() == Timestamp::default() {
            self.began.set(now);
        }
    }

    /// When it had its first configuration.
    pub(crate) fn began(&self) -> Timestamp {
        self.began.get()
    }

    /// Its roots that serve.
    pub(crate) fn serving(&self) -> &Serving {
        &self.serving
    }

    /// A request has come: it is a worker's, not the main thread's.
    pub(crate) fn set_serves(&self) {
        self.serves.set(true);
    }

    /// Whether a request has come.
    pub(crate) fn serves(&self) -> bool {
        self.serves.get()
    }
}

thread_local! {
    /// Of each filter in this thread's module; there are one, or a few.
    static VMS: RefCell<Vec<(TypeId, Rc<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

impl<V: Default + 'static> Vm<V> {
    /// The VM that this runs in: one per thread.
    pub fn here() -> Self {
        VMS.with(|vms| {
            // Nothing that is made here looks for a VM itself.
            let Ok(mut vms) = vms.try_borrow_mut() else { return Self::default() };
            let id = TypeId::of::<V>();
            let known = vms.iter().find(|(known, _)| *known == id);
            if let Some(vm) = known.and_then(|(_, vm)| vm.downcast_ref::<Self>()) {
                return vm.clone();
            }
            let vm = Self::default();
            vms.push((id, Rc::new(vm.clone())));
            vm
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_has_one_vm_in_a_thread() {
        let (first, again, other) = (Vm::<u32>::here(), Vm::<u32>::here(), Vm::<u64>::here());
        assert!(Rc::ptr_eq(&first.own, &again.own) && Rc::ptr_eq(&first.registry, &again.registry));
        assert!(!Rc::ptr_eq(&first.registry, &other.registry));
    }
}
