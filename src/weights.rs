//! Weights from a file into a network: our own checkpoints, and the safetensors and PyTorch files of reference programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baselines::registry::Entry;
use baselines::{BuildError, Model, reference};
use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::pytorch::dtype::Dtype;
use crate::pytorch::{self, PytorchError};
use crate::state_dict::{self, Misfit};
use crate::train::checkpoint::{self, CheckpointError, Weights};

/// Tensors of our own checkpoints that are the network's.
const OWN: &str = "model.";
/// What our names of a body's tensors begin with; no reference program has it.
const BODY: &str = "body.";

/// Why the weights of a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WeightsError {
    /// A safetensors file that cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A safetensors file of another program that cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A PyTorch file that cannot be read.
    #[error("{path} cannot be read: {source}")]
    Pytorch {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PytorchError,
    },
    /// Weights of another network.
    #[error("{path} does not fit {baseline}: {misfit}{hint}")]
    Misfit {
        /// The file.
        path: PathBuf,
        /// The baseline.
        baseline: String,
        /// Which tensors.
        misfit: Box<Misfit>,
        /// Settings with which it might fit, in words; may be empty.
        hint: String,
    },
}

/// A network of other settings for the same inputs and outputs.
pub(crate) type Rebuild<'a> = &'a dyn Fn(&Value) -> Result<Box<dyn Model>, BuildError>;

/// Put the weights of the file at `path` into `model`, which `build` made of `config` for inputs of `rank` axes.
///
/// # Errors
/// The file cannot be read, or holds the weights of another network.
pub(crate) fn load(
    path: &Path,
    model: &mut dyn Model,
    entry: &Entry,
    config: &Value,
    rank: usize,
    build: Rebuild<'_>,
) -> Result<(), WeightsError> {
    let weights = read(path)?;
    let theirs = |name: &str| (entry.reference_name)(config, rank, name).unwrap_or_else(|| name.to_owned());
    let ours = |name: &str| name.to_owned();
    let own = weights.keys().any(|name| name.starts_with(BODY));
    let rename: &dyn Fn(&str) -> String = if own { &ours } else { &theirs };
    let fit = |model: &dyn Model| state_dict::fit(&weights, model.parameters(), rename, &reference::is_bookkeeping);
    let fitted = fit(model).map_err(|misfit| {
        // Only settings with which the weights do fit are worth trying.
        let sizes = sizes(&misfit, &weights, config);
        let mut other = config.clone();
        for (field, value) in &sizes {
            other[field] = Value::from(*value);
        }
        let fits = !sizes.is_empty() && build(&other).is_ok_and(|model| fit(model.as_ref()).is_ok());
        let settings: Vec<String> = sizes.iter().map(|(field, n)| format!(" --set baseline.{field}={n}")).collect();
        let hint = if fits { format!("\nthey fit with{}", settings.concat()) } else { String::new() };
        WeightsError::Misfit {
            path: path.to_owned(),
            baseline: entry.info.name.to_owned(),
            misfit: Box::new(misfit),
            hint,
        }
    })?;
    state_dict::load(model, &fitted);
    Ok(())
}

/// The weights in a file, under the names that they have there.
fn read(path: &Path) -> Result<Weights, WeightsError> {
    if path.extension().is_none_or(|extension| extension != "safetensors") {
        return pytorch::load(path).map_err(|source| WeightsError::Pytorch { path: path.to_owned(), source });
    }
    let broken = |reason: String| WeightsError::Safetensors { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|error| broken(error.to_string()))?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| broken(error.to_string()))?;
    if header.metadata().as_ref().is_some_and(checkpoint::is_ours) {
        let loaded = checkpoint::load(path)?.ok_or_else(|| broken("it has vanished".into()))?;
        return Ok(loaded.named(OWN));
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|error| broken(error.to_string()))?;
    let mut weights = Weights::new();
    for (name, view) in file.tensors() {
        let dtype = Dtype::of_safetensors(view.dtype())
            .ok_or_else(|| broken(format!("`{name}` has the type {:?}", view.dtype())))?;
        let values = dtype.decode(view.data()).into_iter().map(|value| value as f32).collect();
        weights.insert(name, (view.shape().to_vec(), values));
    }
    Ok(weights)
}

/// Settings that may give the sizes found: the number of blocks, and fields of `config` whose value is a size wanted.
fn sizes(misfit: &Misfit, weights: &Weights, config: &Value) -> BTreeMap<String, usize> {
    let mut sizes = BTreeMap::new();
    let blocks = weights.keys().filter_map(|name| {
        let rest = name.trim_start_matches(BODY);
        let rest = rest.strip_prefix("backbone.").or_else(|| rest.strip_prefix("blocks."))?;
        rest.split('.').next()?.parse::<usize>().ok()
    });
    if let (Some(last), Some(blocks)) = (blocks.max(), config["blocks"].as_u64())
        && last as u64 + 1 != blocks
    {
        sizes.insert("blocks".to_owned(), last + 1);
    }
    let fields = config.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_u64()?)));
    let fields: Vec<(&String, u64)> = fields.collect();
    for (_, there, wanted) in &misfit.misshapen {
        for (&there, &wanted) in there.iter().zip(wanted).filter(|(there, wanted)| there != wanted) {
            for (name, _) in fields.iter().filter(|(_, value)| *value == wanted as u64) {
                // A later tensor is the more telling: the first ones depend on the task's channels too.
                sizes.insert((*name).clone(), there);
            }
        }
    }
    sizes
}

/// SHA-256 (hex) of the file at `path`; `None` where it cannot be read.
pub(crate) fn digest(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    Some(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_that_differ_are_traced_to_settings() {
        let misfit =
            Misfit { misshapen: vec![("finallyr.weight".into(), vec![10, 100], vec![10, 30])], ..Misfit::default() };
        let names = ["backbone.0.a", "backbone.2.a"];
        let weights = names.iter().map(|name| ((*name).to_owned(), (vec![1], vec![0.0]))).collect();
        let config = json!({"blocks": 2, "hidden": 30, "kernel_hidden": 32});
        let wanted = BTreeMap::from([("blocks".to_owned(), 3), ("hidden".to_owned(), 100)]);
        assert_eq!(sizes(&misfit, &weights, &config), wanted);
        assert!(sizes(&Misfit::default(), &Weights::new(), &config).is_empty());
    }
}
