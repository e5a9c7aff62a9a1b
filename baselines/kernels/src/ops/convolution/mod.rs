//! Convolutions: of few taps, and of kernels as long as the input.

operations! {
    conv,
    long_conv,
}
