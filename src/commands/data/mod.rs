//! `bench data`: what data there is, and how it comes here.

mod clean;
mod duplicates;
mod list;
mod transfer;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use datasets::library::{CachedSet, DataSet};
use datasets::registry::Entry;
use datasets::{ConfigError, DataError, Library, Progress, Split, Task, preview};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::cli::Global;
use crate::exit::{Exit, Stop, print, print_json};
use crate::experiment::{diagnostic::Diagnostic, yaml};
use crate::registry::Registry;
use crate::terminal::{self, Level};

const FETCH_HELP: &str = "\
Before a download and before unpacking, the free space on the disk is checked. Archives are unpacked beside the data and \
put in place when they are whole; members that would leave the folder, links and devices are refused, and so is more than \
the data set has, or an archive with nothing of it. A source that gives something else than the file, such as a page that \
asks for a password, is passed over. A download goes on where it was interrupted if it is certain that it is still the same \
file. Where no official checksum is known, the first download says so, and its SHA-256 is kept in bench-source.json in the \
folder. HTTP_PROXY, HTTPS_PROXY and NO_PROXY are heeded.";

const IMPORT_HELP: &str = "\
PATH is an archive under its original name, a folder with the archives or files of the data set, or the unpacked folder. \
It is copied. Without NAME, every data set that PATH holds is taken. What macOS and Windows leave in folders and archives \
(._NAME, __MACOSX, .DS_Store, Thumbs.db, desktop.ini) is left out. Parts may be imported one after the other.

Examples:
  bench data import mnist ~/Downloads/mnist
  bench data import ~/Downloads/aclImdb_v1.tar.gz
  bench data import speech-commands /srv/speech_commands_v0.02";

const VERIFY_HELP: &str = "\
Exit code 0: what is here is intact, even if it is incomplete or not the official data (which is said). Exit code 1: a file \
is damaged, or NAME is not here. A folder is called `reconstructed` where its bench-data.json says so or its content \
differs from a known official checksum.";

