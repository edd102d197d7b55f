//! What checking a token costs an API (RFC 9068 section 4), by algorithm, beside the bare verification of its signature.

#![expect(clippy::unwrap_used, reason = "a bench ends where it fails")]

mod issued;

use criterion::{Criterion, criterion_group, criterion_main};
use issued::Issued;
use jsonwebtoken::Algorithm;

fn validator(criterion: &mut Criterion) {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
        let issued = Issued::new(algorithm);
        let mut group = criterion.benchmark_group(format!("validator {algorithm:?}"));
        group.bench_function("validation", |bencher| bencher.iter(issued.validation()));
        group.bench_function("repeated validation", |bencher| bencher.iter(issued.repeated_validation()));
        group.bench_function("bare verification", |bencher| bencher.iter(issued.bare_verification()));
        group.finish();
    }
}

criterion_group!(benches, validator);
criterion_main!(benches);
