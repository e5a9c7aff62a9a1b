//! The trials of searches: an overview, and one table per pair of task and baseline.

use vocabulary::record::{RangeScale, State, StopReason, TrialRecord};

use super::table::{Column, Table, TableEntry};
use crate::format::{duration, file_name, metric_name};
use crate::runs::{Run, SearchedPair, Searches, Trial, plain};

/// All tables of the section; none where nothing was searched.
pub(crate) fn search(searches: &Searches, several: bool) -> Vec<Table> {
    if searches.pairs.is_empty() {
        return Vec::new();
    }
    let pairs = searches.pairs.iter().map(|pair| of_pair(searches, pair, several));
    std::iter::once(overview(searches, several)).chain(pairs).collect()
}

/// One row per pair: what was spent, and what was chosen.
fn overview(searches: &Searches, several: bool) -> Table {
    let mut table = Table::new(
        "search",
        "Search",
        "Settings that were chosen on validation, for every pair of task and baseline from trials of its own: the trial with the \
         best validation metric at its best epoch, the mean over its seeds; of equals the one drawn first. The test split has no part \
         in it. Epochs and time are those of all trials together, as far as they were trained.",
        "Experiment | Task | Baseline | Trials# | Pruned# | Failed# | Epochs# | Time# | Best trial# | Its values | Metric | \
         Best validation#",
    );
    for pair in &searches.pairs {
        let of = |trial: &Trial| -> Vec<&Run> { trial.runs.iter().map(|&run| &searches.runs[run]).collect() };
        let count = |holds: fn(&Run) -> bool| {
            let number = pair.trials.iter().filter(|trial| of(trial).into_iter().any(holds)).count();
            TableEntry::count(number as u64)
        };
        let all: Vec<&Run> = pair.trials.iter().flat_map(of).collect();
        let seconds: f64 = all.iter().map(|run| run.seconds()).sum();
        let epochs: f64 = all.iter().map(|run| run.status.epochs()).sum();
        let best = pair.selected.map(|place| &pair.trials[place]);
        let metric = all.first().map(|run| run.metric());
        table.rows.push(vec![
            TableEntry::text(&pair.experiment),
            TableEntry::text(&pair.task),
            TableEntry::text(&pair.baseline),
            TableEntry::count(pair.trials.len() as u64),
            count(Run::is_pruned),
            count(|run| run.status.state == State::Failed),
            TableEntry::number(format!("{epochs}"), epochs),
            TableEntry::number(duration(seconds), seconds),
            best.map_or_else(TableEntry::none, |trial| TableEntry::count(trial.number)),
            TableEntry::optional(best.and_then(|trial| values(of(trial).first()?))),
            TableEntry::optional(metric.map(metric_name)),
            validation(best, metric),
        ]);
    }
    if !several {
        table.drop_first_column();
    }
    table
}

/// Every trial of a pair, in the order in which they were drawn.
fn of_pair(searches: &Searches, pair: &SearchedPair, several: bool) -> Table {
    let runs = |trial: &Trial| -> Vec<&Run> { trial.runs.iter().map(|&run| &searches.runs[run]).collect() };
    let records = searches.runs.iter().zip(0..).filter(|(_, at)| pair.trials.iter().any(|t| t.runs.contains(at)));
    let record = records.into_iter().find_map(|(run, _)| trial_of(run));
    let fields: Vec<(&String, &RangeScale)> = record.iter().flat_map(|record| &record.fields).collect();
    let place = if several { format!("{}: ", pair.experiment) } else { String::new() };
    let name = [Some(&pair.experiment).filter(|_| several), Some(&pair.task), Some(&pair.baseline)];
    let name: Vec<String> = name.into_iter().flatten().map(|part| file_name(part)).collect();
    let rungs: Vec<String> = record.iter().flat_map(|record| &record.rungs).map(ToString::to_string).collect();
    let pruned = match rungs.as_slice() {
        [] => "none was pruned".to_owned(),
        rungs => format!("the worse ones were pruned after epochs {}", rungs.join(", ")),
    };
    let mut table = Table::new(
        &format!("search-{}", name.join("-")),
        &format!("Search: {place}{} on {}", pair.baseline, pair.task),
        &format!(
            "Every trial, in the order in which they were drawn; {pruned}. Bold: the trial that was chosen. Validation is that of the best \
             epoch so far, which of a pruned trial is one before its rung."
        ),
        "Trial#",
    );
    for (field, scale) in &fields {
        let short = field.split_once('.').map_or(field.as_str(), |(_, rest)| rest);
        let column = Column::new(short, **scale != RangeScale::Choice);
        table.columns.push(Column { key: (*field).clone(), ..column });
    }
    table.columns.extend(Column::all("Epochs# | Best validation# | State | Reason"));
    for (place, trial) in pair.trials.iter().enumerate() {
        let own = runs(trial);
        let Some(first) = own.first() else { continue };
        let best = Some(place) == pair.selected;
        let mut row = vec![TableEntry::count(trial.number).best(best)];
        row.extend(fields.iter().map(|(field, _)| TableEntry::optional(value(first, field)).best(best)));
        let epochs = own.iter().map(|run| run.status.epochs()).fold(0.0, f64::max);
        row.push(TableEntry::number(format!("{epochs}"), epochs).best(best));
        row.push(validation(Some(trial), Some(first.metric())).best(best));
        row.extend(state(&own));
        table.rows.push(row);
    }
    table.drop_empty(&["Reason"]);
    table
}

fn validation(trial: Option<&Trial>, metric: Option<vocabulary::Metric>) -> TableEntry {
    let found = trial.and_then(|trial| trial.validation).zip(metric);
    found.map_or_else(TableEntry::none, |(value, metric)| TableEntry::metric(value, metric))
}

/// Where a trial stands: of its seeds the one that has something to say.
fn state(runs: &[&Run]) -> [TableEntry; 2] {
    let Some(run) = runs.iter().find(|run| run.status.state != State::Done).or(runs.first()) else {
        return [TableEntry::none(), TableEntry::none()];
    };
    let name = if run.is_pruned() { StopReason::Pruned.name() } else { run.status.state.name() };
    let class = match run.status.state {
        State::Failed => Some("failed"),
        State::Skipped | State::Pending => Some("quiet"),
        _ => None,
    };
    let state = TableEntry { class, ..TableEntry::text(name) };
    [state, TableEntry::optional(run.status.message.clone())]
}

fn trial_of(run: &Run) -> Option<&TrialRecord> {
    run.record.as_ref()?.trial.as_ref()
}

/// The value of `field` in a trial.
fn value(run: &Run, field: &str) -> Option<String> {
    Some(plain(run.record.as_ref()?.grid.get(field)?))
}

/// All values of a trial, `learning_rate=0.01 omega_0=30`.
fn values(run: &Run) -> Option<String> {
    let fields = trial_of(run)?.fields.keys();
    let named = fields.filter_map(|field| {
        let short = field.split_once('.').map_or(field.as_str(), |(_, rest)| rest);
        Some(format!("{short}={}", value(run, field)?))
    });
    Some(named.collect::<Vec<_>>().join(" "))
}
