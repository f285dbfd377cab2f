//! One request: decide on its headers, steer, and settle the accounts when it ends.
//!
//! Invariant: what was counted as in flight is taken back exactly once, in [`Stream::on_done`] or, should the
//! host never call it, when the stream is dropped, and from the same count, though another configuration be in force.

use crate::ejection::Trial;
use crate::explain::explain;
use crate::first_byte::{FirstByte, attempts};
use crate::load_report::LoadReport;
use crate::membership::Verified;
use crate::plan::{Decision, Plan};
use crate::upstream::Upstream;
use crate::worker::Router;
use std::rc::Rc;
use switchyard_config::Mode;
use switchyard_core::RequestView;
use switchyard_core::contract::{
    CANDIDATES_HEADER, CLIENT_LIMIT_PROPERTY, CLUSTER_HEADER, EXPLAIN_HEADER, REQUEST_TIMEOUT_HEADER,
    STREAM_PROPERTY,
};
use switchyard_core::deadline::clients_limit;
use switchyard_core::decisions::Note;
use switchyard_core::hash::NewCookie;
use switchyard_core::hash::without_port;
use switchyard_core::http::asks_for_stream;
use switchyard_core::load::InFlight;
use switchyard_core::local_reply::LocalReply;
use switchyard_frame::metrics::catalogue::{FALLBACKS, UNMATCHED};
use switchyard_frame::{Head, unsteer};
use switchyard_host::{Flow, HeaderMap, Host, Properties, Replies, RequestHeaders};

/// One request and what is to be done at its later stages.
pub struct Stream {
    context: u32,
    router: Rc<Router>,
    in_flight: Option<InFlight>,
    first_byte: Option<FirstByte>,
    load_report: Option<LoadReport>,
    watch: Option<Watch>,
    /// Its end is looked at for signs that the endpoints of this upstream have changed.
    sampled: Option<usize>,
    trial: Option<Trial>,
    explanation: Option<String>,
    cookies: Vec<NewCookie>,
}

/// Why the end of this stream is looked at: where did it go?
struct Watch {
    upstream: usize,
    upstream_name: String,
    cluster: String,
    candidates: String,
}

/// The request as decisions see it.
struct Incoming<'a, H> {
    headers: &'a HeaderMap,
    host: &'a H,
}

impl<H: Properties> RequestView for Incoming<'_, H> {
    fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.values(name)
    }

    fn source_ip(&self) -> Option<Vec<u8>> {
        let address = self.host.property(&["source", "address"]).ok().flatten()?;
        Some(without_port(&address).to_vec())
    }
}

impl Stream {
    /// The stream of this context, which `router` decides.
    pub(crate) fn new(context: u32, router: Rc<Router>) -> Self {
        Self {
            context,
            router,
            in_flight: None,
            first_byte: None,
            load_report: None,
            watch: None,
            sampled: None,
            trial: None,
            explanation: None,
            cookies: Vec::new(),
        }
    }

    fn carry_out(
        &mut self,
        plan: &Plan,
        mut decision: Decision<'_>,
        (headers, ended): (&HeaderMap, bool),
        host: &impl Host,
    ) -> Flow {
        let shadow = plan.mode == Mode::Shadow;
        if !shadow {
            self.try_endpoint(plan, &mut decision, host);
        }
        decision.count(&self.router.setup.registry, host);
        host.note(self.context, || {
            let out = plan.with_upstream(decision.upstream, |live| live.out_of_rotation());
            Note::Routed(decision.told(out.unwrap_or_default(), shadow))
        });
        if plan.explain {
            let (route, upstream) = (decision.route, decision.upstream_name);
            self.explanation = Some(explain(route, upstream, decision.hash, &decision.chosen, shadow));
        }
        if shadow {
            steer(host, headers, None, None);
            return Flow::Continue;
        }
        if decision.chosen.fails && fail(host) {
            return Flow::Pause;
        }
        let cluster = Some(decision.cluster).filter(|_| !decision.is_there);
        steer(host, headers, cluster, decision.chosen.named().as_deref());
        self.cookies = core::mem::take(&mut decision.cookies);
        self.accompany(plan, decision, ended);
        Flow::Continue
    }

