//! The figures as a page: one file with tables and plots, light or dark as the reader has it, nothing to load and nothing
//! that runs.

use std::fmt::Write as _;

use super::plot;
use super::report::{Chain, Growth, Measured, Report, Run, Start};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2330;--paper:#fff;--faint:#8885;--raw:#9aa1ad;--rest:#2956b2;--good:#1a7f4b;--bad:#b3261e;\
--l0:#2956b2;--l1:#b35c00;--l2:#1a7f4b;--l3:#8b3fa8}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e7ee;--paper:#14171d;--raw:#6d7480;--rest:#7ba4f4;--good:#62c693;--bad:#f28b82;\
--l0:#7ba4f4;--l1:#f0a95c;--l2:#62c693;--l3:#cf94e6}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.875rem}\
td,th{padding:.25rem .5rem;text-align:right;border-bottom:1px solid var(--faint);white-space:nowrap}\
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}\
.bar{width:7rem;height:.75rem}.raw{fill:var(--raw)}.rest{fill:var(--rest)}.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}\
.plot{width:100%;max-width:48rem;font-size:12px}.plot text{fill:var(--ink)}.plot .middle{text-anchor:middle}\
.axis{stroke:var(--faint)}.line{fill:none;stroke-width:2}\
.l0{stroke:var(--l0)}.l1{stroke:var(--l1)}.l2{stroke:var(--l2)}.l3{stroke:var(--l3)}\
.plot .t0{fill:var(--l0)}.plot .t1{fill:var(--l1)}.plot .t2{fill:var(--l2)}.plot .t3{fill:var(--l3)}";

/// The whole document. Writing to a String cannot fail.
pub fn of(report: &Report) -> String {
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>What an exchange costs</title><style>{STYLE}</style><h1>What an exchange costs</h1><p>{}. A bar is the auth \
         server's CPU time for one request; its grey part is one verification and one signature at the same time. Load is the part of a core \
         that asking took.",
        escaped(&report.machine())
    );
    goals(&mut html, report);
    if !report.runs.is_empty() {
        html.push_str("<h2>Exchanges a second</h2>");
        html.push_str(&plot::throughput(&report.runs));
    }
    for run in &report.runs {
        section(&mut html, run);
    }
    at_the_apis(&mut html, report);
    for start in &report.start {
        start_and_memory(&mut html, start);
    }
    for one in &report.growth {
        growth(&mut html, one);
    }
    html + "</html>\n"
}

fn goals(html: &mut String, report: &Report) {
    if report.goals.is_empty() {
        return;
    }
    html.push_str("<h2>Goals</h2><div class=wide><table><tr><th>what<th><th>measured<th>at most<th>");
    for goal in &report.goals {
        let (class, reached) = if goal.is_reached() { ("good", "reached") } else { ("bad", "missed") };
        let _ = write!(
            html,
            "<tr><td>{}<td class={class}>{reached}<td>{:.2}<td>{:.2}<td>{}",
            goal.what, goal.measured, goal.at_most, goal.unit
        );
    }
    html.push_str("</table></div>");
}

fn section(html: &mut String, run: &Run) {
    let _ = write!(
        html,
        "<h2>{}</h2><p>In this run {}.<div class=wide><table><tr><th>what<th>how<th>a second<th>CPU µs\
         <th>raw µs<th>ratio<th>of an exchange<th>load<th>p50 µs<th>p90 µs<th>p99 µs<th>p99.9 µs<th>",
        run.name(),
        run.circumstances().join("; ")
    );
    let longest = run.measured.iter().map(|one| one.cpu.max(one.raw.both())).fold(1.0, f64::max);
    for one in &run.measured {
        row(html, one, longest);
    }
    html.push_str("</table></div>");
    if run.has_exchanges() {
        html.push_str("<h3>Latency of an exchange</h3>");
        html.push_str(&plot::latencies(run));
    }
}

