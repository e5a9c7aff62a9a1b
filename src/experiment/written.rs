//! The experiment file as written: keys checked, every value still with its place.

use wildmatch::WildMatch;

use super::diagnostic::{Diagnostic, with_suggestion};
use super::yaml::{Content, Node, Pair, Position, shorten};
use super::{MAX_SOURCE, Missing};
use vocabulary::{Scale, UnknownName};

/// Version of the file format.
pub const VERSION: u64 = 1;

const TOP: [&str; 13] = [
    "version",
    "name",
    "description",
    "source",
    "scale",
    "missing",
    "seeds",
    "tasks",
    "baselines",
    "exclude",
    "training",
    "grid",
    "cells",
];

/// An experiment file, unresolved.
#[derive(Debug, Clone)]
pub struct Written {
    /// Where the file begins.
    pub at: Position,
    /// Name and where it stands; absent: the file's own name.
    pub name: Option<(String, Position)>,
    /// What the experiment shows.
    pub description: String,
    /// Where the settings come from that have no source of their own.
    pub source: Option<String>,
    /// How much of the recipe is run.
    pub scale: Scale,
    /// What to do about missing data.
    pub missing: Missing,
    /// Seeds, distinct, at least one.
    pub seeds: Vec<u64>,
    /// Whether an argument gave the seeds.
    pub seeds_given: bool,
    /// Tasks, at least one.
    pub tasks: Vec<Entry>,
    /// Baselines, at least one.
    pub baselines: Vec<Entry>,
    /// Pairs that are no cells.
    pub exclude: Vec<When>,
    /// Training settings of every cell.
    pub training: Node,
    /// Varied fields.
    pub grid: Vec<Axis>,
    /// Settings of particular pairs.
    pub rules: Vec<Rule>,
}

/// A task or a baseline.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Registry name.
    pub name: String,
    /// Where the name stands.
    pub at: Position,
    /// Label, if one was given, and where.
    pub label: Option<(String, Position)>,
    /// Where the settings come from; of baselines alone, since `source` is a setting of some tasks.
    pub source: Option<String>,
    /// Its settings: a mapping.
    pub settings: Node,
    /// Training settings with this task or baseline: a mapping.
    pub training: Node,
}

/// Which settings a path leads into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `training.…`
    Training,
    /// `task.…`
    Task,
    /// `baseline.…`
    Baseline,
}

impl Target {
    /// As in paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Task => "task",
            Self::Baseline => "baseline",
        }
    }
}

/// A field by path, e.g. `baseline.kernel.hidden`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Which settings.
    pub target: Target,
    /// Keys below, at least one.
    pub path: Vec<String>,
}

impl Field {
    /// Read `training.X`, `task.X` or `baseline.X`.
    pub fn parse(text: &str, at: Position, more: &[&str]) -> Result<Self, Diagnostic> {
        let mut parts = text.split('.');
        let first = parts.next().unwrap_or_default();
        let path: Vec<String> = parts.map(str::to_owned).collect();
        let target = match first {
            "training" => Target::Training,
            "task" => Target::Task,
            "baseline" => Target::Baseline,
            _ => {
                let known = ["training", "task", "baseline"].into_iter().chain(more.iter().copied());
                let message = format!("`{}` is not the path of a field", shorten(text));
                return Err(Diagnostic::at(at, with_suggestion(message, first, known))
                    .note("a path is training.FIELD, task.FIELD or baseline.FIELD, e.g. training.learning_rate"));
            }
        };
        if path.is_empty() || path.iter().any(String::is_empty) {
            let message = format!("`{}` names no field", shorten(text));
            return Err(Diagnostic::at(at, message).note(format!("write {}.FIELD", target.name())));
        }
        Ok(Self { target, path })
    }

    /// Whether setting `self` sets `other` too: the same path, or one that contains it.
    pub fn covers(&self, other: &Self) -> bool {
        self.target == other.target && other.path.starts_with(&self.path)
    }

    /// As written.
    pub fn text(&self) -> String {
        format!("{}.{}", self.target.name(), self.path.join("."))
    }
}

