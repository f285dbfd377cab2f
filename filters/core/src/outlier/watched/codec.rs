//! Upstreams with ejection as bytes of shared data.
//!
//! Both ends are of one release, since a part of another version is not read; so every field is there, in the order of the struct.

use super::{Watched, WatchedEndpoint};
use crate::outlier::{
    Check, ConsecutivePolicy, EjectionPolicy, Elsewhere, FailurePercentagePolicy, FailurePolicy, Heartbeat,
    LatencyPolicy, Readmission, Settings, Signal, StallPolicy, SuccessRatePolicy, Threshold,
};
use crate::wire::{Reader, Writer};
use core::ops::RangeInclusive;
use core::time::Duration;

/// The bytes of these upstreams; none: there is no memory for them.
pub(super) fn encode(all: &[Watched]) -> Vec<u8> {
    let mut out = Writer::default();
    for one in all {
        out.bytes(one.name.as_bytes()).bytes(one.cluster.as_bytes()).flag(one.called);
        settings(&mut out, &one.settings);
        out.size(one.endpoints.len());
        for endpoint in &one.endpoints {
            out.bytes(endpoint.address.as_bytes());
            out.byte(u8::from(endpoint.ejected_by_hand) | u8::from(endpoint.elsewhere) << 1);
        }
    }
    out.finish().unwrap_or_default()
}

/// The upstreams in these bytes; `None` if they break off.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Watched>> {
    let mut from = Reader::new(bytes);
    let mut all = Vec::new();
    while !from.rest().is_empty() {
        let (name, cluster, called) = (from.name()?, from.name()?, from.flag()?);
        let settings = read_settings(&mut from)?;
        // Grows with what is there, not with what is said to be.
        let endpoints = (0..from.word()?).map(|_| read_endpoint(&mut from)).collect::<Option<_>>()?;
        all.push(Watched { name, cluster, endpoints, called, settings });
    }
    Some(all)
}

fn read_endpoint(from: &mut Reader<'_>) -> Option<WatchedEndpoint> {
    let (address, flags) = (from.name()?, from.byte()?);
    Some(WatchedEndpoint { address, ejected_by_hand: flags & 1 != 0, elsewhere: flags & 2 != 0 })
}

fn settings(out: &mut Writer, one: &Settings) {
    out.flag(one.shadow);
    failure(out, &one.failure);
    let streaks = &one.consecutive;
    for streak in [streaks.any_5xx, streaks.gateway_failure, streaks.local_origin_failure] {
        out.word(u32::from(streak.count)).byte(streak.enforcing);
    }
    out.length(one.interval);
    let rate = &one.success_rate;
    out.size(rate.minimum_hosts).long(rate.request_volume).word(rate.stdev_factor).byte(rate.enforcing);
    let share = &one.failure_percentage;
    out.byte(share.threshold).size(share.minimum_hosts).long(share.request_volume).byte(share.enforcing);
    out.option(one.latency.as_ref(), |out, latency| {
        out.byte(latency.quantile).long(latency.factor.to_bits()).length(latency.floor);
        out.size(latency.minimum_hosts).long(latency.request_volume).byte(latency.enforcing);
    });
    out.option(one.stall.as_ref(), |out, stall| {
        out.length(stall.limit).word(stall.requests).byte(stall.enforcing);
    });
    let EjectionPolicy { base, max, max_jitter, max_percent, min_healthy } = one.ejection;
    out.length(base).length(max).length(max_jitter).byte(max_percent).size(min_healthy);
    let (concurrency, successes) = match one.readmission {
        Readmission::AfterTime => (0, 0),
        Readmission::HalfOpen { concurrency, successes } => (concurrency, successes),
    };
    out.flag(one.readmission != Readmission::AfterTime).byte(concurrency).word(u32::from(successes));
    out.option(one.heartbeat.as_ref(), heartbeat);
    out.word(one.attempts);
}

fn failure(out: &mut Writer, one: &FailurePolicy) {
    statuses(out, &one.statuses);
    out.option(one.grpc_statuses.as_ref(), |out, list| {
        out.bytes(list);
    });
    out.flag(one.retry_after_is_overload);
    out.option(one.slow_threshold.as_ref(), |out, threshold| {
        out.length(*threshold);
    });
    out.option(one.signal.as_ref(), |out, signal| {
        out.bytes(signal.header.as_bytes()).flag(signal.drain);
    });
    out.flag(one.split_external_local_origin_errors);
}

fn statuses(out: &mut Writer, all: &[RangeInclusive<u16>]) {
    out.size(all.len());
    for range in all {
        out.word(u32::from(*range.start())).word(u32::from(*range.end()));
    }
}

