//! Goldens of programs in Flax, in the layout of PyTorch.
//!
//! Linear maps are transposed, norms have a `weight` and running statistics PyTorch's names, and the two maps whose product
//! with a gate makes a gated linear unit, `out1` and `out2`, become one, `output_linear`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Golden;
use super::golden::Stored;

/// The maps of a gated linear unit, values before gates.
const GATED: [&str; 2] = ["out1.", "out2."];
/// What they are together.
const TOGETHER: &str = "output_linear.";

/// `golden` in the layout of PyTorch, where its description says that it is of Flax.
pub(super) fn in_torch_layout(golden: Golden) -> Golden {
    if golden.note("flax_version").is_null() {
        return golden;
    }
    golden.map(|mut about, tensors| {
        let tensors: BTreeMap<_, _> = tensors.into_iter().map(renamed).collect();
        let listed = about["tensors"].take();
        about["tensors"] = joined(names(listed), |both| both.into_iter().next().unwrap_or_default());
        let roundings = about["f32_vs_f64_grad_maxrel_per_param"].take();
        about["f32_vs_f64_grad_maxrel_per_param"] = joined(names(roundings), |both| {
            let largest = both.iter().filter_map(Value::as_f64).reduce(f64::max);
            largest.map_or(Value::Null, Value::from)
        });
        let zeros = about["zero_gradients"].take();
        about["zero_gradients"] = Value::Object(names(zeros).into_iter().collect());
        (about, together(tensors, rows).collect())
    })
}

/// A tensor under its name in PyTorch and in the layout that goes with it.
fn renamed((name, stored): (String, Stored)) -> (String, Stored) {
    let is_kernel = name.ends_with(".kernel") && stored.shape.len() == 2;
    let stored = if is_kernel { transposed(&stored) } else { stored };
    (torch_name(&name), stored)
}

fn torch_name(name: &str) -> String {
    let Some((module, tensor)) = name.rsplit_once('.') else { return name.to_owned() };
    let tensor = match tensor {
        "kernel" | "scale" => "weight",
        "mean" => "running_mean",
        "var" => "running_var",
        other => other,
    };
    format!("{module}.{tensor}")
}

fn transposed(matrix: &Stored) -> Stored {
    let (rows, columns) = (matrix.shape[0], matrix.shape[1]);
    let at = |place: usize| matrix.values[place % rows * columns + place / rows];
    Stored { shape: vec![columns, rows], values: (0..rows * columns).map(at).collect() }
}

/// The rows of both tensors.
fn rows(both: Vec<Stored>) -> Stored {
    let mut shape = both.first().map(|stored| stored.shape.clone()).unwrap_or_default();
    if let Some(rows) = shape.first_mut() {
        *rows = both.iter().filter_map(|stored| stored.shape.first()).sum();
    }
    Stored { shape, values: both.into_iter().flat_map(|stored| stored.values).collect() }
}

/// The entries of an object under their names in PyTorch.
fn names(object: Value) -> BTreeMap<String, Value> {
    let entries = match object {
        Value::Object(entries) => entries,
        _ => Map::new(),
    };
    entries.into_iter().map(|(name, value)| (torch_name(&name), value)).collect()
}

fn joined(entries: BTreeMap<String, Value>, join: impl Fn(Vec<Value>) -> Value) -> Value {
    Value::Object(together(entries, join).collect())
}

/// `entries` with those of both maps of every gated linear unit joined to one.
fn together<T>(mut entries: BTreeMap<String, T>, join: impl Fn(Vec<T>) -> T) -> impl Iterator<Item = (String, T)> {
    let [first, second] = GATED;
    let pairs: Vec<String> = entries.keys().filter(|name| name.contains(first)).cloned().collect();
    for name in pairs {
        let other = name.replace(first, second);
        if !entries.contains_key(&other) {
            continue;
        }
        let both: Vec<T> = [&name, &other].into_iter().filter_map(|name| entries.remove(name)).collect();
        entries.insert(name.replace(first, TOGETHER), join(both));
    }
    entries.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_transposed_and_gated_units_joined() {
        let stored = |shape: &[usize], values: &[f64]| Stored { shape: shape.to_vec(), values: values.to_vec() };
        let tensors = [
            ("param.out1.kernel", stored(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
            ("param.out2.kernel", stored(&[2, 3], &[7.0, 8.0, 9.0, 10.0, 11.0, 12.0])),
            ("param.norm.scale", stored(&[2], &[1.0, 2.0])),
            ("buffer.norm.var", stored(&[1], &[3.0])),
        ];
        let tensors = tensors.into_iter().map(|(name, stored)| renamed((name.to_owned(), stored))).collect();
        let found: BTreeMap<String, Stored> = together(tensors, rows).collect();
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["buffer.norm.running_var", "param.norm.weight", "param.output_linear.weight"]);
        let whole = &found["param.output_linear.weight"];
        assert_eq!(whole.shape, [6, 2]);
        assert_eq!(whole.values, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0, 7.0, 10.0, 8.0, 11.0, 9.0, 12.0]);
    }

    #[test]
    fn one_map_without_the_other_stays() {
        let entries = BTreeMap::from([("out1.weight".to_owned(), 1), ("out2.bias".to_owned(), 2)]);
        let found: Vec<_> = together(entries.clone(), |_| 0).collect();
        assert_eq!(found, entries.into_iter().collect::<Vec<_>>());
    }
}
