//! From the file as written to a plan: `--set`, merging, expansion, checks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use baselines::BuildError;
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::diagnostic::{Diagnostic, with_suggestion};
use super::fit::{self, Fit};
use vocabulary::Scale;

use super::scale::{self, Budget};
use super::training::Training;
use super::written::{self, Axis, Entry, Field, Target, Written, make_safe, matches, unknown_key};
use super::yaml::{Content, Node, Position, shorten};
use super::{BaselineCell, Cell, Plan, TaskCell};
use crate::registry::Registry;

/// Cells that one experiment may expand to.
pub const MAX_CELLS: usize = 100_000;

/// `--set PATH=VALUE`, read.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Text before `=`.
    pub path: String,
    /// Where the path stands.
    pub at: Position,
    /// The value.
    pub value: Node,
}

/// `--only task=PATTERN,baseline=PATTERN`, read.
#[derive(Debug, Clone, Default)]
pub struct Only {
    /// Pattern of the task's label or name, and where it stands.
    pub task: Option<(String, Position)>,
    /// Pattern of the baseline's label or name, and where it stands.
    pub baseline: Option<(String, Position)>,
}

/// Resolve `written` under the name `fallback_name` unless it has one.
///
/// # Errors
/// The first thing that does not hold, with its place.
pub fn resolve(
    mut written: Written,
    settings: &[Setting],
    only: &Only,
    fallback_name: &str,
    registry: &Registry,
) -> Result<Plan, Diagnostic> {
    let kinds = Kinds::of(&written, registry)?;
    let aliases = Aliases::of(&written, &kinds);
    for setting in settings {
        apply(&mut written, setting, &kinds)?;
    }
    note_changes(&mut written, settings);
    if written.scale != Scale::Paper && !written.seeds_given {
        // A budget is for one run of each pair.
        written.seeds.truncate(1);
    }
    check_axes(&written, &kinds)?;
    let drafts = expand(&written, &kinds, &aliases)?;
    let drafts = select(drafts, only)?;
    let cells = finish(drafts, &kinds, written.scale)?;
    Ok(Plan {
        name: written.name.as_ref().map_or_else(|| fallback_name.to_owned(), |(name, _)| name.clone()),
        description: written.description.clone(),
        scale: written.scale,
        missing: written.missing,
        cells,
        resolved: resolved(&written, fallback_name, &kinds),
    })
}

/// The registry entries that the file's tasks and baselines name, index by index.
struct Kinds {
    tasks: Vec<datasets::registry::Entry>,
    baselines: Vec<baselines::registry::Entry>,
    task_fields: Vec<Vec<String>>,
    baseline_fields: Vec<Vec<String>>,
    training_fields: Vec<String>,
}

impl Kinds {
    fn of(written: &Written, registry: &Registry) -> Result<Self, Diagnostic> {
        let mut kinds = Self {
            tasks: Vec::new(),
            baselines: Vec::new(),
            task_fields: Vec::new(),
            baseline_fields: Vec::new(),
            training_fields: fields(&schemars::schema_for!(Training)),
        };
        for entry in &written.tasks {
            let names: Vec<&str> = registry.tasks.iter().map(|e| e.info.name).collect();
            let index = index_of(entry, "task", &names)?;
            kinds.task_fields.push(fields(&(registry.tasks[index].schema)()));
            kinds.tasks.push(registry.tasks[index].clone());
        }
        for entry in &written.baselines {
            let names: Vec<&str> = registry.baselines.iter().map(|e| e.info.name).collect();
            let index = index_of(entry, "baseline", &names)?;
            kinds.baseline_fields.push(fields(&(registry.baselines[index].schema)()));
            kinds.baselines.push(registry.baselines[index].clone());
        }
        Ok(kinds)
    }

    /// Whether the settings of entry `index` have the first key of `field`.
    fn has(&self, field: &Field, index: usize) -> bool {
        let fields = match field.target {
            Target::Training => &self.training_fields,
            Target::Task => &self.task_fields[index],
            Target::Baseline => &self.baseline_fields[index],
        };
        field.path.first().is_some_and(|first| fields.contains(first))
    }

