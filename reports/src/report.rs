//! `bench report`: every table and figure, from run folders alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vocabulary::record::{Attempt, State};

use crate::error::ReportError;
use crate::figures;
use crate::figures::Outcomes;
use crate::files::{Formats, ReportPaths};
use crate::format::{duration, file_name, short_hash};
use crate::networks::diagnose::{self, DIAGNOSED, Section};
use crate::networks::inspect::{self, Inspections};
use crate::page::{Page, answer};
use crate::runs::{
    AddedSettings, Diagnostics, EvaluatedGroups, Frames, LeftOut, Run, Runs, Searches, Tested, groups, load_for_report,
};
use crate::tables::{self, Contests, Recipes, ScoreMatrix, Table, WorstOfTasks};

/// Tables with a row per baseline, or per run, that leave out the trials that were not chosen.
const OF_CHOSEN: [&str; 3] = ["summary", "results", "cells"];

/// Where the report of `dirs` goes unless told otherwise: `report` in the first folder, or `NAME-report` beside `NAME.zip`.
pub fn default_out(dirs: &[PathBuf]) -> PathBuf {
    let beside = |archive: &Path| {
        let name = archive.file_stem().unwrap_or_default().to_string_lossy();
        archive.with_file_name(format!("{name}-report"))
    };
    let out = |dir: &PathBuf| if dir.is_file() { beside(dir) } else { dir.join("report") };
    dirs.first().map_or_else(|| PathBuf::from("report"), out)
}

/// Write the report of the run folders `dirs` into `out`: `index.html`, `report.md`, `tables/*.{csv,tex}`,
/// `figures/*.{svg,png,csv}`. The same input gives the same bytes. Where `against` names a baseline, a table gives every row as the
/// paired difference to it.
///
/// # Errors
/// A folder cannot be read (see [`load`](crate::load)), no run is of the baseline `against`, a file cannot be written.
pub fn write(
    dirs: &[PathBuf],
    out: &Path,
    formats: Formats,
    against: Option<&str>,
    added: &AddedSettings,
) -> Result<ReportPaths, ReportError> {
    let mut runs = load_for_report(dirs, added)?;
    let searches = Searches::take(&mut runs);
    let initial = at_initialisation(&mut runs);
    let inspections = Inspections::read(&mut runs);
    let evaluated = EvaluatedGroups::read(&mut runs);
    let mut frames = Frames::of(&mut runs)?;
    runs.name_archives();
    let diagnostics = Diagnostics::read(&runs);
    let tested = Tested::read(&runs);
    let (groups, several) = (groups(&runs), runs.has_several_experiments());
    let contests = Contests::of(&groups, &frames.test_values(&runs)?);
    let scores = ScoreMatrix::of(&contests, several);
    let worst = WorstOfTasks::read(&groups, &contests, several);
    let outcomes = Outcomes { tested: &tested, contests: &contests, scores: scores.as_ref(), evaluated: &evaluated };
    let mut figures = figures::all(&runs, &frames, &diagnostics, &searches, &outcomes)?;
    frames.drop_steps();
    figures.extend(initial.figures);
    figures.extend(figures::accuracy_against_receptive_field(&runs, &frames, &inspections)?);
    figures.extend(figures::inspection(&runs, &inspections));
    let recipes = Recipes::of(&runs);
    let mut first: Vec<Table> = vec![tables::summary(&runs, &frames, &contests)?];
    first.extend(tables::long_range_arena(&runs, &frames, &contests)?);
    first.extend(scores.as_ref().map(tables::across));
    first.extend(against.map(|anchor| tables::against(&runs, &frames, anchor)).transpose()?);
    first.extend(tables::evaluations(&runs, &frames, &evaluated)?);
    first.extend(tables::missing_data(&runs));
    first.extend(tables::left_out(&runs));
    let mut appendix: Vec<Table> = vec![tables::results(&runs, &frames, &recipes, &contests, &tested)?];
    appendix.extend(tables::search(&searches, several));
    appendix.extend(tables::best(&contests, several));
    appendix.extend(tables::samples(&runs, &frames, &tested)?);
    appendix.extend(scores.as_ref().map(tables::pairs_across));
    appendix.extend(initial.tables);
    appendix.extend(tables::scale(&runs, &diagnostics));
    appendix.extend(inspect::table(&runs, &inspections));
    appendix.extend(recipes.table(&runs));
    appendix.extend([tables::tasks(&runs), tables::runs(&runs)]);
    appendix.extend(tables::attempts(&runs));
    first.iter_mut().chain(&mut appendix).for_each(|table| tables::name_scales(table, &runs));
    first.iter_mut().chain(&mut appendix).for_each(|table| name_chosen(table, &searches));
    let errors = worst.table();

    let page = Page {
        title: title(&runs),
        lead: lead(&runs),
        answer: answer(&runs, &contests),
        facts: facts(&runs, &searches),
        tables: first.iter().collect(),
        figures: &figures,
        worst: Some(&worst),
        appendix: appendix.iter().collect(),
        footer: footer(&runs),
        remarks: remarks(),
        linked: formats.csv,
    };
    let mut paths =
        ReportPaths { left_out: runs.left_out.iter().map(ToString::to_string).collect(), ..ReportPaths::default() };
    put_tables(&mut paths, out, formats, first.iter().chain(&errors).chain(&appendix))?;
    if formats.csv {
        paths.put_parts(out.join("tables/epochs.csv"), frames.epochs_csv())?;
        paths.put_parts(out.join("tables/finals.csv"), frames.finals_csv())?;
    }
    paths.put_figures(out, &figures, formats)?;
    if formats.md {
        paths.markdown = Some(paths.put(out.join("report.md"), page.markdown(formats.svg).as_bytes())?);
    }
    if formats.html {
        paths.index = Some(paths.put(out.join("index.html"), page.html()?.as_bytes())?);
    }
    Ok(paths)
}

