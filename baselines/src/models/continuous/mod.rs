//! Networks whose convolution kernels are functions of the position, computed by small networks.

baselines! {
    ccnn::Ccnn,
    ckcnn::Ckcnn,
    flexnet::FlexNet,
}