    /// Every field of `target`, over all entries.
    fn fields(&self, target: Target) -> Vec<&str> {
        let lists: Vec<&Vec<String>> = match target {
            Target::Training => vec![&self.training_fields],
            Target::Task => self.task_fields.iter().collect(),
            Target::Baseline => self.baseline_fields.iter().collect(),
        };
        let mut seen = HashSet::new();
        lists.into_iter().flatten().map(String::as_str).filter(|field| seen.insert(*field)).collect()
    }
}

fn index_of(entry: &Entry, kind: &str, names: &[&str]) -> Result<usize, Diagnostic> {
    names.iter().position(|name| *name == entry.name).ok_or_else(|| {
        let message = format!("unknown {kind} `{}`", shorten(&entry.name));
        Diagnostic::at(entry.at, with_suggestion(message, &entry.name, names.iter().copied()))
            .accepted(&format!("{kind}s"), names)
    })
}

/// Names of the top-level properties of a schema.
pub fn fields(schema: &schemars::Schema) -> Vec<String> {
    fn collect(schema: &Value, root: &Value, depth: usize, names: &mut Vec<String>) {
        if depth == 0 {
            return;
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for name in properties.keys() {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
        if let Some(target) = reference.and_then(|pointer| root.pointer(pointer)) {
            collect(target, root, depth - 1, names);
        }
        for part in ["allOf", "anyOf", "oneOf"] {
            for option in schema.get(part).and_then(Value::as_array).into_iter().flatten() {
                collect(option, root, depth - 1, names);
            }
        }
    }
    let mut names = Vec::new();
    collect(schema.as_value(), schema.as_value(), 8, &mut names);
    names
}

/// Labels of the entries as the file has them, before `--set`: what patterns in the file refer to.
struct Aliases {
    tasks: Vec<String>,
    baselines: Vec<String>,
}

impl Aliases {
    fn of(written: &Written, kinds: &Kinds) -> Self {
        // A configuration that does not hold is reported with its place when the cells are made.
        let tasks = written.tasks.iter().zip(&kinds.tasks).map(|(entry, kind)| {
            let built = || (kind.build)(&entry.settings.to_settings()).ok().map(|task| task.spec().name.clone());
            entry.label.as_ref().map(|(label, _)| label.clone()).or_else(built).unwrap_or_else(|| entry.name.clone())
        });
        let baselines = written.baselines.iter().zip(&kinds.baselines).map(|(entry, kind)| {
            let built = || (kind.label)(&entry.settings.to_settings()).ok();
            entry.label.as_ref().map(|(label, _)| label.clone()).or_else(built).unwrap_or_else(|| entry.name.clone())
        });
        Self { tasks: tasks.collect(), baselines: baselines.collect() }
    }
}

/// Apply one `--set`: put the value in, and take out whatever in the file would override it.
fn apply(written: &mut Written, setting: &Setting, kinds: &Kinds) -> Result<(), Diagnostic> {
    const PLAIN: [&str; 6] = ["name", "description", "source", "scale", "missing", "seeds"];
    written.seeds_given |= setting.path == "seeds";
    if PLAIN.contains(&setting.path.as_str()) {
        return written.set_plain(&setting.path, &setting.value);
    }
    let field = Field::parse(&setting.path, setting.at, &PLAIN)?;
    let entries = match field.target {
        Target::Training => 1,
        Target::Task => kinds.tasks.len(),
        Target::Baseline => kinds.baselines.len(),
    };
    let having: Vec<usize> = (0..entries).filter(|&index| kinds.has(&field, index)).collect();
    if having.is_empty() {
        return Err(nobody_has(&field, setting.at, kinds));
    }
    let (path, at, value) = (&field.path, setting.at, &setting.value);
    value.check_numbers()?;
    match field.target {
        Target::Training => {
            written.training.set(path, at, value);
            for entry in written.tasks.iter_mut().chain(&mut written.baselines) {
                entry.training.remove(path);
            }
        }
        Target::Task => having.iter().for_each(|&i| written.tasks[i].settings.set(path, at, value)),
        Target::Baseline => having.iter().for_each(|&i| written.baselines[i].settings.set(path, at, value)),
    }
    for (target, node) in written.rules.iter_mut().flat_map(|rule| &mut rule.settings) {
        if *target == field.target {
            node.remove(path);
        }
    }
    if let Some(axis) = written.grid.iter().find(|axis| {
        axis.field.target == field.target && axis.field != field && field.path.starts_with(&axis.field.path)
    }) {
        let message = format!("`{}` lies within `{}`, over which the grid runs", field.text(), axis.field.text());
        return Err(Diagnostic::at(setting.at, message).note(format!("set `{}` as a whole", axis.field.text())));
    }
    written.grid.retain(|axis| !field.covers(&axis.field));
    Ok(())
}

/// Sources hold for the settings as written: say which ones the command line has changed.
fn note_changes(written: &mut Written, settings: &[Setting]) {
    let sourced = written.source.is_some()
        || written.baselines.iter().any(|entry| entry.source.is_some())
        || written.rules.iter().any(|rule| rule.source.is_some());
    let changed: Vec<&str> =
        settings.iter().map(|setting| setting.path.as_str()).filter(|path| path.contains('.')).collect();
    if sourced && !changed.is_empty() {
        let note = format!("changed on the command line: {}", changed.join(", "));
        written.source = Some(written.source.take().map_or(note.clone(), |source| format!("{source}; {note}")));
    }
}

fn nobody_has(field: &Field, at: Position, kinds: &Kinds) -> Diagnostic {
    let first = field.path.first().map_or("", String::as_str);
    let known = kinds.fields(field.target);
    let message = match field.target {
        Target::Training => format!("`training` has no field `{}`", shorten(first)),
        Target::Task => format!("no task of the experiment has a field `{}`", shorten(first)),
        Target::Baseline => format!("no baseline of the experiment has a field `{}`", shorten(first)),
    };
    Diagnostic::at(at, with_suggestion(message, first, known.iter().copied())).accepted("fields", &known)
}

fn check_axes(written: &Written, kinds: &Kinds) -> Result<(), Diagnostic> {
    for axis in &written.grid {
        let entries = match axis.field.target {
            Target::Training => 1,
            Target::Task => kinds.tasks.len(),
            Target::Baseline => kinds.baselines.len(),
        };
        if !(0..entries).any(|index| kinds.has(&axis.field, index)) {
            return Err(nobody_has(&axis.field, axis.at, kinds).note("a grid needs a field that some cell has"));
        }
    }
    Ok(())
}

/// A cell before its network was tried.
struct Draft {
    task_index: usize,
    baseline_index: usize,
    task: TaskCell,
    baseline: BaselineCell,
    aliases: [String; 4],
    training: Training,
    grid: BTreeMap<String, Value>,
    sources: Vec<String>,
    seed: u64,
    id: String,
    /// The merged settings of the baseline, for places of errors.
    settings: Arc<Node>,
}

fn expand(written: &Written, kinds: &Kinds, aliases: &Aliases) -> Result<Vec<Draft>, Diagnostic> {
    check_number(written, kinds)?;
    let mut used = vec![false; written.rules.len()];
    let mut excluded = vec![false; written.exclude.len()];
    let mut tasks: HashMap<String, (TaskCell, usize)> = HashMap::new();
    let mut drafts = Vec::new();
    for (task_index, task) in written.tasks.iter().enumerate() {
        for (baseline_index, baseline) in written.baselines.iter().enumerate() {
            let words_task = [aliases.tasks[task_index].as_str(), task.name.as_str()];
            let words_baseline = [aliases.baselines[baseline_index].as_str(), baseline.name.as_str()];
            let mut skip = false;
            for (when, used) in written.exclude.iter().zip(&mut excluded) {
                let met = when.is_met(&words_task, &words_baseline);
                *used |= met;
                skip |= met;
            }
            if skip {
                continue;
            }
            let mut nodes = [written.training.clone(), task.settings.clone(), baseline.settings.clone()];
            nodes[0].merge(&task.training);
            nodes[0].merge(&baseline.training);
            let mut sources: Vec<String> = written.source.iter().chain(&baseline.source).cloned().collect();
            for (rule, used) in written.rules.iter().zip(&mut used) {
                if rule.when.is_met(&words_task, &words_baseline) {
                    *used = true;
                    for (node, (_, over)) in nodes.iter_mut().zip(&rule.settings) {
                        node.merge(over);
                    }
                    sources.extend(
                        rule.source.iter().filter(|source| !sources.contains(source)).cloned().collect::<Vec<_>>(),
                    );
                }
            }
            let axes: Vec<&Axis> = applicable(written, kinds, task_index, baseline_index).collect();
            for choice in product(&axes) {
                let mut nodes = nodes.clone();
                let mut grid = BTreeMap::new();
                for (axis, value) in axes.iter().zip(choice) {
                    nodes[axis.field.target as usize].set(&axis.field.path, value.at, value);
                    grid.insert(axis.field.text(), value.to_settings());
                }
                let [training, task_node, baseline_node] = nodes;
                let training = resolve_training(&training)?;
                let (task_cell, samples) =
                    resolve_task(task, &task_node, &kinds.tasks[task_index], written.scale, &mut tasks)?;
                let training = written.scale.training(&training, samples, task_cell.task.spec());
                let kind = &kinds.baselines[baseline_index];
                let config = (kind.resolve)(&baseline_node.to_settings())
                    .map_err(|error| baseline_error(&error, baseline, &baseline_node, kind))?;
                let label = match &baseline.label {
                    Some((label, _)) => label.clone(),
                    None => {
                        (kind.label)(&config).map_err(|error| baseline_error(&error, baseline, &baseline_node, kind))?
                    }
                };
                let baseline_cell = BaselineCell { name: baseline.name.clone(), label, config, entry: kind.clone() };
                let settings = Arc::new(baseline_node);
                for &seed in &written.seeds {
                    drafts.push(Draft {
                        task_index,
                        baseline_index,
                        id: id(&task_cell.label, &baseline_cell.label, &grid, written.scale, seed),
                        task: task_cell.clone(),
                        baseline: baseline_cell.clone(),
                        aliases: [words_task[0], words_task[1], words_baseline[0], words_baseline[1]]
                            .map(str::to_owned),
                        training: training.clone(),
                        grid: grid.clone(),
                        sources: sources.clone(),
                        seed,
                        settings: Arc::clone(&settings),
                    });
                }
            }
        }
    }
    let rules = written.rules.iter().map(|rule| &rule.when).zip(used);
    for (when, used) in written.exclude.iter().zip(excluded).chain(rules) {
        if !used {
            return Err(Diagnostic::at(when.at, "this rule matches no pair of task and baseline")
                .accepted("tasks", &aliases.tasks)
                .accepted("baselines", &aliases.baselines));
        }
    }
    if drafts.is_empty() {
        let at = written.exclude.first().map_or(written.at, |when| when.at);
        return Err(Diagnostic::at(at, "`exclude` leaves no pair of task and baseline"));
    }
    unique(&drafts, written)?;
    Ok(drafts)
}

/// The axes that vary something in a pair.
fn applicable<'a>(
    written: &'a Written,
    kinds: &'a Kinds,
    task: usize,
    baseline: usize,
) -> impl Iterator<Item = &'a Axis> {
    written
        .grid
        .iter()
        .filter(move |axis| kinds.has(&axis.field, if axis.field.target == Target::Task { task } else { baseline }))
}

