//! One thing at a time.

use core::cell::RefCell;
use switchyard_core::chain::{
    Call, Chain, Direction::Request, Direction::Response, Flow, Holder, Interests, Part, Stages, Step, drive,
    run,
};

const fn head(ended: bool) -> Part {
    Part::Headers { ended }
}

const fn body(start: usize, size: usize, ended: bool) -> Part {
    Part::Body { start, size, ended }
}

/// Whom the chain calls until there is nothing to do, and what it says to Envoy; `pauses` says who pauses at what.
fn steps<const N: usize>(chain: &mut Chain<N>, pauses: impl Fn(usize, Call) -> bool) -> Vec<Step> {
    let mut all = Vec::new();
    while let Some(step) = chain.next_step() {
        all.push(step);
        if let Step::Call(stage, call) = step {
            chain.answer(if pauses(stage, call) { Flow::Pause } else { Flow::Continue });
        }
    }
    all
}

/// Whom an event calls, and what Envoy is answered.
fn give<const N: usize>(
    chain: &mut Chain<N>,
    (direction, part): (switchyard_core::chain::Direction, Part),
    pauses: impl Fn(usize, Call) -> bool,
) -> (Vec<usize>, Flow) {
    assert!(chain.arrive(direction, part));
    let called = steps(chain, pauses).into_iter().map(|step| match step {
        Step::Call(stage, _) => stage,
        Step::Resume(direction) => panic!("{direction:?} goes on"),
    });
    (called.collect(), chain.settle())
}

fn nobody(_: usize, _: Call) -> bool {
    false
}

fn only(stage: usize) -> impl Fn(usize, Call) -> bool {
    move |called, _| called == stage
}

fn chain() -> Chain<3> {
    Chain::new([Interests::ALL; 3])
}

#[test]
fn requests_go_in_order_and_responses_in_reverse() {
    let mut chain = chain();
    assert_eq!(give(&mut chain, (Request, head(true)), nobody), (vec![0, 1, 2], Flow::Continue));
    assert_eq!(give(&mut chain, (Response, head(false)), nobody), (vec![2, 1, 0], Flow::Continue));
    assert_eq!(give(&mut chain, (Response, body(0, 4, false)), nobody), (vec![2, 1, 0], Flow::Continue));
    assert_eq!(give(&mut chain, (Response, Part::Trailers), nobody), (vec![2, 1, 0], Flow::Continue));
}

#[test]
fn whom_a_stage_held_back_are_given_all_that_it_held_before_envoy_goes_on() {
    let mut chain = chain();
    assert_eq!(give(&mut chain, (Request, head(false)), only(1)), (vec![0, 1], Flow::Pause));
    assert_eq!(give(&mut chain, (Request, body(0, 3, false)), only(1)), (vec![0, 1], Flow::Pause));
    assert_eq!(give(&mut chain, (Request, body(0, 5, false)), only(1)), (vec![0, 1], Flow::Pause));
    assert_eq!(chain.window(Request, 0), Some((5, 0)));
    assert_eq!(chain.window(Request, 1), Some((0, 5)));
    assert_eq!(give(&mut chain, (Request, Part::Trailers), only(1)), (vec![0, 1], Flow::Pause));
    assert_eq!(chain.holder(Request), Some(Holder::Stage(1)));
    assert!(chain.resume(Request, 1));
    let all = [head(false), body(0, 5, false), Part::Trailers]
        .map(|part| Step::Call(2, Call::Message(Request, part)));
    assert_eq!(steps(&mut chain, nobody), [&all[..], &[Step::Resume(Request)]].concat());
    assert_eq!(chain.holder(Request), None);
    assert!(!chain.resume(Request, 1), "it holds nothing any more");
}

#[test]
fn one_that_pauses_behind_the_one_that_goes_on_holds_the_request_then() {
    let mut chain = chain();
    assert_eq!(give(&mut chain, (Request, head(true)), only(0)), (vec![0], Flow::Pause));
    assert!(chain.resume(Request, 0));
    let called = [Step::Call(1, Call::Message(Request, head(true)))];
    assert_eq!(steps(&mut chain, only(1)), called);
    assert_eq!(chain.holder(Request), Some(Holder::Stage(1)));
}

