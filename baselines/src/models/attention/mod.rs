//! Networks of attention.

baselines! {
    transformer::Transformer,
}
