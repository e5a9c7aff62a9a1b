//! Networks of linear state-space models.

baselines! {
    lru::Lru,
    s4::S4,
    s4d::S4d,
}