fn check_number(written: &Written, kinds: &Kinds) -> Result<(), Diagnostic> {
    let mut cells = 0_usize;
    for task in 0..written.tasks.len() {
        for baseline in 0..written.baselines.len() {
            let points = applicable(written, kinds, task, baseline)
                .fold(written.seeds.len(), |points, axis| points.saturating_mul(axis.values.len()));
            cells = cells.saturating_add(points);
        }
    }
    if cells <= MAX_CELLS {
        return Ok(());
    }
    let at = written.grid.iter().max_by_key(|axis| axis.values.len()).map_or(written.at, |axis| axis.at);
    let count = if cells == usize::MAX { "more cells than can be counted".into() } else { format!("{cells} cells") };
    Err(Diagnostic::at(at, format!("the experiment expands to {count}; at most {MAX_CELLS} are accepted"))
        .note("give the grid fewer values, or split the experiment into several files"))
}

/// Every combination of one value per axis, the last axis varying fastest.
fn product<'a>(axes: &[&'a Axis]) -> Vec<Vec<&'a Node>> {
    axes.iter().fold(vec![Vec::new()], |choices, axis| {
        choices
            .into_iter()
            .flat_map(|choice| axis.values.iter().map(move |value| choice.iter().copied().chain([value]).collect()))
            .collect()
    })
}

