//! Where every run stands, and what is left out.

use vocabulary::record::StopReason;

use super::cells::epochs;
use super::remarks::state_entry;
use super::table::{Table, TableEntry};
use crate::format::unit;
use crate::runs::Runs;

/// The table of `bench status`: states of all runs.
pub(crate) fn status(runs: &Runs) -> Table {
    let mut table = Table::new(
        "status",
        "Runs",
        "Where every run stands.",
        "Experiment | Run=Cell | State | Epoch# | Best validation# | Seconds# | Reason | Message",
    );
    for cell in &runs.cells {
        let best = cell.best_validation();
        table.rows.push(vec![
            TableEntry::text(&cell.experiment),
            TableEntry::text(&cell.id),
            state_entry(cell.status.state),
            TableEntry { flags: vec![], ..epochs(cell) },
            best.map_or_else(TableEntry::none, |v| {
                let mut entry = TableEntry::metric(v, cell.metric());
                entry.text.push_str(unit(cell.metric()));
                entry
            }),
            TableEntry::number(format!("{:.1}", cell.seconds()), cell.seconds()),
            TableEntry::text(cell.status.reason.map_or("", StopReason::name)),
            TableEntry::text(cell.status.message.clone().unwrap_or_default()),
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
