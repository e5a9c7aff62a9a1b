//! An open file of PyTorch and the state dicts in it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use super::container::Container;
use super::error::{Instead, PytorchError};
use super::pickle::{Id, Object, PickleValue, Pickled, TensorView};

/// How deep a state dict may lie within other dicts.
const DEEPEST: usize = 8;
/// Most state dicts of a file that are considered.
const MOST_DICTS: usize = 64;
/// Classes that a message names.
const SHOWN: usize = 3;

/// An open file.
pub(crate) struct PytorchFile {
    container: Container,
    /// Its state dicts.
    pub(crate) dicts: Vec<StateDict>,
    /// Functions and classes that the pickle names and that are not executed, in order.
    pub(crate) inert: Vec<String>,
    /// Class of a whole pickled model in it, if there is one.
    pub(crate) module: Option<String>,
    /// What dicts hold in place of tensors, in words, where there are such.
    pub(crate) strange: Option<String>,
    /// What was not looked at, in words, where there is more than can be.
    pub(crate) unseen: Option<String>,
}

/// Tensors by name.
pub(crate) struct StateDict {
    /// Keys that lead to it, e.g. `state_dict` or `checkpoint.model`; empty where it is the whole.
    pub(crate) place: String,
    tensors: BTreeMap<String, Rc<TensorView>>,
    /// Entries that are no tensors that could be read: name, and the function or class that makes them.
    pub(crate) opaque: BTreeMap<String, String>,
}

impl StateDict {
    /// Name, shape and type of every tensor.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = (&str, &[usize], String)> {
        self.tensors.iter().map(|(name, view)| (name.as_str(), view.shape.as_slice(), view.type_name()))
    }
}

/// Read the file in `bytes`.
///
/// # Errors
/// A file without a state dict, damaged, or too large.
pub(crate) fn open(bytes: Vec<u8>) -> Result<PytorchFile, PytorchError> {
    let container = Container::open(bytes.into())?;
    let made = &container.object;
    let mut finder = Finder { made, seen: HashSet::new(), found: Vec::new(), strange: Vec::new(), unseen: None };
    finder.visit(made.root, String::new(), 0);
    let Finder { found: dicts, strange, unseen, .. } = finder;
    if dicts.is_empty() {
        return Err(nothing(made, about_strange(&strange), unseen));
    }
    let (module, strange) = (module(made), about_strange(&strange));
    let names: BTreeSet<&Rc<str>> = objects(made).map(|object| &object.class).collect();
    let inert = names.into_iter().map(ToString::to_string).collect();
    Ok(PytorchFile { container, dicts, inert, module, strange, unseen })
}

impl PytorchFile {
    /// Let what is compressed unpack to `bytes` more than the little that is always allowed.
    pub(crate) fn allow(&mut self, bytes: u64) {
        self.container.allow(bytes);
    }

    /// The numbers of the tensor `name` of the state dict at `index`, row-major; none where there is no such tensor.
    ///
    /// # Errors
    /// A storage that is damaged or too large, or a type that weights are not read from.
    pub(crate) fn values(&mut self, index: usize, name: &str) -> Result<Option<Vec<f64>>, PytorchError> {
        let Some(view) = self.dicts.get(index).and_then(|dict| dict.tensors.get(name)) else { return Ok(None) };
        let view = view.clone();
        self.container.values(&view).map(Some)
    }
}

/// Looks for state dicts.
struct Finder<'a> {
    made: &'a Pickled,
    seen: HashSet<Id>,
    found: Vec<StateDict>,
    /// Dicts without a tensor whose entries functions that are not executed make.
    strange: Vec<StateDict>,
    unseen: Option<String>,
}

