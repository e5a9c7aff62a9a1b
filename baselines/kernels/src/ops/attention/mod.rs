//! Attention.

operations! {
    scaled_dot_product,
}
