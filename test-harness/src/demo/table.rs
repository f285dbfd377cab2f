//! The table of the demonstration.

use std::fmt;
use std::time::Duration;

/// One endpoint.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) endpoint: String,
    pub(super) weight: f64,
    /// Percentage that the weights promise.
    pub(super) expected: f64,
    /// Percentage that was counted.
    pub(super) seen: f64,
    /// Requests of the whole run that got no answer.
    pub(super) errors: u64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

/// Rows under one heading.
#[derive(Clone, Debug)]
pub(super) struct Table(pub(super) Vec<Row>);

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["endpoint", "weight", "expected %", "seen %", "errors", "p50 ms", "p99 ms"];
        let [endpoint, weight, expected, seen, errors, p50, p99] = head;
        writeln!(
            formatter,
            "  {endpoint:<12} {weight:>6} {expected:>10} {seen:>8} {errors:>7} {p50:>8} {p99:>8}"
        )?;
        for Row { endpoint, weight, expected, seen, errors, p50, p99 } in &self.0 {
            let (p50, p99) = (p50.as_secs_f64() * 1e3, p99.as_secs_f64() * 1e3);
            writeln!(
                formatter,
                "  {endpoint:<12} {weight:>6} {expected:>10.1} {seen:>8.1} {errors:>7} {p50:>8.2} {p99:>8.2}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = Row {
            endpoint: "upstream-1".to_owned(),
            weight: 5.0,
            expected: 50.0,
            seen: 49.87,
            errors: 0,
            p50: Duration::from_micros(310),
            p99: Duration::from_micros(1_204),
        };
        let text = Table(vec![row]).to_string();
        let widths: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(widths[0], widths[1], "{text}");
        assert!(text.contains("50.0     49.9       0     0.31     1.20"), "{text}");
    }
}
