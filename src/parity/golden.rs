//! Golden tensors: `<name>.safetensors` and `<name>.json`, recorded from an original program.
//!
//! Tensors are named `param.*`, `buffer.*` and `buffer_after.*` (before and after the forward pass), `input.*`, `output.*`,
//! `grad.*` and `grad_input.*`; the JSON's `kind` and `build` say what they were recorded from.
//!
//! Where its `loss` is `cotangent`, gradients are those of Σ output · cotangent over the elements of all outputs with a tensor
//! `cotangent.*`, and the tensors of a run in double precision, `output_f64.*` and the like, are what ours are compared with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use baselines::precision::Precision;
use safetensors::SafeTensors;
use serde_json::Value;

use super::{GoldenError, ParityError};
use crate::files::{Dtype, Shapes};

/// What the kind of a tensor of the run in double precision ends with.
const DOUBLE: &str = "_f64";

/// Whether a buffer is a running statistic, under its name in PyTorch or in Flax; others are bookkeeping.
pub(crate) fn is_statistic(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last.contains("running_") || ["mean", "var"].contains(&last)
}

/// A tensor on the host, row-major. Values are held in double precision, which keeps those of every stored type.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Shape.
    pub(crate) shape: Vec<usize>,
    /// Values.
    pub(crate) values: Vec<f64>,
}

impl Stored {
    /// Values in single precision.
    pub(crate) fn to_f32(&self) -> Vec<f32> {
        self.values.iter().map(|&value| value as f32).collect()
    }
}

/// One golden.
#[derive(Debug)]
pub(crate) struct Golden {
    /// File name without extension.
    pub(crate) name: String,
    /// What was recorded, e.g. `ccnn.network`.
    pub(crate) kind: String,
    /// What the operands of large matrix products are rounded to.
    pub(crate) precision: Precision,
    /// The whole JSON file.
    about: Value,
    tensors: BTreeMap<String, Stored>,
}

