//! Requests whose head is held until their body is whole: how long, and how they are let go.
//!
//! Invariant: no request hangs. One whose body has not begun after [`PATIENCE`], or is not whole in the time that it has, goes on.
//! Where Envoy gives a filter no body of a request whose head it holds (the plugin's `allow_on_headers_stop_iteration` is not
//! set), and that has happened `MISSING_BODIES` consecutive times, nearly none is held any more, until a body comes: then Envoy gives
//! them, and clients that send none change nothing.
//! Trade-offs: time counts from the first tick after the head, because nearly all bodies are whole before there is one, and no
//! clock is read for them; so a request may be held for up to three quarters of its time longer. Where another piece comes within a
//! quarter of the time, that piece lets the request go; else the tick does, in mid-body, which costs the piece after it a tick of the
//! chain's (see [`switchyard_core::chain`]).
//! Source: as Envoy's buffer filter and its `request_timeout`, which end a request in place of letting it go.

use crate::EffectiveContext;
use core::cell::RefCell;
use core::time::Duration;
use hashbrown::HashMap;
use std::rc::{Rc, Weak};
use switchyard_core::Timestamp;
use switchyard_core::sort::sort_by;
use switchyard_host::Host;

/// How long a body may take to begin.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// After so many consecutive bodies that have not come none is expected.
const MISSING_BODIES: u32 = 8;
/// One of so many requests tries whether bodies come again.
const ONE_OF: u32 = 64;
/// How often it is looked at in its time whether a body is late.
const LOOKS: u32 = 4;
/// The shortest tick that a host can tell apart.
const SHORTEST: Duration = Duration::from_millis(1);

/// The requests of one configuration that are held for their bodies.
#[derive(Debug)]
pub struct HeldBodies<T> {
    held: HashMap<u32, Held<T>>,
    /// A piece of a body has come: Envoy gives them.
    are_given: bool,
    /// Consecutive bodies that have not come.
    missing: u32,
    /// Requests that were not held because of that.
    spared: u32,
    /// How often it is to be looked whether one is late.
    look: Duration,
}

/// The same, as a configuration's root and its streams have them.
#[derive(Debug)]
pub struct SharedBodies<T>(RefCell<HeldBodies<T>>);

/// One of them.
#[derive(Debug)]
struct Held<T> {
    whose: T,
    timeout: Duration,
    /// The first tick.
    since: Option<Timestamp>,
    has_begun: bool,
    /// Its time is over; the next piece lets it go, or the tick after next.
    is_late: bool,
}

/// What a piece of a body is to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The request is not held any more.
    Unheld,
    /// It is held.
    Held,
    /// It was held, and its time is over: it goes on with this piece.
    Late,
}

/// Why a request goes on without its whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing of it has come.
    All,
    /// It is not whole in time.
    End,
}

impl<T> Default for HeldBodies<T> {
    fn default() -> Self {
        Self { held: HashMap::new(), are_given: false, missing: 0, spared: 0, look: Duration::MAX }
    }
}

impl<T> HeldBodies<T> {
    /// A request's head is held until its body is whole, which may take so long; `false`: none would come.
    pub fn hold(&mut self, stream: u32, whose: T, timeout: Duration) -> bool {
        if !self.are_given && self.missing >= MISSING_BODIES {
            self.spared = self.spared.wrapping_add(1);
            if !self.spared.is_multiple_of(ONE_OF) {
                return false;
            }
        }
        if self.held.is_empty() {
            self.look = Duration::MAX;
        }
        self.look = self.look.min(timeout.min(PATIENCE) / LOOKS).max(SHORTEST);
        let held = Held { whose, timeout, since: None, has_begun: false, is_late: false };
        self.held.insert(stream, held);
        true
    }

    /// A piece of a body has come; with the last one it is whole, and its request held no more.
    pub fn came(&mut self, stream: u32, ended: bool) -> Piece {
        let Some(held) = self.held.get_mut(&stream) else { return Piece::Unheld };
        held.has_begun = true;
        let is_late = held.is_late && !ended;
        self.are_given = true;
        if ended || is_late {
            self.held.remove(&stream);
        }
        if is_late { Piece::Late } else { Piece::Held }
    }

    /// The request has ended, or goes on. Whether it was held.
    pub fn forget(&mut self, stream: u32) -> bool {
        self.held.remove(&stream).is_some()
    }

    /// How soon a tick is to look whether a body is late, if any is awaited.
    pub fn next_look(&self) -> Option<Duration> {
        (!self.held.is_empty()).then_some(self.look)
    }

