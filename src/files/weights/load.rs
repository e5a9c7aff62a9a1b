//! From an open file into a network.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use baselines::{InputSpec, Model, OutputSpec, registry::Entry};
use burn::tensor::Device;
use serde_json::Value;

use super::choose::{self, Candidate};
use super::error::WeightsError;
use super::file::File;
use super::unusable::Unusable;
use crate::files::state_dict::{self, Fitted, Shapes, StateDictMismatch};

/// Names shown in a note.
const SHOWN: usize = 6;

/// The network that weights are for.
pub(crate) struct Wanted<'a> {
    /// Its baseline.
    pub(crate) entry: &'a Entry,
    /// Its settings.
    pub(crate) config: &'a Value,
    pub(crate) input: &'a InputSpec,
    pub(crate) output: &'a OutputSpec,
    /// Where it computes.
    pub(crate) device: &'a Device,
}

/// Put the weights of `file` into `model`, and return what a reader of a result must know of how they were found.
///
/// # Errors
/// The file holds the weights of another network, several that fit, or values that no weight can have.
pub(crate) fn load(file: &mut File, model: &mut dyn Model, wanted: &Wanted<'_>) -> Result<Vec<String>, WeightsError> {
    file.allow(16 * 4 * model.parameters().iter().map(|parameter| parameter.len() as u64).sum::<u64>());
    let (chosen, fitted) = choose(file, model, wanted)?;
    check_length(file, &chosen, model)?;
    let notes = notes(file, &chosen, wanted)?;
    state_dict::load(model, &fitted);
    Ok(notes)
}

/// The state dict and the names under which the weights of `model` are in `file`, and their values.
fn choose(file: &mut File, model: &dyn Model, wanted: &Wanted<'_>) -> Result<(Candidate, Fitted), WeightsError> {
    let candidates = candidates(file, model, wanted, wanted.config);
    let covering: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.covers()).collect();
    let Some((&first, others)) = covering.split_first() else {
        let best = candidates.first().cloned().unwrap_or_default();
        return Err(mismatch(file, wanted, best));
    };
    let fitted = read(file, first, model);
    for other in others {
        // A second one that cannot be read is another one.
        let same = match (&fitted, read(file, other, model)) {
            (Ok(fitted), Ok(other)) => *fitted == other,
            _ => false,
        };
        if !same {
            let places: Vec<String> = covering.iter().map(|candidate| candidate.place(&file.dicts)).collect();
            return Err(WeightsError::Ambiguous {
                path: file.path.clone(),
                baseline: wanted.entry.info.name.to_owned(),
                places: places.join(", "),
            });
        }
    }
    if !first.unused().1.is_empty() {
        return Err(mismatch(file, wanted, first.clone()));
    }
    Ok((first.clone(), fitted?))
}

/// All candidates for a network like `model`, with `config`.
fn candidates(file: &File, model: &dyn Model, wanted: &Wanted<'_>, config: &Value) -> Vec<Candidate> {
    let rank = wanted.input.rank();
    let theirs = |name: &str| (wanted.entry.reference_name)(config, rank, name).unwrap_or_else(|| name.to_owned());
    let ours = |name: &str| name.to_owned();
    choose::candidates(&file.dicts, model.parameters(), &[&theirs, &ours])
}

/// The values of `candidate`.
fn read(file: &mut File, candidate: &Candidate, model: &dyn Model) -> Result<Fitted, WeightsError> {
    let path = file.path.clone();
    let values = |name: &str| file.values(candidate.dict, candidate.stored(name));
    candidate.found.read(model.parameters(), values, |source| WeightsError::Value { path: path.clone(), source })
}