fn resolve_training(node: &Node) -> Result<Training, Diagnostic> {
    let schema = || schemars::schema_for!(Training);
    let training: Training = serde_path_to_error::deserialize(node.to_settings()).map_err(|error| {
        let path = error.path().to_string();
        setting_error("training", node, node.at, &path, &error.into_inner().to_string(), &schema())
    })?;
    training
        .validate()
        .map_err(|error| setting_error("training", node, node.at, error.field, &error.message, &schema()))?;
    Ok(training)
}

/// The task of a cell at `scale`, and the number of training samples that it has in full.
fn resolve_task(
    entry: &Entry,
    node: &Node,
    kind: &datasets::registry::Entry,
    scale: Scale,
    cache: &mut HashMap<String, (TaskCell, usize)>,
) -> Result<(TaskCell, usize), Diagnostic> {
    let written = node.to_settings();
    let key = format!("{} {:?} {written}", entry.name, entry.label.as_ref().map(|(label, _)| label));
    if let Some(found) = cache.get(&key) {
        return Ok(found.clone());
    }
    let refuse = |error: datasets::ConfigError| {
        let what = format!("task `{}`", entry.name);
        setting_error(&what, node, entry.at, &error.field, &error.message, &(kind.schema)())
    };
    let mut config = (kind.resolve)(&written).map_err(refuse)?;
    let mut task = (kind.build)(&config).map_err(refuse)?;
    let samples = task.spec().splits.train;
    if let Some(most) = scale.samples(task.spec()) {
        let cut = scale::cut(&config, most);
        if cut != config {
            task = (kind.build)(&cut).map_err(refuse)?;
            config = cut;
        }
        task = scale.limit(task);
    }
    let task: Arc<dyn datasets::Task> = Arc::from(task);
    let label = entry.label.as_ref().map_or_else(|| task.spec().name.clone(), |(label, _)| label.clone());
    let cell = TaskCell { name: entry.name.clone(), label, config, task };
    cache.insert(key, (cell.clone(), samples));
    Ok((cell, samples))
}