#[test]
fn a_passing_stage_is_told_what_is_new_and_a_holder_all_of_it() {
    let mut chain = chain();
    give(&mut chain, (Request, head(false)), only(2));
    give(&mut chain, (Request, body(0, 3, false)), only(2));
    assert!(chain.arrive(Request, body(0, 7, true)));
    let parts = [body(3, 4, true), body(3, 4, true), body(0, 7, true)];
    let expected: Vec<_> =
        (0..3).map(|stage| Step::Call(stage, Call::Message(Request, parts[stage]))).collect();
    assert_eq!(steps(&mut chain, nobody), expected);
    assert_eq!(chain.settle(), Flow::Continue);
}

#[test]
fn in_mid_body_envoy_goes_on_with_the_next_piece() {
    let mut chain = chain();
    give(&mut chain, (Request, head(false)), only(0));
    give(&mut chain, (Request, body(0, 3, false)), only(0));
    assert!(chain.resume(Request, 0));
    assert!(!steps(&mut chain, nobody).contains(&Step::Resume(Request)));
    assert_eq!(chain.holder(Request), Some(Holder::Chain));
    assert_eq!(give(&mut chain, (Request, body(0, 5, false)), nobody), (vec![0, 1, 2], Flow::Continue));
    assert_eq!(chain.holder(Request), None);
}

#[test]
fn who_cannot_wait_in_mid_body_goes_on_and_the_piece_after_is_held_once() {
    let mut chain = chain();
    give(&mut chain, (Request, head(false)), only(0));
    give(&mut chain, (Request, body(0, 3, false)), only(0));
    assert!(chain.resume(Request, 0));
    steps(&mut chain, nobody);
    chain.let_go(Request);
    assert_eq!(steps(&mut chain, nobody), [Step::Resume(Request)]);
    assert_eq!(give(&mut chain, (Request, body(0, 2, false)), nobody), (vec![0, 1, 2], Flow::Pause));
    assert_eq!(chain.holder(Request), Some(Holder::Chain));
    assert_eq!(give(&mut chain, (Request, body(0, 4, false)), nobody), (vec![0, 1, 2], Flow::Continue));
    assert_eq!(give(&mut chain, (Request, body(0, 4, true)), nobody), (vec![0, 1, 2], Flow::Continue));
}

#[test]
fn letting_go_is_nothing_while_a_stage_holds() {
    let mut chain = chain();
    give(&mut chain, (Request, head(false)), only(0));
    chain.let_go(Request);
    assert_eq!(steps(&mut chain, nobody), []);
    assert_eq!(chain.holder(Request), Some(Holder::Stage(0)));
}

#[test]
fn the_reply_of_one_that_holds_visits_itself_and_those_before() {
    let mut chain = chain();
    give(&mut chain, (Request, head(true)), only(1));
    assert!(chain.reply(1));
    assert!(!chain.reply(1), "there is an answer already");
    assert!(!chain.resume(Request, 1), "it is for nobody any more");
    assert_eq!(chain.holder(Request), None);
    assert_eq!(give(&mut chain, (Response, head(true)), nobody), (vec![1, 0], Flow::Continue));
}

#[test]
fn the_reply_of_one_that_has_let_the_request_go_visits_those_behind_it_too() {
    let mut chain = chain();
    give(&mut chain, (Request, head(true)), nobody);
    assert!(chain.reply(0));
    assert_eq!(give(&mut chain, (Response, head(true)), nobody), (vec![2, 1, 0], Flow::Continue));
}

#[test]
fn whom_the_request_has_not_reached_cannot_reply() {
    let mut chain = chain();
    give(&mut chain, (Request, head(true)), only(0));
    assert!(!chain.reply(2));
}

#[test]
fn a_reply_in_mid_response_visits_nobody() {
    let mut chain = chain();
    give(&mut chain, (Request, head(true)), nobody);
    give(&mut chain, (Response, head(false)), only(2));
    assert_eq!(chain.holder(Response), Some(Holder::Stage(2)));
    assert!(chain.reply(2));
    assert!(!chain.resume(Response, 2));
    assert_eq!(steps(&mut chain, nobody), []);
    assert!(!chain.reply(0), "the client has one");
}

