//! Convolutions: of few taps, and of kernels as long as the input.

operations! {
    causal_taps,
    conv,
    long_conv,
}
