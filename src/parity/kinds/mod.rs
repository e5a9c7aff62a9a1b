//! One function per kind of golden.

mod ccnn;
mod ckcnn;
mod flexnet;
mod longconv;
mod lru;
mod minimal;
mod rnn;
mod rnn_block;
mod s4;
mod sequence;
mod transformer;

use baselines::Init;
use baselines::layers::{Frequency, KernelInit, KernelNetwork, KernelNetworkKind, KernelNetworkSpec};
use burn::tensor::Device;

use super::{Comparison, Golden, GoldenError, ParityError, RecordedTensor, Rename, check};

/// Builds what a golden was recorded from, runs it, and compares.
pub(super) type Kind = fn(&Golden, &Device) -> Result<Comparison, ParityError>;

/// Every kind that is supported.
const KINDS: &[(&str, Kind)] = &[
    ("ccnn.magnet", ccnn::magnet),
    ("ccnn.flexconv", ccnn::flexconv),
    ("ccnn.separable_flexconv", ccnn::separable_flexconv),
    ("ccnn.block", ccnn::block),
    ("ccnn.network", ccnn::network),
    ("ccnn.penalty", ccnn::penalty),
    ("ccnn.training", ccnn::training),
    ("ckcnn.kernel", ckcnn::kernel),
    ("ckcnn.conv", ckcnn::conv),
    ("ckcnn.block", ckcnn::block),
    ("ckcnn.network", ckcnn::network),
    ("flexnet.magnet", flexnet::magnet),
    ("flexnet.conv", flexnet::conv),
    ("flexnet.network", flexnet::network),
    ("flextcn.network", flexnet::network),
    ("longconv.kernel", longconv::kernel),
    ("longconv.layer", longconv::layer),
    ("longconv.block", longconv::block),
    ("longconv.network", longconv::network),
    ("lru.layer", lru::layer),
    ("lru.block", lru::block),
    ("lru.network", lru::network),
    ("mingru.layer", minimal::layer),
    ("mingru.network", minimal::network),
    ("minlstm.layer", minimal::layer),
    ("minlstm.network", minimal::network),
    ("rnn.network", rnn::network),
    ("rnn_block.block", rnn_block::block),
    ("rnn_block.network", rnn_block::network),
    ("s4.hippo", s4::hippo),
    ("s4.kernel", s4::kernel),
    ("s4.block", s4::block),
    ("s4.network", s4::network),
    ("s4d.kernel", s4::s4d_kernel),
    ("s4d.layer", s4::s4d_layer),
    ("s4d.network", s4::s4d_network),
    ("transformer.rope", transformer::rope),
    ("transformer.layer", transformer::layer),
    ("transformer.block", transformer::block),
    ("transformer.network", transformer::network),
];

/// The function for goldens of `kind`.
pub(super) fn find(kind: &str) -> Option<Kind> {
    KINDS.iter().find(|(name, _)| *name == kind).map(|&(_, function)| function)
}

/// A MAGNet alone, at `input.positions`, `[1, axes, positions…]`.
fn kernel_network(
    golden: &Golden,
    frequency: Frequency,
    rename: Rename<'_>,
    device: &Device,
) -> Result<Comparison, ParityError> {
    let axes = golden.count("data_dim")?;
    let positions = RecordedTensor::read(golden, "positions", axes, false, device)?;
    // How weights start does not matter: all of them are the golden's.
    let spec = KernelNetworkSpec {
        kind: KernelNetworkKind::Magnet,
        axes,
        hidden: golden.count("hidden")?,
        outputs: golden.count("out_channels")?,
        layers: golden.count("no_layers")?,
        frequency,
        spread: 1.0,
        one_sided: false,
        init: KernelInit::Off,
        output_gain: 1.0,
    };
    let network = KernelNetwork::new(&spec, &mut Init::new(0, &check::autodiff(device)))?;
    let network = check::load(golden, network, rename)?;
    let y = network.forward(&positions.tensor().squeeze_dim::<2>(0));
    check::module(golden, &network, y, Some(&positions), rename)
}

/// The mask's value below which positions are cropped; zero crops nothing.
fn threshold(golden: &Golden) -> Result<f64, GoldenError> {
    if golden.flag_or("dynamic_cropping", true)? { golden.number("mask_threshold") } else { Ok(0.0) }
}

/// Refuse kernels without positions, and centred ones without a middle.
fn centred(sizes: &[usize], causal: bool) -> Result<(), ParityError> {
    match sizes.iter().find(|&&n| n == 0 || (!causal && n % 2 == 0)) {
        Some(size) => {
            Err(ParityError::Unsupported(format!("a centred kernel of {size} positions, which has no middle")))
        }
        None => Ok(()),
    }
}
