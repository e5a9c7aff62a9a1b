//! Networks of convolutions whose kernels have a weight for every tap.

baselines! {
    cnn::Cnn,
    local::Local,
    longconv::LongConvolution,
    resnet18::Resnet18,
    resnet44::Resnet44,
    stn::Stn,
    tcn::Tcn,
    vgg::Vgg,
}