/// A field and the values it takes.
#[derive(Debug, Clone)]
pub struct Axis {
    /// The field.
    pub field: Field,
    /// Where its key stands.
    pub at: Position,
    /// At least one, all different.
    pub values: Vec<Node>,
}

/// Which pairs of task and baseline.
#[derive(Debug, Clone)]
pub struct When {
    /// Where it stands.
    pub at: Position,
    /// Patterns of the task's label or name; none: every task.
    pub task: Vec<String>,
    /// Patterns of the baseline's label or name; none: every baseline.
    pub baseline: Vec<String>,
}

impl When {
    /// Whether the pair of a task and a baseline, each with label and name, is meant.
    pub fn is_met(&self, task: &[&str], baseline: &[&str]) -> bool {
        let fits =
            |patterns: &[String], words: &[&str]| patterns.is_empty() || patterns.iter().any(|p| matches(p, words));
        fits(&self.task, task) && fits(&self.baseline, baseline)
    }

    fn read(node: &Node, what: &str) -> Result<Self, Diagnostic> {
        let pairs = mapping(node, what)?;
        known_keys(pairs, what, &["task", "baseline"])?;
        if pairs.is_empty() {
            return Err(Diagnostic::at(node.at, format!("{what} is empty")).note("name a task, a baseline or both"));
        }
        let patterns = |key: &str| match node.get(key) {
            None => Ok(Vec::new()),
            Some(Node { content: Content::List(items), .. }) if !items.is_empty() => {
                items.iter().map(|item| text(item, key)).collect()
            }
            Some(value) => Ok(vec![text(value, key)?]),
        };
        Ok(Self { at: node.at, task: patterns("task")?, baseline: patterns("baseline")? })
    }
}

/// Settings of the pairs that match.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The pairs.
    pub when: When,
    /// Where the settings come from.
    pub source: Option<String>,
    /// Settings, each a mapping.
    pub settings: [(Target, Node); 3],
}

/// Whether `pattern` (`*` any text, `?` one character) matches one of `words`.
pub fn matches(pattern: &str, words: &[&str]) -> bool {
    let pattern = WildMatch::new(pattern);
    words.iter().any(|word| pattern.matches(word))
}

impl Written {
    /// Check the keys of a parsed file.
    ///
    /// # Errors
    /// The first key or value that does not belong.
    pub fn read(root: &Node) -> Result<Self, Diagnostic> {
        let pairs = mapping(root, "the experiment")?;
        known_keys(pairs, "the experiment", &TOP)?;
        let at = Position { line: 1, column: 1, width: 1, ..root.at };
        let mut written = Self {
            at,
            name: None,
            description: String::new(),
            source: None,
            scale: Scale::Paper,
            missing: Missing::Error,
            seeds: vec![0],
            seeds_given: false,
            tasks: Vec::new(),
            baselines: Vec::new(),
            exclude: Vec::new(),
            training: Node::empty(at),
            grid: Vec::new(),
            rules: Vec::new(),
        };
        for pair in pairs {
            let value = &pair.value;
            match pair.key.as_str() {
                "version" => version(value)?,
                "tasks" => written.tasks = entries(value, "task")?,
                "baselines" => written.baselines = entries(value, "baseline")?,
                "exclude" => {
                    let example = "[{task: cifar10, baseline: ckcnn}]";
                    let items = list(value, "exclude", example)?.iter();
                    written.exclude = items.map(|item| When::read(item, "`exclude`")).collect::<Result<_, _>>()?;
                }
                "training" => written.training = settings(value, "training")?,
                "grid" => written.grid = grid(value)?,
                "cells" => written.rules = rules(value)?,
                key => written.set_plain(key, value)?,
            }
        }
        for (key, entries) in [("tasks", &written.tasks), ("baselines", &written.baselines)] {
            if root.get(key).is_none() {
                let message = format!("`{key}` is missing: an experiment needs at least one");
                return Err(Diagnostic::at(at, message).note(format!("`bench list {key}` names them")));
            }
            distinct_labels(key, entries)?;
        }
        Ok(written)
    }

