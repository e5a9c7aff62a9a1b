//! How far outputs see: gradients with respect to the input.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vocabulary::record::inspection::{Answer, Map, Place, ReceptiveField};

use super::radii::radii;
use super::reduce::{map, means};
use crate::read::read;
use crate::{Forward, ForwardError, Input, Model, ReadError, Readout, Trace};

/// Share of the gradient beyond the output's position from which on a network looks ahead. Transforms leave a rest of rounding
/// there.
const AHEAD: f64 = 1e-4;

/// The receptive field of the features of `model` at one position: the last one where the network is read out there, or looks
/// back only; else the middle one.
pub(super) fn field(model: &dyn Model, inputs: &Input) -> Result<ReceptiveField, ForwardError> {
    let trace = trace(model, inputs)?;
    let place = if trace.readout == Readout::Last && trace.shape.len() == 1 { Place::Last } else { Place::Middle };
    let seen = Seen::from(trace, place)?;
    if place == Place::Middle && seen.shape.len() == 1 && !seen.looks_ahead() {
        return Ok(Seen::from(self::trace(model, inputs)?, Place::Last)?.field(Place::Last));
    }
    Ok(seen.field(place))
}

/// Where the answers of `model` come from; `None` where every position has some.
pub(super) fn answer(model: &dyn Model, inputs: &Input) -> Result<Option<Answer>, ForwardError> {
    let Trace { embedded, shape, lengths, answers, .. } = trace(model, inputs)?;
    let Some(answers) = answers else { return Ok(None) };
    let signs = signs(answers.dims(), &answers);
    let gradient = magnitudes(&embedded, answers * signs)?;
    let positions = shape.iter().product::<usize>().max(1);
    let rows: Vec<&[f64]> = gradient.chunks(positions).collect();
    let valid = |row: usize| lengths.as_ref().map_or(positions, |valid| valid[row]);
    let mean = |position: usize| {
        let values = || rows.iter().enumerate().filter(|(row, _)| position < valid(*row)).map(|(_, row)| row[position]);
        let n = values().count();
        (n > 0).then(|| (position as i64, values().sum::<f64>() / n as f64))
    };
    let points: Vec<(i64, f64)> = (0..positions).filter_map(mean).collect();
    let plane = if let &[rows, columns] = shape.as_slice() { Some([rows, columns]) } else { None };
    Ok(Some(Answer {
        curve: (shape.len() == 1).then(|| means(&points)),
        map: plane.map(|plane| {
            let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
            map(&values, plane, plane.map(|size| size / 2))
        }),
    }))
}

fn trace(model: &dyn Model, inputs: &Input) -> Result<Trace, ForwardError> {
    model.trace(inputs.clone(), &mut Forward::evaluation())
}

/// −1 or 1 for every element of `shape`, always the same ones, on the device of `like`.
///
/// Added as they are, outputs may cancel: those behind a layer normalisation have a constant sum.
fn signs<const D: usize>(shape: [usize; D], like: &Tensor<D>) -> Tensor<D> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let values = (0..shape.iter().product::<usize>()).map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 });
    Tensor::from_data(TensorData::new(values.collect::<Vec<f32>>(), shape), &like.device())
}

/// |d Σ outputs / d embedded|, averaged over the channels: a value per row and position.
fn magnitudes<const D: usize>(embedded: &Tensor<3>, outputs: Tensor<D>) -> Result<Vec<f64>, ReadError> {
    let [rows, channels, positions] = embedded.dims();
    let gradients = outputs.sum().backward();
    let Some(gradient) = embedded.grad(&gradients) else {
        // Nothing depends on the input.
        return Ok(vec![0.0; rows * positions]);
    };
    let values = read(gradient, "the gradient with respect to the input")?;
    let mean = |row: usize, position: usize| {
        let of =
            (0..channels).map(|channel| f64::from(values[(row * channels + channel) * positions + position].abs()));
        of.sum::<f64>() / channels.max(1) as f64
    };
    Ok((0..rows).flat_map(|row| (0..positions).map(move |position| (row, position))).map(|(r, p)| mean(r, p)).collect())
}

/// What the features at one position of every sample have seen.
struct Seen {
    /// Positions per axis.
    shape: Vec<usize>,
    /// |gradient| per row and position.
    values: Vec<f64>,
    /// Per row the position of the input that the features are of, along every axis.
    from: Vec<Vec<usize>>,
    /// Per row the valid positions.
    valid: Vec<usize>,
}

