//! Time per image of the Pathfinder generator, on one thread.

#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use datasets::tasks::images::pathfinder::{Difficulty, Generator, Parameters, Resolution};

fn images(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pathfinder");
    group.throughput(Throughput::Elements(1)).sample_size(20);
    for (resolution, difficulty) in [
        (Resolution::Px32, Difficulty::Easy),
        (Resolution::Px32, Difficulty::Hard),
        (Resolution::Px64, Difficulty::Hard),
        (Resolution::Px128, Difficulty::Hard),
    ] {
        let generator = Generator::new(Parameters::published(resolution, difficulty)).unwrap();
        group.bench_function(format!("{}-{}", resolution.side(), difficulty.name()), |bencher| {
            let mut index = 0;
            bencher.iter(|| {
                index += 1;
                black_box(generator.sample(0, index).unwrap())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, images);
criterion_main!(benches);
