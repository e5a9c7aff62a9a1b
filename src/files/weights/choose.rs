//! Finds the network's state dict in a file, and the prefix of its names.

use std::collections::{BTreeMap, BTreeSet};

use baselines::{Parameter, reference};

use super::file::StateDict;
use crate::files::state_dict::{Match, Shapes, StateDictMismatch, find_all};

/// Parts of names that stand for wrappers of PyTorch around a module, wherever they are: compiled, sharded, recomputed.
const WRAPPERS: [&str; 3] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];
/// That of `DataParallel` and `DistributedDataParallel`, which a part of a network may be in: tried where the names do not fit
/// with it, since around a whole network it is a prefix like others.
const PARALLEL: &str = "module";
/// Most beginnings of names that are tried.
const MOST_PREFIXES: usize = 16;

/// A state dict, or a part of one, whose names match those of the network under a prefix.
#[derive(Debug, Clone, Default)]
pub(super) struct Candidate {
    /// Which state dict.
    pub(super) dict: usize,
    /// Prefix of the names of the network's tensors, with its point; may be empty.
    pub(super) prefix: String,
    /// Wrappers within the names.
    pub(super) wrappers: BTreeSet<&'static str>,
    /// Which tensor is where, under the names without prefix and wrappers.
    pub(super) found: Match,
    /// What is missing or of another shape.
    pub(super) mismatch: StateDictMismatch,
    /// Shapes under those names.
    pub(super) shapes: Shapes,
    /// Names in the file by those names.
    names: BTreeMap<String, String>,
    /// Tensors of the state dict that do not begin with the prefix.
    pub(super) outside: Vec<String>,
}

impl Candidate {
    /// Name in the file of the tensor called `name` without prefix and wrappers.
    pub(super) fn stored<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, String::as_str)
    }

    /// Whether every tensor of the network is there.
    pub(super) fn covers(&self) -> bool {
        self.mismatch.missing.is_empty() && self.mismatch.misshapen.is_empty()
    }

    /// Tensors that nothing is taken from: those that are bookkeeping, and those that belong to another network.
    pub(super) fn unused(&self) -> (Vec<String>, Vec<String>) {
        self.found.unused(&self.shapes).cloned().partition(|name| reference::is_bookkeeping(name))
    }

    /// Where it lies in words, e.g. "`state_dict`, names with `model.`".
    pub(super) fn place(&self, dicts: &[StateDict]) -> String {
        let place = dicts.get(self.dict).map_or("", |dict| dict.place.as_str());
        match (place, self.prefix.as_str()) {
            ("", "") => "the names as they are".to_owned(),
            (place, "") => format!("`{place}`"),
            ("", prefix) => format!("the names with `{prefix}`"),
            (place, prefix) => format!("the names with `{prefix}` in `{place}`"),
        }
    }
}

/// What every state dict with every possible prefix offers for `parameters`, under any of `renames`; those that cover the
/// network first. At least one.
pub(super) fn candidates(
    dicts: &[StateDict],
    parameters: &[Parameter],
    renames: &[&dyn Fn(&str) -> String],
) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    let with_parallel = [&WRAPPERS[..], &[PARALLEL]].concat();
    for (index, dict) in dicts.iter().enumerate() {
        for (known, again) in [(&WRAPPERS[..], false), (&with_parallel[..], true)] {
            let (clean, wrappers) = without_wrappers(&dict.shapes, known);
            let covered = || all.iter().any(|candidate| candidate.dict == index && candidate.covers());
            if again && (!wrappers.contains(PARALLEL) || covered()) {
                continue;
            }
            for rename in renames {
                for prefix in prefixes(&clean, parameters, rename) {
                    let candidate = candidate((index, dict), (&clean, &wrappers), parameters, rename, prefix);
                    let same = |other: &Candidate| {
                        (other.dict, &other.prefix, &other.found, &other.names)
                            == (candidate.dict, &candidate.prefix, &candidate.found, &candidate.names)
                    };
                    if !all.iter().any(same) {
                        all.push(candidate);
                    }
                }
            }
        }
    }
    // A stable order: among equals the outermost, and as the file has it.
    all.sort_by_key(|candidate| candidate.mismatch.missing.len() + candidate.mismatch.misshapen.len());
    all
}

