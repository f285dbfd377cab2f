//! The explanation of a decision, for the response header `x-switchyard-explain`.

use crate::upstream::Chosen;
use core::fmt::Write as _;

/// `route=api; upstream=checkout; policy=ring_hash; hash=1f; candidates=10.0.0.1:80,10.0.0.2:80`.
pub(crate) fn explain(
    route: &str,
    upstream: &str,
    hash: Option<u64>,
    chosen: &Chosen,
    shadow: bool,
) -> String {
    let mut text = format!("route={route}; upstream={upstream}; policy={}; hash=", chosen.policy);
    // Writing to a String cannot fail.
    let _ = match hash {
        Some(hash) => write!(text, "{hash:x}"),
        None => write!(text, "none"),
    };
    let candidates = if chosen.addresses.is_empty() { "none" } else { &chosen.addresses };
    let _ = write!(text, "; candidates={candidates}");
    if chosen.in_panic {
        text.push_str("; panic");
    }
    if shadow {
        text.push_str("; shadow");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_everything_a_reader_asks_about() {
        let chosen = Chosen { policy: "ring_hash", addresses: "a:1,b:1".to_owned(), ..Chosen::default() };
        assert_eq!(
            explain("api", "checkout", Some(31), &chosen, false),
            "route=api; upstream=checkout; policy=ring_hash; hash=1f; candidates=a:1,b:1"
        );
    }

    #[test]
    fn what_is_missing_is_said_to_be_missing() {
        let chosen = Chosen { policy: "random", in_panic: true, ..Chosen::default() };
        assert_eq!(
            explain("api", "checkout", None, &chosen, true),
            "route=api; upstream=checkout; policy=random; hash=none; candidates=none; panic; shadow"
        );
    }
}
