//! Losses, and the score of predictions, for every kind of target.

use baselines::{
    Output, ReadError,
    kernels::cross_entropy,
    read::{read, read_all},
};
use burn::tensor::{Tensor, TensorData};
use datasets::{Metric, OutputSpec, Targets};
use vocabulary::record::SampleOutcome;

use super::ranking::Ranking;

/// Sums over samples (or labelled steps), so that batches of any size add up to the same value.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Score {
    /// Sum of the losses of all targets.
    pub(crate) loss: f64,
    /// Correct labels.
    pub(crate) correct: u64,
    /// Targets counted.
    pub(crate) targets: u64,
    /// Logits of two classes, where the metric needs them.
    #[serde(default, skip_serializing_if = "Ranking::is_empty")]
    pub(crate) ranking: Ranking,
}

impl Score {
    /// Mean loss; not a number where nothing was counted.
    pub(crate) fn mean_loss(&self) -> f64 {
        if self.targets == 0 { f64::NAN } else { self.loss / self.targets as f64 }
    }

    /// The task's metric: accuracy, the mean squared error (which is the loss of regression), the loss in bits, or the
    /// area under the receiver operating characteristic (not a number where a class has no sample). Not a number where the
    /// loss is not one, for some outputs then are none either, nor where nothing was counted.
    pub(crate) fn metric(&self, metric: Metric) -> f64 {
        match metric {
            _ if self.mean_loss().is_nan() => f64::NAN,
            Metric::Accuracy => self.correct as f64 / self.targets as f64,
            Metric::MeanSquaredError => self.mean_loss(),
            Metric::BitsPerCharacter => self.mean_loss() / std::f64::consts::LN_2,
            Metric::AreaUnderRoc => self.ranking.area(),
        }
    }

    /// Loss and metric in words.
    pub(crate) fn describe(&self, metric: Metric) -> String {
        let loss = self.mean_loss();
        match metric {
            Metric::Accuracy => format!("loss {loss:.4}, accuracy {:.2} %", 100.0 * self.metric(metric)),
            Metric::AreaUnderRoc => format!("loss {loss:.4}, AUC {:.4}", self.metric(metric)),
            Metric::BitsPerCharacter => format!("{:.4} bits per character", self.metric(metric)),
            Metric::MeanSquaredError => format!("mean squared error {loss:.5}"),
        }
    }

    /// Add the score of another batch of a task with this `metric`.
    pub(crate) fn add(&mut self, other: &Self, metric: Metric) {
        self.loss += other.loss;
        self.correct += other.correct;
        self.targets += other.targets;
        if metric == Metric::AreaUnderRoc {
            self.ranking.extend(&other.ranking);
        }
    }
}

/// A batch whose loss is known to the device.
pub(crate) struct Evaluated {
    /// Its mean loss, `[1]`.
    pub(crate) loss: Tensor<1>,
    /// What else its score needs.
    pub(crate) pending: Pending,
}

/// What the score of a batch needs beside its loss. It is read from the device when it suits: for a GPU, whatever reads waits until
/// all that was asked for before is done.
pub(crate) struct Pending {
    /// Where labels are guessed: logits, row-major.
    logits: Option<Tensor<1>>,
    guesses: Guesses,
}

/// How predictions are compared with targets.
enum Guesses {
    /// Logits `[batch, classes, positions]`.
    Classes { classes: usize, positions: usize },
    /// Logits `[batch]` of the second of two classes.
    Binary,
    /// Nothing is guessed; so many samples.
    Values { samples: usize },
}

impl Pending {
    /// The mean losses, of which the first is that of the batch, and its score without the loss, in one transfer.
    ///
    /// # Errors
    /// They cannot be read from the device.
    pub(crate) fn read(self, losses: Vec<Tensor<1>>, targets: &Targets) -> Result<(Vec<f64>, Score), ReadError> {
        let first = losses.len();
        let tensors = losses.into_iter().chain(self.logits).collect();
        let mut values = read_all(tensors, "the loss and the logits")?;
        let logits = values.split_off(first).pop().unwrap_or_default();
        let score = match (self.guesses, targets) {
            (Guesses::Classes { classes, positions }, Targets::Labels(labels)) => {
                of_classes(&logits, [classes, positions], labels)
            }
            (Guesses::Binary, Targets::Labels(labels)) => of_two_classes(&logits, labels),
            (Guesses::Values { samples }, _) => Score { targets: samples as u64, ..Score::default() },
            (_, Targets::Values(_)) => Score::default(),
        };
        Ok((values.iter().flatten().map(|&loss| f64::from(loss)).collect(), score))
    }
}

