//! Asking where endpoints are, for the upstreams whose list does not stand in the document: one worker asks, all follow.
//!
//! What is asked and when, and what of an answer is believed, is [`Poller`]'s; this is how it gets at the host. Invariants: only a VM that
//! has served a request asks: the main thread ticks, too, and must not; of all workers the one that holds the lease; no request waits for it.
//! Whoever notices that the endpoints may have changed tells the one that asks, by its queue.

use super::report::Report;
use core::time::Duration;
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::discovery::{News, Poller, Refusal};
use switchyard_core::memory::{Account, length};
use switchyard_frame::asker::{Asked, Asker, RENEW};
use switchyard_frame::following::{asked, key_of, number_of, wanted};
use switchyard_frame::metrics::Registry;
use switchyard_frame::shared::rosters;
use switchyard_host::{CallAnswers, HttpCalls, MetricSink, Queues, SharedData};

/// All that this configuration asks for.
pub(super) struct Asking {
    /// What may be kept of answers while they are read.
    kept: Account,
    rng: fastrand::Rng,
    groups: Vec<Group>,
}

/// What one ask answers.
struct Group {
    asker: Asker,
    poller: Poller,
    /// The list of each upstream, in the poller's order.
    entries: Vec<Entry>,
    /// The key of the queue of whoever asks: messages there say that endpoints may have changed.
    queue_key: String,
    /// That queue, if it is ours.
    queue: Option<u32>,
}

struct Entry {
    upstream: usize,
    key: String,
    report: Report,
}

impl Asking {
    /// What `document` asks for, by `holder` (random, not 0), who may keep so much.
    pub(super) fn new(document: &Document, (holder, kept): (u64, &Account), host: &impl SharedData) -> Self {
        let all = wanted(document);
        let entries: Vec<_> = all
            .iter()
            .filter_map(|wanted| {
                let name = document.upstreams().get(wanted.upstream)?.name();
                Some((wanted.upstream, asked(wanted), key_of(name, wanted), Report::new(name)))
            })
            .collect();
        let group = |poller: Poller| {
            let of = |upstream| entries.iter().find(|entry| entry.0 == upstream);
            let mine: Vec<_> = poller.lists().iter().filter_map(|list| of(list.upstream)).collect();
            let asked = number_of(mine.iter().map(|entry| entry.1));
            let asker = Asker::new(keys::asker(asked), holder.max(1), host);
            let entry = |entry: &&(usize, u64, String, Report)| Entry {
                upstream: entry.0,
                key: entry.2.clone(),
                report: entry.3.clone(),
            };
            let entries = mine.iter().map(entry).collect();
            Group { asker, poller, entries, queue_key: keys::asker_queue(asked), queue: None }
        };
        let groups = Poller::of(all).into_iter().map(group).collect();
        let rng = fastrand::Rng::with_seed(holder);
        Self { kept: kept.clone(), rng, groups }
    }