/// Say in the caption of `table` that its rows are of chosen trials, where it leaves out the others.
fn name_chosen(table: &mut Table, searches: &Searches) {
    if let Some(note) = searches.note().filter(|_| OF_CHOSEN.contains(&table.name.as_str())) {
        table.caption.push(' ');
        table.caption.push_str(&note);
    }
}

/// Write `tables` as files of their own.
fn put_tables<'t>(
    paths: &mut ReportPaths,
    out: &Path,
    formats: Formats,
    tables: impl Iterator<Item = &'t Table>,
) -> Result<(), ReportError> {
    for table in tables {
        let file = |ending: &str| out.join("tables").join(format!("{}.{ending}", table.name));
        if formats.csv {
            paths.put(file("csv"), &table.csv()?)?;
        }
        if formats.tex {
            paths.put(file("tex"), table.latex().as_bytes())?;
        }
    }
    Ok(())
}

/// What was measured at initialisation, in all experiments; measurements that are damaged are left out, and named.
fn at_initialisation(runs: &mut Runs) -> Section {
    let several = runs.has_several_experiments();
    let mut all = Section { tables: Vec::new(), figures: Vec::new() };
    for experiment in &runs.experiments {
        match diagnose::at_initialisation(&experiment.path) {
            Ok(None) => {}
            Ok(Some(mut section)) => {
                let titles = section.tables.iter_mut().map(|table| (&mut table.title, &mut table.name));
                let titles =
                    titles.chain(section.figures.iter_mut().map(|figure| (&mut figure.title, &mut figure.name)));
                for (title, name) in titles.filter(|_| several) {
                    *title = format!("{}: {title}", experiment.name);
                    *name = format!("{name}-{}", file_name(&experiment.name));
                }
                all.tables.append(&mut section.tables);
                all.figures.append(&mut section.figures);
            }
            Err(error) => runs.left_out.push(LeftOut {
                path: experiment.path.join(DIAGNOSED),
                experiment: experiment.name.clone(),
                reason: error.to_string(),
            }),
        }
    }
    all
}

fn title(runs: &Runs) -> String {
    let names: Vec<&str> = runs.experiments.iter().map(|e| e.name.as_str()).collect();
    names.join(", ")
}

fn lead(runs: &Runs) -> Vec<String> {
    let several = runs.experiments.len() > 1;
    let described = runs.experiments.iter().filter_map(|e| {
        let text = e.description.as_deref()?.trim();
        Some(if several { format!("{}: {text}", e.name) } else { text.to_owned() })
    });
    described.collect()
}