#[test]
fn a_replaced_body_is_what_the_next_are_given() {
    let mut chain = chain();
    give(&mut chain, (Request, head(true)), nobody);
    give(&mut chain, (Response, head(false)), only(2));
    give(&mut chain, (Response, body(0, 8, true)), only(2));
    chain.replaced(Response, 2, 3);
    assert!(chain.resume(Response, 2));
    let parts = [head(false), body(0, 3, true)];
    let expected: Vec<_> = parts
        .iter()
        .flat_map(|part| [1, 0].map(|stage| Step::Call(stage, Call::Message(Response, *part))))
        .chain([Step::Resume(Response)])
        .collect();
    assert_eq!(steps(&mut chain, nobody), expected);
}

#[test]
fn of_two_that_hold_each_has_its_own_part() {
    let mut chain = chain();
    give(&mut chain, (Request, head(false)), nobody);
    give(&mut chain, (Request, body(0, 3, false)), only(2));
    assert_eq!(give(&mut chain, (Request, body(0, 5, false)), only(0)), (vec![0], Flow::Pause));
    assert_eq!(chain.window(Request, 2), Some((0, 3)));
    assert_eq!(chain.window(Request, 0), Some((3, 2)));
    assert_eq!(chain.holder(Request), Some(Holder::Stage(0)), "the other waits for it, too");
    assert!(chain.resume(Request, 2));
    assert_eq!(steps(&mut chain, nobody), [], "what the first holds keeps all");
    assert_eq!(chain.holder(Request), Some(Holder::Stage(0)));
}

#[test]
fn a_stage_is_called_for_what_it_wants_only() {
    let wants = Interests::REQUEST_HEADERS.and(Interests::RESPONSE_TRAILERS);
    let mut chain = Chain::new([Interests::ALL, wants, Interests::NONE]);
    assert_eq!(give(&mut chain, (Request, head(false)), nobody).0, [0, 1]);
    assert_eq!(give(&mut chain, (Request, body(0, 1, true)), nobody).0, [0]);
    assert_eq!(give(&mut chain, (Response, head(false)), nobody).0, [0]);
    assert_eq!(give(&mut chain, (Response, Part::Trailers), nobody).0, [1, 0]);
    assert!(!chain.reply(2), "it has no part in the stream");
    chain.end();
    assert_eq!(steps(&mut chain, nobody), [Step::Call(0, Call::Done)]);
}

#[test]
fn one_that_holds_and_wants_no_more_holds_until_it_resumes() {
    let mut chain = Chain::new([Interests::REQUEST_HEADERS, Interests::ALL]);
    give(&mut chain, (Request, head(false)), only(0));
    assert_eq!(give(&mut chain, (Request, body(0, 2, true)), nobody), (vec![], Flow::Pause));
    assert!(chain.resume(Request, 0));
    let expected = [head(false), body(0, 2, true)].map(|part| Step::Call(1, Call::Message(Request, part)));
    assert_eq!(steps(&mut chain, nobody), [&expected[..], &[Step::Resume(Request)]].concat());
}

#[test]
fn when_the_response_is_whole_the_request_is_for_nobody() {
    let mut chain = chain();
    give(&mut chain, (Request, head(false)), only(1));
    assert_eq!(give(&mut chain, (Response, head(true)), nobody), (vec![1, 0], Flow::Continue));
    assert!(!chain.resume(Request, 1));
    assert_eq!(steps(&mut chain, nobody), []);
}

#[test]
fn who_has_begun_is_told_of_the_end_once_and_then_finds_nobody() {
    let mut chain = chain();
    give(&mut chain, (Request, head(false)), only(1));
    chain.end();
    assert!(!chain.resume(Request, 1));
    assert!(!chain.reply(1));
    assert_eq!(steps(&mut chain, nobody), [Step::Call(0, Call::Done), Step::Call(1, Call::Done)]);
    chain.end();
    assert_eq!(steps(&mut chain, nobody), []);
    assert!(!chain.arrive(Request, body(0, 1, true)));
}

