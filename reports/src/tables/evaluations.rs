//! Trained networks on other resolutions and other settings of their task.

use std::collections::{BTreeMap, BTreeSet};

use vocabulary::Metric;
use vocabulary::record::Variant;

use super::remarks::test_entry;
use super::table::{Column, Table, TableEntry};
use crate::error::ReportError;
use crate::format::{file_name, metric_name};
use crate::runs::{BySeed, EvaluatedGroups, Frames, Judged, Runs, SeedGroup, groups, variant_name};
use crate::statistics::mean;

/// One row per task × baseline × grid values, one column per variant. Tasks that were judged on different variants have tables of
/// their own; none where nothing was evaluated.
///
/// # Errors
/// Aggregation fails.
pub(crate) fn evaluations(
    runs: &Runs,
    frames: &Frames,
    evaluated: &EvaluatedGroups,
) -> Result<Vec<Table>, ReportError> {
    let (test, groups) = (frames.test_values(runs)?, groups(runs));
    let mut parts: Vec<(Vec<&Variant>, Vec<&SeedGroup<'_>>)> = Vec::new();
    for group in groups.iter().filter(|group| !evaluated.of(&group.key).is_empty()) {
        let variants: Vec<&Variant> = evaluated.of(&group.key).iter().map(|judged| &judged.variant).collect();
        match parts.iter_mut().find(|(known, _)| *known == variants) {
            Some((_, members)) => members.push(group),
            None => parts.push((variants, vec![group])),
        }
    }
    let several = parts.len() > 1;
    let mut tables: Vec<Table> = Vec::new();
    for (variants, members) in &parts {
        let mut table = empty(variants);
        for group in members {
            table.rows.push(row(group, test.get(&group.key), evaluated.of(&group.key)));
        }
        table.caption.push_str(&refusals(members, evaluated));
        if several {
            let tasks: BTreeSet<&str> = members.iter().map(|group| group.key.task.as_str()).collect();
            let tasks: Vec<&str> = tasks.into_iter().collect();
            table.title = format!("{}: {}", table.title, tasks.join(", "));
            let name = format!("{}-{}", table.name, file_name(tasks.first().copied().unwrap_or_default()));
            let same = tables.iter().filter(|other| other.name.starts_with(&name)).count();
            table.name = if same == 0 { name } else { format!("{name}-{}", same + 1) };
        }
        // Most networks have no such filters.
        let filters: Vec<String> = variants.iter().filter_map(|variant| filters_column(variant)).collect();
        let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
        table.drop_empty(&[&filters[..], &["Grid"]].concat());
        if table.columns.iter().any(|column| filters.contains(&column.title.as_str())) {
            table.caption.push_str(
                " Filters above the Nyquist frequency are those at the bottom of kernel networks that the points of a kernel at \
                 that resolution cannot tell from slower ones.",
            );
        }
        if !runs.has_several_experiments() {
            table.drop_first_column();
        }
        tables.push(table);
    }
    Ok(tables)
}

/// The table of these variants, without rows.
fn empty(variants: &[&Variant]) -> Table {
    let mut table = Table::new(
        "evaluations",
        "Other resolutions and lengths",
        "The test split in other forms, read by the networks as they were trained: mean ± standard deviation (dividing by n − 1) over \
         finished seeds, as the test value of the task itself beside them; another number of seeds is said. ×0.5 has half the \
         samples per axis; settings are laid over those of the task that the networks were trained on.",
        "Experiment | Task | Baseline | Grid | Metric | Test# | n#",
    );
    table.columns.extend(variants.iter().map(|variant| Column::new(&variant_name(variant), true)));
    let filters = variants.iter().filter_map(|variant| filters_column(variant));
    table.columns.extend(filters.map(|title| Column::new(&title, true)));
    table
}

/// The column of the filters above the Nyquist frequency of a variant. Another length has the grid of training.
fn filters_column(variant: &Variant) -> Option<String> {
    matches!(variant, Variant::Resample(_)).then(|| format!("filters above Nyquist {}, %", variant_name(variant)))
}

fn filters(judged: &Judged) -> TableEntry {
    let share = mean(&judged.above_nyquist).map(|share| 100.0 * share);
    share.map_or_else(TableEntry::none, |share| TableEntry::number(format!("{share:.1}"), share))
}

fn row(group: &SeedGroup<'_>, test: Option<&BySeed>, judged: &[Judged]) -> Vec<TableEntry> {
    let (metric, own) = (group.metric(), test.and_then(BySeed::summary));
    let n = own.map_or(0, |own| own.n);
    let start = [
        TableEntry::text(&group.key.experiment),
        TableEntry::text(&group.key.task),
        TableEntry::text(&group.key.baseline),
        TableEntry::text(&group.key.grid),
        TableEntry::text(metric_name(metric)),
        test_entry(group, own.as_ref()),
        TableEntry::text(n.to_string()),
    ];
    let values = judged.iter().map(|judged| entry(judged, metric, n));
    let resampled = judged.iter().filter(|judged| filters_column(&judged.variant).is_some());
    start.into_iter().chain(values).chain(resampled.map(filters)).collect()
}

fn entry(judged: &Judged, metric: Metric, n: usize) -> TableEntry {
    match judged.values.summary() {
        Some(summary) => {
            let mut entry = TableEntry::summary(&summary, metric);
            if summary.n != n {
                entry.text.push_str(&format!(" (n\u{a0}=\u{a0}{})", summary.n));
            }
            entry
        }
        None if judged.not_finite > 0 => TableEntry::text("not finite").class("failed"),
        None if !judged.not_applicable.is_empty() => TableEntry::text("n/a").class("quiet"),
        None => TableEntry::none(),
    }
}

/// Why something is n/a, and what is not finite, in sentences behind a space.
fn refusals(members: &[&SeedGroup<'_>], evaluated: &EvaluatedGroups) -> String {
    // By reason and variants, the baselines of every task.
    type Baselines<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;
    let mut reasons: BTreeMap<(&str, Vec<String>), Baselines<'_>> = BTreeMap::new();
    for group in members {
        let mut of_group: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for judged in evaluated.of(&group.key) {
            let broken =
                (judged.not_finite > 0).then_some("the loss is not finite for some seeds: the network overflows");
            for reason in judged.not_applicable.iter().map(String::as_str).chain(broken) {
                of_group.entry(reason).or_default().push(variant_name(&judged.variant));
            }
        }
        for (reason, variants) in of_group {
            let tasks = reasons.entry((reason, variants)).or_default();
            tasks.entry(&group.key.task).or_default().insert(&group.key.baseline);
        }
    }
    let listed = |(task, baselines): (&str, BTreeSet<&str>)| {
        let all = members.iter().filter(|group| group.key.task == task);
        let all: BTreeSet<&str> = all.map(|group| group.key.baseline.as_str()).collect();
        let baselines = if baselines == all && all.len() > 1 {
            "every baseline".to_owned()
        } else {
            baselines.into_iter().collect::<Vec<_>>().join(", ")
        };
        format!("{baselines} on {task}")
    };
    let sentence = |((reason, variants), tasks): ((&str, Vec<String>), Baselines<'_>)| {
        let who: Vec<String> = tasks.into_iter().map(listed).collect();
        format!(" No value at {} ({}): {reason}.", variants.join(", "), who.join("; "))
    };
    reasons.into_iter().map(sentence).collect()
}
