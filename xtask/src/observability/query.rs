//! PromQL, put together from the catalogue.
//!
//! Invariant: a label that is asked for is one that the metric has; what is not is remembered, and fails the generation. Trade-off: it knows the
//! handful of forms that the rules and dashboards need, and is no PromQL library.

use switchyard_frame::metrics::catalogue::Metric;

/// Labels that Prometheus adds to every series.
const OF_TARGETS: [&str; 2] = ["job", "instance"];
/// What Envoy counts of VMs that were made again; their names hold that of the VM.
pub(super) const RELOADS: &str = "envoy_wasm_.+_vm_reload";
/// The bucket's bound of a histogram.
const BOUND: &str = "le";

/// Series that are asked for.
#[derive(Clone, Debug)]
pub(super) struct Series {
    name: String,
    labels: Vec<&'static str>,
    matchers: Vec<String>,
    problems: Vec<String>,
}

/// All series of a metric.
pub(super) fn all<K, const N: usize>(metric: &Metric<K, N>) -> Series {
    named(&metric.full_name(), &metric.labels)
}

/// All series of a metric that the dashboard's reader has chosen.
pub(super) fn shown<K, const N: usize>(metric: &Metric<K, N>) -> Series {
    all(metric).chosen()
}

/// A metric of Envoy's own, of the instances that the dashboard's reader has chosen.
pub(super) fn envoys(name: &str, labels: &[&'static str]) -> Series {
    named(name, labels).chosen()
}

/// A metric that is none of the catalogue's: Envoy's, or a rule's.
pub(super) fn named(name: &str, labels: &[&'static str]) -> Series {
    let labels = OF_TARGETS.iter().chain(labels).copied().collect();
    Series { name: name.to_owned(), labels, matchers: Vec::new(), problems: Vec::new() }
}

/// All metrics whose names are so, an expression. They have only their sum in common, so no rate can be had of them.
pub(super) fn family(names: &str) -> Series {
    let mut all = named("", &[]);
    all.matchers.push(format!(r#"__name__=~"{names}""#));
    all
}

impl Series {
    /// Those of the instances that the dashboard's reader has chosen.
    pub(super) fn chosen(mut self) -> Self {
        self.matchers.push(r#"instance=~"$instance""#.to_owned());
        self
    }

    /// Those whose label has this value, or one of several with `|` between them.
    pub(super) fn with(mut self, label: &str, value: &str) -> Self {
        if !self.labels.contains(&label) {
            self.problems.push(format!("{} has no label {label}", self.name));
        }
        let is = if value.contains('|') { "=~" } else { "=" };
        self.matchers.push(format!(r#"{label}{is}"{value}""#));
        self
    }

    /// Those whose label has a value that the dashboard's reader has chosen.
    pub(super) fn chosen_by(mut self, label: &'static str) -> Self {
        if !self.labels.contains(&label) {
            self.problems.push(format!("{} has no label {label}", self.name));
        }
        self.matchers.push(format!(r#"{label}=~"${label}""#));
        self
    }

    fn text(&self) -> String {
        match self.matchers.join(",") {
            none if none.is_empty() => self.name.clone(),
            some => format!("{}{{{some}}}", self.name),
        }
    }

    fn query(&self, text: String) -> Query {
        Query { text, labels: self.labels.clone(), problems: self.problems.clone() }
    }

    /// As they are now.
    pub(super) fn now(&self) -> Query {
        self.query(self.text())
    }

    /// As they were this long ago.
    pub(super) fn ago(&self, time: &str) -> Query {
        self.query(format!("{} offset {time}", self.text()))
    }

    /// Counters: how much they grow in a second, over what a graph shows as one point.
    pub(super) fn rate(&self) -> Query {
        self.query(format!("rate({}[$__rate_interval])", self.text()))
    }

    /// Counters: how much they grow in a second, over this time.
    pub(super) fn rate_over(&self, time: &str) -> Query {
        self.query(format!("rate({}[{time}])", self.text()))
    }

    /// Counters: how much they have grown over this time; one that was not there before has grown by all it has. One of an instance that was not
    /// scraped then says nothing.
    pub(super) fn growth(&self, time: &str) -> Query {
        let text = self.text();
        self.query(format!(
            "({text} unless {text} offset {time}) and on (job, instance) (up offset {time} == 1) or increase({text}[{time}])"
        ))
    }

    /// A histogram's buckets.
    pub(super) fn buckets(mut self) -> Self {
        self.name.push_str("_bucket");
        self.labels.push(BOUND);
        self
    }

    /// A histogram's sum of all values.
    pub(super) fn sum_of_values(mut self) -> Self {
        self.name.push_str("_sum");
        self
    }

    /// How many values a histogram has.
    pub(super) fn count_of_values(mut self) -> Self {
        self.name.push_str("_count");
        self
    }
}

/// A question to Prometheus.
#[derive(Clone, Debug)]
pub(super) struct Query {
    text: String,
    labels: Vec<&'static str>,
    problems: Vec<String>,
}

impl Query {
    /// What Prometheus reads, or what is wrong with it.
    pub(super) fn text(&self) -> anyhow::Result<&str> {
        anyhow::ensure!(self.problems.is_empty(), "{}: {}", self.text, self.problems.join("; "));
        Ok(&self.text)
    }

    fn by(mut self, what: &str, labels: &[&'static str]) -> Self {
        for label in labels.iter().filter(|label| !self.labels.contains(label)) {
            self.problems.push(format!("there is no label {label}"));
        }
        self.text = match labels.join(", ") {
            none if none.is_empty() => format!("{what}({})", self.text),
            some => format!("{what} by ({some}) ({})", self.text),
        };
        self.labels = labels.to_vec();
        self
    }

    /// The sum of those with the same labels.
    pub(super) fn sum(self, labels: &[&'static str]) -> Self {
        self.by("sum", labels)
    }

    /// The highest of those with the same labels.
    pub(super) fn max(self, labels: &[&'static str]) -> Self {
        self.by("max", labels)
    }

    /// The lowest of those with the same labels.
    pub(super) fn min(self, labels: &[&'static str]) -> Self {
        self.by("min", labels)
    }

    /// How many there are with the same labels.
    pub(super) fn count(self, labels: &[&'static str]) -> Self {
        self.by("count", labels)
    }

    /// The value below which so much of a histogram is, `0.99`; of buckets that were summed up by `le` and others.
    pub(super) fn quantile(mut self, part: &str) -> Self {
        if !self.labels.contains(&BOUND) {
            self.problems.push("these are no buckets".to_owned());
        }
        self.labels.retain(|label| *label != BOUND);
        self.text = format!("histogram_quantile({part}, {})", self.text);
        self
    }

    fn joined(mut self, operator: &str, other: Self) -> Self {
        self.text = format!("{} {operator} {}", self.text, other.text);
        self.problems.extend(other.problems);
        self
    }

    /// One by the other, of the same labels.
    pub(super) fn over(self, other: Self) -> Self {
        self.joined("/", other)
    }

    /// One less the other, of the same labels.
    pub(super) fn less(self, other: Self) -> Self {
        self.joined("-", other)
    }

    /// Both together, of the same labels.
    pub(super) fn plus(self, other: Self) -> Self {
        let mut both = self.joined("+", other);
        both.text = format!("({})", both.text);
        both
    }

    /// Both, of different labels; where both have the same the first counts.
    pub(super) fn or(self, other: Self) -> Self {
        let mut both = self.joined("or", other);
        both.text = format!("({})", both.text);
        both
    }

    /// One while the other is.
    pub(super) fn and(self, other: Self) -> Self {
        self.joined("and", other)
    }

    /// What is missing to one.
    pub(super) fn missing_to_one(mut self) -> Self {
        self.text = format!("1 - {}", self.text);
        self
    }

    /// So many times as much: `1e-6` of what is in millionths.
    pub(super) fn times(mut self, factor: &str) -> Self {
        self.text = format!("{} * {factor}", self.text);
        self
    }

    /// Only where this holds: `> 0.3`.
    pub(super) fn where_it_is(mut self, condition: &str) -> Self {
        self.text = format!("{} {condition}", self.text);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_frame::metrics::catalogue::{COALESCE_WAIT, DECISIONS, PANICS};

    #[test]
    fn queries_read_as_people_write_them() {
        let decisions = shown(&DECISIONS).with("policy", "ring_hash|maglev").rate().sum(&["upstream"]);
        assert_eq!(
            decisions.text().unwrap(),
            r#"sum by (upstream) (rate(switchyard_decisions_total{instance=~"$instance",policy=~"ring_hash|maglev"}[$__rate_interval]))"#
        );
        let waits = all(&COALESCE_WAIT).buckets().rate_over("5m").sum(&["le", "route"]).quantile("0.99");
        assert_eq!(
            waits.text().unwrap(),
            "histogram_quantile(0.99, sum by (le, route) (rate(switchyard_coalesce_wait_milliseconds_bucket[5m])))"
        );
        let died = family("vm_.+").chosen().ago("5m").less(family("x").now());
        assert_eq!(
            died.text().unwrap(),
            r#"{__name__=~"vm_.+",instance=~"$instance"} offset 5m - {__name__=~"x"}"#
        );
        let panics = || all(&PANICS).now().max(&["upstream"]);
        let compared = panics().over(panics().plus(panics())).times("2").where_it_is("> 1");
        let max = "max by (upstream) (switchyard_panics_total)";
        assert_eq!(compared.text().unwrap(), format!("{max} / ({max} + {max}) * 2 > 1"));
    }

    #[test]
    fn a_label_that_a_metric_does_not_have_is_refused() {
        let said = |query: Query| query.text().unwrap_err().to_string();
        assert!(
            said(all(&PANICS).with("route", "a").now())
                .contains("switchyard_panics_total has no label route")
        );
        assert!(said(all(&PANICS).now().sum(&["endpoint"])).contains("there is no label endpoint"));
        assert!(said(all(&PANICS).now().sum(&[]).max(&["upstream"])).contains("there is no label upstream"));
        assert!(said(all(&PANICS).now().quantile("0.5")).contains("these are no buckets"));
        let good = || all(&PANICS).now();
        assert!(said(shown(&PANICS).chosen_by("route").now()).contains("has no label route"));
        assert!(good().or(all(&PANICS).with("x", "y").now()).text().is_err(), "of either side");
        assert!(good().and(good()).missing_to_one().count(&["upstream"]).text().is_ok());
    }
}
