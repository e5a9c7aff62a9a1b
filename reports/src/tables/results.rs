//! One row per task, baseline and grid values, with everything known about it.

use std::collections::BTreeSet;

use vocabulary::Metric;
use vocabulary::record::State;

use super::differences::Contests;
use super::provenance::Recipes;
use super::remarks::{by_limit, deviations, test_entry};
use super::table::{Flag, Table, TableEntry};
use crate::error::ReportError;
use crate::format::{as_shown, metric, metric_name, signed};
use crate::published::{self, Beside, Published, Range};
use crate::runs::{BySeed, Frames, Run, Runs, SeedGroup, Tested, groups};
use crate::statistics::samples::wilson_interval;
use crate::statistics::seeds::t_interval;
use crate::statistics::{Level, Summary, mean};

/// Where the test value stands in a row.
const TEST: usize = 5;

/// One row per task × baseline × grid values, with everything known about it.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn results(
    runs: &Runs,
    frames: &Frames,
    recipes: &Recipes,
    contests: &Contests,
    tested: &Tested,
) -> Result<Table, ReportError> {
    let (test, validation) = (frames.test_values(runs)?, frames.best_validation(runs)?);
    let published = published::all()?;
    let mut table = Table::new(
        "results",
        "Results",
        "Mean ± standard deviation (dividing by n − 1) over finished seeds; then every seed. Bold as in the first table. Two sources of error stand \
         apart. The 95 % interval over seeds is Student's for the mean over other seeds on the same test set; there is none below \
         three seeds or where all values are equal. That over test samples is Wilson's for an accuracy as high as the mean of one \
         trained network on as many other samples; there is none where no outcome of single samples is kept. Seconds are those of training, validation and test \
         included, averaged over finished seeds. The difference to a published value is given only for the published \
         data, difficulty, protocol, network and size, and a training of at least as many epochs as in its recipe that no \
         limit stopped. Where sources print several values, the lowest and the highest stand there, and the difference is \
         the distance to the nearer of them, or within. Frequencies, dropout, learning rates and decay are not held \
         against the recipe: the column of the recipe, where there is one, says where they come from.",
        "Experiment | Task | Baseline | Grid | Metric | Test# | n# | 95 % over seeds=95 % interval# | 95 % over test samples# | Test samples# | Published (paper)# | Difference# | \
         Parameters# | Seconds# | Epochs# | States | Best validation# | Every seed | Recipe | Source of the published value",
    );
    let mut flattering = BTreeSet::new();
    let bold = contests.leaders();
    for group in &groups(runs) {
        let recipe = recipes.entry(group);
        let beside = group.record().and_then(|record| published::beside(record, published));
        flattering.extend(beside.iter().flat_map(chosen));
        let mut row = result_row(group, test.get(&group.key), validation.get(&group.key), beside, recipe);
        row[TEST].best = bold.contains(&group.key);
        row.splice(TEST + 3..TEST + 3, over_samples(group, test.get(&group.key), tested));
        table.rows.push(row);
    }
    if !flattering.is_empty() {
        let flattering = flattering.into_iter().collect::<Vec<_>>().join("; ");
        table
            .caption
            .push_str(&format!(" How published values were chosen, where that may flatter them: {flattering}."));
    }
    table.drop_empty(&[
        "Grid",
        "95 % over seeds",
        "95 % over test samples",
        "Test samples",
        "Recipe",
        "Source of the published value",
    ]);
    if !runs.has_several_experiments() {
        table.drop_first_column();
    }
    Ok(table)
}