    /// The keys of all leases.
    pub(super) fn leases(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| group.asker.lease())
    }

    /// Asks for what is due, where this root decides and this worker has the role; in how long to look again, though no request comes.
    pub(super) fn tick(
        &mut self,
        decides: impl Fn(&str) -> bool,
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + Queues + HttpCalls + MetricSink),
    ) -> Option<Duration> {
        let Self { rng, groups, .. } = self;
        let waits = groups.iter_mut().filter_map(|group| {
            if decides(group.asker.lease()) {
                return Some(group.tick(now, rng, registry, host));
            }
            // Another configuration has taken this one's place, and has the role of this VM at once.
            group.asker.step_back();
            None
        });
        waits.min()
    }

    /// A call has been answered; `false`: it is none of these. No headers: it has failed.
    pub(super) fn answered(
        &mut self,
        (call, headers, body): (u32, usize, usize),
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + CallAnswers + MetricSink),
    ) -> bool {
        let is_its = |group: &&mut Group| group.asker.is_its(call);
        let Some(group) = self.groups.iter_mut().find(is_its) else { return false };
        let (most, has_room) = (group.poller.max_body(), self.kept.has_room(length(body)));
        if let Some(asked) = group.asker.answered((headers, body), most, has_room, host) {
            group.answered(asked, now, &mut self.rng, registry, host);
        }
        true
    }

    /// Something suggests that the endpoints of this upstream have changed: whoever asks is told.
    pub(super) fn hint(&mut self, upstream: usize, host: &(impl SharedData + Queues)) {
        let has = |group: &&mut Group| group.entries.iter().any(|entry| entry.upstream == upstream);
        let Some(group) = self.groups.iter_mut().find(has) else { return };
        if group.asker.holds() {
            return group.poller.hint();
        }
        let queue = host.shared_data(&group.queue_key).ok().flatten();
        if let Some(queue) = queue.and_then(|shared| shared.value.first_chunk().copied()) {
            // Whoever has it no more is followed by one who asks at once.
            let _ = host.enqueue(u32::from_le_bytes(queue), &[]);
        }
    }

    /// A message waits in a queue; whether it is one of these, and was taken as a hint.
    pub(super) fn look(&mut self, queue: u32, host: &impl Queues) -> bool {
        let is_its = |group: &&mut Group| group.asker.holds() && group.queue == Some(queue);
        let Some(group) = self.groups.iter_mut().find(is_its) else { return false };
        while let Ok(Some(_)) = host.dequeue(queue) {}
        group.poller.hint();
        true
    }
}

impl Group {
    fn tick(
        &mut self,
        now: Timestamp,
        rng: &mut fastrand::Rng,
        registry: &Registry,
        host: &(impl SharedData + Queues + HttpCalls + MetricSink),
    ) -> Duration {
        if self.asker.claim(now, host) {
            self.begin(host);
        }
        if !self.asker.holds() {
            return RENEW;
        }
        let mut news = Vec::new();
        if let Some(ask) = self.poller.poll(now, rng, &mut news)
            && !self.asker.ask(self.poller.cluster(), &ask, host)
        {
            self.poller.failed(ask.number, Refusal::Unreachable, now, rng, &mut news);
        }
        self.pass_on(&news, now, registry, host);
        self.poller.due_in(now).min(RENEW)
    }

    /// The role is this worker's now: it goes on from what is there, and hears what others notice.
    fn begin(&mut self, host: &(impl SharedData + Queues)) {
        for entry in &self.entries {
            if let Some(roster) = rosters::read(&entry.key, host) {
                self.poller.adopt(entry.upstream, roster);
            }
        }
        let key = &self.queue_key;
        // Without a queue endpoints that change are noticed by the interval alone.
        self.queue = host.register_queue(key).ok();
        if let Some(queue) = self.queue {
            let _ = host.set_shared_data(key, &queue.to_le_bytes());
        }
    }

    fn answered(
        &mut self,
        Asked { number, answer }: Asked,
        now: Timestamp,
        rng: &mut fastrand::Rng,
        registry: &Registry,
        host: &(impl SharedData + MetricSink),
    ) {
        let mut news = Vec::new();
        match &answer {
            Err(why) => self.poller.failed(number, *why, now, rng, &mut news),
            Ok(answered) => self.poller.answered(number, answered.answer(), now, rng, &mut news),
        }
        self.pass_on(&news, now, registry, host);
    }

    /// What the poller has learnt goes to shared data, the metrics and the log.
    fn pass_on(
        &self,
        news: &[News],
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + MetricSink),
    ) {
        let mut differs = false;
        for one in news {
            let (News::Read { upstream, .. } | News::Refused { upstream, .. } | News::State { upstream, .. }) =
                one;
            let known = |entry: &&Entry| entry.upstream == *upstream;
            let list = self.poller.lists().iter().find(|list| list.upstream == *upstream);
            let (Some(entry), Some(list)) = (self.entries.iter().find(known), list) else { continue };
            if let News::Read { changed, .. } = one {
                // A list that cannot be kept is asked for again.
                differs |= rosters::write(&entry.key, &list.roster, host) && *changed;
            }
            entry.report.news(one, list, now, registry, host);
        }
        if differs {
            rosters::tell(host);
        }
    }
}
