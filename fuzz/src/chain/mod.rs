//! switchyard.wasm as a state machine: any events, in any order that Envoy's rules allow, and then a while in which all is well.
//!
//! Invariants: nothing panics; no stream is let go or answered twice, nor one that is not held; when all is well every stream that was held
//! is let go or answered within the sum of its limits; at the end nothing is kept, nothing ticks and shared data has no more keys than there
//! are things to know. That holds though messages are forged, shared data is overwritten, calls of the host fail, workers die and the clock
//! is set back. Who gets whose answer is another's to show (`filters/switchyard/tests/simulation`): forged messages may say anything.

mod answers;
mod document;
mod event;
mod ride;
mod streams;
mod world;

use arbitrary::{Arbitrary as _, Unstructured};
use event::Event;
use world::World;

/// The most events of one run.
const MOST: usize = 400;

/// Events. The bytes are what they are made of.
pub fn chain(bytes: &[u8]) {
    let mut events = Unstructured::new(bytes);
    let mut world = World::new(&mut events);
    for _ in 0..MOST {
        if events.is_empty() {
            break;
        }
        let Ok(event) = Event::arbitrary(&mut events) else { break };
        world.happens(event);
    }
    world.ends_well();
}
