//! `bench speed`

use indicatif::HumanBytes;
use reports::format::grouped;
use reports::text_table;
use serde::Serialize;

use crate::cli::{DataFrom, Global, SpeedArgs};
use crate::exit::{Exit, Stop, print, print_json};
use crate::experiment::{Cell, load};
use crate::registry::Registry;
use crate::speed::{Effort, Measured, Source, Steps, measure};

/// One cell.
#[derive(Debug, Serialize)]
struct Line {
    task: String,
    baseline: String,
    #[serde(flatten)]
    measured: Option<Measured>,
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
pub fn execute(args: &SpeedArgs, global: &Global, registry: &Registry) -> Result<Exit, Stop> {
    let plan = load(&args.experiment.file, &args.experiment.overrides(), registry)?;
    let device = args.device.open()?;
    for cell in &plan.cells {
        args.device.check(&device, cell.training.precision)?;
    }
    let (steps, warmup) = (args.steps.into(), args.warmup.into());
    let library = global.library()?;
    let mut seen: Vec<&Cell> = Vec::new();
    for cell in plan.cells.iter().filter(|cell| cell.not_applicable.is_none()) {
        // Seeds take the same time.
        if !seen.iter().any(|other| is_same_work(other, cell)) {
            seen.push(cell);
        }
    }
    let time = |cell: &Cell, round: u16| {
        if !global.quiet {
            let turn = if args.rounds > 1 { format!(", round {round}") } else { String::new() };
            tracing::info!("{} on {}{turn}", cell.baseline.label, cell.task.label);
        }
        let passes = cell.training.accumulate_grad_steps;
        let effort = Effort { samples: cell.training.batch_size, passes, warmup, steps, profile: args.profile };
        match args.data_from {
            DataFrom::Synthetic => measure(cell, effort, Source::Synthetic, &device),
            DataFrom::Task => match cell.task.task.prepare(&library, &()) {
                Ok(dataset) => measure(cell, effort, Source::Task(dataset.as_ref()), &device),
                Err(error) => Err(error.to_string()),
            },
        }
    };
    let mut taken: Vec<Result<Steps, String>> = seen.iter().map(|cell| time(cell, 1)).collect();
    for round in 2..=args.rounds {
        for (cell, taken) in seen.iter().zip(&mut taken) {
            // What has failed once is not tried again.
            let Ok(steps) = taken else { continue };
            match time(cell, round) {
                Ok(more) => steps.add(more),
                Err(error) => *taken = Err(error),
            }
        }
    }
    let line = |(cell, taken): (&Cell, Result<Steps, String>)| {
        let (measured, error) = match taken {
            Ok(steps) => (Some(steps.summary()), None),
            Err(error) => (None, Some(error)),
        };
        Line { task: cell.task.label.clone(), baseline: cell.baseline.label.clone(), measured, error }
    };
    let cells: Vec<Line> = seen.into_iter().zip(taken).map(line).collect();
    let failed = cells.iter().any(|line| line.error.is_some());
    let device = args.device.settled().to_string();
    let (rounds, threads) = (args.rounds.into(), rayon::current_num_threads());
    let speed = Speed { schema: 1, experiment: plan.name, device, threads, rounds, steps, cells };
    if global.json {
        print_json(&speed)?;
    } else {
        print(&speed.text())?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn is_same_work(a: &Cell, b: &Cell) -> bool {
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
            let bytes = |bytes: Option<u64>| bytes.map_or_else(|| "–".into(), |bytes| HumanBytes(bytes).to_string());
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
                bytes(memory),
                bytes(m.device_memory_bytes),
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

/// The kernels of one cell, with what is left for Burn's own operations.
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
    let table = text_table("kernel | calls# | s/step# | share#", &rows);
    Some(format!("\n{} on {}\n{table}\n", line.baseline, line.task))
}
