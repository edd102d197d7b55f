//! The figures as a page: bars beside each table, nothing to load from anywhere.

use std::fmt::Write as _;

use super::report::{Measured, Report, Run};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}\
    table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.25rem .5rem;text-align:right;\
    border-bottom:1px solid #8884}td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}\
    rect.raw{fill:#888}rect.rest{fill:#2956b2}svg{width:12rem;height:1rem}";

/// The whole document.
pub fn of(report: &Report) -> String {
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>What an exchange costs</title><style>{STYLE}</style><h1>What an exchange costs</h1><p>{} cores{}. A bar is the auth \
         server's CPU time for one request; its grey part is one verification and one signature.",
        report.cores,
        if report.quick { "; a quick look: the figures are rough" } else { "" }
    );
    for run in &report.runs {
        section(&mut html, run);
    }
    html
}

// Writing to a String cannot fail.
fn section(html: &mut String, run: &Run) {
    let _ = write!(
        html,
        "<h2>{} on {}</h2><p>Verification {:.1} µs, signature {:.1} µs; a disk sync {} µs, p99 {} µs; memory {} MiB.\
         <table><tr><th>what<th>how<th>a second<th>CPU µs<th>ratio<th>p50 µs<th>p99 µs<th>p99.9 µs<th>",
        run.algorithm,
        run.database,
        run.raw.verify,
        run.raw.sign,
        run.disk_sync.p50,
        run.disk_sync.p99,
        run.memory / 1024 / 1024
    );
    let longest = run.measured.iter().map(|one| one.cpu).fold(run.raw.both(), f64::max);
    for one in &run.measured {
        row(html, run, one, longest);
    }
    html.push_str("</table>");
}

fn row(html: &mut String, run: &Run, one: &Measured, longest: f64) {
    let raw = run.raw.both().min(one.cpu) / longest * 100.0;
    let all = one.cpu / longest * 100.0;
    let _ = write!(
        html,
        "<tr><td>{}<td>{}<td>{:.0}<td>{:.1}<td>{:.2}<td>{}<td>{}<td>{}<td><svg viewBox=\"0 0 100 8\" preserveAspectRatio=none>\
         <rect class=rest width={all:.1} height=8 /><rect class=raw width={raw:.1} height=8 /></svg>",
        one.scenario.name(),
        one.pressure.in_words(),
        one.per_second,
        one.cpu,
        one.cpu / run.raw.both(),
        one.latency.p50,
        one.latency.p99,
        one.latency.p999,
    );
}
