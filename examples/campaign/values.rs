//! What runs have measured: every line of their journals but times, and every weight of their best epoch.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use safetensors::SafeTensors;
use serde_json::Value;

/// Quantities that differ when a run is repeated.
const OF_THE_MOMENT: [&str; 3] = ["seconds", "samples_per_second", "peak_memory_bytes"];

/// The values of all runs in a folder.
#[derive(Debug)]
pub struct Values(BTreeMap<String, Run>);

#[derive(Debug, PartialEq)]
struct Run {
    state: String,
    /// Lines of the journals, without the moment at which they were written.
    lines: Vec<String>,
    /// Bits of every weight, by the name of its tensor.
    weights: BTreeMap<String, Vec<u8>>,
}

impl Run {
    fn len(&self) -> usize {
        self.lines.len() + self.weights.values().map(|bits| bits.len() / 4).sum::<usize>()
    }
}

impl Values {
    /// Read the run folders in `folder`.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut runs = BTreeMap::new();
        for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            if path.join("status.json").is_file() {
                let run = read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
                runs.insert(name.to_string_lossy().into_owned(), run);
            }
        }
        Ok(Self(runs))
    }

    pub fn runs(&self) -> usize {
        self.0.len()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.values().map(Run::len).sum()
    }
}

fn read(folder: &Path) -> Result<Run> {
    let status: Value = serde_json::from_slice(&std::fs::read(folder.join("status.json"))?)?;
    let mut lines = Vec::new();
    for name in ["metrics.jsonl", "diagnostics.jsonl"] {
        let Ok(text) = std::fs::read_to_string(folder.join(name)) else { continue };
        for line in text.lines() {
            let mut line: BTreeMap<String, Value> = serde_json::from_str(line)?;
            line.remove("wall");
            if !line.get("name").is_some_and(|name| OF_THE_MOMENT.iter().any(|of| name == of)) {
                lines.push(serde_json::to_string(&line)?);
            }
        }
    }
    let mut weights = BTreeMap::new();
    if let Ok(file) = std::fs::read(folder.join("checkpoints/best.safetensors")) {
        for (name, tensor) in SafeTensors::deserialize(&file)?.tensors() {
            weights.insert(name, tensor.data().to_vec());
        }
    }
    Ok(Run { state: status["state"].as_str().unwrap_or_default().to_owned(), lines, weights })
}

/// What of `found` differs from `expected`, in words.
pub fn differences(expected: &Values, found: &Values) -> Vec<String> {
    let mut out = Vec::new();
    for (name, run) in &expected.0 {
        match found.0.get(name) {
            None => out.push(format!("{name}: all {} values are missing", run.len())),
            Some(other) if run.state != other.state => out.push(format!("{name}: {}, not {}", other.state, run.state)),
            Some(other) => {
                let longer = run.lines.len().max(other.lines.len());
                let differ = |at: &usize| run.lines.get(*at) != other.lines.get(*at);
                out.extend((0..longer).filter(differ).map(|at| {
                    let line = |of: &Run| of.lines.get(at).cloned().unwrap_or_else(|| "nothing".to_owned());
                    format!("{name}: {}, not {}", line(other), line(run))
                }));
                out.extend(weights_that_differ(name, run, other));
            }
        }
    }
    out
}

fn weights_that_differ(name: &str, expected: &Run, found: &Run) -> Vec<String> {
    let differ = |(tensor, bits): (&String, &Vec<u8>)| {
        let other = found.weights.get(tensor).map_or(&[][..], Vec::as_slice);
        let count =
            bits.chunks(4).zip(other.chunks(4)).filter(|(a, b)| a != b).count() + bits.len().abs_diff(other.len()) / 4;
        (count > 0).then(|| format!("{name}: {count} weights of `{tensor}` differ"))
    };
    expected.weights.iter().filter_map(differ).collect()
}
