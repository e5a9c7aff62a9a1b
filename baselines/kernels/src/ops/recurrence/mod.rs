//! Recurrences: gated ones step by step, and linear ones as the convolution kernels of state-space models.

operations! {
    recurrent,
    ssm,
}
