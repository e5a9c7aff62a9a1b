//! `bench parity`

use std::path::PathBuf;

use baselines::precision::Precision;
use clap::Args;
use reports::text_table;
use serde_json::{Value, json};
use wildmatch::WildMatch;

use super::{CliError, DeviceArgs, Exit, Global};
use crate::parity::{self, Outcome};

/// `bench parity`
#[derive(Debug, Clone, Args)]
pub struct ParityArgs {
    /// Folders of golden tensors: pairs of NAME.safetensors and NAME.json
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Only the goldens whose name matches, e.g. 'ccnn_*'
    #[arg(long, value_name = "PATTERN")]
    only: Option<String>,
    #[command(flatten)]
    device: DeviceArgs,
    /// How the operands of large matrix products are rounded: float32, tf32 or bfloat16 (with bounds to match)
    #[arg(long, value_name = "PRECISION", default_value_t)]
    precision: Precision,
}

/// Compare with every golden of the folders.
pub fn execute(args: &ParityArgs, global: &Global) -> Result<Exit, CliError> {
    let mut paths = Vec::new();
    for dir in &args.dirs {
        let found = parity::list(dir)
            .map_err(|error| CliError::usage(format!("cannot read the folder `{}`: {error}", dir.display())))?;
        if found.is_empty() {
            let message = format!("no goldens (<name>.safetensors with <name>.json) in `{}`", dir.display());
            return Err(CliError::usage(message));
        }
        paths.extend(found);
    }
    if let Some(pattern) = &args.only {
        let matcher = WildMatch::new(pattern);
        paths.retain(|path| path.file_stem().is_some_and(|stem| matcher.matches(&stem.to_string_lossy())));
        if paths.is_empty() {
            return Err(CliError::usage(format!("no golden matches `{pattern}`")));
        }
    }
    let device = args.device.choice.open()?;
    args.device.choice.check(&device, args.precision)?;
    let outcomes: Vec<Outcome> = paths.iter().map(|path| parity::run(path, &device, args.precision)).collect();
    let passed = outcomes.iter().filter(|outcome| outcome.verdict() == "pass").count();
    let failed = outcomes.len() - passed;
    let json = || {
        let goldens: Vec<Value> = outcomes.iter().map(record).collect();
        json!({ "goldens": goldens, "passed": passed, "failed": failed })
    };
    let text = || {
        let heading = "golden | kind | tensors# | error# | bound# | result | worst tensor, or reason";
        let rows: Vec<Vec<String>> = outcomes.iter().map(row).collect();
        format!("{}\n{passed} passed, {failed} failed", text_table(heading, &rows))
    };
    global.print(json, text)?;
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn row(outcome: &Outcome) -> Vec<String> {
    let (tensors, error, bound, last) = match &outcome.result {
        Err(error) => (0, String::new(), String::new(), error.to_string().replace('\n', " ")),
        Ok(comparison) => {
            let worst = comparison.worst();
            let number = |value: Option<f64>| value.map(|value| format!("{value:.1e}")).unwrap_or_default();
            (
                comparison.deviations.len(),
                number(worst.map(|worst| worst.error)),
                number(worst.map(|worst| worst.bound)),
                match comparison.unmatched.as_slice() {
                    [] => worst.map(|worst| worst.tensor.clone()).unwrap_or_default(),
                    unmatched => format!("not compared, missing on one side: {}", unmatched.join(", ")),
                },
            )
        }
    };
    let verdict = outcome.verdict().to_owned();
    vec![outcome.name.clone(), outcome.kind.clone(), tensors.to_string(), error, bound, verdict, last]
}

fn record(outcome: &Outcome) -> Value {
    let mut record = json!({ "name": outcome.name, "kind": outcome.kind, "result": outcome.verdict() });
    match &outcome.result {
        Err(error) => {
            record["reason"] = json!(error.to_string());
            record["error_kind"] = json!(<&str>::from(error));
        }
        Ok(comparison) => {
            // JSON has no infinity: what cannot be compared has the error null.
            let finite = |value: f64| value.is_finite().then_some(value);
            record["tensors"] = json!(comparison.deviations.len());
            record["worst"] = json!(comparison.worst().map(|worst| {
                json!({ "tensor": worst.tensor, "error": finite(worst.error), "bound": worst.bound })
            }));
            let missed = comparison.deviations.iter().filter(|deviation| !deviation.passes());
            record["unmatched"] = json!(comparison.unmatched);
            record["missed"] = missed.map(|deviation| json!(deviation.tensor)).collect();
        }
    }
    record
}
