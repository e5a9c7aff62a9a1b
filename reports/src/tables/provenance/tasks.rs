//! What was trained and tested on.

use serde_json::Value;
use vocabulary::record::TaskRecord;

use crate::format::{NONE, metric_name, short_hash};
use crate::runs::{Runs, plain};
use crate::tables::table::{Table, TableEntry};

/// The protocol of every task.
pub(crate) fn tasks(runs: &Runs) -> Table {
    let mut table = Table::new(
        "tasks",
        "Tasks",
        "What was trained and tested on. The data hash covers every processed sample and label.",
        "Task | Version | Data set | Data hash | Shape | Train# | Validation# | Test# | Metric | Chance# | Settings | \
         Notes",
    );
    table.rows.extend(distinct(runs).into_iter().map(row));
    table.drop_empty(&["Settings", "Notes"]);
    table.rows.sort_by(|a, b| a.iter().map(|e| &e.text).cmp(b.iter().map(|e| &e.text)));
    table
}

/// The tasks of all runs, each once. The hash of the samples and the notes are known once a run has begun; runs that have
/// not begun say nothing more than those that have.
fn distinct(runs: &Runs) -> Vec<&TaskRecord> {
    let all: Vec<&TaskRecord> = runs.records().map(|record| &record.task).collect();
    let mut distinct: Vec<&TaskRecord> = Vec::new();
    for task in &all {
        let begun = task.data_hash.is_some();
        let same = |other: &&TaskRecord| {
            let unread = |t: &TaskRecord| TaskRecord { data_hash: None, notes: vec![], ..t.clone() };
            let read_alike = || (&other.data_hash, &other.notes) == (&task.data_hash, &task.notes);
            unread(other) == unread(task) && (!begun || read_alike())
        };
        let known = distinct.iter().any(same);
        if !known && (begun || !all.iter().any(|other| other.data_hash.is_some() && same(other))) {
            distinct.push(task);
        }
    }
    distinct
}

fn row(task: &TaskRecord) -> Vec<TableEntry> {
    let shape: Vec<String> = task.shape.iter().map(ToString::to_string).collect();
    let [train, validation, test] = task.splits.map(|samples| TableEntry::count(samples as u64));
    let hash = task.data_hash.as_deref().map_or(NONE.to_owned(), short_hash);
    vec![
        TableEntry::text(&task.label),
        TableEntry::text(&task.version),
        TableEntry::text(&task.data),
        TableEntry { raw: task.data_hash.clone(), ..TableEntry::text(hash) },
        TableEntry::text(shape.join(" × ")),
        train,
        validation,
        test,
        TableEntry::text(metric_name(task.metric)),
        TableEntry::metric(task.chance, task.metric),
        TableEntry::text(settings(&task.config)),
        TableEntry::optional((!task.notes.is_empty()).then(|| task.notes.join("; "))),
    ]
}

/// `length=200, form=2d`; null stands for nothing.
fn settings(config: &Value) -> String {
    let given = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| format!("{name}={}", plain(value))).collect::<Vec<_>>().join(", ")
}
