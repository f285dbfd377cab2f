//! One direction of a stream: how far each stage has seen the message, and how far it has let it go.
//!
//! Invariant: what a stage has passed is what the next one is given: in order, once, and not before its headers. Places are counted in
//! the buffer that Envoy lets the context see; when all of that goes on, it is empty again.
//! Trade-off: a piece of no bytes that does not end the message is shown to nobody.
//! Source: `source/common/http/filter_manager.cc` of Envoy, `commonContinue` and the three `commonHandleAfter…Callback`.

use super::event::Part;
use crate::Flow;

/// What ended the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Nothing yet.
    None,
    Headers,
    Body,
    Trailers,
}

/// One stage in this direction.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// It was given the headers.
    called: bool,
    /// It has let them go.
    open: bool,
    /// It holds what it was given.
    held: bool,
    /// Up to here it was given the body.
    seen: usize,
    /// Up to here it has let it go.
    passed: usize,
    seen_end: bool,
    passed_end: bool,
}

/// One direction of a stream through `N` stages, each at its position on the way of the message.
#[derive(Clone, Debug)]
pub(super) struct Lane<const N: usize> {
    places: [Place; N],
    /// The headers have come.
    came: bool,
    ending: Ending,
    /// The bytes of the body that Envoy lets the context see.
    total: usize,
    /// Envoy holds the message.
    paused: bool,
    /// Envoy keeps the body for this context, and says so until the next piece, even if it has been told to go on since.
    buffering: bool,
    /// Envoy was told to go on in mid-body: the next piece must be held.
    relays: bool,
    /// Envoy shall be told to go on even in mid-body.
    forced: bool,
    /// Nothing of the message is of interest any more.
    closed: bool,
}

impl<const N: usize> Lane<N> {
    pub(super) const fn new() -> Self {
        const PLACE: Place = Place {
            called: false,
            open: false,
            held: false,
            seen: 0,
            passed: 0,
            seen_end: false,
            passed_end: false,
        };
        Self {
            places: [PLACE; N],
            came: false,
            ending: Ending::None,
            total: 0,
            paused: false,
            buffering: false,
            relays: false,
            forced: false,
            closed: false,
        }
    }

    /// Whether its headers have come.
    pub(super) const fn came(&self) -> bool {
        self.came
    }

    /// Whether its end has come.
    pub(super) const fn ended(&self) -> bool {
        !matches!(self.ending, Ending::None)
    }