fn baseline_error(error: &BuildError, entry: &Entry, node: &Node, kind: &baselines::registry::Entry) -> Diagnostic {
    let what = format!("baseline `{}`", entry.name);
    setting_error(&what, node, entry.at, &error.field, &error.message, &(kind.schema)())
}

/// The diagnostic for a setting that was refused: `path` within `node` (whose entry stands at `entry_at`), and the reason
/// as serde or the settings' own check gave it.
fn setting_error(
    what: &str,
    node: &Node,
    entry_at: Position,
    path: &str,
    reason: &str,
    schema: &schemars::Schema,
) -> Diagnostic {
    let segments: Vec<String> = path
        .replace('[', ".")
        .replace(']', "")
        .split('.')
        .filter(|segment| !segment.is_empty() && *segment != "?")
        .map(str::to_owned)
        .collect();
    let found = node.find(&segments);
    let quoted = |prefix: &str| reason.strip_prefix(prefix).and_then(|rest| rest.split_once('`')).map(|(word, _)| word);
    if let Some(key) = quoted("unknown field `") {
        let at = found.key_at.filter(|_| found.complete).or_else(|| node.find_key(key)).unwrap_or(entry_at);
        let top = segments.len() <= 1;
        let known = if top { fields(schema) } else { words_in(reason) };
        let place = match segments.split_last() {
            Some((_, parents)) if !parents.is_empty() => format!("`{}` of {what}", parents.join(".")),
            _ => what.to_owned(),
        };
        return unknown_key(key, at, &place, &known);
    }
    let name = segments.join(".");
    if name == baselines::init::WHOLE && !found.complete {
        return Diagnostic::at(entry_at, format!("{what}: the network {reason}"));
    }
    let at = if found.complete && !segments.is_empty() { found.node.at } else { entry_at };
    if let Some(value) = quoted("unknown variant `") {
        let known = words_in(reason);
        let message = format!("`{name}` of {what} cannot be `{}`", shorten(value));
        return Diagnostic::at(at, with_suggestion(message, value, known.iter().map(String::as_str)))
            .accepted("values", &known);
    }
    if let Some(field) = quoted("missing field `") {
        return Diagnostic::at(entry_at, format!("{what} needs a value for `{field}`"));
    }
    let wrong_type = ["invalid type: ", "invalid value: ", "invalid length "].iter().any(|p| reason.starts_with(p));
    if let (true, Some((_, expected))) = (wrong_type && found.complete, reason.rsplit_once(", expected ")) {
        let longest = schema.as_value().pointer(&format!("/properties/{}/maxItems", segments.join("/properties/")));
        let expected = match longest.and_then(Value::as_u64) {
            // The list is too long for one of a fixed length.
            Some(length) if expected == "fewer elements in array" => format!("a list of {length}"),
            _ => in_words(expected),
        };
        let message = format!("`{name}` of {what} must be {expected}; found {}", found.node.describe());
        let wrong = Diagnostic::at(at, message);
        return match found.node.content {
            Content::Number(_) if expected == "text" => wrong.note("put it in quotes, if text is meant"),
            _ => wrong,
        };
    }
    if name.is_empty() {
        return Diagnostic::at(at, format!("{what}: {reason}"));
    }
    let written = if found.complete { "" } else { " (its default)" };
    Diagnostic::at(at, format!("`{name}`{written} of {what}: {reason}"))
}