const CLEAN_HELP: &str = "\
Original files are never touched, generated sets stay unless there are newer ones, and so does whatever a running process \
uses; what stays is listed with the reason. Exit code 1: something could not be removed.";

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
    /// Download official files and archives: resumed where interrupted, checked, and unpacked
    #[command(after_help = FETCH_HELP)]
    Fetch {
        /// Data sets or the tasks that need them, e.g. mnist or speech-raw
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
    /// Take official files from a folder or an archive on this machine
    #[command(after_help = IMPORT_HELP)]
    Import {
        /// Data sets (those that PATH holds, if there are none), then the path
        #[arg(value_name = "[NAME]... PATH", required = true)]
        names: Vec<String>,
        /// The path, if it does not stand last
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
    /// Read everything again: is it complete, intact, and what its authors published?
    #[command(after_help = VERIFY_HELP)]
    Verify {
        /// Data sets and tasks [default: everything that is here]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Instead, look for identical samples in different splits of the tasks NAME [default: all whose files are here]
        #[arg(long)]
        duplicates: bool,
        /// A setting of the tasks, with --duplicates; may be repeated
        #[arg(long, value_name = "KEY=VALUE", requires = "duplicates")]
        set: Vec<String>,
    },
    /// Remove what nobody needs any more: derived sets whose files have changed or are gone, and what killed processes left
    #[command(after_help = CLEAN_HELP)]
    Clean {
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
        /// Also downloads that were not finished or not put in place (a later fetch would go on with them)
        #[arg(long)]
        downloads: bool,
        /// Also look for temporary files in these run folders; may be repeated [default: runs, where it is there]
        #[arg(long, value_name = "DIR")]
        runs: Vec<PathBuf>,
    },
    /// Draw the first samples as a PNG contact sheet: images, curves, spectrograms, strips of tokens
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
pub fn execute(args: &DataArgs, global: &Global, registry: &Registry) -> Result<Exit, Stop> {
    let library = global.library()?;
    let stock = Stock { library: &library, registry };
    let bar = Bar::new(global.quiet);
    match &args.what {
        DataCommand::List { names } => list::list(&stock, names, global),
        DataCommand::Fetch { names, mirror } => transfer::fetch(&stock, names, mirror, &bar, global),
        DataCommand::Import { names, from } => transfer::import(&stock, names, from.as_deref(), &bar, global),
        DataCommand::Generate { tasks } => generate(&stock, tasks, &bar, global),
        DataCommand::Verify { names, duplicates: true, set } => {
            duplicates::duplicates(&stock, names, set, &bar, global)
        }
        DataCommand::Verify { names, .. } => verify::verify(&stock, names, &bar, global),
        DataCommand::Clean { dry_run, downloads, runs } => clean::clean(&library, runs, *downloads, *dry_run, global),
        DataCommand::Show { tasks, split, count, out } => {
            if out.is_some() && tasks.names.len() > 1 {
                return Err(Stop::usage("--out names one picture; show one task at a time, or leave it out"));
            }
            show(&stock, tasks, (*split).into(), usize::from(*count), out.as_deref(), &bar, global)
        }
    }
}

/// What there is to name: data sets of the data folder, and tasks.
struct Stock<'a> {
    library: &'a Library,
    registry: &'a Registry,
}

/// Failures of the disk or the network are failures; everything else is wrong usage or data.
fn stop(error: DataError) -> Stop {
    match error {
        DataError::Download { .. } | DataError::Import { .. } | DataError::Io { .. } | DataError::NoSpace { .. } => {
            Stop::failed(error)
        }
        _ => Stop::usage(error),
    }
}

/// Whether the task needs a data set of the catalogue.
fn reads_official(library: &Library, entry: &Entry) -> bool {
    official_set(library, entry).is_some()
}

/// The data set that the task needs, if it does not generate its samples.
fn official_set(library: &Library, entry: &Entry) -> Option<String> {
    let needed = |set: &&DataSet| set.tasks.iter().any(|task| task == entry.info.name);
    if let Some(set) = library.catalogue().iter().find(needed) {
        return Some(set.name.clone());
    }
    let data = (entry.build)(&json!({})).ok().map(|task| task.spec().data.clone())?;
    library.catalogue().iter().any(|set| set.name == data).then_some(data)
}

/// Whether a cached set was made for the task `name`: sets are called `pathfinder32-…`, `listops`, `copy-…`.
fn belongs(set: &CachedSet, name: &str) -> bool {
    let rest = set.key.as_ref().and_then(|key| key.name.strip_prefix(name));
    rest.is_some_and(|rest| rest.chars().next().is_none_or(|c| !c.is_ascii_alphabetic()))
}

fn unknown(stock: &Stock<'_>, name: &str) -> Stop {
    let sets = stock.library.catalogue().iter().map(|set| set.name.clone());
    let mut known: Vec<String> = sets.chain(stock.registry.task_names().map(str::to_owned)).collect();
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

/// The data set `name`, or the one that the task `name` reads.
fn set_of(stock: &Stock<'_>, name: &str) -> Result<String, Stop> {
    let library = stock.library;
    if library.catalogue().iter().any(|set| set.name == name) {
        return Ok(name.to_owned());
    }
    match stock.registry.find_task(name) {
        Some(entry) if reads_official(library, entry) => Ok(official_set(library, entry).unwrap_or_default()),
        Some(_) => Err(Stop::usage(format!(
            "`{name}` is generated, there is nothing to fetch; `bench data generate {name}` makes it now, `bench run` \
             when it is needed"
        ))),
        None => Err(unknown(stock, name)),
    }
}

/// A task by its own name, or the first that reads the data set `name`.
fn task_of(stock: &Stock<'_>, name: &str, settings: &Value) -> Result<Box<dyn Task>, Stop> {
    let reads = |entry: &&Entry| official_set(stock.library, entry).as_deref() == Some(name);
    let entry = stock.registry.find_task(name).or_else(|| stock.registry.tasks.iter().find(reads));
    let entry = entry.ok_or_else(|| unknown(stock, name))?;
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
        // As `bench run --set` reads it: a whole number is an integer, however it is written.
        let wrong = |diagnostic: Diagnostic| Stop::usage(format!("--set {pair}: {}", diagnostic.message));
        let value = match yaml::parse(text, 0, 0).map_err(wrong)? {
            Some(node) => node.check_numbers().map(|()| node.to_settings()).map_err(wrong)?,
            None => Value::Null,
        };
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

fn generate(stock: &Stock<'_>, tasks: &Tasks, bar: &Bar, global: &Global) -> Result<Exit, Stop> {
    let library = stock.library;
    let settings = settings(&tasks.set)?;
    let made = tasks.names.iter().map(|name| task_of(stock, name, &settings)).collect::<Result<Vec<_>, _>>()?;
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
            "task": spec.name, "version": spec.version, "data": spec.data,
            "splits": { "train": sizes[0], "validation": sizes[1], "test": sizes[2] },
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

fn show(
    stock: &Stock<'_>,
    tasks: &Tasks,
    split: Split,
    count: usize,
    out: Option<&Path>,
    bar: &Bar,
    global: &Global,
) -> Result<Exit, Stop> {
    let library = stock.library;
    let settings = settings(&tasks.set)?;
    let made = tasks.names.iter().map(|name| task_of(stock, name, &settings)).collect::<Result<Vec<_>, _>>()?;
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for task in made {
        let data = task.prepare(library, bar).map_err(stop)?;
        let sheet = preview::draw(task.spec(), data.as_ref(), split, count).map_err(stop)?;
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
        let terminal = terminal::can_draw();
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
            terminal::say(Level::Info, what);
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
        // Counts may be written in any way.
        let counts = ["a=1e1", "b=10.0", "c=1.5"].map(str::to_owned);
        assert_eq!(settings(&counts).unwrap(), json!({ "a": 10, "b": 10, "c": 1.5 }));
        for wrong in ["length", "a=1e400", "a=[1"] {
            assert_eq!(settings(&[wrong.to_owned()]).unwrap_err().exit, Exit::Usage, "{wrong}");
        }
        assert_eq!(settings(&["a=1".to_owned(), "a.b=2".to_owned()]).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_one_meant() {
        let library = Library::open("/nowhere");
        let stock = Stock { library: &library, registry: &Registry::standard() };
        let stop = set_of(&stock, "mnits").unwrap_err();
        assert!(stop.message.contains("did you mean `mnist`?"), "{}", stop.message);
        assert_eq!(set_of(&stock, "pmnist").unwrap(), "mnist");
        assert!(set_of(&stock, "listops").unwrap_err().message.contains("bench data generate listops"));
    }
}
