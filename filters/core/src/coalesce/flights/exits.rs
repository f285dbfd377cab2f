//! How requests that waited go: answered out of one copy, let go a few at a time, or let go alone.
//!
//! Invariants: a stream is touched only in [`Flights::act`], and only if it has a role, that is, has not ended; what is given out in
//! one act is bounded in bytes and in number, and what clients have not read yet is bounded by the policy's `max_bytes_held`:
//! where that shows, the next ones wait for it, and where it does not, they ask for themselves; whoever asks by itself stands in a
//! line whose first has waited longest, which is what [`super::waits`] goes by.

use super::super::sharing::NotShared;
use super::group::Member;
use super::{Answer, Event, Exit, Flights, Policy, Role, Served, StreamId, World};
use crate::memory::{MOST_UNREAD, Unseen, length};
use crate::{RequestView, Timestamp};
use std::collections::VecDeque;
use std::rc::Rc;

/// Bytes that one act gives out, and one answer more.
const BYTES_AT_A_TIME: u64 = 1 << 20;
/// Answers that one act gives out: some milliseconds' worth.
const REPLIES_AT_A_TIME: u32 = 128;

/// An answer and those who get it.
pub(super) struct Fan<H> {
    key: Rc<[u8]>,
    policy: Rc<Policy>,
    answer: Rc<Answer>,
    served: Served,
    queue: VecDeque<Member<H>>,
    unseen: Unseen,
    /// The first tick by which there was no room for the next copy.
    stuck: Option<Timestamp>,
}

impl<H> Fan<H> {
    /// Whether one more copy of so many bytes may be given out, for all that is known of those before: unseen there may be as many
    /// as may be held beside the answer itself.
    fn reserve(&mut self, bytes: u64, is_read_unseen: impl FnOnce() -> bool) -> bool {
        let most = self.policy.settings().max_bytes_held.min(MOST_UNREAD);
        self.unseen.reserve(bytes, most.saturating_sub(bytes), is_read_unseen)
    }

    pub(super) fn key(&self) -> Rc<[u8]> {
        Rc::clone(&self.key)
    }

    pub(super) fn policy(&self) -> Rc<Policy> {
        Rc::clone(&self.policy)
    }

    /// Those who have waited long enough for a copy that there is no room for. Where there is, the next acts give it to all of
    /// them, however long they have waited.
    pub(super) fn take_late(&mut self, now: Timestamp) -> VecDeque<Member<H>> {
        if self.may_go_on() {
            return VecDeque::new();
        }
        let max_wait = self.policy.settings().max_wait;
        let is_late = |member: &mut Member<H>| now.since(member.since) >= max_wait;
        core::iter::from_fn(|| self.queue.pop_front_if(is_late)).collect()
    }

    /// Whether the next one may have its copy now.
    pub(super) fn may_go_on(&self) -> bool {
        self.queue.is_empty() || self.policy.may_copy(length(self.answer.body.len()))
    }
}

/// Those whose answer was for one only; they ask the upstream themselves, a few at a time.
pub(super) struct Release<H> {
    pub(super) policy: Rc<Policy>,
    at_a_time: u32,
    under_way: u32,
    /// Those who stand in line, the oldest first.
    pub(super) queue: VecDeque<(Member<H>, Exit)>,
}

impl<H> Release<H> {
    /// These stand in line, too. Some may have waited for longer than those who stand there: they were in a flight meanwhile.
    fn take_in(&mut self, members: VecDeque<Member<H>>, exit: Exit) {
        let last = self.queue.back().map(|(member, _)| member.place());
        let is_behind = members.front().is_none_or(|first| last <= Some(first.place()));
        self.queue.extend(members.into_iter().map(|member| (member, exit)));
        if !is_behind {
            let line = self.queue.make_contiguous();
            crate::sort::sort_by(line, |(one, _), (other, _)| one.place().cmp(&other.place()));
        }
    }
}

