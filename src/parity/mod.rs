//! `bench parity`: our layers and networks against tensors recorded from the original programs.
//!
//! The bounds are relative to single precision: what the original's float32 misses its own float64 by counts twice.

mod check;
mod compare;
mod error;
mod flax;
mod golden;
mod input;
mod kinds;
mod loss;
mod tensors;

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use baselines::precision::Precision;
use burn::tensor::Device;

use self::check::Rename;
pub(crate) use self::compare::Comparison;
use self::error::{GoldenError, ParityError};
use self::golden::Golden;
use self::input::RecordedTensor;
use self::loss::OurOutput;
use crate::terminal::panic_text;

/// What became of a golden.
pub(crate) struct Outcome {
    /// Name of the golden.
    pub(crate) name: String,
    /// Its kind; empty if the description cannot be read.
    pub(crate) kind: String,
    /// What was compared, or why nothing was.
    pub(crate) result: Result<Comparison, ParityError>,
}

impl Outcome {
    /// `pass`, `FAIL` or `unsupported`.
    pub(crate) fn verdict(&self) -> &'static str {
        match &self.result {
            Ok(comparison) if comparison.passes() => "pass",
            Err(ParityError::Unsupported(_) | ParityError::Build(_)) => "unsupported",
            Ok(_) | Err(_) => "FAIL",
        }
    }
}

/// Descriptions of all goldens in `folder`, by name. A file of tensors without a description counts as one, and so does a
/// description without tensors, or a JSON file that is damaged.
///
/// # Errors
/// A folder that cannot be read.
pub(crate) fn list(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is = |extension: &str| path.extension().is_some_and(|e| e == extension);
        if is("safetensors") || (is("json") && (path.with_extension("safetensors").exists() || describes(&path))) {
            found.push(path.with_extension("json"));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Whether the JSON file at `path` is the description of a golden, or cannot be read.
fn describes(path: &Path) -> bool {
    let text = std::fs::read(path).ok();
    let about = text.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    about.is_none_or(|about| about.get("kind").is_some())
}

/// Compare the golden whose description is `path`, computing in `precision` and within the bounds that go with it.
pub(crate) fn run(path: &Path, device: &Device, precision: Precision) -> Outcome {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut golden = match Golden::read(path) {
        Ok(golden) => flax::in_torch_layout(golden),
        Err(error) => return Outcome { name, kind: String::new(), result: Err(error.into()) },
    };
    golden.precision = precision;
    let kind = golden.kind.clone();
    let Some(compare) = kinds::find(&kind) else {
        let reason = format!("nothing here computes the kind `{kind}`");
        return Outcome { name, kind, result: Err(ParityError::Unsupported(reason)) };
    };
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| compare(&golden, device)));
    let result = caught.unwrap_or_else(|payload| {
        let text = panic_text(payload.as_ref()).unwrap_or("without a message");
        Err(ParityError::Panicked(text.to_owned()))
    });
    Outcome { name, kind, result: result.map(|comparison| comparison.complete(&golden).within(precision)) }
}
