//! `bench data`: what data there is, and how it comes here.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use datasets::library::{CachedSet, Fetched, Presence};
use datasets::registry::{self, Entry};
use datasets::{ConfigError, DataError, Library, Progress, Split, Task, sheet};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use super::table::{Align, bytes, render};
use crate::cli::Global;
use crate::exit::{Exit, Stop, print, print_json};

/// `bench data`
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    #[command(subcommand)]
    what: DataCommand,
}

/// What to do with data.
#[derive(Debug, Clone, Subcommand)]
pub enum DataCommand {
    /// What exists, where it comes from, under which licence, and what is here
    List {
        /// Only these data sets and tasks
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Download official files: resumed where interrupted, checked by SHA-256
    Fetch {
        /// Data sets, e.g. mnist
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// Look here instead: a folder, or an https://, http:// or file:// address; may be repeated
        #[arg(long, value_name = "URL")]
        mirror: Vec<String>,
    },
    /// Make the set of a generated task now rather than at the first run
    Generate {
        #[command(flatten)]
        tasks: Tasks,
    },
    /// Take official files from a folder on this machine
    Import {
        /// Data sets, e.g. mnist
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// The folder that holds the files under their original names
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
    },
    /// Compute every checksum again
    Verify {
        /// Data sets and tasks [default: everything that is here]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Draw the first samples as a PNG contact sheet
    Show {
        #[command(flatten)]
        tasks: Tasks,
        /// Which samples
        #[arg(long, value_enum, default_value_t, value_name = "SPLIT")]
        split: SplitName,
        /// How many
        #[arg(long, default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
        /// The picture, for a single task [default: NAME.png]
        #[arg(long, value_name = "FILE.png")]
        out: Option<PathBuf>,
    },
}

/// Tasks and their settings.
#[derive(Debug, Clone, Args)]
pub struct Tasks {
    /// Tasks, e.g. listops
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// A setting of the task, e.g. max_length=200; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// A split, on the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SplitName {
    /// For the gradient
    #[default]
    Train,
    /// For choosing the epoch
    Validation,
    /// For the reported number
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Validation => Self::Validation,
            SplitName::Test => Self::Test,
        }
    }
}

/// Carry out `bench data …`.
pub fn execute(args: &DataArgs, global: &Global) -> Result<Exit, Stop> {
    let library = Library::locate(global.data.clone())?;
    let bar = Bar::new(global.quiet);
    match &args.what {
        DataCommand::List { names } => list(&library, names, global),
        DataCommand::Fetch { names, mirror } => fetch(&library, names, mirror, &bar, global),
        DataCommand::Import { names, from } => {
            if !from.is_dir() {
                return Err(Stop::usage(format!("--from {}: this is not a folder", from.display())));
            }
            fetch(&library, names, &[from.display().to_string()], &bar, global)
        }
        DataCommand::Generate { tasks } => generate(&library, tasks, &bar, global),
        DataCommand::Verify { names } => verify(&library, names, &bar, global),
        DataCommand::Show { tasks, split, count, out } => {
            if out.is_some() && tasks.names.len() > 1 {
                return Err(Stop::usage("--out names one picture; show one task at a time, or leave it out"));
            }
            show(&library, tasks, (*split).into(), usize::from(*count), out.as_deref(), &bar, global)
        }
    }
}

/// Failures of the disk or the network are failures; everything else is wrong usage or data.
fn stop(error: DataError) -> Stop {
    match error {
        DataError::Download { .. } | DataError::Io { .. } | DataError::NoSpace { .. } => Stop::failed(error),
        _ => Stop::usage(error),
    }
}

fn presence(state: Presence) -> &'static str {
    match state {
        Presence::Present => "here",
        Presence::Partial => "incomplete",
        Presence::Absent => "not here",
    }
}

