//! Several filters as stages of one chain, in one context of proxy-wasm: what Envoy's filter manager does between filters.
//!
//! A [`Chain`] is told what Envoy says to the context and what stages ask for; it says which [`Step`] is next, and what Envoy is to be
//! answered. It holds no stage and no host: [`drive`] and [`run`] borrow it between calls only, so a stage may resume or reply in its
//! own callback, in that of another stage, or from outside. What it asks for is done when that callback is over.
//!
//! # Semantics
//!
//! As of Envoy 1.40 (`source/common/http/filter_manager.cc` and `source/extensions/common/wasm/context.cc`), so that a stage
//! sees in a chain what the filter sees by itself:
//!
//! - A stage that pauses holds those behind it. When it continues, or is resumed, those are given the headers, then all that is held of
//!   the body as one piece, then the trailers (`commonContinue`).
//! - While a stage holds a body it is shown all that there is of it, otherwise what is new (`StopIterationAndBuffer`, and
//!   `buffering_request_body_`).
//! - A stage that pauses at the headers sees the body if the plugin has `allow_on_headers_stop_iteration`. Envoy gives what is
//!   buffered to the next filter, not to this one again, so the chain gives it to the stages behind. Without the option Envoy stops all
//!   iteration and gives this context the body after it has resumed; the chain has none to give, then. It need not be told which:
//!   what Envoy gives says it. Stages before the one that paused see the body only then, in one piece; by themselves they would not wait.
//! - A local reply sent before the response has begun runs the *whole* encoder chain (`encodeHeaders(nullptr, …)`), but a Wasm filter
//!   that has seen no request headers has no context in its VM and is passed over (`in_vm_context_created_`). So it visits, in reverse,
//!   every stage that has begun: those before the sender, the sender itself, and those behind it that it had let the request go to. Of a
//!   sender that has paused at the headers these are itself and the earlier ones. No stage sees more of the request.
//! - Once response headers have come, a local reply goes to the codec and no stage sees it; if they have gone out, Envoy resets the
//!   stream (`sendDirectLocalReply`). A second reply in the same direction finds nobody.
//! - When the response is complete no stage sees more of the request, and resuming it does nothing (`local_complete_`).
//! - Every stage that has begun is told of the stream's end once; after it, resuming and replying find nobody.
//!
//! # Where it is better than separate filters
//!
//! - Envoy has one buffer per direction for all filters: where two hold parts of one body, each is shown the other's. Here each has its
//!   own part, see [`Chain::window`].
//! - Resumed in mid-body outside a body callback, Envoy keeps taking the context for one that buffers: the next piece joins what was kept
//!   and, before 1.39, is lost (issue 46841). So the chain lets go in the next body callback, or when the body is whole; who cannot wait
//!   says [`Chain::let_go`], and the piece after that is held until it says so again, or until the next.
//! - Resuming a stage that does not hold is nothing; Envoy would give trailers twice.
//!
//! Invariants: a message that is paused has a [`Holder`]; a stage is never called within a call. Trade-off: at most as many stages as the
//! type says, so that nothing is allocated.

mod event;
mod lane;
mod run;

pub use crate::Flow;
pub use event::{Call, Direction, Holder, Interests, Part, Step};
use lane::Lane;
pub use run::{Stages, drive, run};

/// One stream through `N` stages.
#[derive(Clone, Debug)]
pub struct Chain<const N: usize> {
    interests: [Interests; N],
    /// They have seen the request's headers, and not the end.
    begun: [bool; N],
    /// Those that have not begun when the response does have no part in it.
    responds: [bool; N],
    request: Lane<N>,
    response: Lane<N>,
    /// What Envoy waits for the answer to.
    event: Option<(Direction, Part)>,
    /// Who is being called, and whether it has resumed what it is called for.
    calling: Option<(usize, Call, bool)>,
    ended: bool,
}

impl<const N: usize> Chain<N> {
    /// A stream whose request is to come. A stage of no interests has no part in it.
    pub const fn new(interests: [Interests; N]) -> Self {
        Self {
            interests,
            begun: [false; N],
            responds: [false; N],
            request: Lane::new(),
            response: Lane::new(),
            event: None,
            calling: None,
            ended: false,
        }
    }

    /// What a stage wants from now on. One that holds a message without wanting more of it holds it until it resumes.
    pub fn set_interests(&mut self, stage: usize, interests: Interests) {
        if let Some(own) = self.interests.get_mut(stage) {
            *own = interests;
        }
    }

    /// Envoy gives a part of a message, of a body all that the context may see (`start` is of no matter). `false`: it is within another
    /// callback, or the stream has ended.
    pub fn arrive(&mut self, direction: Direction, part: Part) -> bool {
        if self.ended || self.event.is_some() || self.calling.is_some() {
            return false;
        }
        if direction == Direction::Response && !self.response.came() {
            self.responds = self.begun;
        }
        self.lane(direction).arrive(part);
        if self.response.ended() {
            self.request.close();
        }
        self.event = Some((direction, part));
        true
    }

    /// The stream has ended.
    pub const fn end(&mut self) {
        self.ended = true;
        self.event = None;
        self.request.close();
        self.response.close();
    }

    /// What is to be done next. `None`: nothing, or a stage is being called.
    pub fn next_step(&mut self) -> Option<Step> {
        if self.calling.is_some() {
            return None;
        }
        if self.ended {
            return self.next_done();
        }
        let of = self.event.map(|(direction, _)| direction);
        let first = of.unwrap_or(Direction::Request);
        self.next_call(first).or_else(|| self.next_call(first.other())).or_else(|| {
            let both = [Direction::Request, Direction::Response];
            let resumed = both.into_iter().find(|one| of != Some(*one) && self.lane(*one).takes_resume())?;
            Some(Step::Resume(resumed))
        })
    }