impl<H: RequestView> Flights<H> {
    /// Lets streams go on and answers them; from a callback of the root. If [`Flights::has_work`] afterwards, there is more,
    /// for another callback.
    pub fn act(&mut self, world: &mut impl World) {
        while let Some((stream, exit)) = self.due.pop_front() {
            self.resume(world, stream, exit);
        }
        if self.fans.is_empty() {
            return;
        }
        let now = self.look_at_clock(world);
        let (mut bytes, mut replies) = (0, 0);
        while bytes < BYTES_AT_A_TIME && replies < REPLIES_AT_A_TIME {
            let Some(given) = self.reply_to_next(world, now) else { return };
            bytes += given;
            replies += 1;
        }
    }

    /// Whether the next one of these may have its copy now, or has left and needs none.
    pub(super) fn may_give(&self, fan: &Fan<H>) -> bool {
        let has_left = |member: &Member<H>| !self.roles.contains_key(&member.stream);
        fan.queue.front().is_some_and(has_left) || fan.may_go_on()
    }

    /// Says what becomes of one that waited.
    pub(super) fn leaves(&self, world: &mut impl World, policy: &Policy, member: &Member<H>, exit: Exit) {
        let waited = self.clock.time().since(member.since);
        world.count(policy, Event::Left(exit, waited));
        world.left(member.stream, exit, waited);
    }

    fn resume(&mut self, world: &mut impl World, stream: StreamId, exit: Exit) {
        if !self.roles.contains_key(&stream) {
            return;
        }
        if exit == Exit::Overdue {
            self.drop_role(stream);
        }
        if !world.resume(stream) {
            self.ended(world, stream);
        }
    }

    /// Answers one; the bytes it got, or nothing if nobody may be answered now.
    fn reply_to_next(&mut self, world: &mut impl World, now: Timestamp) -> Option<u64> {
        let position = self.fans.iter().position(|fan| self.may_give(fan))?;
        let fan = self.fans.get_mut(position)?;
        let (policy, answer, served) = (Rc::clone(&fan.policy), Rc::clone(&fan.answer), fan.served);
        let bytes = length(answer.body.len());
        fan.stuck = None;
        let Some(member) = fan.queue.pop_front() else {
            self.fans.remove(position);
            policy.let_go(bytes);
            return Some(0);
        };
        if !self.roles.contains_key(&member.stream) {
            return Some(0);
        }
        if !fan.reserve(bytes, || world.is_read_unseen(member.stream)) {
            let key = Rc::clone(&fan.key);
            world.count(&policy, Event::NotShared(NotShared::Memory));
            let at_a_time = policy.settings().release_concurrency;
            self.release(world, &key, &policy, [member].into(), (Exit::Released, at_a_time));
            return Some(0);
        }
        self.note_answered(member.stream, &policy, &answer);
        self.leaves(world, &policy, &member, Exit::Answered(served));
        if !world.reply(member.stream, &answer, served, now) {
            self.ended(world, member.stream);
        }
        Some(bytes)
    }

    /// Those for whose copy there has been no room for too long ask for themselves: other clients do not read theirs.
    pub(super) fn end_stuck_fans(&mut self, world: &mut impl World) {
        let now = self.clock.time();
        let mut stuck = Vec::new();
        for fan in &mut self.fans {
            let has_left = |member: &Member<H>| !self.roles.contains_key(&member.stream);
            if fan.queue.front().is_some_and(has_left) || fan.may_go_on() {
                fan.stuck = None;
                continue;
            }
            let since = *fan.stuck.get_or_insert(now);
            if now.since(since) >= fan.policy.settings().stall_timeout {
                stuck.push((fan.key(), fan.policy(), core::mem::take(&mut fan.queue)));
            }
        }
        for (key, policy, mut members) in stuck {
            members.retain(|member| self.roles.contains_key(&member.stream));
            world.count(&policy, Event::NotShared(NotShared::Memory));
            let at_a_time = policy.settings().release_concurrency;
            self.release(world, &key, &policy, members, (Exit::Released, at_a_time));
        }
    }