impl Evaluated {
    fn values((loss, samples): (Tensor<1>, usize)) -> Self {
        Self { loss, pending: Pending { logits: None, guesses: Guesses::Values { samples } } }
    }

    /// The score of the batch, with its loss.
    ///
    /// # Errors
    /// It cannot be read from the device.
    pub(crate) fn score(self, targets: &Targets) -> Result<Score, ReadError> {
        let (losses, score) = self.pending.read(vec![self.loss], targets)?;
        let mean = losses.first().copied().unwrap_or(f64::NAN);
        Ok(Score { loss: mean * score.targets as f64, ..score })
    }
}

/// The loss of a batch. Nothing is read from the device.
pub(crate) fn evaluate(output: Output, targets: &Targets, spec: &OutputSpec) -> Evaluated {
    match (spec, output, targets) {
        (OutputSpec::Binary, Output::Sample(logits), Targets::Labels(labels)) => binary(logits, labels),
        (OutputSpec::Regression(_), Output::Sample(values), Targets::Values(wanted)) => {
            Evaluated::values(regression(values, wanted))
        }
        (_, Output::Sample(logits), Targets::Labels(labels)) => classes(logits.unsqueeze_dim(2), labels),
        (_, Output::Step(logits), Targets::Labels(labels)) => classes(logits, labels),
        (_, Output::Step(values), Targets::Values(wanted)) => {
            let [batch, outputs, length] = values.dims();
            Evaluated::values(regression(values.swap_dims(1, 2).reshape([batch, length * outputs]), wanted))
        }
        (_, Output::Sample(values), Targets::Values(wanted)) => Evaluated::values(regression(values, wanted)),
    }
}

/// What `output` makes of every sample of a batch, where each has one label; nothing for other targets.
///
/// # Errors
/// The logits cannot be read from the device.
pub(crate) fn outcomes(output: &Output, targets: &Targets) -> Result<Vec<SampleOutcome>, ReadError> {
    let (Output::Sample(logits), Targets::Labels(labels)) = (output, targets) else { return Ok(Vec::new()) };
    let of = |(row, &label): (&[f32], &i32)| {
        // A single logit is that of the second of two classes, the first has 0.
        let logits = if let [logit] = row { vec![0.0, *logit] } else { row.to_vec() };
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
        let own = logits.get(label as usize).copied().unwrap_or(f32::NAN);
        let loss = (sum.ln() + f64::from(most) - f64::from(own)) as f32;
        SampleOutcome { label, prediction: argmax(&logits, 1)[0], loss }
    };
    Ok(host(logits)?.chunks_exact(logits.dims()[1].max(1)).zip(labels).map(of).collect())
}

/// Cross-entropy of logits `[batch, classes, positions]`; positions with label −1 do not count.
fn classes(logits: Tensor<3>, labels: &[i32]) -> Evaluated {
    let [_, classes, positions] = logits.dims();
    let pending = Pending { logits: Some(flat(&logits)), guesses: Guesses::Classes { classes, positions } };
    Evaluated { loss: cross_entropy(logits, labels), pending }
}

fn of_classes(values: &[f32], [classes, positions]: [usize; 2], labels: &[i32]) -> Score {
    let counted = labels.iter().filter(|&&label| label >= 0).count();
    let items = || values.chunks_exact((classes * positions).max(1)).zip(labels.chunks_exact(positions.max(1)));
    let right = |(logits, labels): (&[f32], &[i32])| {
        argmax(logits, positions).into_iter().zip(labels).filter(|(guess, label)| guess == *label).count()
    };
    let correct = items().map(right).sum::<usize>();
    let mut ranking = Ranking::default();
    if classes == 2 {
        for (logits, labels) in items() {
            let (first, second) = logits.split_at(positions);
            for ((first, second), &label) in first.iter().zip(second).zip(labels).filter(|(_, label)| **label >= 0) {
                ranking.push(second - first, label == 1);
            }
        }
    }
    Score { loss: 0.0, correct: correct as u64, targets: counted as u64, ranking }
}

/// Binary cross-entropy of logits `[batch, 1]`, in the form that cannot overflow.
fn binary(logits: Tensor<2>, labels: &[i32]) -> Evaluated {
    let device = logits.device();
    let pending = Pending { logits: Some(flat(&logits)), guesses: Guesses::Binary };
    let wanted: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
    let wanted = Tensor::<2>::from_data(TensorData::new(wanted, [labels.len(), 1]), &device);
    let softplus = (logits.clone().abs().neg().exp() + 1.0).log();
    let loss = (logits.clone().clamp_min(0.0) - logits * wanted + softplus).mean();
    Evaluated { loss, pending }
}