fn result_row(
    group: &SeedGroup<'_>,
    test: Option<&BySeed>,
    validation: Option<&BySeed>,
    beside: Option<Beside>,
    recipe: TableEntry,
) -> Vec<TableEntry> {
    let name = group.metric();
    let summary = test.and_then(BySeed::summary);
    let parameters = group.record().and_then(|r| r.baseline.parameters);
    let states: Vec<String> = group.states().iter().map(|(state, n)| format!("{n} {}", state.name())).collect();
    let (published, difference, source) = compared(group, summary.as_ref(), beside);
    let done: Vec<&Run> = group.runs.iter().copied().filter(|c| c.status.state == State::Done).collect();
    let seconds = mean(&done.iter().map(|run| run.seconds()).collect::<Vec<_>>());
    vec![
        TableEntry::text(&group.key.experiment),
        TableEntry::text(&group.key.task),
        TableEntry::text(&group.key.baseline),
        TableEntry::text(&group.key.grid),
        // A run without a record does not say its metric.
        TableEntry::optional(group.record().map(|_| metric_name(name))),
        test_entry(group, summary.as_ref()),
        TableEntry::text(summary.map_or(0, |s| s.n).to_string()),
        test.map_or_else(TableEntry::none, |values| interval(values, name)),
        published,
        difference,
        parameters.map_or_else(TableEntry::none, TableEntry::count),
        seconds.map_or_else(TableEntry::none, |s| TableEntry::number(format!("{s:.1}"), s)),
        epochs(&done),
        TableEntry::text(states.join(", ")),
        best_validation(group, validation),
        test.map_or_else(TableEntry::none, |values| every_seed(values, name)),
        recipe,
        source,
    ]
}

/// Wilson's interval of an accuracy as high as the mean, and the number of test samples it is for; nothing where no outcomes of
/// them are kept.
fn over_samples(group: &SeedGroup<'_>, test: Option<&BySeed>, tested: &Tested) -> [TableEntry; 2] {
    let samples = tested.of(group).map(|(_, found)| found.right.len()).min();
    let mean = test.and_then(BySeed::summary).map(|summary| summary.mean);
    let nothing = [TableEntry::none(), TableEntry::none()];
    let (Metric::Accuracy, Some(samples), Some(mean)) = (group.metric(), samples, mean) else { return nothing };
    let Ok(found) = wilson_interval(mean, samples, Level::PERCENT_95) else { return nothing };
    [ends([found.lower, found.upper], Metric::Accuracy), TableEntry::count(samples as u64)]
}

/// Student's interval of the mean over seeds; nothing where it is not defined.
fn interval(values: &BySeed, name: Metric) -> TableEntry {
    let values: Vec<f64> = values.0.iter().map(|(_, value)| *value).collect();
    let Ok(found) = t_interval(&values, Level::PERCENT_95) else { return TableEntry::none() };
    ends([found.lower, found.upper], name)
}

fn ends(ends: [f64; 2], name: Metric) -> TableEntry {
    let [lower, upper] = ends.map(|end| metric(end, name));
    let [raw_lower, raw_upper] = ends.map(|end| as_shown(end, name));
    TableEntry::text(format!("{lower} to {upper}")).raw(format!("{raw_lower} {raw_upper}"))
}

/// Fewest and most epochs of the runs `done`.
fn epochs(done: &[&Run]) -> TableEntry {
    let shorter = |a: &&&Run, b: &&&Run| a.status.epochs().total_cmp(&b.status.epochs());
    let ends = done.iter().min_by(shorter).zip(done.iter().max_by(shorter));
    TableEntry::optional(ends.map(|(shortest, longest)| {
        let (shortest, longest) = (shortest.status.epochs_text(), longest.status.epochs_text());
        if shortest == longest { shortest } else { format!("{shortest}–{longest}") }
    }))
}

/// The best validation metric of finished runs, or so far.
fn best_validation(group: &SeedGroup<'_>, values: Option<&BySeed>) -> TableEntry {
    let name = group.metric();
    if let Some(summary) = values.and_then(BySeed::summary) {
        return TableEntry::summary(&summary, name);
    }
    let so_far: Vec<f64> = group.runs.iter().filter_map(|c| c.best_validation()).collect();
    let Some(summary) = Summary::of(&so_far) else { return TableEntry::none() };
    let mut entry = TableEntry::summary(&summary, name);
    entry.text.push_str(" so far");
    entry
}

