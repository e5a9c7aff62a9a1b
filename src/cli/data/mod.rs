//! `bench data`: what data there is, and how it comes here.

mod clean;
mod context;
mod list;
mod progress;
mod samples;
mod transfer;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use datasets::Split;

use self::context::{DataContext, belongs, failure};
use self::progress::Bar;
use super::{CliError, Exit, Global, split};
use crate::registry::Registry;

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
        #[arg(long, value_parser = split(), default_value = "train", value_name = "SPLIT")]
        split: Split,
        /// How many
        #[arg(long, default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
        /// The picture, for a single task [default: NAME.png]
        #[arg(long, value_name = "FILE.png")]
        out: Option<PathBuf>,
    },
}

/// Carry out `bench data …`.
pub fn execute(args: &DataArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let context = DataContext { library: global.library()?, registry, bar: Bar::new(global.quiet), global };
    match &args.what {
        DataCommand::List { names } => list::list(&context, names),
        DataCommand::Fetch { names, mirror } => transfer::fetch(&context, names, mirror),
        DataCommand::Import { names, from } => transfer::import(&context, names, from.as_deref()),
        DataCommand::Generate { tasks } => samples::generate(&context, tasks),
        DataCommand::Verify { names, duplicates: true, set } => samples::duplicates(&context, names, set),
        DataCommand::Verify { names, .. } => verify::verify(&context, names),
        DataCommand::Clean { dry_run, downloads, runs } => clean::clean(&context, runs, *downloads, *dry_run),
        DataCommand::Show { tasks, out: Some(_), .. } if tasks.names.len() > 1 => {
            Err(CliError::usage("--out names one picture; show one task at a time, or leave it out"))
        }
        DataCommand::Show { tasks, split, count, out } => {
            samples::show(&context, tasks, *split, usize::from(*count), out.as_deref())
        }
    }
}
