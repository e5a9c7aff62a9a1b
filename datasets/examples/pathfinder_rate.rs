//! Images per second of the Pathfinder generator, and how many times that is the rate of the original program:
//! `cargo run --release -p bench-datasets --example pathfinder_rate [SECONDS PER LINE]`.

use std::error::Error;
use std::time::{Duration, Instant};

use datasets::tasks::images::pathfinder::{Difficulty, GenerationError, Generator, Parameters, Resolution};
use rayon::prelude::*;

/// Images per second of the original generator (Python, one core) at 32 pixels, `hard`, as measured for this project.
const ORIGINAL: f64 = 2.7;

/// Images between two looks at the clock.
const ROUND: u64 = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(3.0), |text| text.parse())?;
    let budget = Duration::try_from_secs_f64(seconds)?;
    let settings = [
        (Resolution::Px32, Difficulty::Easy),
        (Resolution::Px32, Difficulty::Intermediate),
        (Resolution::Px32, Difficulty::Hard),
        (Resolution::Px64, Difficulty::Hard),
        (Resolution::Px128, Difficulty::Hard),
        (Resolution::Px256, Difficulty::Hard),
    ];
    println!("{:>6} {:>12} {:>8} {:>12} {:>10}", "pixels", "difficulty", "threads", "images/s", "original");
    for (resolution, difficulty) in settings {
        let generator = Generator::new(Parameters::published(resolution, difficulty))?;
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            let rate = pool.install(|| rate(&generator, budget))?;
            // The original was timed at 32 pixels, `hard`, only.
            let timed = resolution == Resolution::Px32 && difficulty == Difficulty::Hard;
            let ratio = if timed { format!("{:.0} x", rate / ORIGINAL) } else { "-".to_owned() };
            let (side, name) = (resolution.side(), difficulty.name());
            println!("{side:>6} {name:>12} {threads:>8} {rate:>12.0} {ratio:>10}");
        }
    }
    Ok(())
}

fn rate(generator: &Generator, budget: Duration) -> Result<f64, GenerationError> {
    let start = Instant::now();
    let mut images = 0;
    while start.elapsed() < budget {
        (images..images + ROUND).into_par_iter().try_for_each(|index| generator.sample(0, index).map(drop))?;
        images += ROUND;
    }
    Ok(images as f64 / start.elapsed().as_secs_f64())
}
