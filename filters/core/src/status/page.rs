//! The JSON of the status page. docs/status.md has its form, field by field.
//!
//! Invariant: a field keeps its name and its meaning as long as [`VERSION`] is the same; others may come.

use super::configurations::{Configurations, OfRoot};
use super::merged::{Merged, MergedEndpoint, MergedUpstream};
use super::snapshot::{Record as Said, Snapshot};
use super::transitions::{Told, Transitions};
use super::{age, is_fresh, millis};
use crate::health::Health;
use crate::json_writer::Json;
use crate::outlier::{Counts, EndpointKey, Ledger, Record, Settings, Tally, Watched, bucket_at};
use crate::{Locality, Timestamp};
use core::time::Duration;

/// Of the form.
pub const VERSION: u64 = 1;
/// As many workers are heard, of all modules together.
pub const MOST_WORKERS: usize = 128;

/// What is shown.
pub struct Seen<'a> {
    /// The time.
    pub now: Timestamp,
    /// The version of Switchyard.
    pub build: &'a str,
    /// Of each module.
    pub configurations: Vec<(&'a str, Configurations)>,
    /// The module and what a worker of it has said; [`MOST_WORKERS`] at most.
    pub workers: Vec<(&'a str, Snapshot)>,
    /// Others than those that have just spoken were asked, and may answer yet.
    pub is_waiting: bool,
    /// What outlier has been told of upstreams.
    pub watched: Vec<Watched>,
    /// The last of them.
    pub transitions: Transitions,
}

/// The tables that workers share.
pub trait Tables {
    /// The states of an upstream.
    fn ledger(&self, upstream: &str) -> Ledger;
    /// The windows of an upstream.
    fn tally(&self, upstream: &str) -> Tally;
}

/// The JSON of all that; `None`: there is no memory for it.
pub fn write(seen: &Seen<'_>, tables: &impl Tables) -> Option<Vec<u8>> {
    let heard = seen.workers.iter().map(|(module, one)| (*module, one));
    let fresh: Vec<_> = heard.filter(|(_, one)| is_fresh(&one.worker, seen.now)).collect();
    let merged = Merged::of(&fresh, &seen.watched);
    let mut json = Json::default();
    json.object(|json| {
        json.field("version").number(VERSION);
        json.field("build").text(seen.build);
        json.field("time_ms").number(seen.now.as_millis());
        let newest = fresh.iter().map(|(_, one)| one.worker.written).max();
        json.field("counters_at_ms").option(newest, |json, at| json.number(at.as_millis()));
        json.field("asking").flag(fresh.is_empty() && seen.is_waiting);
        let roots = seen.configurations.iter();
        let roots = roots.flat_map(|(module, all)| all.roots().iter().map(move |one| (*module, one)));
        json.field("configurations")
            .list(roots, |json, (module, one)| configuration(json, module, one, seen.now));
        json.field("workers").list(&seen.workers, |json, (module, one)| worker(json, module, one, seen.now));
        json.field("upstreams")
            .list(&merged.upstreams, |json, (name, one)| upstream(json, name, one, seen, tables));
        json.field("upstreams_left_out").number(merged.upstreams_left_out as u64);
        json.field("counters").list(&merged.counters, |json, (name, value)| counter(json, name, *value));
        json.field("counters_left_out").number(merged.counters_left_out as u64);
        json.field("transitions")
            .list(seen.transitions.newest(), |json, one| transition(json, one, seen.now));
    });
    json.finish()
}

fn configuration(json: &mut Json, module: &str, one: &OfRoot, now: Timestamp) {
    json.object(|json| {
        json.field("module").text(module);
        json.field("root").text(&one.root);
        json.field("accepted").number(u64::from(one.accepted));
        json.field("refused").number(u64::from(one.refused));
        json.field("in_force").option(one.in_force.as_ref(), |json, known| {
            json.object(|json| {
                json.field("hash").text(&format!("{:016x}", known.hash));
                json.field("age_ms").number(age(now, known.since));
                json.field("summary").text(&known.summary);
            });
        });
        json.field("last_refusal").option(one.refusal.as_ref(), |json, refused| {
            json.object(|json| {
                json.field("age_ms").number(age(now, refused.at));
                json.field("text").text(&refused.text);
            });
        });
    });
}

fn worker(json: &mut Json, module: &str, one: &Snapshot, now: Timestamp) {
    json.object(|json| {
        json.field("module").text(module);
        json.field("number").number(u64::from(one.worker.number));
        json.field("vm_age_ms").number(age(now, one.worker.began));
        let written = Some(one.worker.written).filter(|at| *at > Timestamp::default());
        json.field("said_ms_ago").option(written, |json, at| json.number(age(now, at)));
        json.field("truncated").flag(one.records().any(|record| matches!(record, Said::Truncated { .. })));
    });
}

fn upstream(json: &mut Json, name: &str, one: &MergedUpstream<'_>, seen: &Seen<'_>, tables: &impl Tables) {
    let settings = one.watched.map(|watched| &watched.settings);
    // Two reads of shared data for an upstream that is judged, and none for another.
    let (ledger, tally) =
        settings.map_or_else(Default::default, |_| (tables.ledger(name), tables.tally(name)));
    json.object(|json| {
        json.field("name").text(name);
        let cluster = one.view.map(|view| view.cluster).or(one.watched.map(|watched| &*watched.cluster));
        json.field("cluster").option(cluster, Json::text);
        json.field("policy").option(one.view.map(|view| view.policy), Json::text);
        json.field("judged").flag(settings.is_some());
        json.field("shadow").flag(settings.is_some_and(|settings| settings.shadow));
        json.field("source").option(one.view.map(|view| view.source), Json::text);
        let read_at = one.view.map(|view| view.read_at).filter(|at| *at > Timestamp::default());
        json.field("list_age_ms").option(read_at, |json, at| json.number(age(seen.now, at)));
        json.field("endpoints").list(&one.endpoints, |json, endpoint| {
            let key = EndpointKey::of(endpoint.address);
            let counts = settings.map(|settings| {
                (tally.sum(key, bucket_at(seen.now.as_millis(), settings.interval), None), settings)
            });
            let transition = seen.transitions.newest().find(|told| is_ejection(told, name, endpoint.address));
            let known = Known { record: ledger.get(key), counts, transition };
            write_endpoint(json, endpoint, &known, seen.now);
        });
        json.field("endpoints_left_out").number(one.left_out() as u64);
    });
}

fn is_ejection(told: &Told, upstream: &str, address: &str) -> bool {
    told.to == Health::Ejected && *told.upstream == *upstream && *told.address == *address
}

/// What all workers know of an endpoint.
struct Known<'a> {
    record: Option<&'a Record>,
    counts: Option<(Counts, &'a Settings)>,
    /// By which it was ejected last.
    transition: Option<&'a Told>,
}

fn write_endpoint(json: &mut Json, one: &MergedEndpoint<'_>, known: &Known<'_>, now: Timestamp) {
    let record = known.record.filter(|record| record.is_out_of_rotation());
    let view = one.view.as_ref();
    json.object(|json| {
        json.field("address").text(one.address);
        json.field("zone").option(view.map(|view| place(&view.locality)), |json, zone| json.text(&zone));
        json.field("priority").option(view, |json, view| json.number(u64::from(view.priority)));
        json.field("weight").option(view, |json, view| json.number(u64::from(view.weight)));
        let share = view.and_then(|view| view.share_ppm);
        json.field("share_ppm").option(share, |json, share| json.number(u64::from(share)));
        json.field("state").text(state(one, record));
        json.field("shadow").flag(record.is_some_and(|record| record.shadow));
        let reason = record.and_then(|record| record.reason);
        json.field("reason").option(reason, |json, reason| json.text(reason.name()));
        let evidence = known.transition.filter(|_| record.is_some());
        json.field("evidence").option(evidence, |json, told| json.text(&told.evidence));
        json.field("since_ms_ago").option(record, |json, record| json.number(age(now, record.since)));
        let until = record.filter(|record| record.health == Health::Ejected);
        json.field("until_in_ms").option(until, |json, record| json.number(millis(record.until.since(now))));
        json.field("times_ejected").number(known.record.map_or(0, |record| u64::from(record.times)));
        figures(json, known.counts.as_ref());
        json.field("in_flight").option(view, |json, _| json.number(one.in_flight));
        let expected = Some(one.expected).filter(|expected| !expected.is_zero());
        json.field("expected_latency_us").option(expected, |json, expected| json.number(micros(expected)));
    });
}

/// What an endpoint did within the window.
fn figures(json: &mut Json, counts: Option<&(Counts, &Settings)>) {
    let some = counts.filter(|(counts, _)| counts.attempts > 0);
    json.field("attempts").option(counts, |json, (counts, _)| json.number(u64::from(counts.attempts)));
    json.field("failures").option(counts, |json, (counts, _)| json.number(u64::from(counts.failures)));
    json.field("failure_rate_ppm").option(some, |json, (counts, _)| json.number(counts.failure_rate_ppm()));
    json.field("reliability_ppm")
        .option(some, |json, (counts, settings)| json.number(counts.reliability_ppm(settings.attempts)));
    let heard = counts.filter(|(counts, _)| counts.latency.volume() > 0);
    for (name, percent) in [("latency_p50_us", 50), ("latency_p90_us", 90)] {
        json.field(name)
            .option(heard, |json, (counts, _)| json.number(micros(counts.latency.quantile(percent))));
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Where an endpoint stands; what everybody knows comes before what the list says.
fn state(one: &MergedEndpoint<'_>, record: Option<&Record>) -> &'static str {
    if one.by_hand {
        return name_of(Health::Withdrawn);
    }
    match (record, one.view.as_ref().map(|view| view.health)) {
        (Some(record), _) => name_of(record.health),
        // By the word of the list that it is in.
        (None, Some(Health::Ejected | Health::HalfOpen)) => "unhealthy",
        (None, _) => name_of(Health::Healthy),
    }
}

fn name_of(health: Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Ejected => "ejected",
        Health::HalfOpen => "half_open",
        Health::Withdrawn => "withdrawn",
    }
}

/// `region/zone/sub_zone`, as far as anybody has said.
fn place(locality: &Locality) -> String {
    let Locality { region, zone, sub_zone } = locality;
    [region, zone, sub_zone]
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| &***part)
        .collect::<Vec<_>>()
        .join("/")
}

/// `switchyard.route=.=api;.;decisions`, in its parts.
fn counter(json: &mut Json, name: &str, value: u64) {
    let name = name.strip_prefix("switchyard.").unwrap_or(name);
    let (labels, metric) = name.rsplit_once(";.;").unwrap_or(("", name));
    json.object(|json| {
        json.field("name").text(metric);
        json.field("labels").object(|json| {
            for (label, value) in labels.split(";.;").filter_map(|label| label.split_once("=.=")) {
                json.field(label).text(value);
            }
        });
        json.field("value").number(value);
    });
}

fn transition(json: &mut Json, told: &Told, now: Timestamp) {
    json.object(|json| {
        json.field("age_ms").number(age(now, told.at));
        json.field("upstream").text(&told.upstream);
        json.field("address").text(&told.address);
        json.field("from").text(name_of(told.from));
        json.field("to").text(name_of(told.to));
        json.field("reason").option(told.reason, |json, reason| json.text(reason.name()));
        json.field("evidence").text(&told.evidence);
        json.field("lasts_ms").number(millis(told.lasts));
        json.field("times").number(u64::from(told.times));
        json.field("shadow").flag(told.shadow);
    });
}
