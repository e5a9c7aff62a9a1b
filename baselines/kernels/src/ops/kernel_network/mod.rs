//! Networks from positions to kernel values: filters of the position, networks of them, masks.

operations! {
    filter_network,
    gabor,
    gaussian_mask,
}