    /// What is to be done for a request on its way.
    fn accompany(&mut self, plan: &Plan, decision: Decision<'_>, ended: bool) {
        let Some(endpoint) = decision.chosen.first else { return };
        let (upstream, now) = (decision.upstream, decision.now.filter(|_| decision.needs_latency));
        self.sampled =
            self.router.lists.as_ref().filter(|lists| lists.wants_sample(upstream)).map(|_| upstream);
        self.in_flight = plan.with_upstream(upstream, |live| live.start(endpoint, now)).flatten();
        if decision.needs_latency {
            self.first_byte = Some(FirstByte::of(upstream, now.filter(|_| ended)));
        }
        self.load_report = decision.needs_reports.then(|| LoadReport::of(upstream));
        if decision.chosen.unverified {
            self.watch = Some(Watch {
                upstream,
                upstream_name: decision.upstream_name.to_owned(),
                cluster: decision.cluster.to_owned(),
                candidates: decision.chosen.addresses,
            });
        }
    }

    /// Lets the request try an endpoint that comes back, if there is one and few enough others do.
    fn try_endpoint(&mut self, plan: &Plan, decision: &mut Decision<'_>, host: &impl Host) {
        let Some(endpoint) = decision.chosen.could_try else { return };
        let Ok(now) = decision.now.map_or_else(|| host.now(), Ok) else { return };
        let upstream = decision.upstream;
        let tried = plan.with_upstream(upstream, |live| {
            let trial = live.ejection()?.take_trial(upstream, endpoint, now, host)?;
            Some((trial, live.put_first(endpoint)))
        });
        if let Some((trial, addresses)) = tried.flatten() {
            self.trial = Some(trial);
            (decision.chosen.first, decision.chosen.addresses) = (Some(endpoint), addresses);
            (decision.chosen.fails, decision.is_trial) = (false, true);
        }
    }

    /// A request that is of no route goes to a cluster that should be followed, perhaps.
    fn look_for_cluster(&self, head: &Head, host: &impl Host) {
        let Router { plan, setup, .. } = &*self.router;
        if !plan.patterns.is_empty()
            && let Some(cluster) = head.cluster(host)
            && plan.patterns.stand_for(cluster)
        {
            setup.clusters.add(cluster);
        }
    }

    /// Counts a request that went elsewhere because Envoy's cluster does not have the endpoint, and says so once.
    fn look_where_it_went(&self, watch: &Watch, host: &impl Host) {
        let Ok(Some(address)) = host.property(&["upstream", "address"]) else { return };
        let Ok(address) = core::str::from_utf8(&address) else { return };
        let plan = &self.router.plan;
        let verify = |live: &mut Upstream| live.verify(&watch.candidates, address, || attempts(host));
        let Some(Verified::Elsewhere { is_news }) = plan.with_upstream(watch.upstream, verify) else {
            return;
        };
        if let Some(lists) = &self.router.lists {
            lists.hint(watch.upstream, host);
        }
        let labels = [watch.upstream_name.as_str(), "not_in_cluster"];
        self.router.setup.registry.counter(host, &FALLBACKS, labels).increment();
        if is_news {
            let first = watch.candidates.split(',').next().unwrap_or_default();
            log::warn!(
                "switchyard.router: Envoy's cluster {} has no endpoint {first}, which upstream {} has: requests for it go to others. {}",
                watch.cluster,
                watch.upstream_name,
                match &self.router.lists {
                    Some(lists) if lists.has(watch.upstream) => "Its list is asked for again",
                    _ => "Add it to the cluster, or take it out of the document",
                }
            );
        }
    }
}

impl switchyard_frame::Stream for Stream {
    /// Decides and steers. Pauses only a request that it has answered; whatever fails, the others go on as Envoy's own route says.
    fn on_request_headers<H: Host>(&mut self, host: &H, head: &Head, ended: bool) -> Flow {
        let router = Rc::clone(&self.router);
        router.rouse(host);
        let (plan, registry) = (&router.plan, &router.setup.registry);
        let Some(headers) = head.headers(host) else {
            registry.counter(host, &FALLBACKS, ["", "no_headers"]).increment();
            unsteer(host);
            return Flow::Continue;
        };
        match plan.decide(head.route(plan.table(), host), &Incoming { headers, host }, host) {
            Some(decision) => {
                if decision.judged {
                    tell_judge(headers, decision.deadline_headers, host);
                }
                self.carry_out(plan, decision, (headers, ended), host)
            }
            None => {
                self.look_for_cluster(head, host);
                let unmatched = || registry.counter(host, &UNMATCHED, []);
                plan.unmatched.get_or_init(unmatched).increment();
                steer(host, headers, None, None);
                Flow::Continue
            }
        }
    }

