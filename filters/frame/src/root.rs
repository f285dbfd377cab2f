//! The one root of all filters: takes a configuration or refuses it, and hands on what happens.
//!
//! While it lives another document may come from a store, and clusters be found that sections of it stand for: then the filter under the new
//! document serves, and those before it stay until their last stream has ended, as those of other roots do.
//!
//! Invariants: a configuration that is refused changes nothing, and the log has every error; Envoy keeps the listener that serves.
//! After every callback of the root calls are made in its own name again.

use crate::clusters::{FollowedClusters, FoundClusters};
use crate::metrics::catalogue::{BUILD_INFO, CONFIGURATIONS};
use crate::presence::Presence;
use crate::shared::{places, status};
use crate::stored::{Found, Stored};
use crate::timer::{IDLE_LOOK, LOOK, Timer};
use crate::{EffectiveContext, Filter, Setup, Vm};
use core::time::Duration;
use std::rc::Rc;
use switchyard_config::{ConfigErrors, Document};
use switchyard_core::Timestamp;
use switchyard_host::{Host, HostError, Properties, Queues, SharedData, Ticks as _};
use xxhash_rust::xxh64::xxh64;

/// The root's own number at its timer.
const ROOT: u32 = 0;

/// One configuration of the plugin in one worker, or none yet.
pub struct Root<F: Filter> {
    context: u32,
    vm: Vm<F::Vm>,
    effective_context: Rc<EffectiveContext>,
    timer: Rc<Timer>,
    serving: Option<Numbered<F>>,
    /// Under documents before, with requests under way.
    draining: Vec<Numbered<F>>,
    stored: Option<Stored>,
    clusters: Rc<FoundClusters>,
    followed: Option<FollowedClusters>,
    /// How the status page reaches it.
    presence: Presence,
}

/// A filter under one document, its number in the VM, and when it took it.
struct Numbered<F> {
    number: u32,
    since: Timestamp,
    filter: Rc<F>,
}

impl<F: Filter> Root<F> {
    /// A root that has no configuration yet.
    pub fn new(context: u32) -> Self {
        Self::in_vm(context, Vm::here())
    }

    /// The same in another VM than this thread's: tests have several workers in one thread.
    pub fn in_vm(context: u32, vm: Vm<F::Vm>) -> Self {
        Self {
            context,
            vm,
            effective_context: Rc::new(EffectiveContext::new(context)),
            timer: Rc::default(),
            serving: None,
            draining: Vec::new(),
            stored: None,
            clusters: Rc::default(),
            followed: None,
            presence: Presence::of(context),
        }
    }

    /// The configuration in force, if there is one.
    pub fn filter(&self) -> Option<&Rc<F>> {
        self.serving.as_ref().map(|serving| &serving.filter)
    }

    /// Takes the plugin's configuration; `false` refuses it, with every error in the log.
    pub fn configure(&mut self, host: &impl Host) -> bool {
        // What cannot be read is not the same as nothing, which some filters take.
        let accepted = match host.plugin_configuration() {
            Ok(bytes) => self.read(&bytes, host),
            Err(error) => refuse_for(F::NAME, &error, host),
        };
        self.count(accepted, host);
        self.vm.registry.flush(host);
        accepted
    }

    fn read(&mut self, bytes: &[u8], host: &impl Host) -> bool {
        let document = match Document::from_plugin_configuration(bytes) {
            Ok(document) => document,
            Err(errors) => return refuse(F::NAME, &errors, host),
        };
        let accepted = self.begin(&document, xxh64(bytes, 0), host);
        if accepted {
            self.keep(&document, host);
        }
        accepted
    }

    fn count(&self, accepted: bool, host: &impl Host) {
        let result = if accepted { "accepted" } else { "rejected" };
        self.vm.registry.counter(host, &CONFIGURATIONS, [F::NAME, result]).increment();
    }

    /// This document is in force from now on, with the clusters that others follow under it; whether it is.
    fn begin(&mut self, document: &Document, number: u64, host: &impl Host) -> bool {
        let followed = FollowedClusters::of(document, number, host);
        let accepted = match &followed {
            Some(followed) => self.accept(&followed.whole(), followed.number(), host),
            None => self.accept(document, number, host),
        };
        if accepted {
            self.followed = followed;
            self.tell_page(document, number, host);
        }
        accepted
    }

