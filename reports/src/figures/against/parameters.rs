//! Accuracy against the number of parameters, beside published values.

use std::collections::BTreeSet;

use vocabulary::Metric;

use crate::error::ReportError;
use crate::figures::colours::{Colours, Legend};
use crate::figures::curve::{guides, tasks};
use crate::figures::plot::{AxisScale, Figure, LegendKey, Mark, NEUTRAL, Panel, PlotAxis, Point, Series};
use crate::published::{self, Published};
use crate::runs::{ByGroup, Frames, Runs, SeedGroup};
use crate::tables::{Flag, by_limit, deviations};

/// One panel per task with an accuracy; `None` where there is none.
pub(in crate::figures) fn accuracy_against_parameters(
    runs: &Runs,
    groups: &[SeedGroup<'_>],
    frames: &Frames,
    colours: &Colours,
) -> Result<Option<Figure>, ReportError> {
    let values = frames.test_values(runs)?;
    let published = published::all()?;
    let mut legend = colours.legend();
    let (mut panels, mut any_published) = (Vec::new(), false);
    for task in tasks(groups) {
        let members = groups.iter().filter(|g| g.key.task == task && g.metric() == Metric::Accuracy);
        let ours = Ours::of(members, &values, &mut legend);
        if ours.series.is_empty() {
            continue;
        }
        let theirs = ours.published_series(published);
        any_published |= !theirs.is_empty();
        let guides = guides(ours.chance, &[ours.series.as_slice(), &theirs].concat());
        let x = PlotAxis::new("parameters", AxisScale::LogCount);
        let y = PlotAxis::new("test accuracy, %", AxisScale::Percent);
        panels.push(Panel::new(x, y, [ours.series, theirs].concat()).titled(task).guided(guides));
    }
    if panels.is_empty() {
        return Ok(None);
    }
    let mut legend = legend.keys(Mark::Filled);
    legend.extend(any_published.then(|| LegendKey::hint("published", Mark::Hollow)));
    legend.extend(panels.iter().any(|p| !p.guides.is_empty()).then(LegendKey::guessing));
    Ok(Some(Figure {
        name: "accuracy-against-parameters".to_owned(),
        title: "Accuracy against parameters".to_owned(),
        caption:
            "Test accuracy against the number of trainable parameters. Filled: these runs (bars from the lowest to \
                  the highest seed). Hollow: published values, with the full published data, protocol and training, where \
                  one of these runs has those data and that protocol and no limit stopped it; what is other in a run \
                  beside them is written there."
                .to_owned(),
        panels,
        legend,
    }))
}

/// What was run of one task.
struct Ours {
    /// One point each.
    series: Vec<Series>,
    /// The level of guessing.
    chance: f64,
    /// Published tasks that one of the runs repeats in everything.
    tasks: BTreeSet<&'static str>,
    /// Published models that correspond to the baselines.
    models: BTreeSet<&'static str>,
}

impl Ours {
    fn of<'g, 'a: 'g>(
        groups: impl Iterator<Item = &'g SeedGroup<'a>>,
        values: &ByGroup,
        legend: &mut Legend<'_>,
    ) -> Self {
        let mut ours = Self { series: Vec::new(), chance: 0.0, tasks: BTreeSet::new(), models: BTreeSet::new() };
        for group in groups {
            let (Some(record), Some(values)) = (group.record(), values.get(&group.key)) else { continue };
            let (Some(parameters), Some(summary)) = (record.baseline.parameters, values.summary()) else { continue };
            ours.chance = record.task.chance;
            let counterpart = published::counterpart(record, None);
            let mut other: Vec<&str> = deviations(record, counterpart).into_iter().map(Flag::name).collect();
            other.extend(by_limit(group).then_some("stopped by a limit"));
            if other.is_empty() {
                ours.tasks.extend(counterpart.map(|c| c.task));
            }
            ours.models.extend(published::models(record).0);
            let point =
                Point { seeds: values.0.clone(), note: other.join(", "), ..Point::mean(parameters as f64, &summary) };
            ours.series.push(legend.series(&group.key, "", Mark::Filled, vec![point]));
        }
        if ours.tasks.is_empty() {
            // Nothing to hold them against.
            ours.series.iter_mut().flat_map(|series| &mut series.points).for_each(|point| point.note.clear());
        }
        ours
    }

    /// The published values of the tasks. Named are only the counterparts of what we ran: the others crowd together.
    fn published_series(&self, published: &[Published]) -> Vec<Series> {
        let of_task = |task: &&str| {
            // Of models printed in several papers the first stands.
            let mut seen = BTreeSet::new();
            let points = published.iter().filter(|p| p.task == *task).filter_map(|p| {
                let x = p.parameters? as f64;
                let named = self.models.contains(p.model.as_str());
                let note = if named { p.model.clone() } else { String::new() };
                seen.insert(&p.model).then(|| Point { x, y: p.accuracy / 100.0, n: 1, note, ..Point::default() })
            });
            Series {
                label: format!("published, {task}"),
                colour: NEUTRAL,
                mark: Mark::Hollow,
                points: points.collect(),
            }
        };
        self.tasks.iter().map(of_task).filter(|series| !series.points.is_empty()).collect()
    }
}