    /// Set `name`, `description`, `source`, `scale`, `missing` or `seeds`.
    pub fn set_plain(&mut self, key: &str, value: &Node) -> Result<(), Diagnostic> {
        match key {
            "name" => {
                let name = text(value, "name")?;
                check_name(&name, value.at)?;
                self.name = Some((name, value.at));
            }
            "description" => self.description = text(value, "description")?,
            "source" => self.source = Some(source(value)?),
            "scale" => {
                let word = text(value, "scale")?;
                self.scale = word.parse().map_err(|_: UnknownName| {
                    let words = Scale::ALL.map(Scale::name);
                    let message = format!("`scale` cannot be `{}`", shorten(&word));
                    Diagnostic::at(value.at, with_suggestion(message, &word, words)).accepted("values", &words)
                })?;
            }
            "missing" => {
                self.missing = match text(value, "missing")?.as_str() {
                    "error" => Missing::Error,
                    "skip" => Missing::Skip,
                    other => {
                        let message = format!("`missing` cannot be `{}`", shorten(other));
                        return Err(Diagnostic::at(value.at, with_suggestion(message, other, ["error", "skip"]))
                            .accepted("values", &["error", "skip"]));
                    }
                }
            }
            "seeds" => self.seeds = seeds(value)?,
            _ => return Err(unknown_key(key, value.at, "the experiment", &TOP)),
        }
        Ok(())
    }
}

/// Names of experiments and labels become folder names.
pub fn is_safe(name: &str, extra: &[char]) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || extra.contains(&c))
}

/// `text` made of the characters that folder names are safe with.
pub fn make_safe(text: &str) -> String {
    let safe: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+') { c } else { '-' }).collect();
    safe.trim_matches('-').to_owned()
}

/// Longest label; ids of cells stay below 120 characters with it.
pub const MAX_LABEL: usize = 40;

/// Longest name of an experiment.
const MAX_NAME: usize = 80;

/// Whether an experiment, and so its folder, may have this name.
pub fn is_name(name: &str) -> bool {
    is_safe(name, &['.']) && name.len() <= MAX_NAME
}

fn check_name(name: &str, at: Position) -> Result<(), Diagnostic> {
    if is_name(name) {
        return Ok(());
    }
    let message = format!("`{}` cannot be the name of a folder", shorten(name));
    Err(Diagnostic::at(at, message)
        .note(format!("use letters, digits, `-`, `_` and `.`, at most {MAX_NAME} characters")))
}

fn check_label(label: &str, at: Position) -> Result<(), Diagnostic> {
    if is_safe(label, &[]) && label.len() <= MAX_LABEL {
        return Ok(());
    }
    let message = format!("`{}` cannot be a label, since it becomes part of a folder name", shorten(label));
    Err(Diagnostic::at(at, message).note(format!("use letters, digits, `-` and `_`, at most {MAX_LABEL} characters")))
}

fn version(value: &Node) -> Result<(), Diagnostic> {
    match value.content {
        Content::Number(ref n) if n.plain().and_then(|n| n.as_u64()) == Some(VERSION) => Ok(()),
        _ => Err(Diagnostic::at(value.at, format!("unknown version of the file format: {}", value.describe()))
            .note(format!("this program reads version {VERSION}"))),
    }
}

/// Seeds of `value`: a list of whole numbers.
pub fn seeds(value: &Node) -> Result<Vec<u64>, Diagnostic> {
    let items = list(value, "seeds", "[0, 1, 2]")?;
    let mut seeds = Vec::new();
    for item in items {
        let seed = match &item.content {
            Content::Number(n) => n.plain().and_then(|n| n.as_u64()),
            _ => None,
        };
        let Some(seed) = seed else {
            let message = format!("a seed is a whole number, 0 or more; found {}", item.describe());
            return Err(Diagnostic::at(item.at, message));
        };
        if seeds.contains(&seed) {
            return Err(Diagnostic::at(item.at, format!("seed {seed} stands twice")));
        }
        seeds.push(seed);
    }
    Ok(seeds)
}

