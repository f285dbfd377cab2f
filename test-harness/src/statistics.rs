//! Shares seen against shares expected: Pearson's chi-square test at a fixed significance.
//!
//! The significance is one in a million: a right balancer fails about once in a million runs, while a share
//! that is off by a tenth shows within ten thousand requests. The critical value is Wilson and Hilferty's
//! approximation (1931), which at small degrees of freedom errs towards passing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The normal quantile of 1 − 1e-6.
const Z: f64 = 4.753_424;

/// The chi-square value that is exceeded with a probability of about 1e-6.
#[must_use]
pub fn critical_value(degrees_of_freedom: usize) -> f64 {
    let k = degrees_of_freedom as f64;
    let ninth = 2.0 / (9.0 * k);
    k * (1.0 - ninth + Z * ninth.sqrt()).powi(3)
}

/// Whether `counts` fit the weights in `expected` (any positive scale; they are normalised).
///
/// # Errors
/// A table of seen and expected shares, when they do not fit, when a name with weight 0 or without a weight
/// was counted, or when there were too few requests (fewer than five expected for one name) to judge.
pub fn check_shares(counts: &BTreeMap<String, u64>, expected: &BTreeMap<String, f64>) -> Result<(), String> {
    let total: u64 = counts.values().sum();
    let sum: f64 = expected.values().sum();
    let share = |name: &str| expected.get(name).copied().unwrap_or(0.0) / sum;
    let seen = |name: &str| counts.get(name).copied().unwrap_or(0);
    let problem = if let Some((name, n)) = counts.iter().find(|(name, n)| **n > 0 && share(name) <= 0.0) {
        Some(format!("{name} should get nothing and got {n}"))
    } else {
        let live: Vec<&String> = expected.keys().filter(|name| share(name) > 0.0).collect();
        let least = live.iter().map(|name| share(name) * total as f64).fold(f64::INFINITY, f64::min);
        let chi_square: f64 = live
            .iter()
            .map(|name| {
                let want = share(name) * total as f64;
                (seen(name) as f64 - want).powi(2) / want
            })
            .sum();
        let limit = critical_value(live.len().saturating_sub(1).max(1));
        if least < 5.0 {
            Some(format!("{total} requests are too few: one name is expected only {least:.1} times"))
        } else {
            (chi_square > limit).then(|| format!("chi-square {chi_square:.1} exceeds {limit:.1}"))
        }
    };
    match problem {
        None => Ok(()),
        Some(problem) => Err(table(&problem, total, counts, expected, sum)),
    }
}

/// [`check_shares`] as an assertion.
///
/// # Panics
/// With the table, when the shares do not fit.
#[track_caller]
pub fn assert_shares(counts: &BTreeMap<String, u64>, expected: &BTreeMap<String, f64>) {
    let verdict = check_shares(counts, expected);
    assert!(verdict.is_ok(), "{}", verdict.err().unwrap_or_default());
}

fn table(
    problem: &str,
    total: u64,
    counts: &BTreeMap<String, u64>,
    expected: &BTreeMap<String, f64>,
    sum: f64,
) -> String {
    let names: std::collections::BTreeSet<&String> = counts.keys().chain(expected.keys()).collect();
    let mut text = format!("shares are not as expected: {problem}\n");
    for name in names {
        let seen = counts.get(name).copied().unwrap_or(0);
        let want = 100.0 * expected.get(name).copied().unwrap_or(0.0) / sum;
        let got = 100.0 * seen as f64 / total.max(1) as f64;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<24} expected {want:6.2} %  seen {got:6.2} % ({seen} of {total})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map<V: Copy>(pairs: &[(&str, V)]) -> BTreeMap<String, V> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn the_critical_value_is_close_to_the_tables() {
        // Quantiles of 1 - 1e-6 from the chi-square distribution: 9 -> 45.08, 99 -> 179.2 (to a few percent).
        assert!((critical_value(9) - 45.08).abs() < 2.0, "{}", critical_value(9));
        assert!((critical_value(99) - 179.2).abs() < 3.0, "{}", critical_value(99));
    }

    #[test]
    fn a_fit_passes_and_a_tenth_too_many_does_not() {
        let expected = map(&[("a", 1.0), ("b", 3.0)]);
        assert_eq!(check_shares(&map(&[("a", 2_530), ("b", 7_470)]), &expected), Ok(()));
        let failure = check_shares(&map(&[("a", 2_750), ("b", 7_250)]), &expected).unwrap_err();
        assert!(failure.contains("chi-square 33.3 exceeds"), "{failure}");
        assert!(failure.contains("expected  25.00 %  seen  27.50 % (2750 of 10000)"), "{failure}");
    }

    #[test]
    fn who_should_get_nothing_may_get_nothing() {
        let expected = map(&[("a", 1.0), ("b", 0.0)]);
        assert_eq!(check_shares(&map(&[("a", 100)]), &expected), Ok(()));
        let failure = check_shares(&map(&[("a", 100), ("b", 1)]), &expected).unwrap_err();
        assert!(failure.contains("b should get nothing and got 1"), "{failure}");
        let failure = check_shares(&map(&[("a", 100), ("stranger", 1)]), &expected).unwrap_err();
        assert!(failure.contains("stranger should get nothing"), "{failure}");
    }

    #[test]
    fn too_few_requests_are_no_proof() {
        let failure = check_shares(&map(&[("a", 3), ("b", 3)]), &map(&[("a", 1.0), ("b", 1.0)])).unwrap_err();
        assert!(failure.contains("too few"), "{failure}");
    }
}