    /// Gives this answer to those whom it fits; the others go on by themselves. The answer's bytes are held until all have theirs.
    pub(super) fn hand_out(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        policy: &Rc<Policy>,
        members: VecDeque<Member<H>>,
        (answer, served): (Rc<Answer>, Served),
    ) {
        let (queue, others): (VecDeque<_>, VecDeque<_>) =
            members.into_iter().partition(|member| answer.fits(&*member.request));
        for member in &queue {
            self.set_role(member.stream, Role::Leaves(Rc::clone(policy), member.since));
        }
        if !queue.is_empty() {
            policy.hold_copy_of(length(answer.body.len()));
            let (key, policy) = (Rc::clone(key), Rc::clone(policy));
            self.fans.push_back(Fan {
                key,
                policy,
                answer,
                served,
                queue,
                unseen: Unseen::default(),
                stuck: None,
            });
        }
        self.release(world, key, policy, others, (Exit::Vary, policy.settings().release_concurrency));
    }

    /// Lets these go on by themselves, so many at a time.
    pub(super) fn release(
        &mut self,
        world: &mut impl World,
        key: &Rc<[u8]>,
        policy: &Rc<Policy>,
        members: VecDeque<Member<H>>,
        (exit, at_a_time): (Exit, u32),
    ) {
        if members.is_empty() {
            return;
        }
        for member in &members {
            self.set_role(member.stream, Role::Leaves(Rc::clone(policy), member.since));
        }
        let line = self.open_line(key, policy, at_a_time);
        line.take_in(members, exit);
        self.release_more(world, key);
    }

    /// The line of those of a key that ask by themselves, so many at a time.
    pub(super) fn open_line(
        &mut self,
        key: &Rc<[u8]>,
        policy: &Rc<Policy>,
        at_a_time: u32,
    ) -> &mut Release<H> {
        let line = self.releases.entry(Rc::clone(key)).or_insert_with(|| Release {
            policy: Rc::clone(policy),
            at_a_time,
            under_way: 0,
            queue: VecDeque::new(),
        });
        line.at_a_time = at_a_time.max(1);
        line
    }

    /// The answer to one that was let go has begun, or it has ended.
    pub(super) fn released_ended(&mut self, world: &mut impl World, key: &Rc<[u8]>) {
        if let Some(release) = self.releases.get_mut(key) {
            release.under_way = release.under_way.saturating_sub(1);
        }
        self.release_more(world, key);
    }

    /// Lets those go on whose turn it is.
    pub(super) fn release_more(&mut self, world: &mut impl World, key: &Rc<[u8]>) {
        while let Some((policy, member, exit)) = self.next_in_line(key) {
            if !self.roles.contains_key(&member.stream) {
                continue;
            }
            if let Some(line) = self.releases.get_mut(key) {
                line.under_way += 1;
            }
            self.leaves(world, &policy, &member, exit);
            self.set_role(member.stream, Role::Released(Rc::clone(key)));
            self.due.push_back((member.stream, exit));
        }
        if self.releases.get(key).is_some_and(|line| line.under_way == 0 && line.queue.is_empty()) {
            self.releases.remove(key);
        }
    }

    /// The next of a key that asks by itself, if one more may: of those who wait for no answer any more, or of those who do and
    /// have waited long enough.
    fn next_in_line(&mut self, key: &Rc<[u8]>) -> Option<(Rc<Policy>, Member<H>, Exit)> {
        let line = self.releases.get_mut(key).filter(|line| line.under_way < line.at_a_time)?;
        if let Some((member, exit)) = line.queue.pop_front() {
            return Some((Rc::clone(&line.policy), member, exit));
        }
        let group = self.groups.get_mut(key)?;
        let member = group.take_late(self.clock.time())?;
        Some((Rc::clone(&group.policy), member, Exit::MaxWait))
    }
}