fn entries(value: &Node, kind: &str) -> Result<Vec<Entry>, Diagnostic> {
    list(value, &format!("{kind}s"), &format!("[{{name: …}}]; `bench list {kind}s` names them"))?
        .iter()
        .map(|item| entry(item, kind))
        .collect()
}

fn entry(item: &Node, kind: &str) -> Result<Entry, Diagnostic> {
    let pairs = match &item.content {
        Content::Text(name) => {
            let empty = Node::empty(item.at);
            return Ok(Entry {
                name: name.clone(),
                at: item.at,
                label: None,
                source: None,
                settings: empty.clone(),
                training: empty,
            });
        }
        Content::Map(pairs) => pairs,
        _ => {
            let message = format!("a {kind} is a name or a mapping with `name`; found {}", item.describe());
            return Err(Diagnostic::at(item.at, message).note(format!("`bench list {kind}s` names them")));
        }
    };
    let Some(name) = item.get("name") else {
        let message = format!("this {kind} has no `name`");
        return Err(Diagnostic::at(item.at, message).note(format!("`bench list {kind}s` names them")));
    };
    let mut entry = Entry {
        name: text(name, "name")?,
        at: name.at,
        label: None,
        source: None,
        settings: Node { at: item.at, content: Content::Map(Vec::new()) },
        training: Node::empty(item.at),
    };
    let mut own = Vec::new();
    for pair in pairs {
        match pair.key.as_str() {
            "name" => {}
            "label" => {
                let label = text(&pair.value, "label")?;
                check_label(&label, pair.value.at)?;
                entry.label = Some((label, pair.value.at));
            }
            "source" if kind == "baseline" => entry.source = Some(source(&pair.value)?),
            "training" => entry.training = settings(&pair.value, "training")?,
            _ => {
                pair.value.check_numbers()?;
                own.push(pair.clone());
            }
        }
    }
    entry.settings.content = Content::Map(own);
    Ok(entry)
}

fn distinct_labels(kind: &str, entries: &[Entry]) -> Result<(), Diagnostic> {
    for (index, entry) in entries.iter().enumerate() {
        let Some((label, at)) = &entry.label else { continue };
        let same = |(other, _): &&(String, Position)| other.eq_ignore_ascii_case(label);
        if let Some((_, first)) = entries[..index].iter().filter_map(|e| e.label.as_ref()).find(same) {
            let message = format!("two {kind} have the label `{label}`");
            return Err(Diagnostic::at(*at, message).note(format!("first on line {}", first.line)));
        }
    }
    Ok(())
}

fn grid(value: &Node) -> Result<Vec<Axis>, Diagnostic> {
    let mut axes: Vec<Axis> = Vec::new();
    for pair in mapping_or_nothing(value, "grid")? {
        let field = Field::parse(&pair.key, pair.at, &[])?;
        if let Some(other) = axes.iter().find(|a| a.field.covers(&field) || field.covers(&a.field)) {
            let message = format!("`{}` and `{}` vary the same settings", other.field.text(), field.text());
            return Err(Diagnostic::at(pair.at, message));
        }
        let Content::List(values) = &pair.value.content else {
            let message =
                format!("the grid over `{}` needs a list of values; found {}", pair.key, pair.value.describe());
            return Err(Diagnostic::at(pair.value.at, message));
        };
        if values.is_empty() {
            let message = format!("the grid over `{}` is empty", pair.key);
            return Err(Diagnostic::at(pair.value.at, message).note("give at least one value, or remove the line"));
        }
        for (index, value) in values.iter().enumerate() {
            value.check_numbers()?;
            // However they are written: `4` and `4.0` would be two cells of one configuration.
            if values[..index].iter().any(|other| other.to_settings() == value.to_settings()) {
                let message = format!("the grid over `{}` has {} twice", pair.key, value.describe());
                return Err(Diagnostic::at(value.at, message));
            }
        }
        axes.push(Axis { field, at: pair.at, values: values.clone() });
    }
    Ok(axes)
}