fn of_two_classes(logits: &[f32], labels: &[i32]) -> Score {
    let right = |(logit, label): &(&f32, &i32)| !logit.is_nan() && (**logit > 0.0) == (**label == 1);
    let correct = logits.iter().zip(labels).filter(right).count();
    let mut ranking = Ranking::default();
    logits.iter().zip(labels).for_each(|(logit, label)| ranking.push(*logit, *label == 1));
    Score { loss: 0.0, correct: correct as u64, targets: labels.len() as u64, ranking }
}

/// Mean squared error of values `[batch, outputs]`, and the number of samples.
fn regression(values: Tensor<2>, wanted: &[f32]) -> (Tensor<1>, usize) {
    let device = values.device();
    let wanted = Tensor::<2>::from_data(TensorData::new(wanted.to_vec(), values.dims()), &device);
    let rows = values.dims()[0];
    let error = values - wanted;
    ((error.clone() * error).mean(), rows)
}

fn flat<const D: usize>(logits: &Tensor<D>) -> Tensor<1> {
    let elements = logits.dims().iter().product::<usize>();
    logits.clone().inner().reshape([elements])
}

/// Values on the host, row-major.
fn host<const D: usize>(logits: &Tensor<D>) -> Result<Vec<f32>, ReadError> {
    read(logits.clone().inner(), "the logits")
}

