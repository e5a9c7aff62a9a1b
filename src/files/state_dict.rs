//! Fitting the tensors of a state dict to those of a network.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use baselines::{Model, Parameter};
use burn::tensor::{Tensor, TensorData};

/// Tensors listed in an error, per kind of fault.
const SHOWN: usize = 8;

/// Shapes by name.
pub(crate) type Shapes = BTreeMap<String, Vec<usize>>;

/// Values by our names, one entry per tensor of the network.
pub(crate) type Fitted = BTreeMap<String, Vec<f32>>;

/// Which tensor of a state dict holds which one of the network, by our names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Match(BTreeMap<String, StoredTensor>);

/// Where the values of a tensor come from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StoredTensor {
    /// Name there.
    key: String,
    form: Form,
}

/// What is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The tensor itself.
    Itself,
    /// A weight, of which the lengths of the rows are wanted.
    Lengths,
    /// A weight, of which the directions of the rows are wanted.
    Directions,
}

/// A value that no weight can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum BadValue {
    /// Not finite.
    #[error(
        "element {at} of `{tensor}` is {value}, which no weight can be; the training that wrote it had diverged, or the file is damaged"
    )]
    NotFinite {
        /// Name in the file.
        tensor: String,
        /// Which element, from 0, row-major.
        at: usize,
        /// What it is.
        value: f64,
    },
    /// Too large for single precision.
    #[error(
        "element {at} of `{tensor}` is {value:e}, beyond the range of 32-bit numbers, in which the network computes"
    )]
    Beyond {
        /// Name in the file.
        tensor: String,
        /// Which element, from 0, row-major.
        at: usize,
        /// What it is.
        value: f64,
    },
    /// Less than zero where that cannot be.
    #[error("element {at} of `{tensor}` is {value}, and a variance is not negative; the file is damaged")]
    Variance {
        /// Name in the file.
        tensor: String,
        /// Which element, from 0, row-major.
        at: usize,
        /// What it is.
        value: f64,
    },
}

/// Why a state dict does not fit a network. Names are those of the state dict.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub(crate) struct StateDictMismatch {
    /// Wanted by the network and not there.
    pub(crate) missing: Vec<String>,
    /// There and not wanted.
    pub(crate) unexpected: Vec<String>,
    /// Name, shape there, shape wanted.
    pub(crate) misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl StateDictMismatch {
    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for StateDictMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shapes = |(name, there, wanted): &(String, Vec<usize>, Vec<usize>)| {
            format!("{name} has shape {there:?}, wanted is {wanted:?}")
        };
        let misshapen: Vec<String> = self.misshapen.iter().map(shapes).collect();
        f.write_str("the weights do not fit the network")?;
        for (what, names) in [("missing", &self.missing), ("unexpected", &self.unexpected), ("misshapen", &misshapen)] {
            if names.is_empty() {
                continue;
            }
            write!(f, "\n  {what} ({}):", names.len())?;
            for name in names.iter().take(SHOWN) {
                write!(f, "\n    {name}")?;
            }
            if names.len() > SHOWN {
                f.write_str("\n    …")?;
            }
        }
        Ok(())
    }
}

/// The tensors among `shapes` for every one of `parameters`, under the names that `rename` gives them there.
///
/// Axes of length one do not count, since a linear map and a convolution of size one hold the same weights. A weight of
/// weight normalisation may be stored as length and direction (under either of PyTorch's pairs of names) or as itself.
/// Tensors that `ignored` accepts may be left over.
///
/// # Errors
/// All tensors that are missing, left over or of another shape.
pub(crate) fn fit(
    shapes: &Shapes,
    parameters: &[Parameter],
    rename: &dyn Fn(&str) -> String,
    ignored: &dyn Fn(&str) -> bool,
) -> Result<Match, StateDictMismatch> {
    let (found, mut mismatch) = find_all(shapes, parameters, rename);
    mismatch.unexpected = found.unused(shapes).filter(|name| !ignored(name)).cloned().collect();
    if mismatch.is_empty() { Ok(found) } else { Err(mismatch) }
}

/// The same, with what was found and what is missing or of another shape; what is left over does not matter.
pub(crate) fn find_all(
    shapes: &Shapes,
    parameters: &[Parameter],
    rename: &dyn Fn(&str) -> String,
) -> (Match, StateDictMismatch) {
    let mut mismatch = StateDictMismatch::default();
    let mut found = Match::default();
    for parameter in parameters {
        let theirs = rename(&parameter.name);
        let Some((stored, shape)) = find(shapes, &theirs) else {
            mismatch.missing.push(theirs);
            continue;
        };
        if significant(&shape) != significant(&parameter.shape) {
            mismatch.misshapen.push((stored.key.clone(), shape, parameter.shape.clone()));
        }
        found.0.insert(parameter.name.clone(), stored);
    }
    (found, mismatch)
}

