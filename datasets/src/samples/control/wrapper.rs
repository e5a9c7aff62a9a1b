//! A task whose samples are shown in another order, or as counts.

use std::ops::Range;

use sha2::{Digest, Sha256};
use vocabulary::record::SampleAttribute;
use vocabulary::{InputSpec, OutputSpec, Split};

use super::bag::{self, Levels};
use super::order::Order;
use super::settings::Controls;
use crate::config::ConfigError;
use crate::library::{DataError, Library};
use crate::progress::Progress;
use crate::task::{Batch, Dataset, Inputs, Positions, Task, TaskSpec};

/// `task` under `controls`; the task itself where there are none.
///
/// Positions beyond the end of a sample, and padding in front of it, stay where they are: the valid positions are shown in the
/// order in which the one permutation of the task names them. Permuted over the whole length, a text of 200 characters
/// would be lost among 3 800 positions of padding, and its density, not its order, would decide what a local network sees.
/// Attributes and texts of a sample are those of the original.
///
/// # Errors
/// A task for which the control has no meaning: more than one axis, a label for every step, steps that are missing or stand for
/// times of their own; for `bag`, ids that are given as values.
pub fn control(task: Box<dyn Task>, controls: Controls) -> Result<Box<dyn Task>, ConfigError> {
    if controls.is_none() {
        return Ok(task);
    }
    let field = if controls.bag { "bag" } else { "order" };
    if let Some(reason) = refusal(task.as_ref(), controls) {
        return Err(ConfigError::new(field, reason));
    }
    let given = task.spec();
    let shape = Shape::of(&given.input, task.positions());
    let input = match controls.bag {
        true => InputSpec::Values { channels: shape.channels, shape: vec![shape.levels.count()] },
        false => given.input.clone(),
    };
    let spec = TaskSpec {
        name: format!("{}-{}", given.name, controls.name()),
        version: version(&given.version, controls),
        input,
        ..given.clone()
    };
    Ok(Box::new(Controlled { task, spec, shape, controls }))
}

/// Why `controls` have no meaning for `task`, and what to do about it.
fn refusal(task: &dyn Task, controls: Controls) -> Option<String> {
    let spec = task.spec();
    let shape = spec.input.shape();
    if controls.bag && controls.order != Order::Natural {
        return Some("counts are the same in every order; remove `order` or `bag`".to_owned());
    }
    if shape.len() != 1 {
        let axes = shape.len();
        return Some(format!("controls are for sequences, and the input has {axes} axes; remove it or set `form: 1d`"));
    }
    if matches!(spec.target, OutputSpec::PerStep(_)) {
        return Some("the task has a label for every step, which would lose its place; remove it".to_owned());
    }
    match task.positions() {
        Positions::Irregular => {
            return Some(
                "the steps of an irregular series have times of their own; remove it or set `drop: 0`".to_owned(),
            );
        }
        Positions::Ids { .. } if controls.bag && matches!(spec.input, InputSpec::Values { .. }) => {
            return Some("ids that are given as values are not counted; set `tokens: embed`".to_owned());
        }
        _ => {}
    }
    let (size, length) = (controls.order.size()?, shape[0]);
    (size >= length).then(|| format!("{size} is not less than the length {length}; write a smaller one, or `shuffled`"))
}

/// `version` with the controls in front of its last number, which goes on counting the versions of the samples.
fn version(version: &str, controls: Controls) -> String {
    let control = controls.version();
    match version.rsplit_once('-') {
        Some((name, number)) if number.bytes().all(|b| b.is_ascii_digit()) => format!("{name}-{control}-{number}"),
        _ => format!("{version}-{control}"),
    }
}

/// What the rows of a batch are made of.
#[derive(Debug, Clone, Copy)]
struct Shape {
    channels: usize,
    length: usize,
    levels: Levels,
    /// Whether ids 0 in front are padding.
    padded_left: bool,
}

impl Shape {
    fn of(input: &InputSpec, positions: Positions) -> Self {
        let padded_left = positions == Positions::Ids { padded_left: true };
        match input {
            InputSpec::Values { channels, shape } => {
                Self { channels: *channels, length: shape.iter().product(), levels: Levels::Steps, padded_left }
            }
            InputSpec::Tokens { vocabulary, length } => {
                Self { channels: 1, length: *length, levels: Levels::Ids(*vocabulary), padded_left }
            }
        }
    }

    /// The positions of the row with number `row` that are no padding; `is_zero` says whether a position of it is 0.
    fn valid(&self, row: usize, lengths: Option<&[usize]>, is_zero: impl Fn(usize) -> bool) -> Range<usize> {
        let end = lengths.and_then(|lengths| lengths.get(row)).map_or(self.length, |end| (*end).min(self.length));
        let start = if self.padded_left { (0..end).find(|&place| !is_zero(place)).unwrap_or(end) } else { 0 };
        start..end
    }
}

