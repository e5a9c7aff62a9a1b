//! Alters valid files at random and gives them to a parser, for a given time.
//!
//! ```console
//! $ cargo run --release --example fuzz -- PARSER 10m
//! $ cargo run --release --example fuzz -- list
//! ```
//!
//! Ends with exit code 1, and with the input in a file, when a parser panics, takes longer than a second for one input, or
//! asks for more memory than it promises.

use std::{
    fs,
    panic::catch_unwind,
    process::ExitCode,
    time::{Duration, Instant},
};

use datasets::formats::{Parser, parsers};
use peak_alloc::PeakAlloc;
use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Most time for one input.
const MOST_TIME: Duration = Duration::from_secs(1);
/// Inputs do not grow beyond this.
const LONGEST: usize = 1 << 16;
/// Numbers that parsers go wrong at.
const INTERESTING: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b' ', b'\n', b'-'];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let all = parsers();
    let names = all.iter().map(|parser| parser.name).collect::<Vec<_>>().join(", ");
    let [name, time] = &arguments[..] else {
        println!("usage: fuzz PARSER TIME, e.g. fuzz zip 10m; parsers: {names}");
        return if arguments == ["list"] { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    let Some(parser) = all.iter().find(|parser| parser.name == name) else {
        eprintln!("error: there is no parser `{name}`; known are {names}");
        return ExitCode::from(2);
    };
    let time = match humantime::parse_duration(time) {
        Ok(time) => time,
        Err(error) => {
            eprintln!("error: `{time}` is no time ({error}); write e.g. 30s or 10m");
            return ExitCode::from(2);
        }
    };
    // The message of a panic is part of the outcome below; its backtrace would only be in the way.
    std::panic::set_hook(Box::new(|_| {}));
    run(parser, time)
}

fn run(parser: &Parser, time: Duration) -> ExitCode {
    // Inputs differ from run to run, and a failing one is kept in a file.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seed = now.as_nanos() as u64;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let seeds = (parser.seeds)();
    // Inputs that were accepted become seeds, too: they are where altered ones get deeper. Shorter ones do not: many formats
    // allow an empty file, and what comes of altering one is mostly another.
    let shortest = seeds.iter().map(Vec::len).filter(|&length| length > 0).min().unwrap_or(0);
    let mut corpus = seeds.clone();
    let begun = Instant::now();
    let (mut inputs, mut accepted, mut slowest, mut most_memory) = (0u64, 0u64, Duration::ZERO, 0usize);
    while begun.elapsed() < time {
        let input = altered(&corpus, seeds.len(), &mut random);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let started = Instant::now();
        let outcome = catch_unwind(|| (parser.parse)(&input));
        let took = started.elapsed();
        let memory = MEMORY.peak_usage().saturating_sub(before);
        inputs += 1;
        slowest = slowest.max(took);
        most_memory = most_memory.max(memory);
        let allowed = parser.memory_factor * input.len() as u64 + parser.memory_slack;
        let failure = match &outcome {
            Err(_) => Some("it panics".to_owned()),
            Ok(_) if took > MOST_TIME && is_slow(parser, &input) => Some(format!("it takes {took:?}")),
            Ok(_) if memory as u64 > allowed => Some(format!("it takes {memory} bytes, and {allowed} are allowed")),
            Ok(_) => None,
        };
        if let Some(failure) = failure {
            let path = format!("fuzz-{}-{seed:016x}.bin", parser.name);
            eprintln!("FAILED  {}: input {inputs} ({} bytes): {failure}", parser.name, input.len());
            match fs::write(&path, &input) {
                Ok(()) => eprintln!("the input is in {path}"),
                Err(error) => eprintln!("cannot write {path}: {error}"),
            }
            return ExitCode::FAILURE;
        }
        if matches!(outcome, Ok(Ok(()))) {
            accepted += 1;
            if input.len() < shortest {
                continue;
            }
            if corpus.len() < 500 {
                corpus.push(input);
            } else {
                let place = random.random_range(seeds.len()..corpus.len());
                corpus[place] = input;
            }
        }
    }
    println!(
        "ok      {}: {inputs} inputs in {:?} (seed {seed:016x}), {accepted} of them accepted; no panic; slowest {slowest:?}, \
         most memory {most_memory} bytes (allowed: {} times the input and {} bytes)",
        parser.name,
        begun.elapsed(),
        parser.memory_factor,
        parser.memory_slack
    );
    ExitCode::SUCCESS
}

/// Whether `input` takes too long once more: the first time, a busy machine may have been at something else.
fn is_slow(parser: &Parser, input: &[u8]) -> bool {
    let started = Instant::now();
    // Only the time matters.
    let _ = (parser.parse)(input);
    started.elapsed() > MOST_TIME
}

/// One of `corpus` with a few changes, or, seldom, arbitrary bytes. Half of the time it is one of the first `seeds`, so that
/// whole files are altered however long this runs.
fn altered(corpus: &[Vec<u8>], seeds: usize, random: &mut ChaCha8Rng) -> Vec<u8> {
    if random.random_ratio(1, 50) {
        let length = random.random_range(0..2_000);
        return (0..length).map(|_| random.random()).collect();
    }
    let choices = if random.random() { seeds } else { corpus.len() };
    let mut bytes = corpus[random.random_range(0..choices)].clone();
    for _ in 0..random.random_range(1..=8) {
        alter(&mut bytes, corpus, random);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn alter(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut ChaCha8Rng) {
    let place = random.random_range(0..=bytes.len());
    let run = random.random_range(1..=32).min(bytes.len() - place);
    match random.random_range(0..9) {
        0 if run > 0 => bytes[place] ^= 1 << random.random_range(0..8),
        1 if run > 0 => bytes[place] = random.random(),
        2 if run > 0 => bytes[place] = INTERESTING[random.random_range(0..INTERESTING.len())],
        3 => bytes.insert(place, random.random()),
        4 => drop(bytes.drain(place..place + run)),
        5 => {
            let copy = bytes[place..place + run].to_vec();
            let target = random.random_range(0..=bytes.len());
            bytes.splice(target..target, copy);
        }
        6 if run >= 4 => {
            // A length or a size.
            let number: u32 = if random.random() { random.random() } else { random.random_range(0..300) };
            let number = if random.random() { number.to_le_bytes() } else { number.to_be_bytes() };
            bytes[place..place + 4].copy_from_slice(&number);
        }
        7 if random.random_ratio(1, 4) => bytes.truncate(place),
        8 => {
            // The end of another input.
            let other = &corpus[random.random_range(0..corpus.len())];
            let from = random.random_range(0..=other.len());
            bytes.truncate(place);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => {}
    }
}
