//! What the best baseline of every task has most wrong.

use vocabulary::record::WorstError;

use super::differences::Contests;
use super::table::{Table, TableEntry};
use crate::format::significant;
use crate::runs::{SeedGroup, read_worst};

/// Errors that are shown of one network.
const SHOWN: usize = 6;

/// The worst errors of one trained network.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Worst {
    pub(crate) task: String,
    pub(crate) baseline: String,
    pub(crate) seed: u64,
    /// The worst first.
    pub(crate) errors: Vec<WorstError>,
}

/// What is shown, and sentences on what cannot be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct WorstOfTasks {
    pub(crate) networks: Vec<Worst>,
    pub(crate) damaged: Vec<String>,
}

impl WorstOfTasks {
    /// Of the baseline with the best mean of every task, the network of the lowest seed that has kept its errors.
    pub(crate) fn read(groups: &[SeedGroup<'_>], contests: &Contests, several: bool) -> Self {
        let mut all = Self::default();
        for contest in &contests.0 {
            let best = contest.contenders.first().and_then(|best| groups.iter().find(|group| group.key == best.key));
            let Some(group) = best else { continue };
            for run in group.runs.iter().filter(|run| run.test_value().is_some()) {
                match read_worst(&run.path) {
                    Ok(errors) if errors.is_empty() => continue,
                    Ok(mut errors) => {
                        errors.truncate(SHOWN);
                        all.networks.push(Worst {
                            task: contest.task.clone(),
                            baseline: group.key.label(several),
                            seed: run.seed().unwrap_or_default(),
                            errors,
                        });
                        break;
                    }
                    Err(error) => all.damaged.push(format!("{} is left out: {error}.", run.id)),
                }
            }
        }
        all
    }

    /// What the errors are, for readers.
    pub(crate) fn caption(&self) -> String {
        let damaged: String = self.damaged.iter().map(|sentence| format!(" {sentence}")).collect();
        format!(
            "Of the baseline with the best mean of every task, the network of the lowest seed: up to {SHOWN} samples of the test split that it \
             has wrong, those with the highest loss, so the most confident mistakes. Images are drawn as the network reads them, texts \
             without their middle where they are long, and three of them on a page. The folder of every run has its own in worst.json.{damaged}"
        )
    }

    /// One row per error; no table where there are none.
    pub(crate) fn table(&self) -> Option<Table> {
        let mut table = Table::new(
            "worst-errors",
            "Worst errors",
            &self.caption(),
            "Task | Baseline | Seed# | Test sample# | Label# | Prediction# | Loss# | Probability of the label# | Input",
        );
        for network in &self.networks {
            table.rows.extend(network.errors.iter().map(|error| row(network, error)));
        }
        (!table.rows.is_empty()).then_some(table)
    }
}

fn row(network: &Worst, error: &WorstError) -> Vec<TableEntry> {
    let number = |value: f64| TableEntry::number(significant(value, 3), value);
    let loss = error.loss.map(f64::from);
    let input = match (&error.picture, error.texts.as_slice()) {
        (Some(_), _) => TableEntry::text("a picture, on the page").class("quiet"),
        (None, []) => TableEntry::text("not kept: too large").class("quiet"),
        (None, texts) => TableEntry::text(texts.join(" ‖ ")),
    };
    vec![
        TableEntry::text(&network.task),
        TableEntry::text(&network.baseline),
        TableEntry::text(network.seed.to_string()),
        TableEntry::count(error.position),
        TableEntry::text(error.label.to_string()),
        TableEntry::text(error.prediction.to_string()),
        loss.map_or_else(|| TableEntry::text("inf"), number),
        number(probability(error)),
        input,
    ]
}

/// What the network gives to the label.
pub(crate) fn probability(error: &WorstError) -> f64 {
    error.loss.map_or(0.0, |loss| (-f64::from(loss)).exp())
}