impl Match {
    /// Name in the state dict of our tensor `name`, where it is stored as itself.
    pub(crate) fn key(&self, name: &str) -> Option<&str> {
        self.0.get(name).filter(|stored| stored.form == Form::Itself).map(|stored| stored.key.as_str())
    }

    /// Names in the state dict that something is taken from.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|stored| stored.key.as_str())
    }

    /// Names in `shapes` that nothing is taken from.
    pub(crate) fn unused<'a>(&self, shapes: &'a Shapes) -> impl Iterator<Item = &'a String> {
        let used: BTreeSet<&str> = self.keys().collect();
        shapes.keys().filter(move |name| !used.contains(name.as_str()))
    }

    /// Read what was found; `values` gives the numbers of a tensor by its name in the state dict.
    ///
    /// # Errors
    /// What `values` gives, and what `refuse` makes of values that no weight can have.
    pub(crate) fn read<E>(
        &self,
        parameters: &[Parameter],
        mut values: impl FnMut(&str) -> Result<Vec<f64>, E>,
        refuse: impl Fn(BadValue) -> E,
    ) -> Result<Fitted, E> {
        let mut fitted = Fitted::new();
        for parameter in parameters {
            let Some(StoredTensor { key, form }) = self.0.get(&parameter.name) else { continue };
            let stored = values(key)?;
            let rows = parameter.shape.first().copied().unwrap_or(1);
            let values = match form {
                Form::Itself => stored,
                Form::Lengths => row_lengths(&stored, rows),
                Form::Directions => row_directions(stored, rows),
            };
            let values = checked(key, &values, is_variance(&parameter.name)).map_err(&refuse)?;
            fitted.insert(parameter.name.clone(), values);
        }
        Ok(fitted)
    }
}

/// `values` of the tensor called `name` in single precision.
///
/// # Errors
/// A value that is not finite or beyond single precision, or a negative `variance`.
pub(crate) fn checked(name: &str, values: &[f64], variance: bool) -> Result<Vec<f32>, BadValue> {
    for (at, &value) in values.iter().enumerate() {
        let tensor = || name.to_owned();
        if !value.is_finite() {
            return Err(BadValue::NotFinite { tensor: tensor(), at, value });
        }
        if !(value as f32).is_finite() {
            return Err(BadValue::Beyond { tensor: tensor(), at, value });
        }
        if variance && value < 0.0 {
            return Err(BadValue::Variance { tensor: tensor(), at, value });
        }
    }
    Ok(values.iter().map(|&value| value as f32).collect())
}

/// Whether our tensor `name` is the running variance of a batch normalisation.
pub(crate) fn is_variance(name: &str) -> bool {
    name.ends_with("running_var")
}

/// Put `fitted` into `model`.
pub(crate) fn load(model: &mut dyn Model, fitted: &Fitted) {
    model.replace(&mut |name, old| replacement(fitted, name, &old));
}

/// The fitted tensor called `name`, on the device of `old`.
pub(crate) fn replacement(fitted: &Fitted, name: &str, old: &Tensor<1>) -> Option<Tensor<1>> {
    let values = fitted.get(name)?.clone();
    let length = values.len();
    Some(Tensor::from_data(TensorData::new(values, [length]), &old.device()))
}

/// The tensor called `name` in `shapes`, and its shape.
fn find(shapes: &Shapes, name: &str) -> Option<(StoredTensor, Vec<usize>)> {
    let stored = |key: String, form| {
        let shape = shapes.get(&key)?.clone();
        Some((StoredTensor { key, form }, shape))
    };
    let direct = |key: &str| stored(key.to_owned(), Form::Itself);
    if let Some(found) = direct(name) {
        return Some(found);
    }
    // CCNN's program has its layer normalisation in a wrapper.
    if let Some((module, tensor)) = name.rsplit_once('.')
        && let Some(found) = direct(&format!("{module}.ln.{tensor}"))
    {
        return Some(found);
    }
    if let Some(module) = name.strip_suffix("weight_g") {
        return direct(&format!("{module}parametrizations.weight.original0")).or_else(|| {
            let (found, shape) = stored(format!("{module}weight"), Form::Lengths)?;
            let rows = *shape.first()?;
            Some((found, vec![rows]))
        });
    }
    let module = name.strip_suffix("weight_v")?;
    direct(&format!("{module}parametrizations.weight.original1"))
        .or_else(|| stored(format!("{module}weight"), Form::Directions))
}

fn row_lengths(values: &[f64], rows: usize) -> Vec<f64> {
    by_rows(values.len(), rows).map(|row| values[row].iter().map(|v| v.powi(2)).sum::<f64>().sqrt()).collect()
}

/// Rows of zeros have no direction, and any does for their length of zero.
fn row_directions(mut values: Vec<f64>, rows: usize) -> Vec<f64> {
    for row in by_rows(values.len(), rows) {
        if values[row.clone()].iter().all(|&value| value == 0.0) {
            values[row].fill(1.0);
        }
    }
    values
}

fn by_rows(length: usize, rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let row = (length / rows.max(1)).max(1);
    (0..length / row).map(move |i| i * row..(i + 1) * row)
}

