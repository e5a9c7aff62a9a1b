//! From the lines of a run to what is drawn of them.

use std::collections::BTreeMap;

use vocabulary::record::{Histogram, State};

use super::layers::{LayerQuantity, Layers};
use super::lines::{AtStart, Drawn, Line, is_drawn};
use super::of_run::{Moment, RunDiagnostics};
use crate::error::ReportError;
use crate::runs::read_lines_with;
use crate::runs::run::Run;

/// Layer and value by the place in the forward pass.
type ByOrder<'l> = BTreeMap<u32, (&'l str, f64)>;

/// By step and layer; a value that overflowed is none.
type Squares<'l> = BTreeMap<u64, BTreeMap<&'l str, Option<f64>>>;

/// Read what is drawn of the diagnostics of `run`; nothing where it has none.
///
/// # Errors
/// The file is damaged.
pub(super) fn read(run: &Run) -> Result<RunDiagnostics, ReportError> {
    let path = run.path.join("diagnostics.jsonl");
    if !path.is_file() {
        return Ok(RunDiagnostics::default());
    }
    let (lines, _) = read_lines_with::<Line>(&path, is_drawn)?;
    let mut found = RunDiagnostics::default();
    let mut at_start: BTreeMap<(AtStart, u32), (&str, f64)> = BTreeMap::new();
    let (mut orthonormality, mut orthogonality) = (Squares::new(), Squares::new());
    let mut layers: BTreeMap<LayerQuantity, BTreeMap<u64, ByOrder<'_>>> = BTreeMap::new();
    let mut histograms: BTreeMap<u64, &Histogram> = BTreeMap::new();
    // Where a step stands twice, the later lines hold.
    for line in &lines {
        let value = line.value.unwrap_or(f64::INFINITY);
        match line.quantity {
            Drawn::LogitsVariance => found.logits.entry(line.step).or_default().std = value.sqrt(),
            Drawn::LogitsMaxAbs => found.logits.entry(line.step).or_default().max_abs = value,
            Drawn::LogitsHistogram => {
                let sound = line.histogram.as_ref().filter(|histogram| histogram.is_sound());
                histograms.extend(sound.map(|histogram| (line.step, histogram)));
            }
            Drawn::Orthonormality => insert(&mut orthonormality, line),
            Drawn::Orthogonality => insert(&mut orthogonality, line),
            Drawn::AtStart(kind) if line.step == 0 => {
                at_start.insert((kind, line.order), (&line.layer, value));
            }
            Drawn::OfLayers(quantity) => {
                let step = layers.entry(quantity).or_default().entry(line.step).or_default();
                step.insert(line.order, (&line.layer, value));
            }
            Drawn::AtStart(_) | Drawn::Other => {}
        }
    }
    for ((kind, _), (layer, value)) in at_start {
        let list = match kind {
            AtStart::Activation => &mut found.activations,
            AtStart::Kernel => &mut found.kernels,
            AtStart::KernelTarget => &mut found.targets,
        };
        list.push((layer.to_owned(), value));
    }
    found.orthonormality = distances(orthonormality);
    found.orthogonality = distances(orthogonality);
    found.layers = layers.into_iter().map(|(quantity, steps)| (quantity, Layers::of(steps))).collect();
    found.histograms = moments(&histograms, run.status.state == State::Done);
    Ok(found)
}

fn insert<'l>(squares: &mut Squares<'l>, line: &'l Line) {
    squares.entry(line.step).or_default().insert(&line.layer, line.value);
}

/// The root of the sum over layers; steps with a value that overflowed are left out.
fn distances(squares: Squares<'_>) -> BTreeMap<u64, f64> {
    let sum = |layers: BTreeMap<&str, Option<f64>>| layers.into_values().sum::<Option<f64>>();
    squares.into_iter().filter_map(|(step, of)| Some((step, sum(of)?.sqrt()))).collect()
}

/// The histograms are taken before the first step, after the first epoch, and when the training ends.
fn moments(histograms: &BTreeMap<u64, &Histogram>, is_finished: bool) -> BTreeMap<Moment, Histogram> {
    let later = || histograms.range(1..);
    let found = [
        (Moment::Start, histograms.get_key_value(&0)),
        (Moment::FirstEpoch, later().next()),
        (Moment::End, later().next_back().filter(|_| is_finished)),
    ];
    found.into_iter().filter_map(|(moment, found)| Some((moment, (*found?.1).clone()))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_end_of_a_training_is_known_once_it_is_finished() {
        let [first, second, third] = [1.0f32, 2.0, 3.0].map(|value| Histogram::of(&[0.0, value]).unwrap());
        let all = BTreeMap::from([(0, &first), (10, &second), (90, &third)]);
        let tops = |of: &BTreeMap<u64, &Histogram>, finished| -> Vec<(Moment, f64)> {
            moments(of, finished).into_iter().map(|(moment, histogram)| (moment, histogram.to)).collect()
        };
        assert_eq!(tops(&all, true), [(Moment::Start, 1.0), (Moment::FirstEpoch, 2.0), (Moment::End, 3.0)]);
        let begun = BTreeMap::from([(0, &first), (10, &second)]);
        assert_eq!(tops(&begun, false), [(Moment::Start, 1.0), (Moment::FirstEpoch, 2.0)]);
        // The only epoch is the last one too.
        assert_eq!(tops(&begun, true)[2], (Moment::End, 2.0));
        assert!(moments(&BTreeMap::new(), true).is_empty());
    }
}
