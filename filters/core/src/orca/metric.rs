//! The metrics of a report, by the names that operators and endpoints give them; and the report that is being read.
//!
//! Invariant: a metric that counts stands in a report once, and is a finite number of 0 or more; else there is no report.

use super::Report;

/// A metric of reports: `cpu_utilization`, `named_metrics.queue`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetricName {
    /// `application_utilization`.
    ApplicationUtilization,
    /// `cpu_utilization`.
    CpuUtilization,
    /// `mem_utilization`.
    MemUtilization,
    /// `utilization.` and this.
    Utilization(Box<str>),
    /// `named_metrics.` and this.
    Named(Box<str>),
}

impl MetricName {
    /// The metric of this name; `None`: there is none that says how busy an endpoint is.
    pub fn of(name: &str) -> Option<Self> {
        let own = |prefix| name.strip_prefix(prefix).filter(|own| !own.is_empty());
        match name {
            "application_utilization" => Some(Self::ApplicationUtilization),
            "cpu_utilization" => Some(Self::CpuUtilization),
            "mem_utilization" => Some(Self::MemUtilization),
            _ => own("utilization.")
                .map(|own| Self::Utilization(own.into()))
                .or_else(|| own("named_metrics.").map(|own| Self::Named(own.into()))),
        }
    }
}

/// A metric as a report names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric<'a> {
    RpsFractional,
    Eps,
    ApplicationUtilization,
    CpuUtilization,
    MemUtilization,
    Utilization(&'a [u8]),
    Named(&'a [u8]),
}

impl Metric<'_> {
    fn is(&self, wanted: &MetricName) -> bool {
        match (self, wanted) {
            (Self::ApplicationUtilization, MetricName::ApplicationUtilization)
            | (Self::CpuUtilization, MetricName::CpuUtilization)
            | (Self::MemUtilization, MetricName::MemUtilization) => true,
            (Self::Utilization(own), MetricName::Utilization(name))
            | (Self::Named(own), MetricName::Named(name)) => *own == name.as_bytes(),
            _ => false,
        }
    }
}

/// A report of which more is to come.
pub(super) struct Reading<'a> {
    wanted: &'a [MetricName],
    report: Report,
    /// One bit for each metric of its own, in the order of the report.
    seen: u8,
}

impl<'a> Reading<'a> {
    pub(super) fn new(wanted: &'a [MetricName]) -> Self {
        Self { wanted, report: Report::default(), seen: 0 }
    }

    /// Takes a metric in; `None`: it cannot be so.
    pub(super) fn take(&mut self, metric: Metric<'_>, value: f64) -> Option<()> {
        let is_wanted = self.wanted.iter().any(|wanted| metric.is(wanted));
        let place = match metric {
            Metric::RpsFractional => Some((&mut self.report.rps_fractional, 1)),
            Metric::Eps => Some((&mut self.report.eps, 2)),
            Metric::ApplicationUtilization => Some((&mut self.report.application_utilization, 4)),
            Metric::CpuUtilization => Some((&mut self.report.cpu_utilization, 8)),
            Metric::MemUtilization | Metric::Utilization(_) | Metric::Named(_) => None,
        };
        if place.is_none() && !is_wanted {
            // What may be below 0 and says nothing here.
            return value.is_finite().then_some(());
        }
        if !value.is_finite() || value < 0.0 {
            return None;
        }
        if let Some((place, bit)) = place {
            if self.seen & bit != 0 {
                return None;
            }
            self.seen |= bit;
            *place = value;
        }
        if is_wanted {
            self.report.named = self.report.named.max(value);
        }
        Some(())
    }

    /// The whole report.
    pub(super) fn finish(self) -> Report {
        self.report
    }
}

/// The number that this text is; `None` if it is none, and for what only some parsers take for one.
pub(super) fn number(text: &str) -> Option<f64> {
    let plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    text.bytes().all(plain).then(|| text.parse().ok()).flatten()
}