/// The error about `candidate`, which does not fit, with settings that would, if there are such.
fn mismatch(file: &File, wanted: &Wanted<'_>, candidate: Candidate) -> WeightsError {
    // Only settings with which the weights do fit are worth trying.
    let sizes = fitting_sizes(&candidate.mismatch, &candidate.shapes, wanted.config, file.size);
    let mut other = wanted.config.clone();
    for (field, value) in &sizes {
        other[field] = Value::from(*value);
    }
    let fits = |model: &dyn Model| {
        let all = candidates(file, model, wanted, &other);
        all.iter().any(|candidate| candidate.covers() && candidate.unused().1.is_empty())
    };
    let built = || (wanted.entry.build)(&other, wanted.input, wanted.output, 0, wanted.device);
    let fits = !sizes.is_empty() && built().is_ok_and(|model| fits(model.as_ref()));
    let settings: Vec<String> = sizes.iter().map(|(field, n)| format!(" --set baseline.{field}={n}")).collect();
    let hint = if fits { format!("\nthey fit with{}", settings.concat()) } else { String::new() };
    let beside = if fits { String::new() } else { file.beside.iter().map(|text| format!("\n{text}")).collect() };
    // What the tensors are, where that is why they are not wanted.
    let dict = &file.dicts.get(candidate.dict);
    let with_type = |name: String| match dict.and_then(|dict| dict.types.get(candidate.stored(&name))) {
        Some(kind) => format!("{name} (of the type {kind})"),
        None => name,
    };
    let made = |name: String| {
        let stored = format!("{}{name}", candidate.prefix);
        match dict.and_then(|dict| dict.opaque.get(&stored)) {
            Some(class) => format!("{name} (there it is what `{class}` makes, from which weights are not read)"),
            None => name,
        }
    };
    let mut found = candidate.mismatch.clone();
    found.missing = found.missing.into_iter().map(made).collect();
    found.unexpected = candidate.unused().1.into_iter().map(with_type).collect();
    WeightsError::Mismatch {
        path: file.path.clone(),
        baseline: wanted.entry.info.name.to_owned(),
        mismatch: Box::new(found),
        beside,
        hint,
    }
}

/// Bookkeeping tensors of `candidate` called `last`, of one element, with their values.
fn single(file: &mut File, candidate: &Candidate, last: &str) -> Result<Option<(String, u64)>, WeightsError> {
    let (bookkeeping, _) = candidate.unused();
    for name in bookkeeping.iter().filter(|name| name.rsplit('.').next() == Some(last)) {
        let one = candidate.shapes.get(name).is_some_and(|shape| shape.iter().all(|&size| size == 1));
        let stored = candidate.stored(name).to_owned();
        if one
            && let Some(&value) = file.values(candidate.dict, &stored)?.first()
            && value >= 0.0
        {
            return Ok(Some((stored, value as u64)));
        }
    }
    Ok(None)
}

/// The kernels of S4 are stored transformed for a length, which the file says: for another one they are other kernels.
fn check_length(file: &mut File, candidate: &Candidate, model: &dyn Model) -> Result<(), WeightsError> {
    let Some(wanted) = model.kernel_length() else { return Ok(()) };
    let said = match file.own.as_ref() {
        Some(own) => own.kernel_length.map(|length| ("its run".to_owned(), length as u64)),
        None => single(file, candidate, "l_kernel")?.map(|(tensor, length)| (format!("`{tensor}`"), length)),
    };
    match said {
        Some((tensor, 0)) => {
            Err(WeightsError::Unusable { path: file.path.clone(), source: Unusable::Untransformed(tensor) })
        }
        Some((witness, length)) if length != wanted as u64 => {
            Err(WeightsError::Length { path: file.path.clone(), witness, length, wanted: wanted as u64 })
        }
        _ => Ok(()),
    }
}

