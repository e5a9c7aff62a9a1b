//! Sizes of a layer.

use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;

use crate::ops::RnnCell;

/// Sizes of a layer.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) cell: RnnCell,
    pub(super) input: usize,
    pub(super) length: usize,
    pub(super) hidden: usize,
    /// Rows of the weights.
    pub(super) gates: usize,
    /// Activations kept per row and step: LSTM `i, f, g, o, c`; GRU `r, z, n, W_hn h + b_hn`; RNN none.
    pub(super) kept: usize,
}

impl Size {
    pub(super) fn new(cell: RnnCell, x: &FlexTensor, w_hh: &FlexTensor) -> Self {
        let (x, hidden) = (x.shape(), w_hh.shape()[1]);
        let kept = match cell {
            RnnCell::Lstm => 5,
            RnnCell::Gru => 4,
            RnnCell::Rnn => 0,
        };
        Self { cell, input: x[1], length: x[2], hidden, gates: cell.gates() * hidden, kept: kept * hidden }
    }
}
