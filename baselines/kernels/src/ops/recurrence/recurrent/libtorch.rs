//! LibTorch's recurrent layers: oneDNN's LSTM on the CPU, cuDNN on a GPU.

use tch::Tensor;

use super::cell::RnnCell;

/// The hidden states, `[batch, hidden, length]`.
pub(super) fn forward(cell: RnnCell, [x, w_ih, w_hh, b_ih, b_hh]: [&Tensor; 5]) -> Vec<Tensor> {
    let (batch, hidden) = (x.size()[0], w_hh.size()[1]);
    let x = x.permute([2, 0, 1]);
    let start = Tensor::zeros([1, batch, hidden], (x.kind(), x.device()));
    let parameters = [w_ih, w_hh, b_ih, b_hh];
    // Backward passes need a forward pass for training.
    let train = x.requires_grad();
    let states = match cell {
        RnnCell::Lstm => x.lstm(&[&start, &start], &parameters, true, 1, 0.0, train, false, false).0,
        RnnCell::Gru => x.gru(&start, &parameters, true, 1, 0.0, train, false, false).0,
        RnnCell::Rnn => x.rnn_tanh(&start, &parameters, true, 1, 0.0, train, false, false).0,
    };
    vec![states.permute([1, 2, 0])]
}
