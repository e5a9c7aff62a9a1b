//! Recurrent layers over a whole sequence: LSTM, GRU and Elman RNN with hand-written backpropagation through time.
//!
//! Parameters have PyTorch's shapes and gate order (LSTM `i, f, g, o`; GRU `r, z, n`), and the initial state is zero.
//! Composed from differentiable operations, a recurrence costs time quadratic in its length, for the gradient of every
//! slice is as long as the sequence; as one operation it is linear. Gradients of gradients are not available.

pub mod composed;
#[cfg(feature = "cube")]
mod cube;
mod flex;

use burn::backend::autodiff::{
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::product::ProductOps;

#[cfg(feature = "cube")]
use crate::profile::timed;
#[cfg(feature = "cube")]
use burn::backend::TensorMetadata;

/// The recurrence computed at every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cell {
    /// Long short-term memory.
    Lstm,
    /// Gated recurrent unit, with the reset gate applied after the recurrent product.
    Gru,
    /// Elman network with tanh.
    Rnn,
}

impl Cell {
    /// Rows of the weights per hidden unit.
    pub fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
            Self::Rnn => 1,
        }
    }
}

/// The operands of a recurrent layer, in this order: input `[batch, in, length]`, input weights `[gates · hidden, in]`,
/// recurrent weights `[gates · hidden, hidden]`, input bias and recurrent bias `[gates · hidden]`.
pub type Operands<B> = [FloatTensor<B>; 5];

