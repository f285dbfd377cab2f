//! How long requests wait at most, and how a crowd goes that has waited long enough.
//!
//! From `max_wait` on a request stands in line to ask by itself, `release_concurrency` of a key at a time, and is answered
//! nevertheless if an answer comes first. From half of `max_wait` later on the rest of the line goes at an even pace, so that
//! nobody waits for longer than twice `max_wait`.
//!
//! Invariants: of a key no more than `release_concurrency` are under way of those that were let go in their turn; nobody waits for
//! longer than [`Settings::longest_wait`]; a crowd that came at once never goes at once. Trade-off: who goes at the even pace
//! is not counted as under way: an upstream that answers nobody is asked by all in the end, as it would be without this filter.

use super::group::{Member, State};
use super::{Exit, Flights, Group, Policy, QUICK_TICK, Role, Settings, World};
use crate::{RequestView, Timestamp};
use core::time::Duration;
use std::collections::VecDeque;
use std::rc::Rc;

impl Settings {
    /// The longest that a request waits, in whatever way.
    pub fn longest_wait(&self) -> Duration {
        self.max_wait.saturating_mul(2)
    }

    /// After so long a request goes on even if others of its key are under way.
    fn patience(&self) -> Duration {
        self.max_wait.saturating_add(self.max_wait / 2)
    }
}

impl<H> Group<H> {
    /// How many of those that wait here may ask by themselves at a time: what all workers may, shared among those where somebody
    /// waits.
    pub(super) fn at_a_time(&self) -> u32 {
        match &self.state {
            State::Led(_) => {
                let workers = self.remotes.len() + usize::from(!self.members.is_empty());
                let workers = u32::try_from(workers.max(1)).unwrap_or(u32::MAX);
                (self.policy.settings().release_concurrency / workers).max(1)
            }
            State::Away(away) => away.at_a_time.max(1),
        }
    }

    /// The oldest who waits, if it has waited long enough to ask by itself.
    pub(super) fn take_late(&mut self, now: Timestamp) -> Option<Member<H>> {
        let max_wait = self.policy.settings().max_wait;
        self.members.pop_front_if(|member| now.since(member.since) >= max_wait)
    }
}

impl<H: RequestView> Flights<H> {
    /// Lets those go on that have waited long enough: in their turn, or at the even pace.
    pub(super) fn end_long_waits(&mut self, world: &mut impl World) {
        let now = self.clock.time();
        let passed = now.since(core::mem::replace(&mut self.looked, now)).max(QUICK_TICK);
        self.stand_in_line(world, now);
        let mut late = Vec::new();
        let groups = self.groups.values_mut().map(|group| (&group.policy, &mut group.members));
        for (policy, members) in groups {
            for _ in 0..quota(members, |one| one, (policy, now), passed) {
                late.extend(members.pop_front().map(|member| (Rc::clone(policy), member)));
            }
        }
        for release in self.releases.values_mut() {
            for _ in 0..quota(&release.queue, |(one, _)| one, (&release.policy, now), passed) {
                let next = release.queue.pop_front();
                late.extend(next.map(|(member, _)| (Rc::clone(&release.policy), member)));
            }
        }
        // The oldest first, whatever the tables' order is.
        crate::sort::sort_by(&mut late, |(_, one), (_, other)| one.place().cmp(&other.place()));
        for (policy, member) in late {
            self.let_go_alone(world, &policy, &member);
        }
    }

    /// Those whose time of waiting is over ask by themselves as soon as it is their turn.
    fn stand_in_line(&mut self, world: &mut impl World, now: Timestamp) {
        let mut lines = Vec::new();
        for fan in &mut self.fans {
            let mut late = fan.take_late(now);
            // Some have left.
            late.retain(|member| self.roles.contains_key(&member.stream));
            if !late.is_empty() {
                lines.push((fan.key(), fan.policy(), late));
            }
        }
        for (key, policy, late) in lines {
            let at_a_time = policy.settings().release_concurrency;
            self.release(world, &key, &policy, late, (Exit::MaxWait, at_a_time));
        }
        let is_late = |group: &Group<H>| {
            let max_wait = group.policy.settings().max_wait;
            group.members.front().is_some_and(|oldest| now.since(oldest.since) >= max_wait)
        };
        let late = self.groups.iter().filter(|(_, group)| is_late(group));
        let mut late: Vec<_> = late.map(|(key, _)| Rc::clone(key)).collect();
        crate::sort::sort(&mut late);
        for key in late {
            if let Some(group) = self.groups.get(&key) {
                let (policy, at_a_time) = (Rc::clone(&group.policy), group.at_a_time());
                self.open_line(&key, &policy, at_a_time);
                self.release_more(world, &key);
            }
        }
    }

    fn let_go_alone(&mut self, world: &mut impl World, policy: &Rc<Policy>, member: &Member<H>) {
        if self.roles.contains_key(&member.stream) {
            self.leaves(world, policy, member, Exit::Overdue);
            self.set_role(member.stream, Role::Leaves(Rc::clone(policy), member.since));
            self.due.push_back((member.stream, Exit::Overdue));
        }
    }
}

/// How many at the head of a line go now at the even pace, so much time after those before: all of those that are overdue are to
/// be gone when the oldest has waited for as long as anybody may.
fn quota<T, H>(
    line: &VecDeque<T>,
    member: impl Fn(&T) -> &Member<H>,
    (policy, now): (&Policy, Timestamp),
    passed: Duration,
) -> usize {
    let settings = policy.settings();
    let waited = |one: &T| now.since(member(one).since);
    let overdue = line.iter().take_while(|one| waited(one) >= settings.patience()).count();
    let Some(oldest) = line.front().filter(|_| overdue > 0) else { return 0 };
    let left = settings.longest_wait().saturating_sub(waited(oldest));
    if left <= passed {
        return overdue;
    }
    let share = (overdue as u128).saturating_mul(passed.as_nanos()).div_ceil(left.as_nanos().max(1));
    usize::try_from(share).unwrap_or(overdue).min(overdue)
}