/// What a reader of a result must know.
fn notes(file: &mut File, candidate: &Candidate, wanted: &Wanted<'_>) -> Result<Vec<String>, WeightsError> {
    let mut notes = Vec::new();
    let place = file.dicts.get(candidate.dict).map(|dict| dict.place.clone()).unwrap_or_default();
    if !place.is_empty() {
        notes.push(format!("the weights are those under `{place}` in the file"));
    }
    let mut left_out: Vec<&str> = candidate.wrappers.iter().copied().collect();
    left_out.extend((!candidate.prefix.is_empty()).then(|| candidate.prefix.trim_end_matches('.')));
    let (bookkeeping, _) = candidate.unused();
    let last: BTreeSet<&str> = bookkeeping.iter().filter_map(|name| name.rsplit('.').next()).collect();
    let used = candidate.found.keys().map(|name| candidate.stored(name));
    let whole_numbers = file.dicts.get(candidate.dict).map(|dict| &dict.whole);
    let of_type = |name: &str| Some(format!("`{name}` is of the type {}", whole_numbers?.get(name)?));
    let lists = [
        ("left out of the names of its tensors", quoted(left_out)),
        ("not read, since they are not the network's", quoted(&candidate.outside)),
        ("passed over as counters and caches", quoted(last)),
        ("functions and classes that the file names beside its tensors were not executed", quoted(&file.inert)),
        (
            "weights of whole numbers were taken as they are, which is wrong where they are quantised",
            used.filter_map(of_type).collect(),
        ),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    notes.extend(lists.map(|(what, list)| format!("{what}: {}", first_few(&list))));
    if let [length] = wanted.input.shape()[..]
        && let Some((tensor, trained)) = single(file, candidate, "train_length")?
        && trained != 0
        && trained != length as u64
    {
        notes.push(format!("`{tensor}` says that training was on {trained} positions; the task has {length}"));
    }
    Ok(notes)
}

fn quoted(names: impl IntoIterator<Item = impl Display>) -> Vec<String> {
    names.into_iter().map(|name| format!("`{name}`")).collect()
}

/// The first few of `list`, and how many more there are.
fn first_few(list: &[String]) -> String {
    let shown = list[..list.len().min(SHOWN)].join(", ");
    let rest = list.len().saturating_sub(SHOWN);
    if rest == 0 { shown } else { format!("{shown} and {rest} more") }
}

/// What our names of a body's tensors begin with; no reference program has it.
const BODY: &str = "body.";

/// Settings that may give the sizes found: the number of blocks, and fields of `config` whose value is a size wanted. None
/// where a file of `bytes` cannot hold a network of those sizes: one is built to see whether it fits.
fn fitting_sizes(
    mismatch: &StateDictMismatch,
    shapes: &Shapes,
    config: &Value,
    bytes: usize,
) -> BTreeMap<String, usize> {
    let mut sizes = BTreeMap::new();
    let blocks = shapes.keys().filter_map(|name| {
        let rest = name.trim_start_matches(BODY);
        let rest = rest.strip_prefix("backbone.").or_else(|| rest.strip_prefix("blocks."))?;
        rest.split('.').next()?.parse::<usize>().ok()
    });
    if let (Some(last), Some(blocks)) = (blocks.max(), config["blocks"].as_u64())
        && last as u64 != blocks.wrapping_sub(1)
    {
        sizes.insert("blocks".to_owned(), last.saturating_add(1));
    }
    let fields = config.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_u64()?)));
    let fields: Vec<(&String, u64)> = fields.collect();
    for (_, there, wanted) in &mismatch.misshapen {
        for (&there, &wanted) in there.iter().zip(wanted).filter(|(there, wanted)| there != wanted) {
            for (name, _) in fields.iter().filter(|(_, value)| *value == wanted as u64) {
                // A later tensor is the more telling: the first ones depend on the task's channels too.
                sizes.insert((*name).clone(), there);
            }
        }
    }
    let elements = |shape: &Vec<usize>| shape.iter().fold(1usize, |count, &size| count.saturating_mul(size));
    let held = shapes.values().map(elements).fold(0usize, usize::saturating_add).min(bytes);
    // Some tensor has about the square of a width.
    let possible = |(name, &size): (&String, &usize)| match name.as_str() {
        "blocks" => size <= shapes.len(),
        _ => size.saturating_mul(size) <= held.saturating_mul(4),
    };
    if sizes.iter().all(possible) { sizes } else { BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_that_differ_are_traced_to_settings() {
        let mismatch = StateDictMismatch {
            misshapen: vec![("finallyr.weight".into(), vec![10, 100], vec![10, 30])],
            ..StateDictMismatch::default()
        };
        let names = ["backbone.0.a", "backbone.1.a", "backbone.2.a"];
        let shapes = names.map(|name| (name.to_owned(), vec![100, 100])).into();
        let config = json!({"blocks": 2, "hidden": 30, "kernel_hidden": 32});
        let wanted = BTreeMap::from([("blocks".to_owned(), 3), ("hidden".to_owned(), 100)]);
        assert_eq!(fitting_sizes(&mismatch, &shapes, &config, 1 << 20), wanted);
        assert!(fitting_sizes(&StateDictMismatch::default(), &Shapes::new(), &config, 1 << 20).is_empty());
        // A small file that claims a network of gigabytes.
        assert!(fitting_sizes(&mismatch, &shapes, &config, 100).is_empty());
    }
}
