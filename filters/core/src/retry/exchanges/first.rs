//! The first attempt's answer as it passes: looked at, held back, or let go.
//!
//! Steps that are more than "hold" or "go on" are left to the next tick: another answer may be sent only from the root's
//! callbacks.

use super::Turn;
use super::exchange::Phase;
use super::judging::{Judging, Piece};
use super::kept::Capture;
use super::verdict::{AnswerHead, by_body, by_grpc_trailers, if_endpoints};
use super::world::{Event, RetryHead, World};
use crate::Flow;
use crate::retry::attempts::{Decision, Denied, Step, Verdict};
use core::time::Duration;
use std::rc::Rc;

impl<H: RetryHead, W: World<H>> Turn<'_, H, W> {
    /// The first attempt's answer begins, or one of ours passes.
    pub(super) fn first_headers(&mut self, ended: bool) -> Flow {
        if self.exchange.phase == Phase::Replaced {
            return Flow::Continue;
        }
        // An answer that cannot be read goes on, and none takes its place any more.
        let Some(headers) = self.world.response_headers() else {
            return if self.exchange.is_over() { Flow::Continue } else { self.give_up(Denied::Answer) };
        };
        if self.exchange.started.is_some() {
            let now = self.world.recent_time();
            self.exchange.observe_first(now);
        }
        self.exchange.bodiless = ended;
        let policy = Rc::clone(&self.exchange.policy);
        let settings = policy.local();
        let head = AnswerHead { headers: &headers, grpc: self.exchange.grpc };
        let verdict = head.of_first(settings, self.world);
        let judging = if verdict == Verdict::Final {
            Judging::of(&head, settings, ended, || self.world.now())
        } else {
            None
        };
        if let Some(judging) = judging.filter(|_| !settings.shadow) {
            self.begin_capture(&headers);
            return self.judge_later(judging);
        }
        match verdict {
            Verdict::Final => {
                if !settings.shadow && Judging::is_out_of_reach(&head, settings, ended) {
                    self.count(Event::Denied(Denied::Answer));
                }
                self.begin_capture(&headers);
                if ended {
                    self.keep_capture();
                }
                self.judged(Verdict::Final)
            }
            // Headers that end a gRPC answer cannot be given another message.
            failed if self.exchange.grpc && !settings.shadow => self.cannot_replace(failed),
            failed => self.judged(failed),
        }
    }

    /// What is kept of an answer with these headers for worse times, if any of it may be.
    fn begin_capture(&mut self, headers: &H) {
        let exchange = &mut *self.exchange;
        let (kept, key) = (&self.desk.memory.kept, exchange.stale_key.as_deref());
        exchange.capture = Capture::of(&exchange.policy, kept, key, headers, self.world);
    }

    /// A piece of the answer's body passes, or of what is held back of it.
    pub(super) fn first_body(&mut self, size: usize, ended: bool) -> Flow {
        let policy = Rc::clone(&self.exchange.policy);
        let most = usize::try_from(policy.settings().max_body).unwrap_or(usize::MAX);
        self.exchange.has_data |= size > 0;
        self.exchange.complete |= ended;
        match self.exchange.phase {
            Phase::Replaced => Flow::Continue,
            Phase::Open => {
                self.capture_piece(size, ended);
                Flow::Continue
            }
            // It is about to be longer than Envoy buffers, and then the client would get a 500.
            Phase::Held | Phase::Judging(_) if size > most => self.give_up(Denied::Answer),
            Phase::Held => Flow::Pause,
            Phase::Judging(judging) => match judging.of_body(size, ended, policy.local(), self.world) {
                Piece::More => Flow::Pause,
                Piece::Unjudged => self.give_up(Denied::Answer),
                Piece::Judged(verdict, body) => {
                    let verdict = if_endpoints(verdict, self.world);
                    if verdict == Verdict::Final {
                        self.capture(&body, size, true);
                    }
                    self.judged(verdict)
                }
            },
        }
    }

    /// The answer ends with trailers.
    pub(super) fn first_trailers(&mut self) -> Flow {
        let policy = Rc::clone(&self.exchange.policy);
        let retry_on = &policy.settings().retry_on;
        match self.exchange.phase {
            Phase::Held => Flow::Pause,
            Phase::Judging(Judging::Grpc) => {
                let trailers = self.world.response_trailers();
                let verdict = if_endpoints(by_grpc_trailers(&trailers, retry_on), self.world);
                self.exchange.replaceable = self.exchange.has_data;
                if verdict != Verdict::Final && !self.exchange.replaceable {
                    return self.cannot_replace(verdict);
                }
                self.judged(verdict)
            }
            Phase::Judging(Judging::Json { status, asked }) => {
                let body = self.world.response_body(usize::MAX);
                let failed = retry_on.says_failure(&body);
                let verdict =
                    if failed { if_endpoints(by_body(status, asked), self.world) } else { Verdict::Final };
                self.judged(verdict)
            }
            Phase::Open | Phase::Replaced => {
                self.keep_capture();
                Flow::Continue
            }
        }
    }

    /// The verdict on the first attempt is there.
    fn judged(&mut self, verdict: Verdict) -> Flow {
        if verdict == Verdict::Final && self.exchange.attempts.is_none() {
            self.exchange.phase = Phase::Open;
            return Flow::Continue;
        }
        let shadow = self.exchange.policy.local().shadow;
        if let (true, Verdict::Failed { reason, .. }) = (shadow, verdict) {
            self.count(Event::Retry(reason, Duration::ZERO));
            return Flow::Continue;
        }
        let now = self.world.time();
        self.exchange.learn(now, verdict, self.world);
        let decision = self.exchange.ask(now, self.world, |attempts, settings, around| {
            attempts.first_answer(verdict, settings, around)
        });
        let Some(decision) = decision else { return Flow::Continue };
        self.count_decision(&decision);
        self.follow(decision)
    }

    /// Does what a step says, as far as the stream's own callback may; the rest is left to the root.
    fn follow(&mut self, decision: Decision) -> Flow {
        match decision.step {
            Step::PassOn => {
                self.exchange.phase = Phase::Open;
                self.settle();
                return Flow::Continue;
            }
            Step::Wait => {}
            _ => self.exchange.due = Some(decision),
        }
        self.exchange.phase = Phase::Held;
        self.wait();
        Flow::Pause
    }

    fn judge_later(&mut self, judging: Judging) -> Flow {
        let now = self.world.time();
        if self.exchange.attempts.is_none() {
            let policy = Rc::clone(&self.exchange.policy);
            self.exchange.attempts = Some(self.exchange.begin(policy.local(), now, None, self.world));
        }
        if let Some(attempts) = self.exchange.attempts.as_mut() {
            attempts.judge_later(now.plus(judging.patience()));
        }
        self.exchange.phase = Phase::Judging(judging);
        self.wait();
        Flow::Pause
    }

    /// A failure that cannot be replaced goes to the client.
    fn cannot_replace(&mut self, failed: Verdict) -> Flow {
        let now = self.world.time();
        self.exchange.learn(now, failed, self.world);
        self.give_up(Denied::Answer)
    }

    /// The answer goes to the client as it is.
    fn give_up(&mut self, denied: Denied) -> Flow {
        let Some(attempts) = self.exchange.attempts.as_mut() else { return Flow::Continue };
        let decision = attempts.give_up(denied);
        self.exchange.capture = None;
        self.count_decision(&decision);
        self.follow(decision)
    }

    fn capture_piece(&mut self, size: usize, ended: bool) {
        if self.exchange.capture.is_some() {
            let piece = self.world.response_body(size);
            self.capture(&piece, size, ended);
        }
    }

    /// A piece of so many bytes is kept; of an answer of which one cannot be read nothing is.
    fn capture(&mut self, piece: &[u8], size: usize, ended: bool) {
        let Some(capture) = self.exchange.capture.as_mut() else { return };
        if piece.len() != size || !capture.append(piece) {
            self.exchange.capture = None;
        } else if ended {
            self.keep_capture();
        }
    }

    /// The whole answer has passed: it may stand in for a failure later.
    fn keep_capture(&mut self) {
        if let Some(capture) = self.exchange.capture.take() {
            capture.keep(&self.exchange.policy);
        }
    }
}
