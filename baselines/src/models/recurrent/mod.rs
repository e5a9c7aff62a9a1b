//! Recurrent networks with gates or without.

baselines! {
    gru::Gru,
    lstm::Lstm,
    rnn::Rnn,
}