impl Golden {
    /// Read the golden whose description is `path`, `<name>.json`.
    ///
    /// # Errors
    /// Files that are absent or damaged.
    pub(crate) fn read(path: &Path) -> Result<Self, GoldenError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| GoldenError::Io { path, source }
        };
        let damaged = |path: &Path, reason: String| GoldenError::Damaged { path: path.to_owned(), reason };
        let text = std::fs::read(path).map_err(io(path))?;
        let about: Value = serde_json::from_slice(&text).map_err(|error| damaged(path, error.to_string()))?;
        let kind = about["kind"].as_str().ok_or_else(|| damaged(path, "it has no `kind`".into()))?.to_owned();
        let data = path.with_extension("safetensors");
        let bytes = std::fs::read(&data).map_err(io(&data))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(&data, error.to_string()))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            let dtype = Dtype::of_safetensors(view.dtype());
            let values = dtype
                .decode(view.data())
                .ok_or_else(|| damaged(&data, format!("`{name}` has the type {}", dtype.name)))?;
            tensors.insert(name, Stored { shape: view.shape().to_vec(), values });
        }
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { name, kind, precision: Precision::Float32, about, tensors })
    }

    /// The same with what `change` makes of its description and tensors.
    pub(crate) fn map(
        self,
        change: impl FnOnce(Value, BTreeMap<String, Stored>) -> (Value, BTreeMap<String, Stored>),
    ) -> Self {
        let (about, tensors) = change(self.about, self.tensors);
        Self { about, tensors, ..self }
    }

    /// `build.<field>`; null where it is absent.
    pub(crate) fn setting(&self, field: &str) -> &Value {
        &self.about["build"][field]
    }

    /// A field beside `build`; null where it is absent.
    pub(crate) fn note(&self, field: &str) -> &Value {
        &self.about[field]
    }

    /// `build.<field>` as a whole number.
    pub(crate) fn count(&self, field: &str) -> Result<usize, GoldenError> {
        let number = self.setting(field).as_u64().and_then(|n| usize::try_from(n).ok());
        number.ok_or_else(|| self.wrong(field, "a whole number"))
    }

    /// `build.<field>` as a number.
    pub(crate) fn number(&self, field: &str) -> Result<f64, GoldenError> {
        self.setting(field).as_f64().ok_or_else(|| self.wrong(field, "a number"))
    }

    /// `build.<field>` as a truth value.
    pub(crate) fn flag(&self, field: &str) -> Result<bool, GoldenError> {
        self.setting(field).as_bool().ok_or_else(|| self.wrong(field, "true or false"))
    }

    /// `build.<field>` as a truth value; `default` where it is absent.
    pub(crate) fn flag_or(&self, field: &str, default: bool) -> Result<bool, GoldenError> {
        if self.has(field) { self.flag(field) } else { Ok(default) }
    }

    /// `build.<field>` as a number; one where it is absent.
    pub(crate) fn number_or_one(&self, field: &str) -> Result<f64, GoldenError> {
        if self.has(field) { self.number(field) } else { Ok(1.0) }
    }

    /// `build.<field>` as text.
    pub(crate) fn text(&self, field: &str) -> Result<&str, GoldenError> {
        self.setting(field).as_str().ok_or_else(|| self.wrong(field, "text"))
    }

    /// Whether `build.<field>` is there.
    pub(crate) fn has(&self, field: &str) -> bool {
        !self.setting(field).is_null()
    }

    fn wrong(&self, field: &str, wanted: &'static str) -> GoldenError {
        GoldenError::Setting { golden: self.name.clone(), field: field.to_owned(), wanted }
    }

    /// Whether the forward pass was recorded in training mode.
    pub(crate) fn is_training(&self) -> bool {
        self.setting("mode").as_str() != Some("eval")
    }

    /// The tensor called `name`.
    pub(crate) fn get(&self, name: &str) -> Result<&Stored, GoldenError> {
        self.find(name).ok_or_else(|| self.fault(name, "is missing"))
    }

    /// The tensor called `name`, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<&Stored> {
        self.tensors.get(name)
    }

    /// An error about the tensor called `name`.
    pub(crate) fn fault(&self, name: &str, fault: impl Into<String>) -> GoldenError {
        GoldenError::Tensor { golden: self.name.clone(), tensor: name.to_owned(), fault: fault.into() }
    }

    /// `input.labels`, if the loss is a cross-entropy.
    ///
    /// # Errors
    /// Labels that are no whole numbers.
    pub(crate) fn labels(&self) -> Result<Option<Vec<i32>>, GoldenError> {
        let Some(stored) = self.find("input.labels") else { return Ok(None) };
        let whole = |&label: &f64| (label.trunc() == label && label.abs() < 2f64.powi(31)).then_some(label as i32);
        let labels: Option<Vec<i32>> = stored.values.iter().map(whole).collect();
        labels.map(Some).ok_or_else(|| self.fault("input.labels", "has a value that is no whole number"))
    }

    /// Whether the loss is Σ output · cotangent, and the run in double precision the reference.
    pub(crate) fn has_cotangents(&self) -> bool {
        self.note("loss").as_str() == Some("cotangent")
    }

    /// What ours is compared with as `name`: under a loss by cotangents the tensor of the run in double precision, where
    /// there is one, else the tensor of that name.
    ///
    /// # Errors
    /// A tensor that is missing, or of another shape in double precision.
    pub(crate) fn reference(&self, name: &str) -> Result<&Stored, GoldenError> {
        let stored = self.get(name)?;
        let double = self.has_cotangents().then(|| name.split_once('.')).flatten();
        match double.and_then(|(kind, rest)| self.find(&format!("{kind}{DOUBLE}.{rest}"))) {
            Some(double) if double.shape != stored.shape => {
                let [single, double] = [stored, double].map(|tensor| &tensor.shape);
                Err(self.fault(name, format!("has shape {single:?}, and {double:?} in double precision")))
            }
            Some(double) => Ok(double),
            None => Ok(stored),
        }
    }

    /// The name in single precision of a tensor of the run in double precision.
    pub(crate) fn in_single_precision(name: &str) -> Option<String> {
        let (kind, rest) = name.split_once('.')?;
        Some(format!("{}.{rest}", kind.strip_suffix(DOUBLE)?))
    }

    /// Whether the description says that the gradient of `name`, a parameter or `input.*`, is zero by structure.
    pub(crate) fn has_zero_gradient(&self, name: &str) -> bool {
        !self.note("zero_gradients")[name].is_null()
    }

    /// Names of all tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Names of the tensors that the description lists; empty where it lists none.
    pub(crate) fn listed(&self) -> BTreeSet<&str> {
        let listed = self.note("tensors").as_object().into_iter().flatten();
        listed.map(|(name, _)| name.as_str()).collect()
    }

    /// Names of the tensors that the description speaks of: those listed, and the gradients whose rounding it tells.
    pub(crate) fn described(&self) -> impl Iterator<Item = String> {
        let gradients = self.note("f32_vs_f64_grad_maxrel_per_param").as_object().into_iter().flatten();
        let gradients = gradients.map(|(name, _)| format!("grad.{name}"));
        let all: BTreeSet<String> = self.listed().into_iter().map(str::to_owned).chain(gradients).collect();
        all.into_iter()
    }

    /// Names that begin with `prefix`, without it, and their tensors.
    pub(crate) fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Stored)> {
        self.tensors.iter().filter_map(move |(name, stored)| Some((name.strip_prefix(prefix)?, stored)))
    }

    /// Shapes of parameters and running statistics before the forward pass, under their names in the state dict.
    pub(crate) fn shapes(&self) -> Shapes {
        let statistics = self.under("buffer.").filter(|(name, _)| is_statistic(name));
        self.under("param.").chain(statistics).map(|(name, stored)| (name.to_owned(), stored.shape.clone())).collect()
    }

    /// The tensor that is called `name` in the state dict.
    pub(crate) fn weight(&self, name: &str) -> Result<&Stored, GoldenError> {
        let parameter = self.find(&format!("param.{name}"));
        parameter.or_else(|| self.find(&format!("buffer.{name}"))).ok_or_else(|| self.fault(name, "is missing"))
    }

    /// Refuse a setting: `build.<field>` is there and not one of `known`.
    pub(crate) fn only(&self, field: &str, known: &[Value]) -> Result<(), ParityError> {
        let value = self.setting(field);
        if value.is_null() || known.contains(value) {
            return Ok(());
        }
        Err(ParityError::Unsupported(format!("`build.{field}` is {value}")))
    }
}