/// A task under controls.
struct Controlled {
    task: Box<dyn Task>,
    spec: TaskSpec,
    shape: Shape,
    controls: Controls,
}

impl Task for Controlled {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let whole = self.task.prepare(library, progress)?;
        let order = self.controls.order.positions(self.shape.length);
        let mut hasher = Sha256::new().chain_update(format!("{} {}\n", whole.content_hash(), self.controls.version()));
        order.iter().for_each(|place| hasher.update(place.to_le_bytes()));
        let hash = format!("{:x}", hasher.finalize());
        Ok(Box::new(Shown { whole, shape: self.shape, controls: self.controls, order, hash }))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        self.task.check(library)
    }

    fn positions(&self) -> Positions {
        if self.controls.bag { Positions::Valid } else { self.task.positions() }
    }
}

/// The samples of a task under controls.
struct Shown {
    whole: Box<dyn Dataset>,
    shape: Shape,
    controls: Controls,
    /// Place `i` shows position `order[i]`.
    order: Vec<u32>,
    /// Over the hash of the original, and the order.
    hash: String,
}

impl Shown {
    fn shown(&self, batch: Batch) -> Batch {
        if self.controls.bag {
            return Batch { inputs: Inputs::Values(self.counts(&batch)), lengths: None, ..batch };
        }
        let lengths = batch.lengths.as_deref();
        let inputs = match batch.inputs {
            Inputs::Values(values) => Inputs::Values(self.permuted(values, lengths, |value| *value == 0.0)),
            Inputs::Tokens(ids) => Inputs::Tokens(self.permuted(ids, lengths, |id| *id == 0)),
        };
        Batch { inputs, ..batch }
    }

    /// `values`, `[rows, channels, length]`, with the valid positions of every row in the order of the task.
    fn permuted<T: Copy>(&self, mut values: Vec<T>, lengths: Option<&[usize]>, is_zero: impl Fn(&T) -> bool) -> Vec<T> {
        let Shape { channels, length, .. } = self.shape;
        let mut before = Vec::with_capacity(length);
        for (number, row) in values.chunks_exact_mut((channels * length).max(1)).enumerate() {
            let valid = self.shape.valid(number, lengths, |place| is_zero(&row[place]));
            for channel in row.chunks_exact_mut(length) {
                before.clear();
                before.extend_from_slice(channel);
                let sources = self.order.iter().map(|&place| place as usize).filter(|place| valid.contains(place));
                for (value, source) in channel[valid.clone()].iter_mut().zip(sources) {
                    *value = before[source];
                }
            }
        }
        values
    }

    /// How often every level occurs, `[rows, channels, levels]`.
    fn counts(&self, batch: &Batch) -> Vec<f32> {
        let Shape { channels, length, levels, .. } = self.shape;
        let lengths = batch.lengths.as_deref();
        let mut counts = Vec::new();
        match &batch.inputs {
            Inputs::Values(values) => {
                for (number, row) in values.chunks_exact((channels * length).max(1)).enumerate() {
                    let valid = self.shape.valid(number, lengths, |place| row[place] == 0.0);
                    for channel in row.chunks_exact(length) {
                        bag::count(levels.count(), |place| bag::level(channel[place]), valid.clone(), &mut counts);
                    }
                }
            }
            Inputs::Tokens(ids) => {
                for (number, row) in ids.chunks_exact(length.max(1)).enumerate() {
                    let valid = self.shape.valid(number, lengths, |place| row[place] == 0);
                    let id = |place: usize| usize::try_from(row[place]).unwrap_or(usize::MAX);
                    bag::count(levels.count(), id, valid, &mut counts);
                }
            }
        }
        counts
    }
}

impl Dataset for Shown {
    fn len(&self, split: Split) -> usize {
        self.whole.len(split)
    }

    fn content_hash(&self) -> &str {
        &self.hash
    }

    fn notes(&self) -> Vec<String> {
        let note = format!("not the task as it is published: {}", self.controls);
        self.whole.notes().into_iter().chain([note]).collect()
    }

    fn describe(&self) -> Result<Vec<(String, String)>, DataError> {
        let mut described = self.whole.describe()?;
        described.push(("control".to_owned(), self.controls.to_string()));
        Ok(described)
    }

    fn read(&self, split: Split, positions: &[usize]) -> Result<Batch, DataError> {
        self.whole.read(split, positions).map(|batch| self.shown(batch))
    }

    fn attributes(&self, split: Split, positions: &[usize]) -> Result<Vec<SampleAttribute>, DataError> {
        self.whole.attributes(split, positions)
    }

    fn texts(&self, split: Split, position: usize) -> Result<Vec<String>, DataError> {
        self.whole.texts(split, position)
    }

    fn read_for_training(&self, positions: &[usize], stream: u64) -> Result<Batch, DataError> {
        self.whole.read_for_training(positions, stream).map(|batch| self.shown(batch))
    }
}