    /// Takes out those that are to be let go. From the tick; without the time, which nobody could wait for, all of them.
    pub fn late(&mut self, now: Option<Timestamp>) -> Vec<(u32, Missing, T)> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let late = self.held.extract_if(|_, held| held.goes(now));
        let missing = |held: &Held<T>| if held.has_begun { Missing::End } else { Missing::All };
        let mut late: Vec<_> = late.map(|(stream, held)| (stream, missing(&held), held.whose)).collect();
        if now.is_some() {
            let missing = late.iter().filter(|(_, missing, _)| *missing == Missing::All).count();
            self.missing = self.missing.saturating_add(u32::try_from(missing).unwrap_or(u32::MAX));
        }
        // The oldest first, whatever the table's order is.
        sort_by(&mut late, |(one, ..), (other, ..)| one.cmp(other));
        late
    }
}

impl<T> Default for SharedBodies<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> SharedBodies<T> {
    /// See [`HeldBodies::hold`].
    pub fn hold(&self, stream: u32, whose: T, timeout: Duration) -> bool {
        self.0.try_borrow_mut().is_ok_and(|mut bodies| bodies.hold(stream, whose, timeout))
    }

    /// See [`HeldBodies::came`].
    pub fn came(&self, stream: u32, ended: bool) -> Piece {
        self.0.try_borrow_mut().map_or(Piece::Unheld, |mut bodies| bodies.came(stream, ended))
    }

    /// See [`HeldBodies::forget`].
    pub fn forget(&self, stream: u32) -> bool {
        self.0.try_borrow_mut().is_ok_and(|mut bodies| bodies.forget(stream))
    }

    /// See [`HeldBodies::next_look`].
    pub fn next_look(&self) -> Option<Duration> {
        self.0.try_borrow().ok()?.next_look()
    }

    /// Lets those go on whose body is late, once `late` knows what is missing. From the tick; the clock is read if any body is awaited.
    /// Whether any did.
    pub fn end_waits(
        &self,
        effective_context: &EffectiveContext,
        host: &impl Host,
        mut late: impl FnMut(Missing, T),
    ) -> bool {
        let Ok(mut bodies) = self.0.try_borrow_mut() else { return false };
        if bodies.next_look().is_none() {
            return false;
        }
        let overdue = bodies.late(host.now().ok());
        // Whoever goes on may end at once, and be forgotten.
        drop(bodies);
        let any = !overdue.is_empty();
        for (stream, missing, whose) in overdue {
            late(missing, whose);
            if effective_context.enter(stream, host) {
                // Whoever cannot be let go is gone.
                let _ = host.resume_request();
            }
        }
        any
    }
}

/// Those of all configurations in a VM, for filters any of whose roots looks after the requests of all. Whether Envoy gives bodies is
/// up to each configuration of the plugin, and learned for each.
#[derive(Debug)]
pub struct AllBodies<T>(RefCell<Vec<Weak<SharedBodies<T>>>>);

impl<T> Default for AllBodies<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> AllBodies<T> {
    /// Room for those of one configuration more.
    pub fn of_another_configuration(&self) -> Rc<SharedBodies<T>> {
        let bodies = Rc::default();
        if let Ok(mut all) = self.0.try_borrow_mut() {
            all.retain(|bodies| bodies.strong_count() > 0);
            all.push(Rc::downgrade(&bodies));
        }
        bodies
    }

    fn all(&self) -> Vec<Rc<SharedBodies<T>>> {
        self.0.try_borrow().map(|all| all.iter().filter_map(Weak::upgrade).collect()).unwrap_or_default()
    }

    /// See [`HeldBodies::next_look`].
    pub fn next_look(&self) -> Option<Duration> {
        let all = self.0.try_borrow().ok()?;
        all.iter().filter_map(Weak::upgrade).filter_map(|one| one.next_look()).min()
    }

    /// See [`SharedBodies::end_waits`].
    pub fn end_waits(
        &self,
        effective_context: &EffectiveContext,
        host: &impl Host,
        mut late: impl FnMut(Missing, T),
    ) -> bool {
        let ended = |bodies: Rc<SharedBodies<T>>| bodies.end_waits(effective_context, host, &mut late);
        self.all().into_iter().map(ended).fold(false, |any, ended| any | ended)
    }
}

impl<T> Held<T> {
    /// Whether the tick lets it go.
    fn goes(&mut self, now: Option<Timestamp>) -> bool {
        let Some(now) = now else { return true };
        let since = *self.since.get_or_insert(now);
        let (held, stepped_back) = (now.since(since), now < since);
        if !self.has_begun {
            return held >= self.timeout.min(PATIENCE) || stepped_back;
        }
        if held < self.timeout && !stepped_back {
            return false;
        }
        // Once more: a piece that comes meanwhile lets it go in a better way.
        core::mem::replace(&mut self.is_late, true)
    }
}
