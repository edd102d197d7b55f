//! A report for CI: `JUnit` XML.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Report, Verdict};

/// The report as `JUnit` XML.
pub fn junit(report: &Report) -> anyhow::Result<String> {
    let mut suite = TestSuite::new("e2e run");
    for line in &report.checks {
        let status = match line.verdict {
            Verdict::Pass => TestCaseStatus::success(),
            Verdict::Skip => {
                let mut skipped = TestCaseStatus::skipped();
                skipped.set_message(line.detail.as_str());
                skipped
            }
            Verdict::Fail => {
                let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
                failed.set_message(line.detail.as_str());
                failed
            }
        };
        let mut case = TestCase::new(line.name, status);
        case.set_classname(format!("step {}", line.step)).set_time(line.took).set_system_out(line.detail.as_str());
        suite.add_test_case(case);
    }
    let mut document = quick_junit::Report::new("e2e run");
    document.add_test_suite(suite);
    Ok(document.to_string()?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Line;
    use super::*;

    #[test]
    fn a_failed_check_is_a_failure_with_its_reason() {
        let line = Line {
            verdict: Verdict::Fail,
            step: "6",
            name: "receipts",
            took: Duration::from_millis(1500),
            detail: "expected 200 <but> got 401".to_owned(),
        };
        let xml = junit(&Report { checks: vec![line], unreachable: false }).unwrap();
        assert!(xml.contains(r#"failures="1""#), "{xml}");
        assert!(xml.contains("expected 200 &lt;but&gt; got 401"), "{xml}");
    }
}
