//! The callback for a message in a queue, with a look whether it is for a root that there is.
//!
//! It is exported under a name of its own, since the SDK exports the callback's; `cargo xtask build` gives it the callback's name and leaves
//! the SDK's out. Invariant: what is for no root of this VM is dropped. Trade-off: a module that was built otherwise has the SDK's, which traps.
//! Source: proxy-wasm-cpp-host's `SharedQueue`, which wakes `(vm_key, context)`; [`is_root`] has the reason.

use crate::entry::is_root;

unsafe extern "C" {
    /// The SDK's, which is linked into the same module.
    fn proxy_on_queue_ready(context: u32, queue: u32);
}

/// Envoy has a message for the root of this context.
#[unsafe(no_mangle)]
pub(super) extern "C" fn switchyard_on_queue_ready(context: u32, queue: u32) {
    if is_root(context) {
        // SAFETY: two numbers go to a function of this module that takes two numbers.
        unsafe { proxy_on_queue_ready(context, queue) }
    }
}
