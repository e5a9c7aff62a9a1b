//! The recurrences.

use burn::backend::tensor::FloatTensor;

/// The recurrence computed at every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RnnCell {
    /// Long short-term memory.
    Lstm,
    /// Gated recurrent unit, with the reset gate applied after the recurrent product.
    Gru,
    /// Elman network with tanh.
    Rnn,
}

impl RnnCell {
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
pub(super) type Operands<B> = [FloatTensor<B>; 5];
