//! Plots as SVG, drawn here: nothing on the page is loaded or run.

use std::fmt::Write as _;

use super::report::{Growth, Measured, Run};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 200.0;
/// Room for what stands on the axes.
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 24.0;

/// Exchanges a second, a bar for each run and number of connections.
pub fn throughput(runs: &[Run]) -> String {
    let bars: Vec<(String, &Measured)> = runs
        .iter()
        .filter(|run| !run.relaxed)
        .flat_map(|run| {
            let exchanges = run.measured.iter().filter(|one| one.is_closed_exchange());
            exchanges.map(move |one| (format!("{}, {}", run.name(), one.pressure.in_words()), one))
        })
        .collect();
    let highest = bars.iter().map(|(_, one)| one.per_second).fold(1.0, f64::max);
    let mut svg = String::new();
    let height = 20 * bars.len();
    let _ = write!(svg, "<svg class=plot role=img aria-label=\"Exchanges a second\" viewBox=\"0 0 640 {height}\">");
    for (place, (name, one)) in bars.iter().enumerate() {
        let (top, width) = (20 * place, one.per_second / highest * 300.0);
        let _ = write!(
            svg,
            "<text x=0 y={}>{name}</text><rect class=rest x=270 y={} width={width:.1} height=12 />\
             <text x={:.1} y={}>{:.0}</text>",
            top + 14,
            top + 4,
            276.0 + width,
            top + 14,
            one.per_second
        );
    }
    svg + "</svg>"
}

/// A line of latencies by percentile for each number of connections: milliseconds, the axis logarithmic.
pub fn latencies(run: &Run) -> String {
    let lines: Vec<(String, Vec<f64>)> = run
        .measured
        .iter()
        .filter(|one| one.scenario == super::scenario::Scenario::Exchange)
        .map(|one| {
            let latency = one.latency;
            let at = [latency.p50, latency.p90, latency.p99, latency.p999];
            (one.pressure.in_words(), at.map(milliseconds).to_vec())
        })
        .collect();
    let highest = lines.iter().flat_map(|(_, line)| line.iter().copied()).fold(1.0, f64::max);
    let lowest = lines.iter().flat_map(|(_, line)| line.iter().copied()).fold(highest, f64::min);
    let scale = |value: f64| (value / lowest).ln() / (highest / lowest).ln().max(f64::MIN_POSITIVE);
    let labels = ["p50", "p90", "p99", "p99.9"];
    let marks = [(lowest, format!("{lowest:.1} ms")), (highest, format!("{highest:.1} ms"))];
    plot("Latency of an exchange by percentile", &labels, &lines, &marks, scale)
}

/// The CPU time of an exchange beside the raw work, against what grows.
pub fn growth(growth: &Growth) -> String {
    let labels: Vec<String> = growth.points.iter().map(|point| grouped(point.size)).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let ratios: Vec<f64> = growth.points.iter().map(super::report::Point::ratio).collect();
    let highest = ratios.iter().copied().fold(1.0, f64::max);
    let marks = [(0.0, "0".to_owned()), (1.0, "1".to_owned()), (highest, format!("{highest:.2}"))];
    let what = format!("Ratio of an exchange's CPU time to its raw work, by {}", growth.of);
    plot(&what, &labels, &[(growth.of.clone(), ratios)], &marks, |value| value / highest)
}

/// Lines over labelled places. `scale`: where a value is between the bottom (0) and the top (1).
fn plot(
    what: &str,
    labels: &[&str],
    lines: &[(String, Vec<f64>)],
    marks: &[(f64, String)],
    scale: impl Fn(f64) -> f64,
) -> String {
    let across = |place: usize| LEFT + 40.0 + steps(place) * (WIDTH - LEFT - 200.0) / steps(labels.len().max(2) - 1);
    let down = |value: f64| 12.0 + (HEIGHT - BOTTOM - 24.0) * (1.0 - scale(value));
    let mut svg = format!("<svg class=plot role=img aria-label=\"{what}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\">");
    for (value, text) in marks {
        let y = down(*value);
        let _ = write!(svg, "<path class=axis d=\"M{LEFT} {y:.1}H{WIDTH}\" /><text x=0 y={:.1}>{text}</text>", y + 4.0);
    }
    for (place, label) in labels.iter().enumerate() {
        let _ = write!(svg, "<text class=middle x={:.1} y={:.1}>{label}</text>", across(place), HEIGHT - 4.0);
    }
    for (number, (name, values)) in lines.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            values.iter().enumerate().map(|(place, value)| (across(place), down(*value))).collect();
        let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = write!(svg, "<polyline class=\"line l{}\" points=\"{}\" />", number % 4, path.join(" "));
        if let Some((x, y)) = points.last() {
            let _ = write!(svg, "<text class=\"t{}\" x={:.1} y={:.1}>{name}</text>", number % 4, x + 8.0, y + 4.0);
        }
    }
    svg + "</svg>"
}

/// As people write large numbers.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn steps(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far shorter")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds.max(1) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([0, 1_000, 10_000_000].map(grouped), ["0", "1,000", "10,000,000"]);
    }
}