fn distinct<'a>(runs: &'a Runs, of: impl Fn(&'a Run) -> Option<String>) -> Vec<String> {
    runs.all.iter().filter_map(of).collect::<BTreeSet<_>>().into_iter().collect()
}

fn facts(runs: &Runs, searches: &Searches) -> Vec<(String, String)> {
    let hidden = || searches.hidden();
    let states: Vec<String> = {
        let all = [State::Done, State::Running, State::Interrupted, State::Pending, State::Skipped, State::Failed];
        let count = |state| runs.all.iter().chain(hidden()).filter(|c| c.status.state == state).count();
        all.into_iter()
            .map(|s| (s, count(s)))
            .filter(|(_, n)| *n > 0)
            .map(|(s, n)| format!("{n} {}", s.name()))
            .collect()
    };
    let seeds: BTreeSet<u64> = runs.all.iter().filter_map(Run::seed).collect();
    let seeds: Vec<String> = seeds.iter().map(ToString::to_string).collect();
    let total: f64 = runs.all.iter().chain(hidden()).map(Run::seconds).sum();
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let scales = tables::scales(runs);
    let scale = (!scales.is_empty()).then(|| {
        let all = distinct(runs, |c| Some(c.record.as_ref()?.scale.name().to_owned()));
        fact("Scale", format!("{}; see the captions", all.join(", ")))
    });
    let left_out = match runs.left_out.len() {
        0 => String::new(),
        n => format!("; {n} left out, see the table"),
    };
    let facts = [
        fact("Runs", format!("{}: {}{left_out}", runs.all.len() + hidden().count(), states.join(", "))),
        fact("Tasks", distinct(runs, |c| Some(c.task().to_owned())).join(", ")),
        fact("Baselines", distinct(runs, |c| Some(c.baseline().to_owned())).join(", ")),
        fact("Seeds", seeds.join(", ")),
        fact("Training time", format!("{} in total", duration(total))),
        fact("Device", distinct(runs, |c| Some(c.record.as_ref()?.device.clone())).join(", ")),
    ];
    let search = searches.note().map(|note| fact("Search", note));
    scale.into_iter().chain(search).chain(facts).collect()
}

fn footer(runs: &Runs) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut line = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            lines.push((name.to_owned(), values.join(", ")));
        }
    };
    let attempts: Vec<Attempt> = runs.all.iter().flat_map(|c| c.status.attempts_on_record()).collect();
    let of = |what: &dyn Fn(&Attempt) -> Vec<String>| -> Vec<String> {
        attempts.iter().flat_map(what).collect::<BTreeSet<_>>().into_iter().collect()
    };
    line("Git", of(&|a| vec![a.source()]));
    line("Versions", of(&|a| a.versions.iter().map(|(name, version)| format!("{name} {version}")).collect()));
    line("Device", distinct(runs, |c| Some(c.record.as_ref()?.device.clone())));
    line("Device names", of(&|a| a.device_name.iter().cloned().collect()));
    line(
        "Hosts",
        of(&|a| {
            let host = a.host.as_deref();
            let shown = host.map(|host| a.threads.map_or_else(|| host.to_owned(), |t| format!("{host} ({t} threads)")));
            shown.into_iter().collect()
        }),
    );
    let mut configurations = distinct(runs, |c| Some(short_hash(&c.record.as_ref()?.hash)));
    if configurations.len() > 24 {
        let rest = configurations.len() - 24;
        configurations.truncate(24);
        configurations.push(format!("and {rest} more in the table of runs"));
    }
    line("Configurations", configurations);
    line(
        "Data",
        distinct(runs, |c| {
            let task = &c.record.as_ref()?.task;
            Some(format!("{} {}", task.label, short_hash(task.data_hash.as_deref()?)))
        }),
    );
    lines
}

fn remarks() -> Vec<String> {
    [
        "Accuracy is in percent. ± is the standard deviation over seeds, dividing by n − 1; n counts finished runs only.",
        "The test metric is measured once, with the weights of the epoch that was best on the validation split.",
        "Published values are copied from the paper named beside them; they were measured on the full published data. \
         Second-hand marks a value read in another paper than the one that measured it.",
    ]
    .map(str::to_owned)
    .to_vec()
}
