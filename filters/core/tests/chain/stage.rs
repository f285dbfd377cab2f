//! A stage that does what a script says and keeps what it has seen. The same in a chain and as a filter of its own.

use super::envoy::{Act, Bytes, Host, Plugin};
use core::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use switchyard_core::chain::{Direction, Flow};

/// What a stage has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Headers(Direction, bool),
    Body(Direction, Bytes, bool),
    Trailers(Direction),
    Done,
}

impl Seen {
    pub(crate) const fn direction(&self) -> Option<Direction> {
        match self {
            Self::Headers(direction, _) | Self::Body(direction, ..) | Self::Trailers(direction) => {
                Some(*direction)
            }
            Self::Done => None,
        }
    }
}

/// What a stage does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Continue,
    Pause,
    /// Replies, and says this.
    Reply(Flow),
    /// Puts so many bytes in the place of those that it is shown, and says this.
    Replace(u8, Flow),
    /// Resumes the direction of its own callback, and says that it pauses.
    ResumeSelf,
    /// Lets another stage's message go, in whichever direction.
    ResumeOther(Direction, u8),
}

/// What it asks for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) reply: Option<u32>,
    pub(crate) replace: Option<Bytes>,
    pub(crate) resume: Option<(Direction, usize)>,
}

/// Which stages hold which message; of all stages of a stream.
pub(crate) type Held = Rc<RefCell<Vec<[bool; 2]>>>;

/// One stage.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) number: usize,
    pub(crate) log: Vec<Seen>,
    script: VecDeque<Move>,
    held: Held,
    /// Pauses in the body though one behind holds the message, which Envoy's filters cannot do well.
    pub(crate) rude: bool,
    /// What it has let go of each message, as the next stage should see it.
    pub(crate) let_go: [Bytes; 2],
    holds: [Bytes; 2],
    pub(crate) replied: bool,
    /// Does what the script says at headers only.
    pub(crate) at_headers_only: bool,
}

const fn at(direction: Direction) -> usize {
    match direction {
        Direction::Request => 0,
        Direction::Response => 1,
    }
}

impl Stage {
    pub(crate) fn new(number: usize, script: &[Move], held: &Held) -> Self {
        Self {
            number,
            log: Vec::new(),
            script: script.iter().copied().collect(),
            held: Rc::clone(held),
            rude: false,
            let_go: [Bytes::new(), Bytes::new()],
            holds: [Bytes::new(), Bytes::new()],
            replied: false,
            at_headers_only: false,
        }
    }

    /// Whether a stage that the message comes to later holds it.
    fn one_behind_holds(&self, direction: Direction) -> bool {
        self.held.borrow().iter().enumerate().any(|(stage, held)| {
            let behind = match direction {
                Direction::Request => stage > self.number,
                Direction::Response => stage < self.number,
            };
            behind && held[at(direction)]
        })
    }

    pub(crate) fn holds(&self, direction: Direction) -> bool {
        self.held.borrow()[self.number][at(direction)]
    }

    /// What it has seen of a message, however it was cut: headers, bytes, trailers, end.
    pub(crate) fn seen(&self, direction: Direction) -> (bool, Bytes, bool, bool) {
        let mut all = (false, Bytes::new(), false, false);
        for seen in self.log.iter().filter(|seen| seen.direction() == Some(direction)) {
            match seen {
                Seen::Headers(_, ended) => (all.0, all.3) = (true, *ended),
                Seen::Body(_, bytes, ended) => {
                    all.1.extend(bytes);
                    all.3 |= ended;
                }
                Seen::Trailers(_) => (all.2, all.3) = (true, true),
                Seen::Done => {}
            }
        }
        all
    }

    /// It is let go by others.
    pub(crate) fn released(&mut self, direction: Direction) {
        self.held.borrow_mut()[self.number][at(direction)] = false;
        let bytes = core::mem::take(&mut self.holds[at(direction)]);
        self.let_go[at(direction)].extend(bytes);
    }

    /// It is called.
    pub(crate) fn see(&mut self, seen: Seen) -> (Flow, Asked) {
        // Nothing, that ends nothing: Envoy gives filters such pieces of a buffer that has been emptied, a chain gives none.
        if let Seen::Body(direction, bytes, false) = &seen
            && bytes.is_empty()
        {
            let flow = if self.holds(*direction) { Flow::Pause } else { Flow::Continue };
            return (flow, Asked::default());
        }
        self.log.push(seen.clone());
        let mut asked = Asked::default();
        let Some(direction) = seen.direction() else { return (Flow::Continue, asked) };
        let mut shown = match &seen {
            Seen::Body(_, bytes, _) => bytes.clone(),
            _ => self.holds[at(direction)].clone(),
        };
        let number = u32::try_from(self.log.len() + 100 * self.number).expect("small");
        let mut flow = Flow::Continue;
        let acts = !self.at_headers_only || matches!(seen, Seen::Headers(..));
        let next = if acts { self.script.pop_front() } else { None };
        match next.unwrap_or(Move::Continue) {
            Move::Continue => {}
            Move::Pause => flow = Flow::Pause,
            Move::Reply(says) => {
                asked.reply = Some(1_000_000 + number);
                self.replied = true;
                flow = says;
            }
            Move::Replace(size, says) => {
                if matches!(seen, Seen::Body(..)) {
                    let first = 2_000_000 + number * 100;
                    shown = (first..first + u32::from(size)).collect();
                    asked.replace = Some(shown.clone());
                }
                flow = says;
            }
            Move::ResumeSelf => {
                asked.resume = Some((direction, self.number));
                flow = Flow::Pause;
            }
            Move::ResumeOther(direction, stage) => {
                let stage = usize::from(stage);
                if stage != self.number {
                    asked.resume = Some((direction, stage));
                }
            }
        }
        let may = match &seen {
            Seen::Headers(..) => true,
            _ => self.rude || !self.one_behind_holds(direction),
        };
        let resumes_itself = asked.resume == Some((direction, self.number));
        if !may && asked.reply.is_none() {
            flow = Flow::Continue;
        }
        let holds = flow == Flow::Pause && !resumes_itself;
        self.held.borrow_mut()[self.number][at(direction)] = holds;
        self.holds[at(direction)] = shown;
        if !holds {
            self.released(direction);
        }
        (flow, asked)
    }

    fn alone(&mut self, host: &mut Host, seen: Seen) -> Flow {
        let body = matches!(seen, Seen::Body(..)).then(|| seen.direction()).flatten();
        let (flow, asked) = self.see(seen);
        if let (Some(direction), Some(bytes)) = (body, asked.replace) {
            host.bodies[at(direction)] = bytes;
        }
        host.acts.extend(asked.reply.map(Act::Reply));
        flow
    }
}

impl Plugin for Stage {
    fn headers(&mut self, host: &mut Host, direction: Direction, ended: bool) -> Flow {
        self.alone(host, Seen::Headers(direction, ended))
    }

    fn body(&mut self, host: &mut Host, direction: Direction, ended: bool) -> Flow {
        let bytes = host.bodies[at(direction)].clone();
        self.alone(host, Seen::Body(direction, bytes, ended))
    }

    fn trailers(&mut self, host: &mut Host, direction: Direction) -> Flow {
        self.alone(host, Seen::Trailers(direction))
    }

    fn done(&mut self, host: &mut Host) {
        self.alone(host, Seen::Done);
    }
}
