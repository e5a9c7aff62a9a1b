//! Where every run stands, and what is left out.

use vocabulary::record::StopReason;

use super::runs::epochs;
use crate::format::unit;
use crate::runs::{Run, Runs};
use crate::tables::remarks::state_entry;
use crate::tables::table::{Table, TableEntry};

/// The table of `bench status`: states of all runs.
pub(crate) fn status(runs: &Runs) -> Table {
    let mut table = Table::new(
        "status",
        "Runs",
        "Where every run stands.",
        "Experiment | Run=Cell | State | Epoch# | Best validation# | Seconds# | Reason | Message",
    );
    for run in &runs.all {
        let best = run.best_validation();
        table.rows.push(vec![
            TableEntry::text(&run.experiment),
            TableEntry::text(&run.id),
            state_on_host(run),
            TableEntry { flags: vec![], ..epochs(run) },
            best.map_or_else(TableEntry::none, |v| {
                let mut entry = TableEntry::metric(v, run.metric());
                entry.text.push_str(unit(run.metric()));
                entry
            }),
            TableEntry::number(format!("{:.1}", run.seconds()), run.seconds()),
            TableEntry::text(run.status.reason.map_or("", StopReason::name)),
            TableEntry::text(run.status.message.clone().unwrap_or_default()),
        ]);
    }
    for entry in &runs.left_out {
        table.rows.push(vec![
            TableEntry::text(&entry.experiment),
            TableEntry::text(entry.folder()),
            TableEntry::text("left out").class("failed"),
            TableEntry::none(),
            TableEntry::none(),
            TableEntry::none(),
            TableEntry::text(""),
            TableEntry::text(&entry.reason),
        ]);
    }
    if !runs.has_several_experiments() {
        table.drop_first_column();
    }
    table
}

/// The state of a run; of one that runs, where. Programs read the state alone.
fn state_on_host(run: &Run) -> TableEntry {
    let entry = state_entry(run.status.state);
    match &run.host {
        Some(host) => TableEntry { raw: Some(entry.text.clone()), text: format!("{} on {host}", entry.text), ..entry },
        None => entry,
    }
}

/// What is left out of the report, and why; `None` where nothing is.
pub(crate) fn left_out(runs: &Runs) -> Option<Table> {
    let mut table = Table::new(
        "left-out",
        "Left out",
        "Folders that could not be read, or that count already. They enter no number of this report.",
        "Experiment | Folder | Why",
    );
    for entry in &runs.left_out {
        table.rows.push(vec![
            TableEntry::text(&entry.experiment),
            TableEntry::text(entry.folder()).class("failed"),
            TableEntry::text(&entry.reason),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}