/// The words in backquotes after `expected`.
fn words_in(reason: &str) -> Vec<String> {
    let Some((_, list)) = reason.split_once(", expected ") else { return Vec::new() };
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A Rust type as a person would name it.
fn in_words(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a string" | "string or map" => "text".into(),
        "a sequence" => "a list".into(),
        other if other.starts_with("struct ") || other == "a map" => "a mapping of keys to values".into(),
        other if other.starts_with("a nonzero ") => "a whole number, 1 or more".into(),
        "fewer elements in array" | "fewer elements in tuple" => "a shorter list".into(),
        other => other.replace("an array of length", "a list of").replace("a tuple of size", "a list of"),
    }
}

/// `<task>.<baseline>[.<field>-<value>…][.<scale>].s<seed>`, at most 120 characters.
fn id(task: &str, baseline: &str, grid: &BTreeMap<String, Value>, scale: Scale, seed: u64) -> String {
    const MAX: usize = 120;
    let part = |label: &str| make_safe(label).chars().take(written::MAX_LABEL).collect::<String>();
    let (task, baseline) = (part(task), part(baseline));
    let short = |key: &str| {
        let last = key.rsplit('.').next().unwrap_or(key);
        let alone = grid.keys().filter(|other| other.rsplit('.').next() == Some(last)).count() == 1;
        make_safe(if alone { last } else { key })
    };
    let varied: String = grid.iter().map(|(key, value)| format!(".{}-{}", short(key), value_text(value))).collect();
    let scale = if scale == Scale::Paper { String::new() } else { format!(".{}", scale.name()) };
    let whole = format!("{task}.{baseline}{varied}{scale}.s{seed}");
    if whole.len() <= MAX {
        return whole;
    }
    let hash = hex(&serde_json::to_string(grid).unwrap_or_default());
    format!("{task}.{baseline}.grid-{hash}{scale}.s{seed}")
}

/// A grid value as part of a folder name.
fn value_text(value: &Value) -> String {
    match value {
        Value::Number(number) => make_number_safe(&number.to_string()),
        Value::String(text) if !text.is_empty() && make_safe(text) == *text => text.clone(),
        Value::Bool(_) | Value::Null => value.to_string(),
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| item.is_number() || item.is_string()) => {
            items.iter().map(value_text).collect::<Vec<_>>().join("+")
        }
        other => hex(&other.to_string()),
    }
}