fn row(html: &mut String, one: &Measured, longest: f64) {
    let raw = one.raw.both().min(one.cpu) / longest * 100.0;
    let all = one.cpu / longest * 100.0;
    let times = one.of_an_exchange().map_or_else(String::new, |times| format!("{times:.2}"));
    let _ = write!(
        html,
        "<tr><td>{}<td>{}<td>{:.0}<td>{:.1}<td>{:.1}<td>{:.2}<td>{times}<td>{:.0} %<td>{}<td>{}<td>{}<td>{}<td><svg class=bar \
         viewBox=\"0 0 100 8\" preserveAspectRatio=none><rect class=rest width={all:.1} height=8 />\
         <rect class=raw width={raw:.1} height=8 /></svg>",
        one.scenario.name(),
        one.pressure.in_words(),
        one.per_second,
        one.cpu,
        one.raw.both(),
        one.ratio(),
        one.load * 100.0,
        one.latency.p50,
        one.latency.p90,
        one.latency.p99,
        one.latency.p999,
    );
}

fn at_the_apis(html: &mut String, report: &Report) {
    for validation in &report.validation {
        let _ = write!(
            html,
            "<h2>Validation at API B, {}</h2><p>CPU time: raw verification {:.1} µs, a token that is new {:.1} µs, one seen before \
             {:.2} µs.",
            validation.algorithm, validation.raw.verify, validation.first, validation.repeat
        );
    }
    for call in &report.cached_calls {
        let _ = write!(
            html,
            "<h2>API A with a token that it has, {}</h2><p>CPU time: unprotected handler {:.1} µs, protected {:.1} µs, difference {:.1} µs.",
            call.algorithm,
            call.unprotected,
            call.protected,
            call.protected - call.unprotected
        );
    }
    if let Some(one) = &report.chain {
        chain(html, one);
    }
}

fn chain(html: &mut String, chain: &Chain) {
    let _ = write!(
        html,
        "<h2>A call through three APIs, {}</h2><div class=wide><table><tr><th>what<th><th>auth server CPU µs<th>APIs CPU µs\
         <th>a second<th>alone, p50 µs<th>alone, p99 µs",
        chain.algorithm
    );
    for (what, call) in [("the first time", &chain.first), ("again", &chain.repeated)] {
        let _ = write!(
            html,
            "<tr><td>{what}<td><td>{:.0}<td>{:.0}<td>{:.0}<td>{}<td>{}",
            call.auth_server, call.apis, call.per_second, call.alone.p50, call.alone.p99
        );
    }
    html.push_str("</table></div>");
}

fn start_and_memory(html: &mut String, start: &Start) {
    let mib = |bytes: u64| bytes / 1024 / 1024;
    let _ = write!(
        html,
        "<h2>Start-up and memory on {}</h2><p>Ready after {:.1} ms (median of {}). Resident: idle {} MiB, after {} exchanges {} MiB, idle \
         with {} clients {} MiB.",
        start.database.name(),
        start.median_ready(),
        start.ready.len(),
        mib(start.idle),
        start.exchanges,
        mib(start.after_exchanges),
        start.clients,
        mib(start.with_clients)
    );
}

fn growth(html: &mut String, growth: &Growth) {
    let _ = write!(
        html,
        "<h2>An exchange with more {}</h2>{}<div class=wide><table><tr><th>{}<th><th>CPU µs<th>raw µs<th>ratio",
        growth.of,
        plot::growth(growth),
        growth.of
    );
    for point in &growth.points {
        let _ = write!(
            html,
            "<tr><td>{}<td><td>{:.1}<td>{:.1}<td>{:.2}",
            point.size,
            point.cpu,
            point.raw.both(),
            point.ratio()
        );
    }
    let _ = write!(html, "</table></div><p>The dearest is {:.2} times the cheapest.", growth.steepness());
}

/// The processor's name comes from elsewhere.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_its_plots_and_loads_and_runs_nothing() {
        let page = of(&Report::example());
        assert_eq!(page.matches("class=plot").count(), 3, "throughput, latency, growth");
        assert!(page.contains("a &lt;fast> one"), "{page}");
        for part in ["<script", "<link", "src=", "href=", "url(", "http:", "https:"] {
            assert!(!page.contains(part), "{part}");
        }
    }
}