    fn next_done(&mut self) -> Option<Step> {
        loop {
            let stage = self.begun.iter().position(|begun| *begun)?;
            if let Some(begun) = self.begun.get_mut(stage) {
                *begun = false;
            }
            if self.wants(stage, Call::Done) {
                self.calling = Some((stage, Call::Done, false));
                return Some(Step::Call(stage, Call::Done));
            }
        }
    }

    fn next_call(&mut self, direction: Direction) -> Option<Step> {
        loop {
            let (position, part) = self.lane(direction).next()?;
            let stage = Self::at(direction, position);
            let call = Call::Message(direction, part);
            if matches!(call, Call::Message(Direction::Request, Part::Headers { .. })) {
                self.begin(stage);
            }
            if self.wants(stage, call) {
                self.calling = Some((stage, call, false));
                return Some(Step::Call(stage, call));
            }
            self.lane(direction).pass_over(position);
        }
    }

    fn begin(&mut self, stage: usize) {
        let has_part = self.interests.get(stage).is_some_and(|own| *own != Interests::NONE);
        if let Some(begun) = self.begun.get_mut(stage) {
            *begun = has_part;
        }
    }

    fn wants(&self, stage: usize, call: Call) -> bool {
        let wants = self.interests.get(stage).is_some_and(|own| own.has(Interests::of(call)));
        let is_response = matches!(call, Call::Message(Direction::Response, _));
        wants && (!is_response || self.responds.get(stage).copied().unwrap_or(false))
    }

    /// What the stage that was called says.
    pub fn answer(&mut self, flow: Flow) {
        let Some((stage, call, resumed)) = self.calling.take() else { return };
        if let Call::Message(direction, _) = call {
            let flow = if resumed { Flow::Continue } else { flow };
            self.lane(direction).answer(Self::at(direction, stage), flow);
        }
    }

    /// What Envoy is to be answered, when there is no next step.
    pub fn settle(&mut self) -> Flow {
        let Some((direction, part)) = self.event.take() else { return Flow::Pause };
        self.lane(direction).settle(part)
    }

    /// A stage lets a message go that it holds; in its own callback, that it is about to hold. `false`: it holds none.
    pub fn resume(&mut self, direction: Direction, stage: usize) -> bool {
        if self.ended || self.lane(direction).is_closed() {
            return false;
        }
        if let Some((called, Call::Message(of, _), resumed)) = &mut self.calling
            && (*called, *of) == (stage, direction)
        {
            *resumed = true;
            return true;
        }
        let position = Self::at(direction, stage);
        let held = self.lane(direction).is_held(position);
        if held {
            self.lane(direction).answer(position, Flow::Continue);
        }
        held
    }

    /// Whether a stage may answer in the endpoint's place. `false`: it has not begun, or there is an answer already.
    pub fn may_reply(&self, stage: usize) -> bool {
        let begun = self.begun.get(stage).copied().unwrap_or(false);
        let answered =
            if self.response.came() { self.response.is_closed() } else { self.request.is_closed() };
        !self.ended && begun && !answered
    }

    /// A stage answers in the endpoint's place. `true`: Envoy is to be told at once, and sends it after the callback. `false`: it may
    /// not, see [`Chain::may_reply`].
    pub fn reply(&mut self, stage: usize) -> bool {
        if !self.may_reply(stage) {
            return false;
        }
        self.request.close();
        if self.response.came() {
            self.response.close();
        }
        true
    }

    /// Who keeps the message from going on. `None`: nobody; or it has been answered, or has ended, and it is Envoy's.
    pub fn holder(&self, direction: Direction) -> Option<Holder> {
        let lane = match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        };
        let stage = lane.holder().map(|position| Holder::Stage(Self::at(direction, position)));
        stage.or_else(|| lane.is_owed().then_some(Holder::Chain))
    }

    /// What the chain itself holds goes on as it is: the next step says so. From the root's tick.
    pub fn let_go(&mut self, direction: Direction) {
        self.lane(direction).force();
    }

    /// What a stage may see of the message's body, in its callback and while it holds it: where it begins in the buffer that the host
    /// lets the context see, and how long it is, in bytes.
    pub fn window(&self, direction: Direction, stage: usize) -> Option<(usize, usize)> {
        let position = Self::at(direction, stage);
        match direction {
            Direction::Request => self.request.window(position),
            Direction::Response => self.response.window(position),
        }
    }

    /// How much of the message's body the host lets the context see, in bytes: what windows are in.
    pub const fn buffered(&self, direction: Direction) -> usize {
        match direction {
            Direction::Request => self.request.buffered(),
            Direction::Response => self.response.buffered(),
        }
    }

    /// A stage has put so many bytes in the place of what it may see of the body.
    pub fn replaced(&mut self, direction: Direction, stage: usize, size: usize) {
        self.lane(direction).replaced(Self::at(direction, stage), size);
    }

    const fn lane(&mut self, direction: Direction) -> &mut Lane<N> {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    /// The position of a stage, and the stage at a position.
    const fn at(direction: Direction, index: usize) -> usize {
        match direction {
            Direction::Request => index,
            // Whatever is no stage stays none.
            Direction::Response => N.wrapping_sub(1).wrapping_sub(index),
        }
    }
}