    /// The status page has what was written, under its own number: not where it is, if that is in a store, and not each cluster that was found under it.
    fn tell_page(&self, document: &Document, number: u64, host: &impl Host) {
        if let (None, Some(serving)) = (document.stored(), &self.serving) {
            status::accepted(
                F::NAME,
                number,
                &serving.filter.summary(),
                host.now().unwrap_or_default(),
                host,
            );
        }
    }

    /// The filter under this document serves from now on; whether there is one. It is large, and has several callers.
    /// `configuration`: a number that only the same bytes have.
    #[inline(never)]
    fn accept(&mut self, document: &Document, configuration: u64, host: &impl Host) -> bool {
        let now = host.now().unwrap_or_default();
        let number = self.vm.take_number();
        let setup = Setup {
            number,
            vm: self.vm.clone(),
            clusters: Rc::clone(&self.clusters),
            timer: Rc::clone(&self.timer),
            effective_context: Rc::clone(&self.effective_context),
            configuration,
            now,
            // The numbers tell the configurations of one VM apart.
            seed: self.seed(now, host) ^ u64::from(number.wrapping_sub(1)).rotate_left(24),
        };
        let filter = match F::new(document, setup, host) {
            Ok(filter) => filter,
            Err(error) => {
                self.timer.leave(number, host);
                return refuse_for(F::NAME, &error, host);
            }
        };
        let summary = match document.stored() {
            None => filter.summary(),
            Some(_) => "the document is in a store".to_owned(),
        };
        log::info!("switchyard.{}: configuration accepted: {summary}", F::NAME);
        self.vm.is_configured(now);
        places::prepare(F::NAME, host);
        let serving = Numbered { number, since: now, filter: Rc::new(filter) };
        self.draining.extend(self.serving.replace(serving));
        self.vm.registry.set_gauge(host, &BUILD_INFO, [F::NAME, env!("CARGO_PKG_VERSION")], 1);
        true
    }

    /// What another VM's root does not have: Envoy's clock tells microseconds, and two workers may well start within the same one.
    fn seed(&self, now: Timestamp, host: &impl SharedData) -> u64 {
        let vm = u64::from(self.vm.number(host).saturating_sub(1)).rotate_left(48);
        now.as_nanos() ^ u64::from(self.context).rotate_left(32) ^ vm
    }

    /// If the document lives in a store, the one that is in force there is taken, and asked for from now on.
    fn keep(&mut self, document: &Document, host: &impl Host) {
        let now = host.now().unwrap_or_default();
        let stored =
            document.stored().map(|stored| Stored::new(F::NAME, stored, !self.seed(now, host), host));
        self.stored = stored;
        self.look_after(now, host);
    }

    /// Does what is to be done again and again, though no request comes.
    fn look_after(&mut self, now: Timestamp, host: &impl Host) {
        let next =
            self.look_after_store(now, host).into_iter().chain(self.look_after_clusters(now, host)).min();
        if let Some(next) = next {
            // A host that refuses ticks has this root take nothing else.
            let _ = self.timer.of(ROOT, host).set_tick_period(next);
            self.vm.registry.flush(host);
        }
    }

    /// Takes the document that another worker has taken, and asks for the next, if that is this one's to do; when to look again.
    fn look_after_store(&mut self, now: Timestamp, host: &impl Host) -> Option<Duration> {
        if let Some(found) = self.stored.as_mut()?.look(host) {
            self.take(&found, host);
        }
        let (registry, serves) = (Rc::clone(&self.vm.registry), self.vm.serves());
        Some(self.stored.as_mut()?.tick(serves, now, &registry, host))
    }

    /// Follows the clusters that this worker and others have found; when to look again.
    fn look_after_clusters(&mut self, now: Timestamp, host: &impl Host) -> Option<Duration> {
        let followed = self.followed.as_mut()?;
        followed.tell(&self.clusters, host);
        if followed.look(self.draining.len(), now, host) {
            let (whole, number) = (followed.whole(), followed.number());
            self.accept(&whole, number, host);
        }
        Some(if self.vm.serves() { LOOK } else { IDLE_LOOK })
    }

    /// Takes a document of the store's; whether it is in force now.
    fn take(&mut self, found: &Found, host: &impl Host) -> bool {
        let accepted = self.begin(&found.document, found.number, host);
        self.count(accepted, host);
        if let (true, Some(stored)) = (accepted, &mut self.stored) {
            stored.took(found);
        }
        accepted
    }

