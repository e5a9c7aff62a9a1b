//! Operations on every element by itself: activations, factors and offsets, dropout, shortcuts.

operations! {
    activation,
    channel_affine,
    residual,
}