fn list(library: &Library, names: &[String], global: &Global) -> Result<Exit, Stop> {
    let entries = registry::entries();
    let cached = library.cached_sets().map_err(stop)?;
    let chosen = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    for name in names {
        let known = library.catalogue().iter().any(|set| set.name == *name);
        if !known && registry::find(name).is_none() {
            return Err(unknown(library, name));
        }
    }
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for set in library.catalogue().iter().filter(|set| chosen(&set.name)) {
        let (found, note) = library.data_set(&set.name).map_err(stop)?;
        let state = library.presence(&set.name).map_err(stop)?;
        let size: u64 = found.files.iter().map(|file| file.bytes).sum();
        let text = note.as_ref().map_or(presence(state).to_owned(), |note| format!("{}: {note}", presence(state)));
        rows.push(vec![
            set.name.clone(),
            "official files".into(),
            text,
            bytes(size),
            set.licence.clone(),
            set.origin.clone(),
        ]);
        values.push(json!({
            "name": set.name, "kind": "official", "state": state, "note": note, "bytes": size,
            "summary": set.summary, "licence": set.licence, "origin": set.origin, "citation": set.citation,
            "mirrors": set.mirrors, "files": found.files, "folder": library.folder(&set.name),
            "fetch": library.fetch_command(&set.name),
        }));
    }
    for entry in entries.iter().filter(|entry| chosen(entry.info.name) && !reads_official(library, entry)) {
        let mine: Vec<&CachedSet> = cached.iter().filter(|set| belongs(set, entry.info.name)).collect();
        let size: u64 = mine.iter().map(|set| set.bytes).sum();
        let state = match mine.len() {
            0 => "made when needed".to_owned(),
            1 => "1 set in the cache".to_owned(),
            sets => format!("{sets} sets in the cache"),
        };
        let size_text = if mine.is_empty() { "-".to_owned() } else { bytes(size) };
        rows.push(vec![
            entry.info.name.into(),
            "generated".into(),
            state,
            size_text,
            "made by this program".into(),
            entry.info.source.into(),
        ]);
        values.push(json!({
            "name": entry.info.name, "kind": "generated", "summary": entry.info.summary, "origin": entry.info.source,
            "bytes": size, "cached": mine,
        }));
    }
    if global.json {
        print_json(&json!({ "schema": 1, "folder": library.root(), "data": values }))?;
        return Ok(Exit::Done);
    }
    let heading = ["data", "kind", "state", "size", "licence", "origin"]
        .map(|name| (name, if name == "size" { Align::Right } else { Align::Left }));
    print(&format!("Data folder: {}\n\n{}", library.root().display(), render(&heading, &rows)))?;
    Ok(Exit::Done)
}

/// Whether the task reads a data set of the catalogue. One whose default settings do not stand alone is generated.
fn reads_official(library: &Library, entry: &Entry) -> bool {
    official_set(entry).is_some_and(|data| library.catalogue().iter().any(|set| set.name == data))
}

fn official_set(entry: &Entry) -> Option<String> {
    (entry.build)(&json!({})).ok().map(|task| task.spec().data.clone())
}

/// Whether a cached set was made for the task `name`: sets are called `pathfinder32-…`, `listops`, `copy-…`.
fn belongs(set: &CachedSet, name: &str) -> bool {
    let rest = set.key.as_ref().and_then(|key| key.name.strip_prefix(name));
    rest.is_some_and(|rest| rest.chars().next().is_none_or(|c| !c.is_ascii_alphabetic()))
}

fn unknown(library: &Library, name: &str) -> Stop {
    let sets = library.catalogue().iter().map(|set| set.name.clone());
    let mut known: Vec<String> = sets.chain(registry::entries().iter().map(|e| e.info.name.to_owned())).collect();
    known.dedup();
    let near = known
        .iter()
        .map(|other| (strsim::jaro_winkler(name, other), other))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, other)| format!("; did you mean `{other}`?"))
        .unwrap_or_default();
    Stop::usage(DataError::Unknown { name: name.to_owned(), known: format!("{}{near}", known.join(", ")) })
}

