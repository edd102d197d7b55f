//! What it costs to decide an exchange (RFC 8693): at the first hop of a chain, and at the last one that it may have.

#![expect(clippy::unwrap_used, reason = "a bench ends where it fails")]

mod hop;

use criterion::{Criterion, criterion_group, criterion_main};
use hop::Hop;

fn decision(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decision");
    for number in [1, 4] {
        let hop = Hop::new(number);
        group.bench_function(format!("hop {number}"), |bencher| bencher.iter(|| hop.decide().unwrap()));
    }
    group.finish();
}

criterion_group!(benches, decision);
criterion_main!(benches);
