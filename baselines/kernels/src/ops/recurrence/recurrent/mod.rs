//! Recurrent layers over a whole sequence: LSTM, GRU and Elman RNN with hand-written backpropagation through time.
//!
//! Parameters have PyTorch's shapes and gate order (LSTM `i, f, g, o`; GRU `r, z, n`), and the initial state is zero.
//! Composed from differentiable operations, a recurrence costs time quadratic in its length, for the gradient of every
//! slice is as long as the sequence; as one operation it is linear.

mod cell;
mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;
#[cfg(feature = "tch")]
mod libtorch;

use crate::operation::prelude::*;
use crate::precision::Precision;

pub use cell::RnnCell;

/// Input `[batch, in, length]`, weights `[gates · hidden, in]` and `[gates · hidden, hidden]` and two biases
/// `[gates · hidden]` to the hidden states `[batch, hidden, length]`.
///
/// Where a gradient is wanted, it also returns what the backward pass needs beside them.
#[derive(Debug, Clone)]
struct Recurrence {
    cell: RnnCell,
    /// Of the products with inputs and for gradients; those of a step are never rounded.
    precision: Precision,
    keep: bool,
}

tested!(Recurrence);

impl Operation<5> for Recurrence {
    const TIMED_AS: Option<[&'static str; 2]> = Some(["recurrence", "recurrence backward"]);
    const FLEX: FlexTypes = FlexTypes::F32AndF64;

    fn shape(&self, [x, w_ih, w_hh, b_ih, b_hh]: &[Shape; 5]) -> Shape {
        let (cell, input, h) = (self.cell, x[1], w_hh[1]);
        let rows = cell.gates() * h;
        assert!(
            w_ih[..] == [rows, input] && w_hh[0] == rows && b_ih[..] == [rows] && b_hh[..] == [rows],
            "{cell:?} with {input} inputs and {h} hidden units needs weights [{rows}, {input}] and [{rows}, {h}] and \
             biases [{rows}], not {w_ih:?}, {w_hh:?}, {b_ih:?} and {b_hh:?}",
        );
        Shape::from([x[0], h, x[2]])
    }

    fn tracked(self) -> Self {
        Self { keep: true, ..self }
    }

    /// The operands, the hidden states, and what else was kept.
    fn save<B: Kernels>(&self, inputs: [FloatTensor<B>; 5], outputs: &[FloatTensor<B>]) -> Tensors<B> {
        inputs.into_iter().chain(outputs.iter().cloned()).collect()
    }

    fn composed<B: Kernels>(&self, operands: [FloatTensor<B>; 5]) -> Tensors<B> {
        composed::forward::<B>(self.cell, operands, self.keep, self.precision).into()
    }

    fn composed_backward<B: Kernels>(
        &self,
        mut saved: Tensors<B>,
        g: FloatTensor<B>,
        wanted: [bool; 5],
    ) -> Grads<B, 5> {
        let [y, kept] = take(saved.split_off(5));
        composed::backward::<B>(self.cell, take(saved), [y, kept, g], wanted, self.precision)
    }

    fn flex<T: Element>(&self, operands: [FlexTensor; 5]) -> Tensors<Flex> {
        flex::forward::<T>(self.cell, operands, self.keep).into()
    }

    fn flex_backward<T: Element>(&self, mut saved: Tensors<Flex>, g: FlexTensor, wanted: [bool; 5]) -> Grads<Flex, 5> {
        let [y, kept] = take(saved.split_off(5));
        flex::backward::<T>(self.cell, take(saved), [y, kept, g], wanted)
    }

    #[cfg(feature = "cube")]
    fn cube(&self, operands: &[CubeTensor; 5]) -> Option<Tensors<Cube>> {
        let (y, kept) = cube::forward(self.cell, operands, self.keep, self.precision)?;
        Some(vec![y, kept])
    }

    #[cfg(feature = "cube")]
    fn cube_backward(&self, saved: &[CubeTensor], g: &CubeTensor, wanted: [bool; 5]) -> Option<Grads<Cube, 5>> {
        let (operands, outputs) = saved.split_first_chunk()?;
        let [y, kept] = outputs else { return None };
        cube::backward(self.cell, operands, [y, kept, g], wanted, self.precision)
    }

    #[cfg(feature = "tch")]
    fn libtorch_recorded(&self, inputs: [&TchTensor; 5]) -> Option<Vec<TchTensor>> {
        Some(libtorch::forward(self.cell, inputs))
    }

    #[cfg(test)]
    fn examples() -> Vec<Example<Self, 5>> {
        let of = |cell: RnnCell, [batch, input, length, hidden]: [usize; 4]| {
            let rows = cell.gates() * hidden;
            let operands = [
                Sample::new([batch, input, length], 1),
                Sample::new([rows, input], 2),
                Sample::new([rows, hidden], 3).map(|w| 0.5 * w),
                Sample::new([rows], 4),
                Sample::new([rows], 5),
            ];
            (Self { cell, precision: Precision::Float32, keep: false }, operands)
        };
        let cells = [RnnCell::Lstm, RnnCell::Gru, RnnCell::Rnn];
        cells
            .into_iter()
            .flat_map(|cell| [[3, 2, 7, 4], [19, 3, 40, 5], [2, 3, 2, 33]].map(|size| of(cell, size)))
            .collect()
    }
}

/// LSTM: hidden states `[batch, hidden, length]` of `x` `[batch, in, length]`, with `w_ih` `[4 · hidden, in]`, `w_hh`
/// `[4 · hidden, hidden]` and biases `[4 · hidden]`, gates in the order `i, f, g, o`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn lstm(
    x: Tensor<3>,
    w_ih: Tensor<2>,
    w_hh: Tensor<2>,
    b_ih: Tensor<1>,
    b_hh: Tensor<1>,
    precision: Precision,
) -> Tensor<3> {
    scan(RnnCell::Lstm, x, [w_ih, w_hh], [b_ih, b_hh], precision)
}

