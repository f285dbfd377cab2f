//! Whoever asks a source on behalf of all workers: the role of doing so, and the call under way.
//!
//! Invariants: of all workers the one that holds the lease asks, and one call of its is under way at most; an answer is copied only when it is known
//! that there may be so much of it. What is asked, when, and what of an answer is believed is the source's matter.

use crate::shared::lease;
use core::time::Duration;
use switchyard_core::Timestamp;
use switchyard_core::discovery::{Answer, Ask, Refusal};
use switchyard_host::{Call, CallAnswers, HeaderMap, HttpCalls, SharedData};

/// A lease is renewed when a third of it is over.
pub const RENEW: Duration = Duration::from_secs(1);

/// The asker of one source, in one root.
#[derive(Debug)]
pub struct Asker {
    /// The key of the lease.
    lease: String,
    /// What it is called there.
    holder: u64,
    holds: bool,
    claimed: Timestamp,
    /// The call under way, and which ask it is.
    call: Option<(u32, u64)>,
}

/// What an ask has come to.
#[derive(Debug)]
pub struct Asked {
    /// Which ask.
    pub number: u64,
    /// What was answered, or why there is nothing that could be read.
    pub answer: Result<Answered, Refusal>,
}

/// An answer.
#[derive(Debug)]
pub struct Answered {
    head: HeaderMap,
    body: Vec<u8>,
}

impl Answered {
    /// As a source reads it.
    pub fn answer(&self) -> Answer<'_> {
        Answer::of(&self.head, &self.body)
    }
}

impl Asker {
    /// One that is `holder` (not 0) in the lease under this key, which is made if it is not there.
    pub fn new(lease: String, holder: u64, host: &impl SharedData) -> Self {
        lease::create(&lease, host);
        Self { lease, holder, holds: false, claimed: Timestamp::default(), call: None }
    }

    /// The key of the lease.
    pub fn lease(&self) -> &str {
        &self.lease
    }

    /// Whether it has the role, as of the last claim.
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// Takes the role or renews it, as far as that is due; whether it is new to it.
    pub fn claim(&mut self, now: Timestamp, host: &impl SharedData) -> bool {
        if !now.is_due(self.claimed, RENEW) {
            return false;
        }
        self.claimed = now;
        let held = core::mem::replace(&mut self.holds, lease::claim(&self.lease, host, self.holder, now));
        self.holds && !held
    }

    /// Somebody else in this VM has the role.
    pub fn step_back(&mut self) {
        self.holds = false;
    }

    /// Asks `cluster`; whether the call could be made.
    pub fn ask(&mut self, cluster: &str, ask: &Ask, host: &impl HttpCalls) -> bool {
        let headers: Vec<_> = ask.pairs().collect();
        let body = Some(&*ask.body).filter(|body| !body.is_empty());
        let call = host.call(&Call { cluster, headers: &headers, body, timeout: ask.timeout });
        self.call = call.ok().map(|call| (call, ask.number));
        self.call.is_some()
    }

    /// Whether this is the call under way.
    pub fn is_its(&self, call: u32) -> bool {
        self.call.is_some_and(|(known, _)| known == call)
    }

    /// The call under way has been answered, with so many headers and bytes, of which at most `most` are read, and only where there is room for what
    /// they become; no headers: it has failed. `None`: no call was under way.
    pub fn answered(
        &mut self,
        (headers, body): (usize, usize),
        most: usize,
        has_room: bool,
        host: &impl CallAnswers,
    ) -> Option<Asked> {
        let (_, number) = self.call.take()?;
        let answer = match headers {
            0 => Err(Refusal::Unreachable),
            _ if body > most => Err(Refusal::TooLong { most }),
            _ if !has_room => Err(Refusal::Memory),
            _ => {
                let head = host.call_headers().unwrap_or_default();
                let body = if body > 0 { host.call_body(body).unwrap_or_default() } else { Vec::new() };
                Ok(Answered { head, body })
            }
        };
        Some(Asked { number, answer })
    }
}
