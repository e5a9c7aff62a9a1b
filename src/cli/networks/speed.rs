//! `bench speed`

use clap::{Args, ValueEnum};
use indicatif::HumanBytes;
use reports::{format::grouped, text_table};
use serde::Serialize;

use crate::cli::{CliError, DeviceArgs, Exit, ExperimentArgs, Global};
use crate::experiment::Run;
use crate::measure::speed::{BenchOptions, SampleSource, SpeedResult, StepTimes, measure};
use crate::registry::Registry;

/// `bench speed`
#[derive(Debug, Clone, Args)]
pub struct SpeedArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Steps that count
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    steps: u16,
    /// Time all pairs this many times in turns, --steps steps each: what disturbs the machine for a while then hits all alike
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Steps before those that count
    #[arg(long, value_name = "N", default_value_t = 3)]
    warmup: u16,
    /// Time every kernel by itself
    #[arg(long)]
    profile: bool,
    /// Samples: arbitrary ones, or those of the task's training split, read ahead by training.workers threads as in a run
    #[arg(long, value_enum, default_value_t, value_name = "SOURCE")]
    data_from: DataFrom,
}

/// Where the samples of `bench speed` come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DataFrom {
    /// Arbitrary values; needs no data.
    #[default]
    Synthetic,
    /// The task's own.
    Task,
}

/// One pair of task and baseline.
#[derive(Debug, Serialize)]
struct Line {
    task: String,
    baseline: String,
    #[serde(flatten)]
    measured: Option<SpeedResult>,
    /// Why there is no measurement, if so.
    error: Option<String>,
}

/// The whole command.
#[derive(Debug, Serialize)]
struct Speed {
    /// Version of this format.
    schema: u32,
    experiment: String,
    device: String,
    threads: usize,
    rounds: usize,
    /// Steps of a round.
    steps: usize,
    cells: Vec<Line>,
}

