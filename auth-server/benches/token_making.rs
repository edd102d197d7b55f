//! What it costs to make a token (RFC 7515, RFC 9068), by algorithm, beside the bare signature over it.

#![expect(clippy::unwrap_used, reason = "a bench ends where it fails")]

mod making;

use auth_server::registry::SigningAlgorithm;
use criterion::{Criterion, criterion_group, criterion_main};
use making::Making;

fn token_making(criterion: &mut Criterion) {
    for algorithm in [SigningAlgorithm::ES256, SigningAlgorithm::EdDSA, SigningAlgorithm::RS256] {
        let making = Making::by(algorithm, &Making::new_key(algorithm));
        let access_token = making.access_token().text;
        let mut group = criterion.benchmark_group(format!("token making {algorithm}"));
        group.bench_function("access token", |bencher| bencher.iter(|| making.access_token()));
        group.bench_function("ID token", |bencher| bencher.iter(|| making.id_token(&access_token)));
        group.bench_function("recognition", |bencher| bencher.iter(making.recognition()));
        group.bench_function("bare signature", |bencher| bencher.iter(making.bare_signature(&access_token)));
        group.finish();
    }
}

criterion_group!(benches, token_making);
criterion_main!(benches);
