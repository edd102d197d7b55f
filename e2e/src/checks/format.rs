//! A report for people: one line a check, coloured only on a terminal.

use super::{Line, Report, Verdict};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

/// `PASS 4-5 exchange  11 ms  aud https://api-b.example  scope read:receipts  act api-a`
#[must_use]
pub fn line(line: &Line, style: Style) -> String {
    let verdict = match line.verdict {
        Verdict::Pass => paint("PASS", "32", style),
        Verdict::Fail => paint("FAIL", "31", style),
        Verdict::Skip => paint("SKIP", "33", style),
    };
    // Whatever a deployment answers, it does not get to steer the terminal.
    let detail: String = line.detail.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = format!("{verdict} {:<3} {:<40} {:>5} ms  {detail}", line.step, line.name, line.took.as_millis());
    text.trim_end().to_owned()
}

/// `23 passed, 0 failed, 1 skipped`
#[must_use]
pub fn summary(report: &Report, style: Style) -> String {
    let [passed, failed, skipped] = [Verdict::Pass, Verdict::Fail, Verdict::Skip].map(|verdict| report.count(verdict));
    let colour = if report.exit_code() == 0 { "32" } else { "31" };
    paint(&format!("{passed} passed, {failed} failed, {skipped} skipped"), colour, style)
}

fn paint(text: &str, colour: &str, style: Style) -> String {
    match style {
        Style::Plain => text.to_owned(),
        Style::Coloured => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_is_plain_text_that_the_deployment_cannot_colour() {
        let check = Line {
            verdict: Verdict::Pass,
            step: "4-5",
            name: "exchange",
            took: Duration::from_millis(11),
            detail: "aud api-b\u{1b}[31m".to_owned(),
        };
        let expected = format!("PASS 4-5 {:<40} {:>5} ms  aud api-b [31m", "exchange", 11);
        assert_eq!(line(&check, Style::Plain), expected);
    }
}