/// The forward pass as a backend operation.
#[backend_extension(Flex, Cube: cfg(feature = "cube"), LibTorch: cfg(feature = "tch"), Autodiff)]
pub trait RecurrentOps: ProductOps {
    /// Hidden states `[batch, hidden, length]` of non-empty [`Operands`].
    fn recurrent(
        cell: Cell,
        x: FloatTensor<Self>,
        w_ih: FloatTensor<Self>,
        w_hh: FloatTensor<Self>,
        b_ih: FloatTensor<Self>,
        b_hh: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// The hand-written backward pass of [`RecurrentOps`].
pub trait RecurrentGrad: RecurrentOps {
    /// Hidden states, and what the backward pass needs beside them, in the backend's own layout.
    fn recurrent_keeping(cell: Cell, operands: Operands<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of the operands, each where `wanted`, from what [`recurrent_keeping`](Self::recurrent_keeping)
    /// returned and the gradient `g` of the hidden states.
    fn recurrent_backward(
        cell: Cell,
        operands: Operands<Self>,
        y: FloatTensor<Self>,
        kept: FloatTensor<Self>,
        g: FloatTensor<Self>,
        wanted: [bool; 5],
    ) -> [Option<FloatTensor<Self>>; 5];
}

#[cfg(feature = "cube")]
impl RecurrentOps for burn::backend::Cube {
    fn recurrent(
        cell: Cell,
        x: FloatTensor<Self>,
        w_ih: FloatTensor<Self>,
        w_hh: FloatTensor<Self>,
        b_ih: FloatTensor<Self>,
        b_hh: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let operands = [x, w_ih, w_hh, b_ih, b_hh];
        timed::<Self, _>("recurrence", &operands[0].device(), || {
            let found = cube::forward(cell, &operands, false);
            found.unwrap_or_else(|| composed::forward::<Self>(cell, operands, false)).0
        })
    }
}

#[cfg(feature = "cube")]
impl RecurrentGrad for burn::backend::Cube {
    fn recurrent_keeping(cell: Cell, operands: Operands<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        timed::<Self, _>("recurrence", &operands[0].device(), || {
            let found = cube::forward(cell, &operands, true);
            found.unwrap_or_else(|| composed::forward::<Self>(cell, operands, true))
        })
    }

    fn recurrent_backward(
        cell: Cell,
        operands: Operands<Self>,
        y: FloatTensor<Self>,
        kept: FloatTensor<Self>,
        g: FloatTensor<Self>,
        wanted: [bool; 5],
    ) -> [Option<FloatTensor<Self>>; 5] {
        timed::<Self, _>("recurrence backward", &y.device(), || {
            let found = cube::backward(cell, &operands, &y, &kept, &g, wanted);
            found.unwrap_or_else(|| composed::backward::<Self>(cell, operands, y, kept, g, wanted))
        })
    }
}

#[cfg(feature = "tch")]
impl RecurrentOps for burn::backend::LibTorch {
    fn recurrent(
        cell: Cell,
        x: FloatTensor<Self>,
        w_ih: FloatTensor<Self>,
        w_hh: FloatTensor<Self>,
        b_ih: FloatTensor<Self>,
        b_hh: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        composed::forward::<Self>(cell, [x, w_ih, w_hh, b_ih, b_hh], false).0
    }
}

#[cfg(feature = "tch")]
impl RecurrentGrad for burn::backend::LibTorch {
    fn recurrent_keeping(cell: Cell, operands: Operands<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::forward::<Self>(cell, operands, true)
    }

    fn recurrent_backward(
        cell: Cell,
        operands: Operands<Self>,
        y: FloatTensor<Self>,
        kept: FloatTensor<Self>,
        g: FloatTensor<Self>,
        wanted: [bool; 5],
    ) -> [Option<FloatTensor<Self>>; 5] {
        composed::backward::<Self>(cell, operands, y, kept, g, wanted)
    }
}

#[derive(Debug)]
struct RecurrentBackward(Cell);

impl<B: RecurrentGrad> Backward<B, 5> for RecurrentBackward {
    /// Operands, hidden states, and what else was kept.
    type State = (Operands<B>, FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Gradients, _checkpointer: &mut Checkpointer) {
        let g = grads.consume::<B>(&ops.node);
        let (operands, y, kept) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = B::recurrent_backward(self.0, operands, y, kept, g, wanted);
        for (parent, grad) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(grad)) = (parent, grad) {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: RecurrentGrad, C: CheckpointStrategy> RecurrentOps for Autodiff<B, C> {
    fn recurrent(
        cell: Cell,
        x: FloatTensor<Self>,
        w_ih: FloatTensor<Self>,
        w_hh: FloatTensor<Self>,
        b_ih: FloatTensor<Self>,
        b_hh: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let operands = [x, w_ih, w_hh, b_ih, b_hh];
        let guards = operands.each_ref().map(|operand| operand.node());
        let operands = operands.map(|operand| operand.into_primitive());
        match RecurrentBackward(cell).prepare::<C>(guards).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (y, kept) = B::recurrent_keeping(cell, operands.clone());
                prep.finish((operands, y.clone(), kept), y)
            }
            OpsKind::UnTracked(prep) => {
                let [x, w_ih, w_hh, b_ih, b_hh] = operands;
                prep.finish(B::recurrent(cell, x, w_ih, w_hh, b_ih, b_hh))
            }
        }
    }
}

/// LSTM: hidden states `[batch, hidden, length]` of `x` `[batch, in, length]`, with `w_ih` `[4 · hidden, in]`, `w_hh`
/// `[4 · hidden, hidden]` and biases `[4 · hidden]`, gates in the order `i, f, g, o`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn lstm(x: Tensor<3>, w_ih: Tensor<2>, w_hh: Tensor<2>, b_ih: Tensor<1>, b_hh: Tensor<1>) -> Tensor<3> {
    scan(Cell::Lstm, x, w_ih, w_hh, b_ih, b_hh)
}

/// GRU: hidden states `[batch, hidden, length]` of `x` `[batch, in, length]`, with `w_ih` `[3 · hidden, in]`, `w_hh`
/// `[3 · hidden, hidden]` and biases `[3 · hidden]`, gates in the order `r, z, n`, where
/// `n = tanh(W_in x + b_in + r · (W_hn h + b_hn))`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn gru(x: Tensor<3>, w_ih: Tensor<2>, w_hh: Tensor<2>, b_ih: Tensor<1>, b_hh: Tensor<1>) -> Tensor<3> {
    scan(Cell::Gru, x, w_ih, w_hh, b_ih, b_hh)
}

/// Elman RNN with tanh: hidden states `[batch, hidden, length]` of `x` `[batch, in, length]`, with `w_ih`
/// `[hidden, in]`, `w_hh` `[hidden, hidden]` and biases `[hidden]`.
///
/// # Panics
/// If the shapes do not fit together.
pub fn rnn(x: Tensor<3>, w_ih: Tensor<2>, w_hh: Tensor<2>, b_ih: Tensor<1>, b_hh: Tensor<1>) -> Tensor<3> {
    scan(Cell::Rnn, x, w_ih, w_hh, b_ih, b_hh)
}

fn scan(cell: Cell, x: Tensor<3>, w_ih: Tensor<2>, w_hh: Tensor<2>, b_ih: Tensor<1>, b_hh: Tensor<1>) -> Tensor<3> {
    let [b, input, l] = x.dims();
    let h = w_hh.dims()[1];
    let rows = cell.gates() * h;
    assert!(
        w_ih.dims() == [rows, input] && w_hh.dims() == [rows, h] && b_ih.dims() == [rows] && b_hh.dims() == [rows],
        "{cell:?} with {input} inputs and {h} hidden units needs weights [{rows}, {input}] and [{rows}, {h}] and biases \
         [{rows}], not {:?}, {:?}, {:?} and {:?}",
        w_ih.dims(),
        w_hh.dims(),
        b_ih.dims(),
        b_hh.dims(),
    );
    if [b, input, l, h].contains(&0) {
        return Tensor::zeros([b, h, l], (&x.device(), x.dtype()));
    }
    Tensor::from_dispatch(<Dispatch as RecurrentOps>::recurrent(
        cell,
        x.into_dispatch(),
        w_ih.into_dispatch(),
        w_hh.into_dispatch(),
        b_ih.into_dispatch(),
        b_hh.into_dispatch(),
    ))
}