    /// The whole request has come.
    fn on_request_end<H: Host>(&mut self, host: &H) {
        if let Some(first_byte) = &mut self.first_byte {
            first_byte.request_ended(host);
        }
    }

    /// Notes how long it took, explains and gives out cookies, where the configuration asks for it.
    fn on_response_headers<H: Host>(&mut self, host: &H, ended: bool) -> Flow {
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.answered();
        }
        if let Some(first_byte) = self.first_byte.take() {
            first_byte.answered(&self.router.plan, host);
        }
        if let Some(load_report) = self.load_report.take() {
            self.load_report = load_report.answered(&self.router.plan, host).filter(|_| !ended);
        }
        // A header that cannot be written is one that the client does without.
        for cookie in self.cookies.drain(..) {
            let _ = host.add_response_header("set-cookie", cookie.header_value().as_bytes());
        }
        if let Some(explanation) = self.explanation.take() {
            let _ = host.set_response_header(EXPLAIN_HEADER, explanation.as_bytes());
        }
        Flow::Continue
    }

    /// Notes what the endpoint reports behind the body.
    fn on_response_trailers<H: Host>(&mut self, host: &H) -> Flow {
        if let Some(load_report) = self.load_report.take() {
            load_report.ended(&self.router.plan, host);
        }
        Flow::Continue
    }

    /// The stream has ended, in whichever way.
    fn on_done<H: Host>(&mut self, host: &H) {
        self.in_flight = None;
        if let Some(trial) = self.trial.take() {
            // Without the time the place is given back all the same: only its age is not known.
            let now = host.now().unwrap_or_default();
            self.router.plan.with_upstream(trial.upstream, |live| {
                live.ejection().map(|ejection| ejection.end_trial(trial, now, host))
            });
        }
        if let Some(first_byte) = self.first_byte.take() {
            first_byte.unanswered(&self.router.plan, host);
        }
        if let (Some(upstream), Some(lists)) = (self.sampled.take(), &self.router.lists) {
            lists.sample(upstream, host);
        }
        if let Some(watch) = self.watch.take() {
            // What is counted here is told by a tick.
            self.router.rouse(host);
            self.look_where_it_went(&watch, host);
        }
    }
}

/// Answers in Envoy's words that there is nobody to answer.
fn fail(host: &impl Replies) -> bool {
    let words = b"no healthy upstream";
    host.send_response(LocalReply::NoEndpoint, 503, &[(b"content-type", b"text/plain")], words).is_ok()
}

/// Tells outlier what of the attempts will be the client's doing: its own time limit, and that it asks for a stream. Most requests have
/// neither.
fn tell_judge(headers: &HeaderMap, deadline_headers: &[Box<str>], host: &impl Properties) {
    // What cannot be told is not known, and the request goes on.
    // Where batch has written what is left of the operator's time, it has said what of it is the client's; nobody else has.
    let is_written = headers.contains(REQUEST_TIMEOUT_HEADER);
    let is_told = || is_written && matches!(host.property(&[CLIENT_LIMIT_PROPERTY]), Ok(Some(_)));
    if let Some(limit) = clients_limit(headers, deadline_headers).filter(|_| !is_told()) {
        let _ = host.set_property(&[CLIENT_LIMIT_PROPERTY], limit.as_millis().to_string().as_bytes());
    }
    if asks_for_stream(headers) {
        let _ = host.set_property(&[STREAM_PROPERTY], b"1");
    }
}

/// Writes the steering headers, and removes those that are not ours: a client must not steer.
fn steer(host: &impl RequestHeaders, headers: &HeaderMap, cluster: Option<&str>, candidates: Option<&str>) {
    for (name, value) in [(CLUSTER_HEADER, cluster), (CANDIDATES_HEADER, candidates)] {
        // Envoy refuses neither in this phase; if it did, the request would go as its own route says.
        let _ = match value {
            Some(value) => host.set_request_header(name, value.as_bytes()),
            None if headers.contains(name) => host.remove_request_header(name),
            None => Ok(()),
        };
    }
}