impl Finder<'_> {
    /// Look at the dict or list `id`, and within.
    fn visit(&mut self, id: Id, place: String, depth: usize) {
        if depth > DEEPEST || self.found.len() >= MOST_DICTS {
            let beyond = if depth > DEEPEST {
                format!("what lies more than {DEEPEST} dicts deep was not looked at")
            } else {
                format!("only the first {MOST_DICTS} dicts with tensors were looked at")
            };
            // There may be one more dict of nothing but numbers, which is nothing to speak of.
            if self.may_hold_tensors(id) {
                self.unseen.get_or_insert(beyond);
            }
            return;
        }
        if !self.seen.insert(id) {
            return;
        }
        let below = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
        let items = match self.made.at(id) {
            PickleValue::Dict(items) | PickleValue::Object(Object { items, .. }) => items,
            PickleValue::List(parts) | PickleValue::Tuple(parts) => {
                if parts.iter().skip(MOST_DICTS).any(|&part| matches!(self.made.at(part), PickleValue::Dict(_))) {
                    self.unseen.get_or_insert(format!("only the first {MOST_DICTS} entries of a list were looked at"));
                }
                // More than a few models in a list are none; there may be millions of numbers.
                for (index, &part) in parts.iter().enumerate().take(MOST_DICTS) {
                    self.visit(part, format!("{place}[{index}]"), depth + 1);
                }
                return;
            }
            _ => return,
        };
        let mut dict = StateDict { place: place.clone(), tensors: BTreeMap::new(), opaque: BTreeMap::new() };
        let mut inner = Vec::new();
        for &(key, value) in items {
            let PickleValue::Text(name) = self.made.at(key) else { continue };
            match self.made.at(value) {
                PickleValue::Tensor(view) => {
                    dict.tensors.insert(name.to_string(), view.clone());
                }
                other => {
                    if let PickleValue::Object(object) = other {
                        dict.opaque.insert(name.to_string(), object.class.to_string());
                    }
                    inner.push((name.clone(), value));
                }
            }
        }
        if !dict.tensors.is_empty() {
            self.found.push(dict);
        } else if !dict.opaque.is_empty() {
            self.strange.push(dict);
        }
        for (name, value) in inner {
            self.visit(value, below(&name), depth + 1);
        }
    }

    /// Whether `id` is a dict with something in it, or a list, in which there may be more.
    fn may_hold_tensors(&self, id: Id) -> bool {
        let holds =
            |id: Id| matches!(self.made.at(id), PickleValue::Tensor(_) | PickleValue::Dict(_) | PickleValue::Object(_));
        match self.made.at(id) {
            PickleValue::Dict(items) | PickleValue::Object(Object { items, .. }) => {
                items.iter().any(|&(_, value)| holds(value))
            }
            PickleValue::List(parts) | PickleValue::Tuple(parts) => {
                parts.iter().take(MOST_DICTS).any(|&part| holds(part))
            }
            _ => false,
        }
    }
}

fn objects(made: &Pickled) -> impl Iterator<Item = &Object> {
    made.arena.iter().filter_map(|value| if let PickleValue::Object(object) = value { Some(object) } else { None })
}

/// Class of a whole pickled model, if there is one.
fn module(made: &Pickled) -> Option<String> {
    let module = objects(made).find(|object| match object.state.map(|id| made.at(id)) {
        Some(PickleValue::Dict(state)) => {
            made.entry(state, "_modules").is_some() && made.entry(state, "_parameters").is_some()
        }
        _ => false,
    });
    module.map(|module| module.class.to_string())
}

/// What the largest of `dicts` is, which hold what is no tensor here instead of tensors.
fn about_strange(dicts: &[StateDict]) -> Option<String> {
    // One entry alone may be anything.
    let dict = dicts.iter().max_by_key(|dict| dict.opaque.len()).filter(|dict| dict.opaque.len() > 1)?;
    let classes: BTreeSet<&str> = dict.opaque.values().map(String::as_str).collect();
    let classes: Vec<String> = classes.into_iter().take(SHOWN).map(|class| format!("`{class}`")).collect();
    let place = if dict.place.is_empty() { String::new() } else { format!(" under `{}`", dict.place) };
    Some(format!(
        "its entries{place} are what {} makes, from which weights are not read; save them as plain tensors of float32",
        classes.join(", ")
    ))
}

/// What a file without a state dict holds instead: `strange` says what dicts hold in place of tensors, `unseen` what was not
/// looked at.
fn nothing(made: &Pickled, strange: Option<String>, unseen: Option<String>) -> PytorchError {
    let none = PytorchError::NoStateDict;
    if let Some(class) = module(made) {
        return none(Instead::Module(class));
    }
    match made.root() {
        PickleValue::Object(object) => PytorchError::Refused { global: object.class.to_string() },
        PickleValue::Dict(dict) if made.entry(dict, "param_groups").is_some() => none(Instead::Optimiser),
        root => none(match (strange, unseen, root) {
            (Some(strange), ..) => Instead::Strange(strange),
            (None, Some(unseen), _) => Instead::Unseen(unseen),
            (None, None, PickleValue::Dict(_)) => Instead::Nameless,
            (None, None, PickleValue::Tensor(_)) => Instead::SingleTensor,
            (None, None, _) => Instead::NoDict,
        }),
    }
}