fn every_seed(values: &BySeed, name: Metric) -> TableEntry {
    let shown: Vec<String> = values.0.iter().map(|(seed, v)| format!("s{seed} {}", metric(*v, name))).collect();
    let raw: Vec<String> = values.0.iter().map(|(seed, v)| format!("{seed}:{}", as_shown(*v, name))).collect();
    TableEntry::text(shown.join(", ")).raw(raw.join(" "))
}

/// How the published values of `beside` were chosen, in words, where that may flatter them.
fn chosen(beside: &Beside) -> Vec<String> {
    let values = beside.range.values().iter();
    let in_words = |(value, remark): (&Published, &str)| format!("{} on {}, {remark}", value.model, value.task);
    values.flat_map(|value| value.remarks().map(|remark| in_words((value, remark)))).collect()
}

/// The published values, the difference to them where ours compares, and their sources.
fn compared(
    group: &SeedGroup<'_>,
    summary: Option<&Summary>,
    beside: Option<Beside>,
) -> (TableEntry, TableEntry, TableEntry) {
    let nothing = (TableEntry::none(), TableEntry::none(), TableEntry::none());
    let (Some(record), Some(beside)) = (group.record(), beside) else { return nothing };
    let range = &beside.range;
    let stopped = by_limit(group);
    let mut finished = group.runs.iter().filter(|run| run.status.state == State::Done);
    let shorter = !stopped && finished.any(|run| !published::full_training(run, beside.counterpart.task, beside.model));
    let shown = format!("{} {}", range.text(), beside.model);
    let entry = match range.single() {
        Some(accuracy) => TableEntry::number(shown, accuracy),
        None => TableEntry::text(shown).raw(range.text()),
    };
    let entry = entry
        .flags(deviations(record, Some(beside.counterpart)))
        .flags((!beside.same_size).then_some(Flag::OtherSize))
        .flags((!beside.same_network).then_some(Flag::OtherNetwork))
        .flags(shorter.then_some(Flag::OtherTraining));
    let comparable = entry.flags.is_empty() && !stopped && record.task.metric == Metric::Accuracy;
    let difference = match summary {
        Some(s) if comparable => difference(100.0 * s.mean, range),
        _ => TableEntry::none(),
    };
    (entry, difference, TableEntry::text(range.sources()))
}

/// How far `accuracy`, percent, is from the published value, or from the nearer end of several.
fn difference(accuracy: f64, range: &Range) -> TableEntry {
    let distance = range.distance(accuracy);
    if range.single().is_none() && distance == 0.0 {
        return TableEntry::number("within", 0.0);
    }
    TableEntry::number(signed(&format!("{distance:.2}")), distance)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ours_stands_beside_the_range() {
        let values = |models: &[&str]| {
            let of = |model: &&str| published::values_of(model, "SC10-MFCC", published::all().unwrap());
            Range::of(models.iter().flat_map(of).collect()).unwrap()
        };
        let texts = |range: &Range| [95.20, 95.28, 95.40].map(|ours| difference(ours, range).text);
        let several = values(&["CKCNN"]);
        assert_eq!((several.single(), several.text().as_str()), (None, "95.27–95.30"));
        assert_eq!(texts(&several), ["−0.07", "within", "+0.10"]);
        assert_eq!(several.sources(), "95.27: arXiv 2110.08059 Table 2; 95.30: arXiv 2206.03398v2 Table 2");
        let one = values(&["FlexTCN-4"]);
        assert_eq!((one.single(), one.sources().as_str()), (Some(97.73), "arXiv 2110.08059 Table 2"));
        assert_eq!(texts(&one), ["−2.53", "−2.45", "−2.33"]);
    }
}
