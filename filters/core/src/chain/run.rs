//! A chain and its stages, called one after the other.

use super::{Call, Chain, Direction, Flow, Part, Step};
use core::cell::RefCell;

/// The stages of a stream and what Envoy is told.
pub trait Stages {
    /// Calls a stage. It may resume, reply and replace through the same chain, which is not borrowed meanwhile.
    fn call(&mut self, stage: usize, call: Call) -> Flow;

    /// Tells Envoy, outside its callbacks of this direction, that the message goes on.
    fn resume(&mut self, direction: Direction);
}

/// Envoy gives a part of a message: calls whom it concerns; what Envoy is to be answered.
pub fn drive<const N: usize>(
    chain: &RefCell<Chain<N>>,
    direction: Direction,
    part: Part,
    stages: &mut impl Stages,
) -> Flow {
    let arrived = chain.try_borrow_mut().is_ok_and(|mut chain| chain.arrive(direction, part));
    if !arrived {
        return Flow::Pause;
    }
    run(chain, stages);
    chain.try_borrow_mut().map_or(Flow::Pause, |mut chain| chain.settle())
}

/// Does what there is to do, after stages have asked for something outside their callbacks, or after the stream has ended. Nothing if a stage
/// is being called: who called it goes on when it returns.
pub fn run<const N: usize>(chain: &RefCell<Chain<N>>, stages: &mut impl Stages) {
    let next = || chain.try_borrow_mut().ok()?.next_step();
    while let Some(step) = next() {
        match step {
            Step::Call(stage, call) => {
                let flow = stages.call(stage, call);
                if let Ok(mut chain) = chain.try_borrow_mut() {
                    chain.answer(flow);
                }
            }
            Step::Resume(direction) => stages.resume(direction),
        }
    }
}