fn heartbeat(out: &mut Writer, one: &Heartbeat) {
    match &one.check {
        Check::Http { path, expected } => statuses(out.flag(false).bytes(path.as_bytes()), expected),
        Check::Grpc { service } => {
            out.flag(true).bytes(service.as_bytes());
        }
    }
    out.size(one.headers.len());
    for (name, value) in &one.headers {
        out.bytes(name.as_bytes()).bytes(value.as_bytes());
    }
    out.option(one.elsewhere.as_ref(), |out, elsewhere| {
        out.word(u32::from(elsewhere.port)).bytes(elsewhere.cluster.as_bytes());
    });
    out.option(one.host.as_ref(), |out, host| {
        out.bytes(host.as_bytes());
    });
    out.length(one.interval).length(one.timeout);
    out.byte(one.healthy_threshold).byte(one.unhealthy_threshold).flag(one.watch_all);
}

fn read_settings(from: &mut Reader<'_>) -> Option<Settings> {
    Some(Settings {
        shadow: from.flag()?,
        failure: read_failure(from)?,
        consecutive: ConsecutivePolicy {
            any_5xx: threshold(from)?,
            gateway_failure: threshold(from)?,
            local_origin_failure: threshold(from)?,
        },
        interval: from.length()?,
        success_rate: SuccessRatePolicy {
            minimum_hosts: from.size()?,
            request_volume: from.long()?,
            stdev_factor: from.word()?,
            enforcing: from.byte()?,
        },
        failure_percentage: FailurePercentagePolicy {
            threshold: from.byte()?,
            minimum_hosts: from.size()?,
            request_volume: from.long()?,
            enforcing: from.byte()?,
        },
        latency: from.option(read_latency)?,
        stall: from.option(|from| {
            Some(StallPolicy { limit: from.length()?, requests: from.word()?, enforcing: from.byte()? })
        })?,
        ejection: EjectionPolicy {
            base: from.length()?,
            max: from.length()?,
            max_jitter: from.length()?,
            max_percent: from.byte()?,
            min_healthy: from.size()?,
        },
        readmission: read_readmission(from)?,
        heartbeat: from.option(read_heartbeat)?,
        attempts: from.word()?,
    })
}

fn read_failure(from: &mut Reader<'_>) -> Option<FailurePolicy> {
    Some(FailurePolicy {
        statuses: read_statuses(from)?,
        grpc_statuses: from.option(|from| from.bytes().map(<[u8]>::to_vec))?,
        retry_after_is_overload: from.flag()?,
        slow_threshold: from.option(Reader::length)?,
        signal: from.option(|from| Some(Signal { header: from.name()?, drain: from.flag()? }))?,
        split_external_local_origin_errors: from.flag()?,
    })
}

fn read_statuses(from: &mut Reader<'_>) -> Option<Vec<RangeInclusive<u16>>> {
    (0..from.word()?).map(|_| Some(from.short()?..=from.short()?)).collect()
}

fn threshold(from: &mut Reader<'_>) -> Option<Threshold> {
    Some(Threshold { count: from.short()?, enforcing: from.byte()? })
}

fn read_latency(from: &mut Reader<'_>) -> Option<LatencyPolicy> {
    Some(LatencyPolicy {
        quantile: from.byte()?,
        factor: f64::from_bits(from.long()?),
        floor: from.length()?,
        minimum_hosts: from.size()?,
        request_volume: from.long()?,
        enforcing: from.byte()?,
    })
}

fn read_readmission(from: &mut Reader<'_>) -> Option<Readmission> {
    let (half_open, concurrency, successes) = (from.flag()?, from.byte()?, from.short()?);
    Some(if half_open { Readmission::HalfOpen { concurrency, successes } } else { Readmission::AfterTime })
}

fn read_heartbeat(from: &mut Reader<'_>) -> Option<Heartbeat> {
    let check = match from.flag()? {
        false => Check::Http { path: from.name()?, expected: read_statuses(from)? },
        true => Check::Grpc { service: from.name()? },
    };
    Some(Heartbeat {
        check,
        headers: (0..from.word()?).map(|_| Some((from.name()?, from.name()?))).collect::<Option<_>>()?,
        elsewhere: from.option(|from| Some(Elsewhere { port: from.short()?, cluster: from.name()? }))?,
        host: from.option(Reader::name)?,
        interval: from.length()?,
        timeout: from.length()?,
        healthy_threshold: from.byte()?,
        unhealthy_threshold: from.byte()?,
        watch_all: from.flag()?,
    })
}

impl Writer {
    fn flag(&mut self, value: bool) -> &mut Self {
        self.byte(u8::from(value))
    }

    fn size(&mut self, value: usize) -> &mut Self {
        self.word(u32::try_from(value).unwrap_or(u32::MAX))
    }

    fn length(&mut self, value: Duration) -> &mut Self {
        self.long(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX))
    }

    fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

impl Reader<'_> {
    fn flag(&mut self) -> Option<bool> {
        self.byte().map(|byte| byte != 0)
    }

    fn short(&mut self) -> Option<u16> {
        u16::try_from(self.word()?).ok()
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.word()?).ok()
    }

    fn length(&mut self) -> Option<Duration> {
        self.long().map(Duration::from_nanos)
    }

    fn name(&mut self) -> Option<Box<str>> {
        self.text().map(Into::into)
    }

    /// `None` if the bytes break off; `Some(None)` if nothing is there.
    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { read(self).map(Some) } else { Some(None) }
    }
}