/// GRU: hidden states `[batch, hidden, length]` of `x` `[batch, in, length]`, with `w_ih` `[3 · hidden, in]`, `w_hh`
/// `[3 · hidden, hidden]` and biases `[3 · hidden]`, gates in the order `r, z, n`, where
/// `n = tanh(W_in x + b_in + r · (W_hn h + b_hn))`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn gru(
    x: Tensor<3>,
    w_ih: Tensor<2>,
    w_hh: Tensor<2>,
    b_ih: Tensor<1>,
    b_hh: Tensor<1>,
    precision: Precision,
) -> Tensor<3> {
    scan(RnnCell::Gru, x, [w_ih, w_hh], [b_ih, b_hh], precision)
}

/// Elman RNN with tanh: hidden states `[batch, hidden, length]` of `x` `[batch, in, length]`, with `w_ih`
/// `[hidden, in]`, `w_hh` `[hidden, hidden]` and biases `[hidden]`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn rnn(
    x: Tensor<3>,
    w_ih: Tensor<2>,
    w_hh: Tensor<2>,
    b_ih: Tensor<1>,
    b_hh: Tensor<1>,
    precision: Precision,
) -> Tensor<3> {
    scan(RnnCell::Rnn, x, [w_ih, w_hh], [b_ih, b_hh], precision)
}

fn scan(
    cell: RnnCell,
    x: Tensor<3>,
    [w_ih, w_hh]: [Tensor<2>; 2],
    [b_ih, b_hh]: [Tensor<1>; 2],
    precision: Precision,
) -> Tensor<3> {
    let (w_ih, w_hh) = (w_ih.into_dispatch(), w_hh.into_dispatch());
    let operands = [x.into_dispatch(), w_ih, w_hh, b_ih.into_dispatch(), b_hh.into_dispatch()];
    first(Recurrence { cell, precision, keep: false }, operands)
}