fn rules(value: &Node) -> Result<Vec<Rule>, Diagnostic> {
    const KEYS: [&str; 5] = ["when", "source", "training", "task", "baseline"];
    let mut rules = Vec::new();
    for item in list(value, "cells", "[{when: {baseline: lstm}, training: {epochs: 20}}]")? {
        let pairs = mapping(item, "a rule under `cells`")?;
        known_keys(pairs, "a rule under `cells`", &KEYS)?;
        let Some(when) = item.get("when") else {
            return Err(Diagnostic::at(item.at, "this rule has no `when`")
                .note("write `when: {task: PATTERN, baseline: PATTERN}`, one or both"));
        };
        let part = |target: Target| match item.get(target.name()) {
            Some(value) => settings(value, target.name()).map(|node| (target, node)),
            None => Ok((target, Node::empty(item.at))),
        };
        rules.push(Rule {
            when: When::read(when, "`when`")?,
            source: item.get("source").map(source).transpose()?,
            settings: [part(Target::Training)?, part(Target::Task)?, part(Target::Baseline)?],
        });
    }
    Ok(rules)
}

fn known_keys(pairs: &[Pair], place: &str, known: &[&str]) -> Result<(), Diagnostic> {
    match pairs.iter().find(|pair| !known.contains(&pair.key.as_str())) {
        Some(pair) => Err(unknown_key(&pair.key, pair.at, place, known)),
        None => Ok(()),
    }
}

/// The error for a key that does not belong to `place`.
pub fn unknown_key(key: &str, at: Position, place: &str, known: &[impl AsRef<str>]) -> Diagnostic {
    let message = format!("unknown key `{}` in {place}", shorten(key));
    Diagnostic::at(at, with_suggestion(message, key, known.iter().map(AsRef::as_ref))).accepted("keys", known)
}

fn mapping<'a>(node: &'a Node, what: &str) -> Result<&'a [Pair], Diagnostic> {
    match &node.content {
        Content::Map(pairs) => Ok(pairs),
        _ => Err(Diagnostic::at(
            node.at,
            format!("{what} must be a mapping of keys to values; found {}", node.describe()),
        )),
    }
}

/// Like [`mapping`]; nothing written counts as an empty mapping.
fn mapping_or_nothing<'a>(node: &'a Node, what: &str) -> Result<&'a [Pair], Diagnostic> {
    if node.content == Content::Null { Ok(&[]) } else { mapping(node, &format!("`{what}`")) }
}

fn settings(node: &Node, what: &str) -> Result<Node, Diagnostic> {
    node.check_numbers()?;
    Ok(Node { at: node.at, content: Content::Map(mapping_or_nothing(node, what)?.to_vec()) })
}

fn list<'a>(node: &'a Node, what: &str, example: &str) -> Result<&'a [Node], Diagnostic> {
    match &node.content {
        Content::List(items) if !items.is_empty() => Ok(items),
        _ => {
            Err(Diagnostic::at(node.at, format!("`{what}` must be a list of at least one; found {}", node.describe()))
                .note(format!("e.g. {what}: {example}")))
        }
    }
}

/// Where settings come from: a line of text.
fn source(node: &Node) -> Result<String, Diagnostic> {
    let words = text(node, "source")?.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.is_empty() || words.chars().count() > MAX_SOURCE {
        let message = format!("`source` must be text of 1 to {MAX_SOURCE} characters");
        return Err(Diagnostic::at(node.at, message).note("name the paper with its table, or the file of a repository"));
    }
    Ok(words)
}

fn text(node: &Node, what: &str) -> Result<String, Diagnostic> {
    match &node.content {
        Content::Text(text) => Ok(text.clone()),
        // A name like `2024` or `1.10` reads as a number; people mean the characters.
        Content::Number(number) => Ok(number.written.clone()),
        _ => {
            let message = format!("`{what}` must be text; found {}", node.describe());
            let wrong = Diagnostic::at(node.at, message);
            match node.content {
                Content::Null | Content::Bool(_) => {
                    Err(wrong.note("words such as `true` and `null` need quotes to be text"))
                }
                _ => Err(wrong),
            }
        }
    }
}
