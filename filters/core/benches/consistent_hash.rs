//! Build and look-up of rings and Maglev tables.

use core::num::NonZeroU32;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use switchyard_core::balance::{Candidates, HashFunction, Maglev, RingHash};
use switchyard_core::{Endpoint, Endpoints};

fn endpoints(count: usize) -> Endpoints {
    let endpoint =
        |index: usize| Endpoint::new(format!("10.0.{}.{}:8080", index / 250, index % 250), NonZeroU32::MIN);
    Endpoints::new((0..count).map(endpoint).collect())
}

fn consistent_hash(criterion: &mut Criterion) {
    for count in [10, 100, 1000] {
        let endpoints = endpoints(count);
        let ring = || RingHash::new(&endpoints, HashFunction::XxHash, 65_536, 8_388_608);
        let maglev = || Maglev::new(&endpoints, 65_537);
        criterion.bench_function(&format!("ring_build/{count}"), |bencher| bencher.iter(ring));
        criterion.bench_function(&format!("maglev_build/{count}"), |bencher| bencher.iter(maglev));
        let (ring, maglev) = (ring(), maglev());
        for wanted in [1, 3] {
            let id = |name: &str| format!("{name}/{count}x{wanted}");
            let mut candidates = Candidates::new(wanted);
            let mut random = fastrand::Rng::with_seed(1);
            criterion.bench_function(&id("ring_lookup"), |bencher| {
                bencher.iter(|| {
                    candidates.clear();
                    ring.choose(random.u64(..), |_| true, &mut candidates);
                    black_box(candidates.first())
                });
            });
            criterion.bench_function(&id("maglev_lookup"), |bencher| {
                bencher.iter(|| {
                    candidates.clear();
                    maglev.choose(random.u64(..), |_| true, &mut candidates);
                    black_box(candidates.first())
                });
            });
        }
    }
}

criterion_group!(benches, consistent_hash);
criterion_main!(benches);