/// Per position, the index of the first class with the largest of `values` `[classes, positions]`; −2, which is no label,
/// where one of them is not a number.
fn argmax(values: &[f32], positions: usize) -> Vec<i32> {
    let mut best = vec![0; positions];
    let mut most = values[..positions].to_vec();
    for (class, row) in values.chunks_exact(positions).enumerate() {
        for ((best, most), &value) in best.iter_mut().zip(&mut most).zip(row) {
            if value > *most {
                (*best, *most) = (class as i32, value);
            } else if value.is_nan() {
                (*best, *most) = (-2, f32::INFINITY);
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::tensor::Device;

    fn rows<const R: usize, const C: usize>(values: [[f32; C]; R]) -> Output {
        Output::Sample(Tensor::from_data(values, &Device::flex()))
    }

    /// Mean loss, and score without it.
    fn scored(output: Output, targets: &Targets, spec: &OutputSpec) -> (f64, Score) {
        let Evaluated { loss, pending } = evaluate(output, targets, spec);
        let (losses, score) = pending.read(vec![loss], targets).unwrap();
        (losses[0], score)
    }

    #[test]
    fn cross_entropy_matches_a_hand_computed_value() {
        let (loss, score) =
            scored(rows([[1.0, 2.0, 0.5], [0.0, 0.0, 3.0]]), &Targets::Labels(vec![1, 0]), &OutputSpec::Classes(3));
        let first = -(2.0 - (1f64.exp() + 2f64.exp() + 0.5f64.exp()).ln());
        let second = -(0.0 - (1.0 + 1.0 + 3f64.exp()).ln());
        assert!((loss - (first + second) / 2.0).abs() < 1e-6);
        assert_eq!((score.correct, score.targets), (1, 2));
    }

    #[test]
    fn steps_without_a_label_count_neither_in_the_loss_nor_in_the_accuracy() {
        let steps = Tensor::<3>::from_data([[[5.0f32, 0.0, 1.0], [0.0, 7.0, 0.0]]], &Device::flex());
        let (loss, score) = scored(Output::Step(steps), &Targets::Labels(vec![-1, 1, 0]), &OutputSpec::PerStep(2));
        let wanted = (-(7.0 - (1.0 + 7f64.exp()).ln()) - (1.0 - (1f64.exp() + 1.0).ln())) / 2.0;
        assert!((loss - wanted).abs() < 1e-6);
        assert_eq!((score.correct, score.targets), (2, 2));
    }

    #[test]
    fn binary_loss_is_right_and_finite_for_huge_logits() {
        let (loss, score) = scored(rows([[200.0], [-1.0]]), &Targets::Labels(vec![0, 0]), &OutputSpec::Binary);
        assert!((loss - (200.0 + (1.0 + (-1f64).exp()).ln()) / 2.0).abs() < 1e-4);
        assert_eq!((score.correct, score.targets), (1, 2));
    }

    #[test]
    fn two_classes_are_ranked_in_either_form_and_over_all_batches() {
        let binary = |logits: [[f32; 1]; 2], labels: [i32; 2]| {
            scored(rows(logits), &Targets::Labels(labels.into()), &OutputSpec::Binary).1
        };
        let mut total = Score::default();
        total.add(&binary([[0.5], [-1.0]], [1, 0]), Metric::AreaUnderRoc);
        total.add(&binary([[0.5], [2.0]], [0, 0]), Metric::AreaUnderRoc);
        // Better than one, equal to one, worse than one.
        assert_eq!(total.metric(Metric::AreaUnderRoc), 0.5);
        let logits = [[0.0, 0.5], [1.5, 0.5], [-0.5, 0.0], [1.0, 3.0]];
        let (_, score) = scored(rows(logits), &Targets::Labels(vec![1, 0, 0, 0]), &OutputSpec::Classes(2));
        assert_eq!(score.metric(Metric::AreaUnderRoc), 0.5);
        // Only the metric that needs the logits keeps them, and a checkpoint gives them back.
        let mut plain = Score::default();
        plain.add(&score, Metric::Accuracy);
        assert!(plain.ranking.is_empty() && !serde_json::to_string(&plain).unwrap().contains("ranking"));
        let text = serde_json::to_string(&total).unwrap();
        assert_eq!(serde_json::from_str::<Score>(&text).unwrap(), total);
        assert_eq!(serde_json::from_str::<Score>(r#"{"loss":1.0,"correct":2,"targets":3}"#).unwrap().targets, 3);
    }

    #[test]
    fn outputs_that_are_not_numbers_are_no_guesses_and_have_no_accuracy() {
        let logits = [[f32::NAN, 1.0], [0.0, f32::NAN], [f32::INFINITY, f32::NAN], [3.0, 1.0]];
        let (loss, mut score) = scored(rows(logits), &Targets::Labels(vec![0, 0, 0, 0]), &OutputSpec::Classes(2));
        assert_eq!((score.correct, score.targets), (1, 4));
        score.loss = loss * 4.0;
        assert!(score.metric(Metric::Accuracy).is_nan() && score.mean_loss().is_nan());
        let (_, score) = scored(rows([[f32::NAN], [-1.0]]), &Targets::Labels(vec![0, 0]), &OutputSpec::Binary);
        assert_eq!(score.correct, 1);
        let none = Score::default();
        assert!(none.mean_loss().is_nan() && none.metric(Metric::Accuracy).is_nan());
    }

    #[test]
    fn outcomes_are_those_of_the_score() {
        let outcomes_of = |output: Output, labels: Vec<i32>, spec: OutputSpec| {
            let targets = Targets::Labels(labels);
            let found = outcomes(&output, &targets).unwrap();
            let (loss, score) = scored(output, &targets, &spec);
            let right = found.iter().filter(|outcome| outcome.is_right()).count();
            assert_eq!((found.len() as u64, right as u64), (score.targets, score.correct));
            let mean = found.iter().map(|outcome| f64::from(outcome.loss)).sum::<f64>() / found.len() as f64;
            assert!((mean - loss).abs() < 1e-6 * mean.max(1.0));
            found.iter().map(|outcome| outcome.prediction).collect::<Vec<_>>()
        };
        let logits = [[1.0, 2.0, 0.5], [0.0, 0.0, 3.0], [90.0, -90.0, 1.0]];
        assert_eq!(outcomes_of(rows(logits), vec![1, 0, 1], OutputSpec::Classes(3)), [1, 2, 0]);
        assert_eq!(outcomes_of(rows([[80.0], [-1.0], [0.0]]), vec![0, 0, 1], OutputSpec::Binary), [1, 0, 0]);
        let steps = Output::Step(Tensor::<3>::from_data([[[5.0f32], [0.0]]], &Device::flex()));
        assert!(outcomes(&steps, &Targets::Labels(vec![1])).unwrap().is_empty());
        let broken = outcomes(&rows([[f32::NAN, 1.0]]), &Targets::Labels(vec![1])).unwrap();
        assert!(broken[0].prediction == -2 && broken[0].loss.is_nan());
    }

    #[test]
    fn regression_is_the_mean_squared_error() {
        let (loss, score) = scored(rows([[1.0], [3.0]]), &Targets::Values(vec![0.0, 5.0]), &OutputSpec::Regression(1));
        assert!((loss - 2.5).abs() < 1e-6);
        assert_eq!(score.targets, 2);
    }
}
