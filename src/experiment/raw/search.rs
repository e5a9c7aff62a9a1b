//! `search`: fields, and the ranges from which trials take their values.

use super::field::{Field, GridAxis, Target};
use super::values::{choice, known_keys, mapping, unknown_key};
use crate::experiment::search::{DIMENSIONS, Halving, Method, Range, Search};
use crate::experiment::yaml::Pair;
use crate::experiment::{Content, Diagnostic, Node, Position};

/// Most trials of a pair.
pub const MOST_TRIALS: u64 = 10_000;

/// Whole numbers up to this have a float of their own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Training settings that decide how much a run may compute, which is to be equal for all.
pub const BUDGET: [&str; 4] = ["epochs", "max_steps", "max_time", "steps_per_epoch"];

/// A search as written.
#[derive(Debug, Clone)]
pub struct RawSearch {
    /// Position of the key.
    pub at: Position,
    /// Everything but the ranges.
    pub search: Search,
    /// Position of the epochs of its first rung, where it has one.
    pub halving_at: Option<Position>,
    /// At least one, at most [`DIMENSIONS`].
    pub ranges: Vec<SearchRange>,
}

/// A field and the values from which trials take theirs.
#[derive(Debug, Clone)]
pub struct SearchRange {
    /// The field: of training or of baselines.
    pub field: Field,
    /// Position of the key.
    pub at: Position,
    /// The values.
    pub range: Range,
}

impl RawSearch {
    /// Set `method`, `seed` or `trials`; the key is at `at`.
    pub fn set(&mut self, key: &str, at: Position, value: &Node) -> Result<(), Diagnostic> {
        const KEYS: [&str; 3] = ["method", "seed", "trials"];
        match key {
            "method" => self.search.method = method(value)?,
            "seed" => self.search.seed = seed(value)?,
            "trials" => self.search.trials = number_of_trials(value)?,
            _ => return Err(unknown_key(key, at, "the search that an argument can set", &KEYS)),
        }
        Ok(())
    }

    /// Refuse a grid beside the search: what of it is a setting to be chosen belongs into the ranges, and what is to be compared
    /// would need a search of its own.
    pub(super) fn check_beside(&self, grid: &[GridAxis]) -> Result<(), Diagnostic> {
        let Some(axis) = grid.first() else { return Ok(()) };
        Err(Diagnostic::at(self.at, "`search` and `grid` cannot stand in one file")
            .first_at(axis.at)
            .note(format!("write `{}: […]` under `ranges` to choose among its values on validation", axis.field.text()))
            .note("or one file per value, to search for each of them"))
    }
}

/// The mapping `node`, whose key is at `at`.
pub(super) fn search(node: &Node, at: Position) -> Result<RawSearch, Diagnostic> {
    const KEYS: [&str; 5] = ["method", "seed", "trials", "ranges", "halving"];
    let pairs = mapping(node, "`search`")?;
    known_keys(pairs, "`search`", &KEYS)?;
    let missing = |key: &str, note: &str| Diagnostic::at(at, format!("`search` needs `{key}`")).note(note.to_owned());
    let trials = node.get("trials").ok_or_else(|| missing("trials", "how many of every pair, e.g. trials: 16"))?;
    let ranges = node.get("ranges").ok_or_else(|| {
        missing("ranges", "e.g. ranges: {training.learning_rate: {low: 1.0e-4, high: 1.0e-1, scale: log}}")
    })?;
    let halving = node.get("halving").filter(|node| node.content != Content::Null).map(halving).transpose()?;
    let search = Search {
        method: node.get("method").map_or(Ok(Method::default()), method)?,
        seed: node.get("seed").map_or(Ok(0), seed)?,
        trials: number_of_trials(trials)?,
        halving: halving.map(|(halving, _)| halving),
    };
    Ok(RawSearch { at, search, halving_at: halving.map(|(_, at)| at), ranges: read_ranges(ranges)? })
}

fn method(node: &Node) -> Result<Method, Diagnostic> {
    choice(node, "method", &[("sobol", Method::Sobol), ("random", Method::Random)])
}

fn seed(node: &Node) -> Result<u64, Diagnostic> {
    whole(node, "seed", 0, u64::MAX)
}

fn number_of_trials(node: &Node) -> Result<usize, Diagnostic> {
    Ok(usize::try_from(whole(node, "trials", 2, MOST_TRIALS)?).unwrap_or(usize::MAX))
}

/// The rungs, and the position of the epochs of the first.
fn halving(node: &Node) -> Result<(Halving, Position), Diagnostic> {
    known_keys(mapping(node, "`halving`")?, "`halving`", &["factor", "epochs"])?;
    let value = |key: &str| {
        node.get(key).ok_or_else(|| {
            Diagnostic::at(node.at, format!("`halving` needs `{key}`")).note("e.g. halving: {factor: 2, epochs: 3}")
        })
    };
    let (factor, epochs) = (value("factor")?, value("epochs")?);
    let halving =
        Halving { factor: whole(factor, "factor", 2, 100)?, epochs: whole(epochs, "epochs", 1, u64::from(u32::MAX))? };
    Ok((halving, epochs.at))
}