/// A number keeps its sign and its decimal point.
fn make_number_safe(number: &str) -> String {
    number.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).collect()
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn unique(drafts: &[Draft], written: &Written) -> Result<(), Diagnostic> {
    let mut seen: HashMap<String, &Draft> = HashMap::new();
    for draft in drafts {
        // Some file systems do not tell `A` from `a`.
        let Some(first) = seen.insert(draft.id.to_lowercase(), draft) else { continue };
        let (kind, label, at, first_at) = if first.task_index == draft.task_index {
            let [a, b] = [first, draft].map(|d| &written.baselines[d.baseline_index]);
            ("baselines", &draft.baseline.label, b.at, a.at)
        } else {
            let [a, b] = [first, draft].map(|d| &written.tasks[d.task_index]);
            ("tasks", &draft.task.label, b.at, a.at)
        };
        let message =
            format!("two {kind} have the label `{label}`, so that two cells would share the folder `{}`", draft.id);
        return Err(Diagnostic::at(at, message)
            .note(format!("first on line {}", first_at.line))
            .note("give one of them a `label:` of its own"));
    }
    Ok(())
}

fn select(mut drafts: Vec<Draft>, only: &Only) -> Result<Vec<Draft>, Diagnostic> {
    for (kind, pattern) in [("task", &only.task), ("baseline", &only.baseline)] {
        let Some((pattern, at)) = pattern else { continue };
        let words = |draft: &Draft| match kind {
            "task" => [draft.task.label.clone(), draft.aliases[0].clone(), draft.aliases[1].clone()],
            _ => [draft.baseline.label.clone(), draft.aliases[2].clone(), draft.aliases[3].clone()],
        };
        let mut labels: Vec<String> = Vec::new();
        for draft in &drafts {
            let [label, ..] = words(draft);
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        drafts.retain(|draft| matches(pattern, &words(draft).each_ref().map(String::as_str)));
        if drafts.is_empty() {
            let message = format!("no {kind} matches `{}`", shorten(pattern));
            return Err(Diagnostic::at(*at, with_suggestion(message, pattern, labels.iter().map(String::as_str)))
                .accepted(&format!("{kind}s"), &labels)
                .note("patterns may hold `*` and `?`"));
        }
    }
    Ok(drafts)
}

/// Try every distinct network once, and make the cells.
fn finish(drafts: Vec<Draft>, kinds: &Kinds, scale: Scale) -> Result<Vec<Cell>, Diagnostic> {
    let key = |draft: &Draft| {
        let spec = draft.task.task.spec();
        format!("{} {} {:?} {:?}", draft.baseline.name, draft.baseline.config, spec.input, spec.target)
    };
    let keys: Vec<String> = drafts.iter().map(key).collect();
    let mut first: HashMap<&str, &Draft> = HashMap::new();
    for (key, draft) in keys.iter().zip(&drafts) {
        first.entry(key).or_insert(draft);
    }
    let fits: HashMap<&str, Fit> = first
        .into_par_iter()
        .map(|(key, draft)| {
            let kind = &kinds.baselines[draft.baseline_index];
            (key, fit::check(kind, &draft.baseline.config, draft.task.task.spec()))
        })
        .collect();
    let mut cells = Vec::with_capacity(drafts.len());
    for (key, draft) in keys.iter().zip(&drafts) {
        let (not_applicable, parameters) = match fits.get(key.as_str()) {
            Some(Fit::Fits { parameters }) => (None, Some(*parameters)),
            Some(Fit::NotApplicable(reason)) => (Some(reason.clone()), None),
            Some(Fit::Invalid(error)) => {
                let kind = &kinds.baselines[draft.baseline_index];
                let what = format!("baseline `{}`", draft.baseline.name);
                let at = draft.settings.at;
                return Err(setting_error(&what, &draft.settings, at, &error.field, &error.message, &(kind.schema)())
                    .note(format!("on task `{}`", draft.task.label)));
            }
            None => (None, None),
        };
        cells.push(Cell {
            id: draft.id.clone(),
            task: draft.task.clone(),
            baseline: draft.baseline.clone(),
            training: draft.training.clone(),
            seed: draft.seed,
            scale,
            sources: draft.sources.clone(),
            grid: draft.grid.clone(),
            not_applicable,
            parameters,
        });
    }
    Ok(cells)
}

/// The experiment with `--set` applied and every default written out: itself an experiment file of the same cells.
///
/// The settings of an entry that a grid or a rule changes stay as they are written: a default may follow from another
/// setting (the contour length of Pathfinder from its difficulty), and written out it would no longer follow.
fn resolved(written: &Written, fallback_name: &str, kinds: &Kinds) -> Value {
    let varied = |target: Target| {
        written.grid.iter().any(|axis| axis.field.target == target)
            || written
                .rules
                .iter()
                .flat_map(|rule| &rule.settings)
                .any(|(t, node)| *t == target && !node.pairs().is_empty())
    };
    let entry = |entry: &Entry, target: Target, resolve: &dyn Fn(&Value) -> Option<Value>| {
        let settings = entry.settings.to_settings();
        let config = if varied(target) { None } else { resolve(&settings) };
        let mut map = Map::new();
        map.insert("name".into(), entry.name.clone().into());
        if let Some((label, _)) = &entry.label {
            map.insert("label".into(), label.clone().into());
        }
        if let Some(source) = &entry.source {
            map.insert("source".into(), source.clone().into());
        }
        if let Value::Object(config) = config.unwrap_or(settings) {
            map.extend(config);
        }
        if !entry.training.pairs().is_empty() {
            map.insert("training".into(), entry.training.to_json());
        }
        Value::Object(map)
    };
    let tasks: Vec<Value> = written
        .tasks
        .iter()
        .zip(&kinds.tasks)
        .map(|(task, kind)| entry(task, Target::Task, &|settings| (kind.resolve)(settings).ok()))
        .collect();
    let baselines: Vec<Value> = written
        .baselines
        .iter()
        .zip(&kinds.baselines)
        .map(|(baseline, kind)| entry(baseline, Target::Baseline, &|settings| (kind.resolve)(settings).ok()))
        .collect();
    let base: Result<Training, _> = serde_json::from_value(written.training.to_settings());
    let training = match base.ok().and_then(|training| serde_json::to_value(training).ok()) {
        Some(full) => full,
        None => written.training.to_json(),
    };
    let mut map = Map::new();
    map.insert("version".into(), written::VERSION.into());
    let name = written.name.as_ref().map_or(fallback_name, |(name, _)| name);
    map.insert("name".into(), name.into());
    map.insert("description".into(), written.description.clone().into());
    map.extend(written.source.iter().map(|source| ("source".to_owned(), source.clone().into())));
    map.insert("scale".into(), json!(written.scale));
    map.insert("missing".into(), json!(written.missing));
    map.insert("seeds".into(), json!(written.seeds));
    map.insert("tasks".into(), tasks.into());
    map.insert("baselines".into(), baselines.into());
    let pairs = |when: &written::When| {
        let mut pairs = Map::new();
        for (key, patterns) in [("task", &when.task), ("baseline", &when.baseline)] {
            match patterns.as_slice() {
                [] => {}
                [pattern] => _ = pairs.insert(key.to_owned(), pattern.clone().into()),
                several => _ = pairs.insert(key.to_owned(), several.into()),
            }
        }
        Value::Object(pairs)
    };
    if !written.exclude.is_empty() {
        map.insert("exclude".into(), written.exclude.iter().map(pairs).collect());
    }
    map.insert("training".into(), training);
    if !written.grid.is_empty() {
        let grid: Map<String, Value> = written
            .grid
            .iter()
            .map(|axis| (axis.field.text(), axis.values.iter().map(Node::to_json).collect()))
            .collect();
        map.insert("grid".into(), Value::Object(grid));
    }
    if !written.rules.is_empty() {
        let rules = written.rules.iter().map(|rule| {
            let mut map = Map::from_iter([("when".to_owned(), pairs(&rule.when))]);
            map.extend(rule.source.iter().map(|source| ("source".to_owned(), source.clone().into())));
            for (target, node) in &rule.settings {
                if matches!(&node.content, Content::Map(pairs) if !pairs.is_empty()) {
                    map.insert(target.name().into(), node.to_json());
                }
            }
            Value::Object(map)
        });
        map.insert("cells".into(), rules.collect());
    }
    Value::Object(map)
}
