//! Normalisations over the batch or the channels.

operations! {
    batch_norm,
    layer_norm,
    running_statistics,
}
