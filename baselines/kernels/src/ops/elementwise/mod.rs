//! Operations on every element by itself: activations, factors and offsets, dropout, shortcuts, Gabor filters.

operations! {
    activation,
    channel_affine,
    gabor,
    residual,
}
