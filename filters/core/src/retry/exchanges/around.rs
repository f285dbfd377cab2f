//! What one request's [`Attempts`](crate::retry::Attempts) ask, answered out of the worker.
//!
//! Invariant: a retry is taken from both budgets or from none.

use super::exchange::Exchange;
use super::world::{RetryHead, World};
use super::{Policy, Upstream};
use crate::budget::UnderWay;
use crate::retry::attempts::{Attempts, AttemptsWorld, Decision, Denied};
use crate::retry::pick::pick;
use crate::retry::settings::Settings;
use crate::{EndpointIndex, Timestamp};
use core::time::Duration;
use std::rc::Rc;

/// The world around one request, at one moment.
pub(super) struct Around<'a, H, W> {
    policy: &'a Policy,
    upstream: &'a Upstream,
    head: &'a H,
    /// By which the request waits.
    now: Timestamp,
    world: &'a mut W,
    /// Of the retry that was withdrawn.
    under_way: Vec<UnderWay>,
}

impl<H: RetryHead> Exchange<H> {
    /// Asks the machine of this request.
    pub(super) fn ask<W: World<H>>(
        &mut self,
        now: Timestamp,
        world: &mut W,
        question: impl FnOnce(&mut Attempts, &Settings, &mut Around<'_, H, W>) -> Decision,
    ) -> Option<Decision> {
        let policy = Rc::clone(&self.policy);
        let attempts = self.attempts.as_mut()?;
        attempts.subject().kept = self.body.is_whole();
        let (upstream, head) = (&self.upstream, &*self.head);
        let mut around = Around { policy: &policy, upstream, head, now, world, under_way: Vec::new() };
        let decision = question(attempts, policy.local(), &mut around);
        self.under_way.append(&mut around.under_way);
        Some(decision)
    }
}

impl<H: RetryHead, W: World<H>> AttemptsWorld for Around<'_, H, W> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn rng(&mut self) -> &mut fastrand::Rng {
        self.world.rng()
    }

    fn withdraw(&mut self) -> Result<(), Denied> {
        let budget = self.upstream.budget();
        let failing = self.upstream.retries_keep_failing();
        // Budgets are of all workers, and by the wall.
        let world = &mut *self.world;
        let now = world.now();
        let of_upstream = budget.map(|budget| budget.withdraw(failing, world, now)).transpose()?;
        let of_route = self.policy.budget().withdraw(failing, world, now).inspect_err(|_| {
            if let Some(budget) = budget {
                budget.give_back(world, now);
            }
        })?;
        self.under_way.extend(of_upstream);
        self.under_way.push(of_route);
        Ok(())
    }

    fn pick(&mut self, tried: &[EndpointIndex]) -> Option<EndpointIndex> {
        let (world, upstream) = (&*self.world, self.upstream);
        let candidates: Vec<_> = world.candidates(upstream, self.head).flatten().collect();
        let health = |endpoint| world.health(upstream, endpoint);
        let priority = |endpoint| world.priority(upstream, endpoint);
        pick(&candidates, world.endpoints(upstream), priority, health, tried)
    }

    fn least_time(&self) -> Duration {
        self.upstream.least_time(self.policy.settings().deadline.floor, self.now)
    }
}