impl Seen {
    /// Differentiates the features of `trace` at `place`.
    fn from(trace: Trace, place: Place) -> Result<Self, ReadError> {
        let Trace { embedded, shape, lengths, features, feature_shape, feature_lengths, .. } = trace;
        let [rows, channels, outputs] = features.dims();
        let positions: usize = shape.iter().product();
        // Along every axis: the places of the output and of the input below it, of rows with so many valid ones.
        let along = |output_valid: usize, input_valid: usize| match place {
            Place::Last => (output_valid.saturating_sub(1), input_valid.saturating_sub(1)),
            Place::Middle if output_valid == input_valid => (output_valid / 2, output_valid / 2),
            Place::Middle => {
                let output = output_valid / 2;
                let below = (output as f64 + 0.5) * input_valid as f64 / output_valid.max(1) as f64 - 0.5;
                (output, (below.max(0.0).round() as usize).min(input_valid.saturating_sub(1)))
            }
        };
        // Features on other axes than those of the input are of the whole of it.
        let same_axes = feature_shape.len() == shape.len();
        let mut selection = vec![0.0f32; rows * outputs];
        let (mut from, mut valid) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let sizes: Vec<(usize, usize)> = match (&lengths, shape.len()) {
                (Some(lengths), 1) => vec![(feature_lengths.as_ref().map_or(outputs, |of| of[row]), lengths[row])],
                _ if same_axes => feature_shape.iter().copied().zip(shape.iter().copied()).collect(),
                _ => shape.iter().map(|&size| (1, size)).collect(),
            };
            let (above, below): (Vec<usize>, Vec<usize>) =
                sizes.into_iter().map(|(output, input)| along(output, input)).unzip();
            let flat = above.iter().zip(&feature_shape).fold(0, |flat, (&at, &size)| flat * size + at);
            let place = if same_axes { flat } else { outputs / 2 };
            if let Some(selected) = selection.get_mut(row * outputs + place) {
                *selected = 1.0;
            }
            from.push(below);
            valid.push(lengths.as_ref().map_or(positions, |lengths| lengths[row]));
        }
        let selection = Tensor::<3>::from_data(TensorData::new(selection, [rows, 1, outputs]), &features.device());
        let signs = signs([rows, channels, 1], &features);
        let values = magnitudes(&embedded, features * selection * signs)?;
        Ok(Self { shape, values, from, valid })
    }

    /// The row, the position and the value of everything that is valid.
    fn all(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        let positions: usize = self.shape.iter().product::<usize>().max(1);
        let all = self.values.iter().enumerate().map(move |(i, &value)| (i / positions, i % positions, value));
        all.filter(|&(row, position, _)| position < self.valid[row])
    }

    /// Whether something behind the position, on a line, has a share in the features there.
    fn looks_ahead(&self) -> bool {
        let total: f64 = self.all().map(|(.., value)| value).sum();
        let ahead: f64 = self.all().filter(|&(row, at, _)| at > self.from[row][0]).map(|(.., value)| value).sum();
        // What is not finite says nothing.
        total.is_nan() || ahead > AHEAD * total
    }

    /// The lag of a position on a line, and the larger of the distances along the axes of a plane or a volume.
    fn lag(&self, row: usize, position: usize) -> i64 {
        if self.shape.len() == 1 {
            return self.from[row][0] as i64 - position as i64;
        }
        let (mut rest, mut distance) = (position, 0);
        for (&size, &from) in self.shape.iter().zip(&self.from[row]).rev() {
            distance = distance.max((rest % size).abs_diff(from));
            rest /= size;
        }
        distance as i64
    }

    fn field(&self, of: Place) -> ReceptiveField {
        let mut by_lag: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
        let mut by_distance = vec![0.0; self.shape.iter().max().copied().unwrap_or(0).max(1)];
        for (row, position, value) in self.all() {
            let lag = self.lag(row, position);
            let sum = by_lag.entry(lag).or_default();
            *sum = (sum.0 + value, sum.1 + 1.0);
            by_distance[lag.unsigned_abs() as usize] += value;
        }
        if of == Place::Last {
            // Nothing comes after the last position.
            by_lag.retain(|lag, _| *lag >= 0);
        }
        let points: Vec<(i64, f64)> = by_lag.into_iter().map(|(lag, (sum, n))| (lag, sum / n)).collect();
        let samples = self.from.len();
        let plane = match (self.shape.as_slice(), self.from.first()) {
            (&[rows, columns], Some(from)) => Some(self.mean_map([rows, columns], [from[0], from[1]])),
            _ => None,
        };
        ReceptiveField { samples, of, curve: means(&points), map: plane, radii: radii(&by_distance) }
    }

    /// The mean over the rows, which are images of one size.
    fn mean_map(&self, shape: [usize; 2], origin: [usize; 2]) -> Map {
        let rows = self.from.len().max(1) as f64;
        let mut mean = vec![0.0; shape[0] * shape[1]];
        for (_, position, value) in self.all() {
            mean[position] += value / rows;
        }
        map(&mean, shape, origin)
    }
}