    /// A call to the store has been answered.
    fn hear_of_store(&mut self, answer: (usize, usize), host: &impl Host) {
        let (now, registry) = (host.now().unwrap_or_default(), Rc::clone(&self.vm.registry));
        let Some(stored) = &mut self.stored else { return };
        match stored.answered(answer, now, &self.vm.memory.kept, &registry, host) {
            Ok(Some((found, text))) => {
                if self.take(&found, host)
                    && let Some(stored) = &mut self.stored
                {
                    stored.publish(&found, &text, &registry, host);
                }
            }
            Ok(None) => {}
            Err(errors) => {
                refuse(F::NAME, &errors, host);
                self.count(false, host);
            }
        }
        registry.flush(host);
    }

    /// A stream of it has its request's headers. The first makes it known to the status page; a later one costs nothing.
    pub fn serves(&self, host: &(impl SharedData + Queues + Properties)) {
        if let Some(serving) = &self.serving {
            self.presence.show(F::NAME, &self.vm, serving.since, host);
        }
    }

    /// Says what the status page wants to know, if it has not just said it.
    fn say(&self, host: &impl Host) {
        let Some(serving) = &self.serving else { return };
        self.presence.say(F::NAME, &self.vm, serving.since, host, |into| {
            self.vm.registry.say(host, into);
            serving.filter.snapshot(host, into);
        });
        self.effective_context.come_back(host);
    }

    /// The stream of this context, under this configuration; `None`: there is none yet, and every request passes.
    pub fn stream(&self, context: u32) -> Option<F::Stream> {
        self.vm.set_serves();
        Some(self.filter()?.stream(context))
    }

    /// The period that was asked for has passed.
    pub fn tick(&mut self, host: &impl Host) {
        if self.stored.is_none() && self.followed.is_none() && self.draining.is_empty() {
            return self.act(host, |filter| filter.tick(host));
        }
        let now = host.now().unwrap_or_default();
        let due = self.timer.ticked(now);
        for one in self.draining.iter().chain(&self.serving).filter(|one| due.contains(&one.number)) {
            one.filter.tick(host);
            self.effective_context.come_back(host);
        }
        if due.contains(&ROOT) {
            self.look_after(now, host);
        }
        self.drain(host);
    }

    /// Lets filters go whose last stream has ended.
    fn drain(&mut self, host: &impl Host) {
        let Self { draining, timer, effective_context, .. } = self;
        draining.retain(|one| {
            // Whoever has one has the filter, too.
            let stays = Rc::strong_count(&one.filter) > 1;
            if !stays {
                one.filter.ended(host);
                effective_context.come_back(host);
                timer.leave(one.number, host);
            }
            stays
        });
    }

    /// A message waits in a queue.
    pub fn on_queue_ready(&mut self, host: &impl Host, queue: u32) {
        if self.presence.is_asked(queue, host) {
            return self.say(host);
        }
        // Each looks into its own queue; of one that they share the last to come hears, as of several roots.
        for one in self.serving.iter().chain(&self.draining) {
            one.filter.look(host, queue);
            self.effective_context.come_back(host);
        }
    }

    /// A call of its own has been answered, or has failed: then with no headers.
    pub fn on_call_response(&mut self, host: &impl Host, call: u32, headers: usize, body_size: usize) {
        if self.stored.as_ref().is_some_and(|stored| stored.is_its(call)) {
            return self.hear_of_store((headers, body_size), host);
        }
        // Each knows its own calls.
        for one in self.draining.iter().chain(&self.serving) {
            one.filter.called(host, call, headers, body_size);
            self.effective_context.come_back(host);
        }
    }

    /// It has ended, after its last stream.
    pub fn on_done(&mut self, host: &impl Host) {
        self.presence.end(F::NAME, &self.vm, host);
        for one in self.draining.drain(..).chain(self.serving.take()) {
            one.filter.ended(host);
            self.effective_context.come_back(host);
        }
    }

    fn act(&self, host: &impl Host, act: impl FnOnce(&Rc<F>)) {
        if let Some(serving) = &self.serving {
            act(&serving.filter);
            self.effective_context.come_back(host);
        }
    }
}

/// The host does not do what the filter needs.
fn refuse_for(filter: &str, error: &HostError, host: &impl Host) -> bool {
    log::error!("switchyard.{filter}: configuration refused: {error}");
    status::refused(filter, &error.to_string(), host);
    false
}

fn refuse(filter: &str, errors: &ConfigErrors, host: &impl Host) -> bool {
    let mut text = String::new();
    for error in errors.iter() {
        log::error!("switchyard.{filter}: configuration refused: {error}");
        text.extend([&*error.to_string(), "\n"]);
    }
    status::refused(filter, &text, host);
    false
}
