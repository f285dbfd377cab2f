//! Asking where endpoints are, for the upstreams whose list does not stand in the document: one worker asks, all follow.
//!
//! What is asked and when, and what of an answer is believed, is [`Poller`]'s; this is how it gets at the host. Invariants: only a VM that
//! has served a request asks: the main thread ticks, too, and must not; of all workers the one that holds the lease; no request waits for it.
//! Whoever notices that the endpoints may have changed tells the one that asks, by its queue.

use crate::report::Report;
use core::time::Duration;
use switchyard_config::Document;
use switchyard_core::Timestamp;
use switchyard_core::contract::keys;
use switchyard_core::discovery::{Answer, News, Poller, Refusal};
use switchyard_frame::following::{asked, key_of, wanted};
use switchyard_frame::metrics::Registry;
use switchyard_frame::shared::{lease, rosters};
use switchyard_host::{Call, CallAnswers, HostError, HttpCalls, MetricSink, Queues, SharedData};

/// A lease is renewed when a third of it is over.
const RENEW: Duration = Duration::from_secs(1);

/// All that this configuration asks for.
pub(crate) struct Discovery {
    holder: u64,
    rng: fastrand::Rng,
    groups: Vec<Group>,
}

/// What one ask answers.
struct Group {
    asked: u64,
    poller: Poller,
    /// The list of each upstream, in the poller's order.
    entries: Vec<Entry>,
    lease: Option<Lease>,
    claimed: Timestamp,
    /// The call under way, and which of the poller's asks it is.
    call: Option<(u32, u64)>,
}

struct Entry {
    upstream: usize,
    key: String,
    report: Report,
}

/// The role of asking.
struct Lease {
    /// Messages here say that endpoints may have changed.
    queue: Option<u32>,
}

impl Discovery {
    /// What `document` asks for, by `holder` (random, not 0).
    pub(crate) fn new(document: &Document, holder: u64, host: &impl SharedData) -> Self {
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
            let asked = mine.iter().fold(0, |sum: u64, entry| sum.rotate_left(7) ^ entry.1);
            lease::create(&keys::asker(asked), host);
            let entry = |entry: &&(usize, u64, String, Report)| Entry {
                upstream: entry.0,
                key: entry.2.clone(),
                report: entry.3.clone(),
            };
            let entries = mine.iter().map(entry).collect();
            Group { asked, poller, entries, lease: None, claimed: Timestamp::default(), call: None }
        };
        let groups = Poller::of(all).into_iter().map(group).collect();
        Self { holder: holder.max(1), rng: fastrand::Rng::with_seed(holder), groups }
    }

    /// Asks for what is due, where this worker has the role; in how long to look again, though no request comes.
    pub(crate) fn tick(
        &mut self,
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + Queues + HttpCalls + MetricSink),
    ) -> Option<Duration> {
        let Self { holder, rng, groups } = self;
        groups.iter_mut().map(|group| group.tick(*holder, now, rng, registry, host)).min()
    }

    /// Another configuration has taken this one's place: it asks no more, and lets the role go.
    pub(crate) fn resign(&mut self) {
        for group in &mut self.groups {
            group.lease = None;
        }
    }

    /// A call has been answered; `false`: it is none of these. No headers: it has failed.
    pub(crate) fn answered(
        &mut self,
        (call, headers, body): (u32, usize, usize),
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + CallAnswers + MetricSink),
    ) -> bool {
        let is_its = |group: &&mut Group| group.call.is_some_and(|(known, _)| known == call);
        let Some(group) = self.groups.iter_mut().find(is_its) else { return false };
        group.answered((headers, body), now, &mut self.rng, registry, host);
        true
    }

    /// Something suggests that the endpoints of this upstream have changed: whoever asks is told.
    pub(crate) fn hint(&mut self, upstream: usize, host: &(impl SharedData + Queues)) {
        let has = |group: &&mut Group| group.entries.iter().any(|entry| entry.upstream == upstream);
        let Some(group) = self.groups.iter_mut().find(has) else { return };
        if group.lease.is_some() {
            return group.poller.hint();
        }
        let queue = host.shared_data(&keys::asker_queue(group.asked)).ok().flatten();
        if let Some(queue) = queue.and_then(|shared| shared.value.first_chunk().copied()) {
            // Whoever has it no more is followed by one who asks at once.
            let _ = host.enqueue(u32::from_le_bytes(queue), &[]);
        }
    }

    /// A message waits in a queue; whether it is one of these, and was taken as a hint.
    pub(crate) fn look(&mut self, queue: u32, host: &impl Queues) -> bool {
        let is_its =
            |group: &&mut Group| group.lease.as_ref().is_some_and(|lease| lease.queue == Some(queue));
        let Some(group) = self.groups.iter_mut().find(is_its) else { return false };
        while let Ok(Some(_)) = host.dequeue(queue) {}
        group.poller.hint();
        true
    }
}

impl Group {
    fn tick(
        &mut self,
        holder: u64,
        now: Timestamp,
        rng: &mut fastrand::Rng,
        registry: &Registry,
        host: &(impl SharedData + Queues + HttpCalls + MetricSink),
    ) -> Duration {
        if now.is_due(self.claimed, RENEW) {
            self.claimed = now;
            let holds = lease::claim(&keys::asker(self.asked), host, holder, now);
            match (holds, self.lease.is_some()) {
                (true, false) => self.begin(host),
                (false, true) => self.lease = None,
                _ => {}
            }
        }
        if self.lease.is_none() {
            return RENEW;
        }
        let mut news = Vec::new();
        if let Some(ask) = self.poller.poll(now, rng, &mut news) {
            let headers: Vec<_> = ask.pairs().collect();
            let body = Some(&*ask.body).filter(|body| !body.is_empty());
            let call = Call { cluster: self.poller.cluster(), headers: &headers, body, timeout: ask.timeout };
            let called: Result<u32, HostError> = host.call(&call);
            match called {
                Ok(call) => self.call = Some((call, ask.number)),
                Err(_) => self.poller.failed(ask.number, Refusal::Unreachable, now, rng, &mut news),
            }
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
        let key = keys::asker_queue(self.asked);
        // Without a queue endpoints that change are noticed by the interval alone.
        let queue = host.register_queue(&key).ok();
        if let Some(queue) = queue {
            let _ = host.set_shared_data(&key, &queue.to_le_bytes());
        }
        self.lease = Some(Lease { queue });
    }

    fn answered(
        &mut self,
        (headers, body): (usize, usize),
        now: Timestamp,
        rng: &mut fastrand::Rng,
        registry: &Registry,
        host: &(impl SharedData + CallAnswers + MetricSink),
    ) {
        let Some((_, number)) = self.call.take() else { return };
        let mut news = Vec::new();
        let most = self.poller.max_body();
        if headers == 0 {
            self.poller.failed(number, Refusal::Unreachable, now, rng, &mut news);
        } else if body > most {
            self.poller.failed(number, Refusal::TooLong { most }, now, rng, &mut news);
        } else {
            let head = host.call_headers().unwrap_or_default();
            let body = if body > 0 { host.call_body(body).unwrap_or_default() } else { Vec::new() };
            self.poller.answered(number, Answer::of(&head, &body), now, rng, &mut news);
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
