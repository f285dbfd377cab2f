//! batch-trap.wasm: batch.wasm, but a request with the header `x-trap` traps its VM; see switchyard-trap.

#![cfg(target_arch = "wasm32")]

use switchyard_batch::Root;
use switchyard_trap::Trap;

switchyard_host::start!(Trap<Root>);
