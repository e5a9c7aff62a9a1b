//! Fitting the tensors of a state dict to those of a network.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use baselines::{Model, Parameter};
use burn::tensor::{Tensor, TensorData};

use crate::train::checkpoint::Weights;

/// Tensors listed in an error, per kind of fault.
const SHOWN: usize = 8;

/// Values by our names, one entry per tensor of the network.
pub(crate) type Fitted = BTreeMap<String, Vec<f32>>;

/// Why a state dict does not fit a network. Names are those of the state dict.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Misfit {
    /// Wanted by the network and not there.
    pub(crate) missing: Vec<String>,
    /// There and not wanted.
    pub(crate) unexpected: Vec<String>,
    /// Name, shape there, shape wanted.
    pub(crate) misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl Misfit {
    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for Misfit {
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

/// Values for every one of `parameters` out of `weights`, under the names that `rename` gives them there.
///
/// Axes of length one do not count, since a linear map and a convolution of size one hold the same weights. A weight of
/// weight normalisation may be stored as length and direction (under either of PyTorch's pairs of names) or as itself.
/// Tensors that `ignored` accepts may be left over.
///
/// # Errors
/// All tensors that are missing, left over or of another shape.
pub(crate) fn fit(
    weights: &Weights,
    parameters: &[Parameter],
    rename: &dyn Fn(&str) -> String,
    ignored: &dyn Fn(&str) -> bool,
) -> Result<Fitted, Misfit> {
    let mut misfit = Misfit::default();
    let mut used = BTreeSet::new();
    let mut fitted = Fitted::new();
    for parameter in parameters {
        let theirs = rename(&parameter.name);
        let Some((source, shape, values)) = find(weights, &theirs) else {
            misfit.missing.push(theirs);
            continue;
        };
        used.insert(source.clone());
        if significant(&shape) != significant(&parameter.shape) {
            misfit.misshapen.push((source, shape, parameter.shape.clone()));
            continue;
        }
        fitted.insert(parameter.name.clone(), values);
    }
    misfit.unexpected = weights.keys().filter(|name| !used.contains(*name) && !ignored(name)).cloned().collect();
    if misfit.is_empty() { Ok(fitted) } else { Err(misfit) }
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

/// Name in `weights`, shape and values of the tensor called `name`.
fn find(weights: &Weights, name: &str) -> Option<(String, Vec<usize>, Vec<f32>)> {
    let direct = |key: &str| weights.get(key).map(|(shape, values)| (key.to_owned(), shape.clone(), values.clone()));
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
            let (key, shape, values) = direct(&format!("{module}weight"))?;
            let rows = *shape.first()?;
            Some((key, vec![rows], row_norms(&values, rows)))
        });
    }
    let module = name.strip_suffix("weight_v")?;
    direct(&format!("{module}parametrizations.weight.original1")).or_else(|| direct(&format!("{module}weight")))
}

fn row_norms(values: &[f32], rows: usize) -> Vec<f32> {
    let row = (values.len() / rows.max(1)).max(1);
    values.chunks(row).map(|row| row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32).collect()
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

    fn weights(tensors: &[(&str, &[usize], &[f32])]) -> Weights {
        tensors.iter().map(|(name, shape, values)| ((*name).into(), (shape.to_vec(), values.to_vec()))).collect()
    }

    fn same(name: &str) -> String {
        name.to_owned()
    }

    #[test]
    fn axes_of_length_one_do_not_count() {
        let there = weights(&[("a", &[2, 3, 1], &[1.0; 6]), ("n", &[], &[7.0])]);
        let fitted = fit(&there, &[parameter("a", &[2, 3])], &same, &|name| name == "n").unwrap();
        assert_eq!(fitted["a"], [1.0; 6]);
        let misfit = fit(&there, &[parameter("a", &[3, 2])], &same, &|_| true).unwrap_err();
        assert_eq!(misfit.misshapen, [("a".to_owned(), vec![2, 3, 1], vec![3, 2])]);
    }

    #[test]
    fn every_fault_is_listed() {
        let there = weights(&[("a", &[1], &[1.0]), ("x", &[1], &[1.0])]);
        let misfit = fit(&there, &[parameter("a", &[2]), parameter("b", &[2])], &same, &|_| false).unwrap_err();
        let text = misfit.to_string();
        for part in ["missing (1):", "    b", "unexpected (1):", "    x", "a has shape [1], wanted is [2]"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn weight_normalisation_is_read_in_all_its_forms() {
        let wanted = [parameter("l.weight_g", &[2, 1]), parameter("l.weight_v", &[2, 2])];
        let (g, v) = ([5.0, 2.0], [3.0, 4.0, 0.0, 2.0]);
        let forms = [
            weights(&[("l.weight_g", &[2, 1, 1], &g), ("l.weight_v", &[2, 2, 1], &v)]),
            weights(&[
                ("l.parametrizations.weight.original0", &[2, 1, 1], &g),
                ("l.parametrizations.weight.original1", &[2, 2, 1], &v),
            ]),
            weights(&[("l.weight", &[2, 2, 1], &v)]),
        ];
        for form in forms {
            let fitted = fit(&form, &wanted, &same, &|_| false).unwrap();
            assert_eq!((&fitted["l.weight_g"][..], &fitted["l.weight_v"][..]), (&g[..], &v[..]));
        }
    }
}
