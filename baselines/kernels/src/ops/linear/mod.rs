//! Matrix products, linear maps over channels, and weighted sums over positions.

operations! {
    matmul_f32,
    pointwise,
    weighted_sum,
}
