//! `bench` with a baseline and a task of one's own.
//!
//! ```console
//! $ cargo run --release -p own-baseline -- run examples/own_baseline/experiment.yaml
//! ```

mod majority;
mod mixer;

use std::process::ExitCode;

use bench::Registry;

fn main() -> ExitCode {
    bench::main(Registry::standard().baseline::<mixer::Mixer>().task::<majority::Majority>())
}