    pub(super) const fn close(&mut self) {
        self.closed = true;
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Envoy gives a part of the message: of a body all that the context may see of it.
    pub(super) fn arrive(&mut self, part: Part) {
        match part {
            Part::Headers { ended } => {
                self.came = true;
                self.end(ended, Ending::Headers);
            }
            Part::Body { size, ended, .. } => {
                self.total = size;
                for place in &mut self.places {
                    place.seen = place.seen.min(size);
                    place.passed = place.passed.min(size);
                }
                self.end(ended, Ending::Body);
            }
            Part::Trailers => self.end(true, Ending::Trailers),
        }
    }

    const fn end(&mut self, ended: bool, by: Ending) {
        if ended && !self.ended() {
            self.ending = by;
        }
    }

    /// Which position is to be given what next: headers before bodies before trailers, as far as the message has come.
    pub(super) fn next(&mut self) -> Option<(usize, Part)> {
        if self.closed || !self.came {
            return None;
        }
        let next = self.next_headers().or_else(|| self.next_body()).or_else(|| self.next_trailers())?;
        let (position, part) = next;
        let ending = self.ended();
        let place = self.places.get_mut(position)?;
        match part {
            Part::Headers { ended } => {
                place.called = true;
                place.seen_end |= ended;
            }
            Part::Body { start, size, ended } => {
                place.seen = start.saturating_add(size);
                place.seen_end |= ended;
            }
            Part::Trailers => place.seen_end |= ending,
        }
        Some(next)
    }

    fn next_headers(&self) -> Option<(usize, Part)> {
        let mut open = true;
        let position = self.places.iter().position(|place| {
            let due = open && !place.called;
            open = place.open;
            due
        })?;
        Some((position, Part::Headers { ended: self.ending == Ending::Headers }))
    }

    fn next_body(&self) -> Option<(usize, Part)> {
        self.given().enumerate().find_map(|(position, (place, given, end))| {
            let ended = end && self.ending == Ending::Body;
            let due = place.called && (given > place.seen || (ended && !place.seen_end));
            let size = given.saturating_sub(place.passed);
            due.then_some((position, Part::Body { start: place.passed, size, ended }))
        })
    }

    fn next_trailers(&self) -> Option<(usize, Part)> {
        let due = |(place, _, end): (&Place, usize, bool)| place.called && end && !place.seen_end;
        let position = self.given().position(due).filter(|_| self.ending == Ending::Trailers)?;
        Some((position, Part::Trailers))
    }

    /// Each place, how much of the body it is given, and whether the end.
    fn given(&self) -> impl Iterator<Item = (&Place, usize, bool)> {
        let mut given = (self.total, self.ended());
        self.places.iter().map(move |place| {
            let this = core::mem::replace(&mut given, (place.passed, place.passed_end));
            (place, this.0, this.1)
        })
    }

    /// What the stage at this position says to what it was given last.
    pub(super) fn answer(&mut self, position: usize, flow: Flow) {
        let Some(place) = self.places.get_mut(position) else { return };
        place.held = flow == Flow::Pause;
        if !place.held {
            place.open = true;
            place.passed = place.seen;
            place.passed_end = place.seen_end;
        }
    }

    /// The stage at this position does not want what it was given last.
    pub(super) fn pass_over(&mut self, position: usize) {
        if !self.is_held(position) {
            self.answer(position, Flow::Continue);
        }
    }

    /// Whether the stage at this position holds the message.
    pub(super) fn is_held(&self, position: usize) -> bool {
        !self.closed && self.places.get(position).is_some_and(|place| place.held)
    }

    /// The first position that holds the message.
    pub(super) fn holder(&self) -> Option<usize> {
        self.places.iter().position(|place| place.held).filter(|_| !self.closed)
    }

    /// Whether Envoy holds the message though no stage does.
    pub(super) fn is_owed(&self) -> bool {
        self.paused && !self.closed && self.holder().is_none()
    }

    /// From now on Envoy is told to go on, though the body is not whole.
    pub(super) fn force(&mut self) {
        self.forced |= self.is_owed();
    }

    /// What Envoy is to be answered to the part that it gave.
    pub(super) fn settle(&mut self, part: Part) -> Flow {
        let is_body = matches!(part, Part::Body { .. });
        let relays = is_body && core::mem::take(&mut self.relays);
        self.forced = false;
        self.paused = self.closed || relays || self.holder().is_some();
        if is_body {
            self.buffering = self.paused;
        }
        if self.paused {
            return Flow::Pause;
        }
        self.flush();
        Flow::Continue
    }

    /// Whether Envoy is to be told, outside its own callbacks, that the message goes on; it counts as told.
    pub(super) fn takes_resume(&mut self) -> bool {
        let in_mid_body = self.buffering && !self.ended();
        if !self.is_owed() || (in_mid_body && !self.forced) {
            return false;
        }
        self.relays = in_mid_body;
        self.paused = false;
        self.forced = false;
        self.flush();
        true
    }

    /// All that there was of the body has gone on.
    fn flush(&mut self) {
        self.total = 0;
        for place in &mut self.places {
            place.seen = 0;
            place.passed = 0;
        }
    }

    /// The bytes of the body that Envoy lets the context see.
    pub(super) const fn buffered(&self) -> usize {
        self.total
    }

    /// What the stage at this position may see of the body: where it begins, and its length.
    pub(super) fn window(&self, position: usize) -> Option<(usize, usize)> {
        self.places.get(position).map(|place| (place.passed, place.seen.saturating_sub(place.passed)))
    }

    /// The stage at this position has put so many bytes in the place of those that it may see.
    pub(super) fn replaced(&mut self, position: usize, size: usize) {
        let Some((start, before)) = self.window(position) else { return };
        let moved = |end: usize| end.saturating_sub(before).saturating_add(size);
        self.total = moved(self.total);
        for (at, place) in self.places.iter_mut().enumerate() {
            if at < position {
                place.seen = moved(place.seen);
                place.passed = moved(place.passed);
            } else if at == position {
                place.seen = start.saturating_add(size);
            }
        }
    }
}
