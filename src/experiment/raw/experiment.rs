//! The whole file, its keys checked.

use super::diagnosis;
use super::entry::{self, RawEntry};
use super::evaluate::evaluate;
use super::field::{self, GridAxis};
use super::pairs::{self, PairPattern, PairSettings};
use super::search::{self, RawSearch};
use super::values::{self, check_name, choice, known_keys, line, list, mapping, seeds, text, unknown_key};
use crate::experiment::{Content, Diagnosis, Diagnostic, Missing, Node, Position, Scale};

/// Version of the file format.
pub const VERSION: u64 = 1;

const TOP: [&str; 18] = [
    "version",
    "include",
    "name",
    "description",
    "source",
    "tuning",
    "scale",
    "missing",
    "seeds",
    "diagnose",
    "evaluate",
    "tasks",
    "baselines",
    "exclude",
    "training",
    "grid",
    "search",
    "cells",
];

/// Keys of a file that another one includes: those that are taken over, and those that describe it.
const INCLUDED: [&str; 7] = ["version", "include", "description", "tasks", "baselines", "training", "cells"];

/// Check the keys of a file that another one includes, and the values of those that are not taken over.
///
/// # Errors
/// The first key that does not belong.
pub fn included_keys(root: &Node) -> Result<(), Diagnostic> {
    let pairs = mapping(root, "an included file")?;
    if let Some(pair) = pairs.iter().find(|pair| TOP.contains(&pair.key.as_str()) && !INCLUDED.contains(&&*pair.key)) {
        let message = format!("an included file cannot have `{}`", pair.key);
        return Err(Diagnostic::at(pair.at, message)
            .accepted("keys", &INCLUDED)
            .note("it is no experiment of its own: write this into the file that includes it"));
    }
    known_keys(pairs, "an included file", &INCLUDED)?;
    root.get("version").map_or(Ok(()), version)?;
    root.get("description").map_or(Ok(()), |value| text(value, "description").map(|_| ()))
}

/// An experiment file, unresolved.
#[derive(Debug, Clone)]
pub struct RawExperiment {
    /// Where the file begins.
    pub at: Position,
    /// Name and its position; absent: the name of the file.
    pub name: Option<(String, Position)>,
    /// What the experiment shows.
    pub description: String,
    /// Where the settings come from that have no source of their own.
    pub source: Option<String>,
    /// How the settings were tuned.
    pub tuning: Option<String>,
    /// How much of the recipe is run.
    pub scale: Scale,
    /// What to do about missing data.
    pub missing: Missing,
    /// Seeds, distinct, at least one.
    pub seeds: Vec<u64>,
    /// Whether an argument gave the seeds.
    pub seeds_given: bool,
    /// What is measured before anything is trained.
    pub diagnosis: Option<Diagnosis>,
    /// What trained networks are judged on, a mapping.
    pub evaluate: Node,
    /// Tasks, at least one.
    pub tasks: Vec<RawEntry>,
    /// Baselines, at least one.
    pub baselines: Vec<RawEntry>,
    /// Pairs that are not run.
    pub exclude: Vec<PairPattern>,
    /// Training settings of every run.
    pub training: Node,
    /// Varied fields.
    pub grid: Vec<GridAxis>,
    /// Settings that are searched, instead of a grid.
    pub search: Option<RawSearch>,
    /// Settings of particular pairs.
    pub pair_settings: Vec<PairSettings>,
}

impl RawExperiment {
    /// Check the keys of a parsed file, `source`, in which everything that it includes stands already.
    ///
    /// # Errors
    /// The first key or value that does not belong.
    pub fn read(root: &Node, source: usize) -> Result<Self, Diagnostic> {
        let pairs = mapping(root, "the experiment")?;
        known_keys(pairs, "the experiment", &TOP)?;
        let at = Position { source, line: 1, column: 1, width: 1 };
        let mut raw = Self {
            at,
            name: None,
            description: String::new(),
            source: None,
            tuning: None,
            scale: Scale::Paper,
            missing: Missing::Error,
            seeds: vec![0],
            seeds_given: false,
            diagnosis: None,
            evaluate: Node::empty(at),
            tasks: Vec::new(),
            baselines: Vec::new(),
            exclude: Vec::new(),
            training: Node::empty(at),
            grid: Vec::new(),
            search: None,
            pair_settings: Vec::new(),
        };
        for pair in pairs {
            let value = &pair.value;
            match pair.key.as_str() {
                "version" => version(value)?,
                "diagnose" => raw.diagnosis = Some(diagnosis::diagnosis(value)?),
                "tasks" => raw.tasks = entry::entries(value, "task")?,
                "baselines" => raw.baselines = entry::entries(value, "baseline")?,
                "exclude" => {
                    let example = "[{task: cifar10, baseline: ckcnn}]";
                    let items = list(value, "exclude", example)?.iter();
                    raw.exclude = items.map(|item| PairPattern::read(item, "`exclude`")).collect::<Result<_, _>>()?;
                }
                "training" => raw.training = values::settings(value, "training")?,
                "grid" => raw.grid = field::grid(value)?,
                "search" => raw.search = Some(search::search(value, pair.at)?),
                "cells" => raw.pair_settings = pairs::pair_settings(value)?,
                key => raw.set_plain(key, value)?,
            }
        }
        for (key, entries) in [("tasks", &raw.tasks), ("baselines", &raw.baselines)] {
            if root.get(key).is_none() {
                let message = format!("`{key}` is missing: an experiment needs at least one");
                return Err(Diagnostic::at(at, message).note(format!("`bench list {key}` names them")));
            }
            entry::distinct_labels(key, entries)?;
        }
        raw.search.as_ref().map_or(Ok(()), |search| search.check_beside(&raw.grid))?;
        Ok(raw)
    }

    /// Set `name`, `description`, `source`, `tuning`, `scale`, `missing`, `seeds` or `evaluate`.
    pub fn set_plain(&mut self, key: &str, value: &Node) -> Result<(), Diagnostic> {
        match key {
            "name" => {
                let name = text(value, "name")?;
                check_name(&name, value.at)?;
                self.name = Some((name, value.at));
            }
            "description" => self.description = text(value, "description")?,
            "source" => self.source = Some(line(value, "source")?),
            "tuning" => self.tuning = Some(line(value, "tuning")?),
            "scale" => self.scale = choice(value, "scale", &Scale::ALL.map(|scale| (scale.name(), scale)))?,
            "missing" => {
                self.missing = choice(value, "missing", &[("error", Missing::Error), ("skip", Missing::Skip)])?;
            }
            "seeds" => self.seeds = seeds(value)?,
            "evaluate" => self.evaluate = evaluate(value)?,
            _ => return Err(unknown_key(key, value.at, "the experiment", &TOP)),
        }
        Ok(())
    }
}

fn version(value: &Node) -> Result<(), Diagnostic> {
    match value.content {
        Content::Number(ref n) if n.plain().and_then(|n| n.as_u64()) == Some(VERSION) => Ok(()),
        _ => Err(Diagnostic::at(value.at, format!("unknown version of the file format: {}", value.describe()))
            .note(format!("this program reads version {VERSION}"))),
    }
}
