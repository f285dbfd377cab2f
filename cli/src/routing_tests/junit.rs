//! A report in JUnit's form.

use super::verdict::Report;
use anyhow::Result;
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

/// The report of the tests in the file of this name. There are no times in it: the same tests give the same bytes.
///
/// # Errors
/// When it cannot be written as XML.
pub(super) fn of(report: &Report, file: &str) -> Result<String> {
    let mut suite = TestSuite::new(file.to_owned());
    for verdict in &report.verdicts {
        let status = if verdict.mismatches.is_empty() {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(verdict.mismatches.join("; "));
            status
        };
        suite.add_test_case(TestCase::new(verdict.name.clone(), status));
    }
    let mut junit = Junit::new("switchyard test");
    junit.add_test_suite(suite);
    Ok(junit.to_string()?)
}