/// Time training steps of every pair of task and baseline.
pub fn execute(args: &SpeedArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let plan = args.experiment.plan(registry)?;
    let device = plan.open(args.device.choice)?;
    let (steps, warmup) = (args.steps.into(), args.warmup.into());
    let library = global.library()?;
    let mut seen: Vec<&Run> = Vec::new();
    for run in plan.runs.iter().filter(|run| run.not_applicable.is_none()) {
        // Seeds take the same time.
        if !seen.iter().any(|other| is_same_work(other, run)) {
            seen.push(run);
        }
    }
    let time = |run: &Run, round: u16| {
        let turn = if args.rounds > 1 { format!(", round {round}") } else { String::new() };
        global.notify(&format!("{} on {}{turn}", run.baseline.label, run.task.label));
        let passes = run.training.accumulate_grad_steps;
        let options = BenchOptions { samples: run.training.batch_size, passes, warmup, steps, profile: args.profile };
        match args.data_from {
            DataFrom::Synthetic => measure(run, options, SampleSource::Synthetic, &device),
            DataFrom::Task => match run.task.task.prepare(&library, &()) {
                Ok(dataset) => measure(run, options, SampleSource::Task(dataset.as_ref()), &device),
                Err(error) => Err(error.to_string()),
            },
        }
    };
    let mut taken: Vec<Result<StepTimes, String>> = seen.iter().map(|run| time(run, 1)).collect();
    for round in 2..=args.rounds {
        for (run, taken) in seen.iter().zip(&mut taken) {
            // What has failed once is not tried again.
            let Ok(steps) = taken else { continue };
            match time(run, round) {
                Ok(more) => steps.add(more),
                Err(error) => *taken = Err(error),
            }
        }
    }
    let line = |(run, taken): (&Run, Result<StepTimes, String>)| {
        let (measured, error) = match taken {
            Ok(steps) => (Some(steps.summary()), None),
            Err(error) => (None, Some(error)),
        };
        Line { task: run.task.label.clone(), baseline: run.baseline.label.clone(), measured, error }
    };
    let cells: Vec<Line> = seen.into_iter().zip(taken).map(line).collect();
    let failed = cells.iter().any(|line| line.error.is_some());
    let device = args.device.choice.settled().to_string();
    let (rounds, threads) = (args.rounds.into(), rayon::current_num_threads());
    let speed = Speed { schema: 1, experiment: plan.name, device, threads, rounds, steps, cells };
    global.print(|| &speed, || speed.text())?;
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn is_same_work(a: &Run, b: &Run) -> bool {
    (&a.task.config, &a.task.label, &a.baseline.config, &a.baseline.label, &a.training)
        == (&b.task.config, &b.task.label, &b.baseline.config, &b.baseline.label, &b.training)
}

impl Speed {
    fn text(&self) -> String {
        let heading = "baseline | task | parameters# | batch# | s/step# | min# | max# | CPU s# | samples/s# | waits# | \
            forward# | backward# | update# | memory# | device memory#";
        let row = |line: &Line| {
            let mut row = vec![line.baseline.clone(), line.task.clone()];
            let Some(m) = &line.measured else {
                row.push(line.error.clone().unwrap_or_default());
                return row;
            };
            let share = |part: f64| format!("{:.0} %", 100.0 * part / m.seconds.median);
            let memory = m.peak_memory_bytes.zip(m.base_memory_bytes).map(|(peak, base)| peak.saturating_sub(base));
            row.extend([
                grouped(m.parameters),
                if m.passes == 1 { m.samples.to_string() } else { format!("{} × {}", m.passes, m.samples / m.passes) },
                format!("{:.4}", m.seconds.median),
                format!("{:.4}", m.seconds.min),
                format!("{:.4}", m.seconds.max),
                m.cpu_seconds.map_or_else(|| "–".into(), |cpu| format!("{:.4}", cpu.median)),
                format!("{:.1}", m.samples as f64 / m.seconds.median),
                format!("{:.1} %", 100.0 * m.data_share),
                share(m.forward_seconds),
                share(m.backward_seconds),
                share(m.optimiser_seconds),
                memory.map_or_else(|| "–".into(), |bytes| HumanBytes(bytes).to_string()),
                m.device_memory_bytes.map_or_else(|| "–".into(), |bytes| HumanBytes(bytes).to_string()),
            ]);
            row
        };
        let rows: Vec<Vec<String>> = self.cells.iter().map(row).collect();
        let profiles: String = self.cells.iter().filter_map(profile).collect();
        format!(
            "{}\n{profiles}{} on {} threads, medians of {} steps; memory above that before the network was built",
            text_table(heading, &rows),
            self.device,
            self.threads,
            if self.rounds > 1 { format!("{} rounds of {}", self.rounds, self.steps) } else { self.steps.to_string() }
        )
    }
}

/// The kernels of one run, with what is left for Burn's own operations.
fn profile(line: &Line) -> Option<String> {
    let measured = line.measured.as_ref()?;
    let kernels = measured.kernels.as_ref()?;
    let row = |name: &str, calls: Option<f64>, seconds: f64| {
        let share = format!("{:.0} %", 100.0 * seconds / measured.seconds.median);
        vec![name.to_owned(), calls.map(|n| format!("{n:.0}")).unwrap_or_default(), format!("{seconds:.4}"), share]
    };
    let mut rows: Vec<Vec<String>> =
        kernels.iter().map(|kernel| row(kernel.name, Some(kernel.calls), kernel.seconds)).collect();
    let counted: f64 = kernels.iter().map(|kernel| kernel.seconds).sum();
    rows.push(row("everything else", None, (measured.seconds.median - counted).max(0.0)));
    let heading = "kernel | calls# | s/step# | share#";
    Some(format!("\n{} on {}\n{}\n", line.baseline, line.task, text_table(heading, &rows)))
}
