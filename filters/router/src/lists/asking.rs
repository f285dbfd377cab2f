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
use switchyard_core::discovery::{Answer, News, Poller, Refusal};
use switchyard_core::memory::{Account, length};
use switchyard_frame::following::{asked, key_of, number_of, wanted};
use switchyard_frame::metrics::Registry;
use switchyard_frame::shared::{lease, rosters};
use switchyard_host::{Call, CallAnswers, HttpCalls, MetricSink, Queues, SharedData};

/// A lease is renewed when a third of it is over.
const RENEW: Duration = Duration::from_secs(1);

/// All that this configuration asks for.
pub(super) struct Asking {
    holder: u64,
    /// What may be kept of answers while they are read.
    kept: Account,
    rng: fastrand::Rng,
    groups: Vec<Group>,
}

/// What one ask answers.
struct Group {
    /// The keys of the lease for asking, and of the queue of whoever has it.
    lease_key: String,
    queue_key: String,
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
            let (lease_key, queue_key) = (keys::asker(asked), keys::asker_queue(asked));
            lease::create(&lease_key, host);
            let entry = |entry: &&(usize, u64, String, Report)| Entry {
                upstream: entry.0,
                key: entry.2.clone(),
                report: entry.3.clone(),
            };
            let entries = mine.iter().map(entry).collect();
            let claimed = Timestamp::default();
            Group { lease_key, queue_key, poller, entries, lease: None, claimed, call: None }
        };
        let groups = Poller::of(all).into_iter().map(group).collect();
        let rng = fastrand::Rng::with_seed(holder);
        Self { holder: holder.max(1), kept: kept.clone(), rng, groups }
    }

    /// The keys of all leases.
    pub(super) fn leases(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| &*group.lease_key)
    }

    /// Asks for what is due, where this root decides and this worker has the role; in how long to look again, though no request comes.
    pub(super) fn tick(
        &mut self,
        decides: impl Fn(&str) -> bool,
        now: Timestamp,
        registry: &Registry,
        host: &(impl SharedData + Queues + HttpCalls + MetricSink),
    ) -> Option<Duration> {
        let Self { holder, rng, groups, .. } = self;
        let waits = groups.iter_mut().filter_map(|group| {
            if decides(&group.lease_key) {
                return Some(group.tick(*holder, now, rng, registry, host));
            }
            // Another configuration has taken this one's place, and has the role of this VM at once.
            group.lease = None;
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
        let is_its = |group: &&mut Group| group.call.is_some_and(|(known, _)| known == call);
        let Some(group) = self.groups.iter_mut().find(is_its) else { return false };
        let fits = self.kept.has_room(length(body));
        group.answered((headers, body, fits), now, &mut self.rng, registry, host);
        true
    }

    /// Something suggests that the endpoints of this upstream have changed: whoever asks is told.
    pub(super) fn hint(&mut self, upstream: usize, host: &(impl SharedData + Queues)) {
        let has = |group: &&mut Group| group.entries.iter().any(|entry| entry.upstream == upstream);
        let Some(group) = self.groups.iter_mut().find(has) else { return };
        if group.lease.is_some() {
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
            let holds = lease::claim(&self.lease_key, host, holder, now);
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
            match host.call(&call) {
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
        let key = &self.queue_key;
        // Without a queue endpoints that change are noticed by the interval alone.
        let queue = host.register_queue(key).ok();
        if let Some(queue) = queue {
            let _ = host.set_shared_data(key, &queue.to_le_bytes());
        }
        self.lease = Some(Lease { queue });
    }

    fn answered(
        &mut self,
        (headers, body, fits): (usize, usize, bool),
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
        } else if !fits {
            self.poller.failed(number, Refusal::Memory, now, rng, &mut news);
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
