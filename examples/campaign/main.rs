//! Faults of every kind at random moments, and a count of what they have cost: every value that a run measures must be that of a
//! run without faults, to the last bit.
//!
//! ```console
//! $ cargo build --release
//! $ cargo run --release --example campaign -- --tries 1000 kill
//! $ cargo run --release --example campaign -- --short
//! ```
//!
//! A campaign first runs its experiment undisturbed. Then, kind by kind, it runs it again in a new folder, disturbs it, starts
//! it again, and so on until it has ended or the tries are used up, lets it end, and compares. Kinds that need more than a user
//! may do (file systems of their own) or has installed (a library that sets the clock) are named and left out where that is
//! missing. Ends with exit code 1 where a value was lost.

mod faults;
mod process;
mod scratch;
mod table;
mod values;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum as _};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use self::faults::{Blow, Kind};
use self::process::Bench;
use self::scratch::Scratch;
use self::table::Line;
use self::values::{Values, differences};

/// Disturb an experiment and count what that costs.
#[derive(Debug, Parser)]
struct Arguments {
    /// Kinds of faults [default: all]
    #[arg(value_enum)]
    kinds: Vec<Kind>,
    /// Faults of every kind
    #[arg(long, value_name = "N", default_value_t = 100)]
    tries: usize,
    /// A few of each kind, in a small experiment
    #[arg(long, conflicts_with_all = ["tries", "experiment"])]
    short: bool,
    /// What is run
    #[arg(long, value_name = "FILE", default_value = "experiments/smoke.yaml")]
    experiment: PathBuf,
    /// The program [default: `bench` of the same build]
    #[arg(long, value_name = "FILE")]
    bench: Option<PathBuf>,
    /// Of the moments and places of faults
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Also write the table to a file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Faults of every kind in a short campaign.
const FEW: usize = 6;

fn main() -> ExitCode {
    match campaign(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether no value was lost.
fn campaign(arguments: &Arguments) -> Result<bool> {
    let program = match &arguments.bench {
        Some(path) => path.clone(),
        None => beside_this_program()?,
    };
    if !program.is_file() {
        bail!("{} is not there; build it with `cargo build --release`, or name it with --bench", program.display());
    }
    let home = tempfile::tempdir().context("cannot make a folder for the campaign")?;
    let (experiment, tries) = if arguments.short {
        let small = home.path().join("small.yaml");
        std::fs::write(&small, include_str!("small.yaml"))?;
        (small, FEW)
    } else {
        (std::path::absolute(&arguments.experiment)?, arguments.tries)
    };
    let bench = Bench { program, experiment, data: home.path().join("data") };
    let begun = Instant::now();
    let reference = Scratch::plain(&home.path().join("undisturbed"))?;
    bench.run_to_the_end(&reference)?;
    let (reference, time) = (Values::read(&bench.runs(&reference))?, begun.elapsed());
    println!(
        "{}: {} runs and {} values, in {:.1} s undisturbed; seed {}",
        bench.experiment.display(),
        reference.runs(),
        reference.len(),
        time.as_secs_f64(),
        arguments.seed
    );
    let kinds = if arguments.kinds.is_empty() { Kind::value_variants() } else { &arguments.kinds };
    let mut lines = Vec::new();
    for (index, kind) in (0..).zip(kinds) {
        let line = match kind.missing() {
            Some(missing) => Line::left_out(*kind, missing),
            None => {
                let mut random = ChaCha8Rng::seed_from_u64(arguments.seed);
                random.set_stream(index);
                Campaign { bench: &bench, home: home.path(), reference: &reference, time, random }.of(*kind, tries)?
            }
        };
        println!("{line}");
        lines.push(line);
    }
    let table = table::markdown(&lines);
    println!("\n{table}");
    if let Some(out) = &arguments.out {
        std::fs::write(out, &table).with_context(|| format!("cannot write {}", out.display()))?;
    }
    Ok(lines.iter().all(Line::is_clean))
}

/// `bench`, built with this example.
fn beside_this_program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).context("this program stands in no folder")?;
    Ok(folder.join(format!("bench{}", std::env::consts::EXE_SUFFIX)))
}

/// The faults of one kind.
struct Campaign<'a> {
    bench: &'a Bench,
    home: &'a Path,
    reference: &'a Values,
    /// How long the experiment takes undisturbed.
    time: Duration,
    random: ChaCha8Rng,
}

impl Campaign<'_> {
    /// `tries` faults of `kind`, in as many rounds as it takes.
    fn of(mut self, kind: Kind, tries: usize) -> Result<Line> {
        let begun = Instant::now();
        let mut line = Line::of(kind);
        while line.tries < tries && line.is_clean() {
            self.round(kind, tries - line.tries, &mut line)?;
            line.rounds += 1;
        }
        line.seconds = begun.elapsed().as_secs_f64();
        Ok(line)
    }

    /// The experiment from its beginning to its end, disturbed until as many faults have hit it as are wanted.
    fn round(&mut self, kind: Kind, wanted: usize, line: &mut Line) -> Result<()> {
        let folder = self.home.join(format!("{kind}-{}", line.rounds));
        let scratch = Scratch::of(kind, &folder)?;
        let mut blow = Blow { bench: self.bench, scratch: &scratch, random: &mut self.random, time: self.time };
        let (mut struck, mut ended) = (0, false);
        while struck < wanted && !ended {
            let (hit, end) = blow.strike(kind)?;
            (struck, ended) = (struck + hit, end);
        }
        scratch.open()?;
        // Where it has come to its end already, this says so.
        if let Err(error) = self.bench.run_to_the_end(&scratch) {
            line.lost.push(format!("{error:#}"));
        }
        let found = Values::read(&self.bench.runs(&scratch))?;
        line.tries += struck;
        line.values += self.reference.len();
        line.lost.extend(differences(self.reference, &found));
        drop(scratch);
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
    }
}
