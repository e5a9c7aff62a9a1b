//! `bench status`: where the runs of an experiment stand, in their folders and in the queue of a cluster.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reports::{ReportError, Table};
use serde_json::{Value, json};

use super::{as_json, as_text};
use crate::cli::{CliError, Exit, Global, print};
use crate::registry::Registry;
use crate::submit::{Submission, counted, queue};

/// Time between two looks.
const PAUSE: Duration = Duration::from_secs(5);
/// Puts the cursor into the corner of an empty terminal.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// `bench status`
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Run folder of an experiment, a folder of those, or an archive of `bench pack`
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Look again every five seconds, until nothing runs or waits in a queue any longer
    #[arg(long, conflicts_with = "json")]
    watch: bool,
}

/// Print where every run stands.
pub fn execute(args: &StatusArgs, global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    loop {
        let (table, queued) = look(args, registry)?;
        if !args.watch {
            let json = || match as_json(&table) {
                Value::Object(mut map) => {
                    map.insert("queue".into(), json!(queued));
                    Value::Object(map)
                }
                other => other,
            };
            return global.print(json, || as_text(&table));
        }
        let cleared = if std::io::stdout().is_terminal() { CLEAR } else { "" };
        print(&format!("{cleared}{}", as_text(&table)))?;
        let running = table.rows.iter().flatten().any(|entry| entry.raw.as_deref().unwrap_or(&entry.text) == "running");
        if !running && queued.is_empty() {
            return Ok(Exit::Done);
        }
        std::thread::sleep(PAUSE);
    }
}

type Queue = BTreeMap<String, Value>;

/// The table of the runs, with what the queue has of them in its notes, and that by run.
fn look(args: &StatusArgs, registry: &Registry) -> Result<(Table, Queue), CliError> {
    // An archive has none.
    let submissions = if args.dir.is_file() { Vec::new() } else { Submission::all(&args.dir)? };
    let mut table = match reports::status(&args.dir, &registry.added_settings()) {
        // What was submitted has no folder before it begins.
        Err(ReportError::NoRuns { .. }) if !submissions.is_empty() => {
            Table::new("status", "Runs", "No run has begun.", "Run=Cell | State")
        }
        other => other?,
    };
    if submissions.is_empty() {
        return Ok((table, Queue::new()));
    }
    let queued = match queue(&submissions) {
        Ok(queued) => queued,
        // What stands in the folders is true without it.
        Err(error) => {
            table.notes.push(format!("the queue is not known: {error}"));
            return Ok((table, Queue::new()));
        }
    };
    let waiting = if queued.is_empty() { "nothing".to_owned() } else { counted(&queued) };
    table.notes.push(format!("in the queue: {waiting}"));
    Ok((table, queued.into_iter().map(|(run, queued)| (run, json!(queued))).collect()))
}