/// The axes that are longer than one.
fn significant(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|&n| n != 1).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parameter(name: &str, shape: &[usize]) -> Parameter {
        Parameter { name: name.into(), shape: shape.to_vec(), trainable: true }
    }

    fn shapes(tensors: &[(&str, &[usize])]) -> Shapes {
        tensors.iter().map(|(name, shape)| ((*name).into(), shape.to_vec())).collect()
    }

    fn same(name: &str) -> String {
        name.to_owned()
    }

    #[test]
    fn axes_of_length_one_do_not_count() {
        let there = shapes(&[("a", &[2, 3, 1]), ("n", &[])]);
        let wanted = [parameter("a", &[2, 3])];
        let found = fit(&there, &wanted, &same, &|name| name == "n").unwrap();
        let fitted = found.read(&wanted, |_| Ok::<_, BadValue>(vec![1.0; 6]), |bad| bad).unwrap();
        assert_eq!((found.key("a"), &fitted["a"][..]), (Some("a"), &[1.0; 6][..]));
        let mismatch = fit(&there, &[parameter("a", &[3, 2])], &same, &|_| true).unwrap_err();
        assert_eq!(mismatch.misshapen, [("a".to_owned(), vec![2, 3, 1], vec![3, 2])]);
    }

    #[test]
    fn every_fault_is_listed() {
        let there = shapes(&[("a", &[1]), ("x", &[1])]);
        let mismatch = fit(&there, &[parameter("a", &[2]), parameter("b", &[2])], &same, &|_| false).unwrap_err();
        let (missing, unexpected) = (vec!["b".to_owned()], vec!["x".to_owned()]);
        let misshapen = vec![("a".to_owned(), vec![1], vec![2])];
        assert_eq!(mismatch, StateDictMismatch { missing, unexpected, misshapen });
    }

    #[test]
    fn weight_normalisation_is_read_in_all_its_forms() {
        let wanted = [parameter("l.weight_g", &[2, 1]), parameter("l.weight_v", &[2, 2])];
        let (g, v) = (vec![5.0, 2.0], vec![3.0, 4.0, 0.0, 2.0]);
        let forms = [
            vec![("l.weight_g", vec![2, 1, 1], g.clone()), ("l.weight_v", vec![2, 2, 1], v.clone())],
            vec![
                ("l.parametrizations.weight.original0", vec![2, 1, 1], g),
                ("l.parametrizations.weight.original1", vec![2, 2, 1], v.clone()),
            ],
            vec![("l.weight", vec![2, 2, 1], v)],
        ];
        for form in forms {
            let there: Shapes = form.iter().map(|(name, shape, _)| ((*name).to_owned(), shape.clone())).collect();
            let values = |key: &str| Ok::<_, BadValue>(form.iter().find(|(name, ..)| *name == key).unwrap().2.clone());
            let fitted = fit(&there, &wanted, &same, &|_| false).unwrap().read(&wanted, values, |bad| bad).unwrap();
            assert_eq!(
                (&fitted["l.weight_g"][..], &fitted["l.weight_v"][..]),
                (&[5.0, 2.0][..], &[3.0, 4.0, 0.0, 2.0][..])
            );
        }
    }

    /// A row of zeros is a kernel of zeros, not a quotient of zeros.
    #[test]
    fn rows_of_zeros_keep_a_direction() {
        let wanted = [parameter("l.weight_g", &[2, 1]), parameter("l.weight_v", &[2, 2])];
        let there = shapes(&[("l.weight", &[2, 2])]);
        let found = fit(&there, &wanted, &same, &|_| false).unwrap();
        let fitted = found.read(&wanted, |_| Ok::<_, BadValue>(vec![0.0, 0.0, 3.0, 4.0]), |bad| bad).unwrap();
        assert_eq!(
            (&fitted["l.weight_g"][..], &fitted["l.weight_v"][..]),
            (&[0.0, 5.0][..], &[1.0, 1.0, 3.0, 4.0][..])
        );
    }

    #[test]
    fn values_that_no_weight_can_have_are_refused() {
        let at = |values: &[f64], variance| checked("t", values, variance).unwrap_err();
        assert!(matches!(at(&[0.0, f64::NAN], false), BadValue::NotFinite { at: 1, .. }));
        assert!(matches!(at(&[f64::NEG_INFINITY], false), BadValue::NotFinite { at: 0, .. }));
        assert!(matches!(at(&[1e300], false), BadValue::Beyond { at: 0, .. }));
        assert!(matches!(at(&[1.0, -1e-30], true), BadValue::Variance { at: 1, .. }));
        assert!(at(&[-1e39], false).to_string().contains("`t`"));
        assert_eq!(checked("t", &[-1.0, f64::from(f32::MAX), 1e-60], false).unwrap(), [-1.0, f32::MAX, 0.0]);
        assert_eq!(checked("t", &[0.0], true).unwrap(), [0.0]);
    }
}
