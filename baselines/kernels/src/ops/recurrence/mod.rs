//! Recurrences: gated ones step by step, linear ones with coefficients of their own at every step, and linear ones as the
//! convolution kernels of state-space models.

operations! {
    linear_scan,
    minimal,
    recurrent,
    ssm,
}
