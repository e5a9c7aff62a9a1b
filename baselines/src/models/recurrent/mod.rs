//! Recurrent networks, with gates or without, nonlinear in their states or linear.

baselines! {
    gru::Gru,
    lstm::Lstm,
    mingru::MinGru,
    minlstm::MinLstm,
    rnn::Rnn,
}