/// What the state dict `dict`, the one at `index`, offers under `prefix`; `clean` are its names without `wrappers`.
fn candidate(
    (index, dict): (usize, &StateDict),
    (clean, wrappers): (&BTreeMap<String, &String>, &BTreeSet<&'static str>),
    parameters: &[Parameter],
    rename: &dyn Fn(&str) -> String,
    prefix: String,
) -> Candidate {
    let mut candidate = Candidate { dict: index, wrappers: wrappers.clone(), ..Candidate::default() };
    for (name, stored) in clean {
        match name.strip_prefix(&prefix) {
            Some(name) => {
                candidate.shapes.insert(name.to_owned(), dict.shapes[*stored].clone());
                candidate.names.insert(name.to_owned(), (*stored).clone());
            }
            None => candidate.outside.push((*stored).clone()),
        }
    }
    (candidate.found, candidate.mismatch) = find_all(&candidate.shapes, parameters, rename);
    candidate.prefix = prefix;
    candidate
}

/// Names without the wrappers among `known`, each with its name in the file, and those that were found.
fn without_wrappers<'a>(
    shapes: &'a Shapes,
    known: &[&'static str],
) -> (BTreeMap<String, &'a String>, BTreeSet<&'static str>) {
    let mut wrappers = BTreeSet::new();
    let mut clean = BTreeMap::new();
    for stored in shapes.keys() {
        let mut parts = Vec::new();
        for part in stored.split('.') {
            match known.iter().find(|wrapper| **wrapper == part) {
                Some(wrapper) => {
                    wrappers.insert(*wrapper);
                }
                None => parts.push(part),
            }
        }
        let name = parts.join(".");
        // Of two tensors that would be called the same, both keep their names.
        if clean.contains_key(&name) {
            clean.insert(stored.clone(), stored);
        } else {
            clean.insert(name, stored);
        }
    }
    (clean, wrappers)
}

/// Prefixes under which names of the network are found, the empty one included.
fn prefixes(
    names: &BTreeMap<String, &String>,
    parameters: &[Parameter],
    rename: &dyn Fn(&str) -> String,
) -> BTreeSet<String> {
    let mut found = BTreeSet::from([String::new()]);
    for parameter in parameters {
        let theirs = rename(&parameter.name);
        for name in names.keys() {
            if let Some(prefix) = name.strip_suffix(&theirs)
                && prefix.ends_with('.')
                && found.len() < MOST_PREFIXES
            {
                found.insert(prefix.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(place: &str, names: &[&str]) -> StateDict {
        let shapes = names.iter().map(|name| ((*name).to_owned(), vec![2])).collect();
        StateDict { place: place.to_owned(), shapes, ..StateDict::default() }
    }

    fn network() -> Vec<Parameter> {
        ["a.weight", "head.bias"].map(|name| Parameter { name: name.into(), shape: vec![2], trainable: true }).into()
    }

    fn covering(dicts: &[StateDict]) -> Vec<String> {
        let same = |name: &str| name.to_owned();
        let all = candidates(dicts, &network(), &[&same]);
        all.iter().filter(|candidate| candidate.covers()).map(|candidate| candidate.place(dicts)).collect()
    }

    #[test]
    fn prefixes_and_wrappers_are_found() {
        for (names, place) in [
            (["a.weight", "head.bias"], "the names as they are"),
            (["module.a.weight", "module.head.bias"], "the names with `module.`"),
            (["_orig_mod.a.weight", "_orig_mod.head.bias"], "the names as they are"),
            (["module._orig_mod.a.weight", "module._orig_mod.head.bias"], "the names with `module.`"),
            (["net.a._orig_mod.weight", "net.head.bias"], "the names with `net.`"),
        ] {
            assert_eq!(covering(&[dict("", &names)]), [place], "{names:?}");
        }
    }

    /// A part of a network may be wrapped by itself.
    #[test]
    fn parts_may_be_wrapped_for_several_devices() {
        for names in [["a.module.weight", "head.bias"], ["module.a.module.weight", "module.head.bias"]] {
            let dicts = [dict("", &names)];
            assert_eq!(covering(&dicts), ["the names as they are"], "{names:?}");
            let same = |name: &str| name.to_owned();
            let best = candidates(&dicts, &network(), &[&same]).remove(0);
            assert_eq!(best.stored("a.weight"), names[0]);
            assert!(best.wrappers.contains("module"));
        }
    }

    #[test]
    fn all_that_cover_the_network_are_candidates() {
        let model = ["a.weight", "head.bias"];
        let two = [dict("", &["loss"]), dict("model", &model), dict("ema", &model)];
        assert_eq!(covering(&two), ["`model`", "`ema`"]);
        let both = [dict("s", &["a.weight", "head.bias", "ema.a.weight", "ema.head.bias"])];
        assert_eq!(covering(&both), ["`s`", "the names with `ema.` in `s`"]);
        assert_eq!(covering(&[dict("", &["m.a.weight", "n.head.bias"])]), Vec::<String>::new());
    }

    #[test]
    fn what_lies_outside_the_prefix_is_the_wrappers() {
        let dicts = [dict("", &["net.a.weight", "net.head.bias", "loss.weight", "net.train_length", "net.x"])];
        let same = |name: &str| name.to_owned();
        let best = candidates(&dicts, &network(), &[&same]).remove(0);
        assert_eq!((best.prefix.as_str(), &best.outside[..]), ("net.", &["loss.weight".to_owned()][..]));
        assert_eq!(best.unused(), (vec!["train_length".to_owned()], vec!["x".to_owned()]));
        assert_eq!(best.stored("a.weight"), "net.a.weight");
    }
}
