//! The table of the doctor's codes.

use super::{
    documents, endpoints, health, observability, page, settings, should_be_zero, steering, versions,
};
use crate::finding::Code;

/// Every code of the doctor's, in order.
pub const CODES: &[&Code] = &[
    &versions::ENVOY,
    &versions::RUNTIME,
    &versions::PLUGINS,
    &versions::CONFIGURED,
    &versions::SAME_VERSION,
    &settings::FAILURE_POLICY,
    &settings::STOP_FLAG_CODE,
    &settings::ONE_VM_ID,
    &page::APART,
    &documents::VALID,
    &documents::SAME,
    &documents::REJECTED,
    &steering::CLUSTERS,
    &steering::OVERRIDE_HOST,
    &steering::FOLLOWED,
    &steering::JUDGED,
    &endpoints::LISTED,
    &endpoints::UNLISTED,
    &endpoints::SOURCE,
    &endpoints::READ,
    &health::TRAPS,
    &health::PANIC,
    &health::EJECTED,
    &health::BUDGET,
    &should_be_zero::ZERO,
    &observability::TAGS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_have_a_page_with_something_to_do() {
        assert!(CODES.is_sorted_by(|one, other| one.id < other.id), "each once, in order");
        for code in CODES {
            assert!(code.id.starts_with("SY07") && code.id.len() == 6, "{}", code.id);
            assert!(code.page.contains("\n\n"), "{}: first what it means, then what to do", code.id);
            assert!(!code.title.is_empty() && !code.title.ends_with('.'), "{}", code.id);
        }
    }
}