fn fetch(library: &Library, names: &[String], mirrors: &[String], bar: &Bar, global: &Global) -> Result<Exit, Stop> {
    // Names are checked first, so that a misspelt one starts nothing.
    let sets = names.iter().map(|name| set_of(library, name)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for set in &sets {
        for fetched in library.fetch(set, mirrors, bar).map_err(stop)? {
            lines.push(match &fetched {
                Fetched::Present { file } => format!("{}: already here, checksum right", file.display()),
                Fetched::Downloaded { file, source, .. } => {
                    format!("{}: from {source}, checksum right", file.display())
                }
            });
            values.push(fetched);
        }
    }
    if global.json {
        print_json(&json!({ "schema": 1, "folder": library.root(), "files": values }))?;
    } else {
        print(&lines.join("\n"))?;
    }
    Ok(Exit::Done)
}

/// The data set `name`, or the one that the task `name` reads.
fn set_of(library: &Library, name: &str) -> Result<String, Stop> {
    if library.catalogue().iter().any(|set| set.name == name) {
        return Ok(name.to_owned());
    }
    match registry::find(name) {
        Some(entry) if reads_official(library, &entry) => Ok(official_set(&entry).unwrap_or_default()),
        Some(_) => Err(Stop::usage(format!(
            "`{name}` is generated, there is nothing to fetch; `bench data generate {name}` makes it now, `bench run` \
             when it is needed"
        ))),
        None => Err(unknown(library, name)),
    }
}

/// A task by its own name, or the first that reads the data set `name`.
fn task_of(library: &Library, name: &str, settings: &Value) -> Result<Box<dyn Task>, Stop> {
    let entry = registry::find(name)
        .or_else(|| registry::entries().into_iter().find(|entry| official_set(entry).as_deref() == Some(name)))
        .ok_or_else(|| unknown(library, name))?;
    (entry.build)(settings).map_err(|ConfigError { field, message }| {
        let at = if field.is_empty() { String::new() } else { format!(" {field}:") };
        Stop::usage(format!(
            "{name}:{at} {message}\nSettings are given with --set KEY=VALUE; `bench list tasks --json` names them."
        ))
    })
}

/// `KEY=VALUE` pairs as one JSON object; values are read as YAML.
fn settings(pairs: &[String]) -> Result<Value, Stop> {
    let mut settings = Map::new();
    for pair in pairs {
        let (key, text) = pair
            .split_once('=')
            .ok_or_else(|| Stop::usage(format!("--set {pair}: write KEY=VALUE, e.g. --set length=200")))?;
        let value: Value = serde_yaml::from_str(text).map_err(|error| Stop::usage(format!("--set {pair}: {error}")))?;
        let mut place = &mut settings;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                place.insert(part.to_owned(), value.clone());
                break;
            }
            let inner = place.entry(part).or_insert_with(|| json!({}));
            place = inner
                .as_object_mut()
                .ok_or_else(|| Stop::usage(format!("--set {pair}: `{part}` has a value already")))?;
        }
    }
    Ok(Value::Object(settings))
}