fn read_ranges(node: &Node) -> Result<Vec<SearchRange>, Diagnostic> {
    let pairs = mapping(node, "`ranges`")?;
    if pairs.is_empty() {
        return Err(Diagnostic::at(node.at, "`ranges` is empty").note("give at least one field, or remove `search`"));
    }
    let mut ranges: Vec<SearchRange> = Vec::new();
    for pair in pairs {
        let field = Field::parse(&pair.key, pair.at, &[])?;
        check_field(&field, pair.at)?;
        if let Some(other) = ranges.iter().find(|other| other.field.covers(&field) || field.covers(&other.field)) {
            let message = format!("`{}` and `{}` set the same settings", other.field.text(), field.text());
            return Err(Diagnostic::at(pair.at, message));
        }
        if ranges.len() == DIMENSIONS {
            let message = format!("a search has at most {DIMENSIONS} ranges");
            return Err(Diagnostic::at(pair.at, message).note("settle some of the settings beforehand"));
        }
        ranges.push(SearchRange { field, at: pair.at, range: range(pair)? });
    }
    Ok(ranges)
}

/// Refuse fields that are not to be chosen by their result.
fn check_field(field: &Field, at: Position) -> Result<(), Diagnostic> {
    let refuse = |why: &str| Err(Diagnostic::at(at, format!("`{}` cannot be searched: {why}", field.text())));
    match field.target {
        Target::Task => refuse("it would choose the task that is easiest").map_err(|error: Diagnostic| {
            error.note("write one task per value under `tasks`, or a grid without a search")
        }),
        Target::Training if field.path.first().is_some_and(|first| BUDGET.contains(&first.as_str())) => {
            refuse("it decides the budget, which is the same for every trial")
                .map_err(|error: Diagnostic| error.note("set it under `training`"))
        }
        Target::Training | Target::Baseline => Ok(()),
    }
}

/// A mapping with both ends, or a list of values.
fn range(pair: &Pair) -> Result<Range, Diagnostic> {
    let (key, node) = (&pair.key, &pair.value);
    match &node.content {
        Content::List(values) if !values.is_empty() => {
            for (index, value) in values.iter().enumerate() {
                value.check_numbers()?;
                if values[..index].iter().any(|other| other.to_settings() == value.to_settings()) {
                    return Err(Diagnostic::at(
                        value.at,
                        format!("the range of `{key}` has {} twice", value.describe()),
                    ));
                }
            }
            Ok(Range::Choice(values.clone()))
        }
        Content::Map(_) => interval(key, node),
        _ => {
            let message = format!("the range of `{key}` is a mapping with `low` and `high`, or a list of values");
            Err(Diagnostic::at(node.at, format!("{message}; found {}", node.describe()))
                .note("e.g. {low: 1, high: 3000, scale: log}, or [0, 0.1, 0.2]"))
        }
    }
}

fn interval(key: &str, node: &Node) -> Result<Range, Diagnostic> {
    let place = format!("the range of `{key}`");
    known_keys(mapping(node, &place)?, &place, &["low", "high", "scale", "integer"])?;
    let end = |name: &str| {
        let value = node.get(name).ok_or_else(|| {
            Diagnostic::at(node.at, format!("{place} has no `{name}`")).note("e.g. {low: 1, high: 3000, scale: log}")
        })?;
        let number = match &value.content {
            Content::Number(number) => number.value.as_ref().and_then(|number| number.as_f64()),
            _ => None,
        };
        let message = || format!("`{name}` must be a finite number; found {}", value.describe());
        number.map(|number| (number, value.at)).ok_or_else(|| Diagnostic::at(value.at, message()))
    };
    let ((low, low_at), (high, high_at)) = (end("low")?, end("high")?);
    let log = node.get("scale").map_or(Ok(false), |node| choice(node, "scale", &[("log", true), ("linear", false)]))?;
    let integer = match node.get("integer") {
        None => false,
        Some(Node { content: Content::Bool(integer), .. }) => *integer,
        Some(other) => {
            let message = format!("`integer` must be true or false; found {}", other.describe());
            return Err(Diagnostic::at(other.at, message));
        }
    };
    if low >= high {
        let message = format!("`high` must be greater than `low`, {low}; found {high}");
        return Err(Diagnostic::at(high_at, message).note("a single value belongs under `training` or `baselines`"));
    }
    if log && low <= 0.0 {
        let message = format!("`low` must be greater than 0 under `scale: log`; found {low}");
        return Err(Diagnostic::at(low_at, message));
    }
    let whole = |end: f64| end.fract() == 0.0 && end.abs() <= EXACT;
    if integer && let Some((end, at)) = [(low, low_at), (high, high_at)].into_iter().find(|(end, _)| !whole(*end)) {
        return Err(Diagnostic::at(at, format!("the ends must be whole numbers under `integer: true`; found {end}")));
    }
    Ok(Range::Interval { low, high, log, integer })
}

fn whole(node: &Node, what: &str, least: u64, most: u64) -> Result<u64, Diagnostic> {
    let number = match &node.content {
        Content::Number(number) => number.plain().and_then(|number| number.as_u64()),
        _ => None,
    };
    number.filter(|number| (least..=most).contains(number)).ok_or_else(|| {
        let bound = if most == u64::MAX { format!("{least} or more") } else { format!("from {least} to {most}") };
        Diagnostic::at(node.at, format!("`{what}` must be a whole number, {bound}; found {}", node.describe()))
    })
}