/// Stages of which one asks for something in its callback.
struct Asking<'a> {
    chain: &'a RefCell<Chain<3>>,
    called: Vec<usize>,
    resumed: usize,
    asks: fn(&RefCell<Chain<3>>, usize, &mut Self) -> Flow,
}

impl Stages for Asking<'_> {
    fn call(&mut self, stage: usize, _: Call) -> Flow {
        self.called.push(stage);
        let (chain, asks) = (self.chain, self.asks);
        asks(chain, stage, self)
    }

    fn resume(&mut self, _: switchyard_core::chain::Direction) {
        self.resumed += 1;
    }
}

#[test]
fn who_resumes_in_its_own_callback_does_not_pause() {
    let chain = RefCell::new(chain());
    let asks = |chain: &RefCell<Chain<3>>, stage: usize, _: &mut Asking<'_>| {
        assert!(chain.borrow_mut().resume(Request, stage));
        Flow::Pause
    };
    let mut stages = Asking { chain: &chain, called: Vec::new(), resumed: 0, asks };
    assert_eq!(drive(&chain, Request, head(true), &mut stages), Flow::Continue);
    assert_eq!((stages.called, stages.resumed), (vec![0, 1, 2], 0));
}

#[test]
fn what_is_asked_for_in_a_callback_is_done_when_it_is_over() {
    let chain = RefCell::new(chain());
    give(&mut chain.borrow_mut(), (Request, head(true)), only(1));
    // The first lets go, while the response passes, what the second holds of the request; running the chain within does nothing.
    let asks = |chain: &RefCell<Chain<3>>, stage: usize, stages: &mut Asking<'_>| {
        if stage == 0 {
            assert!(chain.borrow_mut().resume(Request, 1));
            run(chain, stages);
            assert_eq!(stages.called, [1, 0]);
        }
        Flow::Continue
    };
    let mut stages = Asking { chain: &chain, called: Vec::new(), resumed: 0, asks };
    assert_eq!(drive(&chain, Response, head(false), &mut stages), Flow::Continue);
    assert_eq!((stages.called, stages.resumed), (vec![1, 0, 2], 1));
}

#[test]
fn who_replies_in_its_callback_keeps_the_request_from_those_behind() {
    let chain = RefCell::new(chain());
    let asks = |chain: &RefCell<Chain<3>>, stage: usize, _: &mut Asking<'_>| {
        assert_eq!(chain.borrow_mut().reply(stage), stage == 1 || stage == 0);
        Flow::Continue
    };
    let mut stages = Asking { chain: &chain, called: Vec::new(), resumed: 0, asks };
    assert_eq!(drive(&chain, Request, head(true), &mut stages), Flow::Pause);
    assert_eq!(stages.called, [0]);
}

#[test]
fn a_stage_without_interests_has_no_part_in_what_comes_later() {
    let mut chain = chain();
    chain.set_interests(1, Interests::NONE);
    chain.set_interests(3, Interests::NONE);
    assert_eq!(give(&mut chain, (Request, head(true)), nobody), (vec![0, 2], Flow::Continue));
    assert_eq!(give(&mut chain, (Response, head(true)), nobody), (vec![2, 0], Flow::Continue));
}

#[test]
fn a_stage_that_begins_behind_the_response_has_no_part_in_it() {
    let mut chain = chain();
    assert_eq!(give(&mut chain, (Request, head(false)), only(0)), (vec![0], Flow::Pause));
    assert_eq!(give(&mut chain, (Response, head(false)), nobody), (vec![0], Flow::Continue));
    assert!(chain.resume(Request, 0));
    assert_eq!(steps(&mut chain, nobody).len(), 3, "two stages, and Envoy");
    assert_eq!(give(&mut chain, (Response, body(0, 4, true)), nobody), (vec![0], Flow::Continue));
}

#[test]
fn who_has_answered_in_its_callback_holds_nothing_that_could_go_on() {
    let mut chain = chain();
    assert!(chain.arrive(Request, head(true)));
    assert!(matches!(chain.next_step(), Some(Step::Call(0, _))));
    assert!(chain.reply(0));
    assert!(!chain.resume(Request, 0), "it is the codec's");
}