fn generate(library: &Library, tasks: &Tasks, bar: &Bar, global: &Global) -> Result<Exit, Stop> {
    let settings = settings(&tasks.set)?;
    let made = tasks.names.iter().map(|name| task_of(library, name, &settings)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for task in made {
        let data = task.prepare(library, bar).map_err(stop)?;
        let spec = task.spec();
        let sizes = Split::ALL.map(|split| data.len(split));
        lines.push(format!(
            "{} ({}): {} training, {} validation, {} test samples, content {}",
            spec.name,
            spec.version,
            sizes[0],
            sizes[1],
            sizes[2],
            data.content_hash()
        ));
        let description = data.describe().map_err(stop)?;
        lines.extend(description.iter().map(|(name, value)| format!("  {name}: {value}")));
        lines.extend(data.notes().iter().map(|note| format!("  note: {note}")));
        values.push(json!({
            "task": spec.name, "version": spec.version, "data": spec.data, "splits": spec.splits,
            "content_sha256": data.content_hash(), "notes": data.notes(),
            "description": description.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        }));
    }
    if global.json {
        print_json(&json!({ "schema": 1, "folder": library.root(), "tasks": values }))?;
    } else {
        print(&lines.join("\n"))?;
    }
    Ok(Exit::Done)
}

fn verify(library: &Library, names: &[String], bar: &Bar, global: &Global) -> Result<Exit, Stop> {
    let cached = library.cached_sets().map_err(stop)?;
    let mut checks: Vec<(String, Result<String, DataError>)> = Vec::new();
    let mut official = |set: &str| match library.verify(set, bar) {
        Ok(sums) => checks.extend(
            sums.into_iter().map(|(file, sum)| (library.folder(set).join(file).display().to_string(), Ok(sum))),
        ),
        Err(error) => checks.push((library.folder(set).display().to_string(), Err(error))),
    };
    let mut generated: Vec<&CachedSet> = Vec::new();
    if names.is_empty() {
        for set in library.catalogue() {
            if library.presence(&set.name).map_err(stop)? != Presence::Absent {
                official(&set.name);
            }
        }
        generated.extend(&cached);
    }
    for name in names {
        let mine: Vec<&CachedSet> = cached.iter().filter(|set| belongs(set, name)).collect();
        match registry::find(name) {
            Some(entry) if !reads_official(library, &entry) && mine.is_empty() => {
                return Err(Stop::usage(format!(
                    "no set of `{name}` is in the cache; `bench data generate {name}` makes one"
                )));
            }
            Some(entry) if !reads_official(library, &entry) => generated.extend(mine),
            _ => official(&set_of(library, name)?),
        }
    }
    for set in generated {
        checks.push((set.path.display().to_string(), library.verify_cached(set)));
    }
    let failed = checks.iter().filter(|(_, outcome)| outcome.is_err()).count();
    if global.json {
        let values: Vec<Value> = checks
            .iter()
            .map(|(file, outcome)| match outcome {
                Ok(sum) => json!({ "file": file, "ok": true, "sha256": sum }),
                Err(error) => json!({ "file": file, "ok": false, "error": error.to_string() }),
            })
            .collect();
        print_json(&json!({ "schema": 1, "folder": library.root(), "files": values, "failed": failed }))?;
    } else {
        let mut lines: Vec<String> = checks
            .iter()
            .map(|(file, outcome)| match outcome {
                Ok(sum) => format!("ok      {file}  {sum}"),
                Err(error) => format!("FAILED  {error}"),
            })
            .collect();
        lines.push(format!("{} right, {failed} wrong", checks.len() - failed));
        print(&lines.join("\n"))?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn show(
    library: &Library,
    tasks: &Tasks,
    split: Split,
    count: usize,
    out: Option<&Path>,
    bar: &Bar,
    global: &Global,
) -> Result<Exit, Stop> {
    let settings = settings(&tasks.set)?;
    let made = tasks.names.iter().map(|name| task_of(library, name, &settings)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for task in made {
        let data = task.prepare(library, bar).map_err(stop)?;
        let sheet = sheet::draw(task.spec(), data.as_ref(), split, count).map_err(stop)?;
        let path = out.map_or_else(|| PathBuf::from(format!("{}.png", task.spec().name)), Path::to_path_buf);
        sheet.save(&path).map_err(stop)?;
        lines.push(format!(
            "{}: {} {} samples of {}, {} per row; labels row by row:",
            path.display(),
            sheet.labels.len(),
            split.name(),
            task.spec().name,
            sheet.columns
        ));
        lines.extend(sheet.labels.chunks(sheet.columns).map(|row| format!("  {}", row.join(" | "))));
        values.push(json!({
            "task": task.spec().name, "file": path, "split": split, "columns": sheet.columns, "labels": sheet.labels,
        }));
    }
    if global.json {
        print_json(&json!({ "schema": 1, "pictures": values }))?;
    } else {
        print(&lines.join("\n"))?;
    }
    Ok(Exit::Done)
}

/// One bar on a terminal, a line at the beginning of each piece of work elsewhere.
struct Bar {
    bar: ProgressBar,
    lines: bool,
}

impl Bar {
    fn new(quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(
            Some(0),
            if quiet || !terminal { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
        );
        let style = ProgressStyle::with_template("{msg:32} {bar:30} {percent:>3} %  {eta} left");
        // The template is a constant; a broken one falls back to indicatif's default bar.
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, lines: !quiet && !terminal }
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, total: u64) {
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_message(what.to_owned());
        if self.lines {
            eprintln!("{what}");
        }
    }

    fn advance(&self, done: u64) {
        self.bar.inc(done);
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn settings_are_nested_by_dots_and_read_as_yaml() {
        let pairs = ["length=20", "padding=right", "a.b=[1, 2]", "a.c=true"].map(str::to_owned);
        assert_eq!(
            settings(&pairs).unwrap(),
            json!({ "length": 20, "padding": "right", "a": { "b": [1, 2], "c": true } })
        );
        assert_eq!(settings(&["length".to_owned()]).unwrap_err().exit, Exit::Usage);
        assert_eq!(settings(&["a=1".to_owned(), "a.b=2".to_owned()]).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_one_meant() {
        let library = Library::open("/nowhere");
        let stop = set_of(&library, "mnits").unwrap_err();
        assert!(stop.message.contains("did you mean `mnist`?"), "{}", stop.message);
        assert_eq!(set_of(&library, "pmnist").unwrap(), "mnist");
        assert!(set_of(&library, "listops").unwrap_err().message.contains("bench data generate listops"));
    }
}
