//! Which of our layers is which of the recorded ones.

use super::recorded::Program;

/// A layer of ours, and what of it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counterpart {
    /// As in a `DiagnosticLine`.
    pub(super) layer: String,
    /// `activation.variance`, `kernel.variance` or `logits.variance`.
    pub(super) quantity: &'static str,
}

/// Our counterpart of the recorded `layer`; none where we have no such layer.
///
/// The recorded names count the forward pass: `01_block0_conv1_out` is the output of the first convolution of the first block,
/// `01_block0_conv1_kernel_std` its sampled kernel, `01_block0_out` the output of the block. The programs of CKCNN and FlexNet
/// call their convolutions `cconv1` and `cconv2`, and that of CKCNN its blocks `backbone`.
pub(super) fn counterpart(program: Program, layer: &str) -> Option<Counterpart> {
    let (_, name) = layer.split_once('_')?;
    if name == "logits" {
        return Some(Counterpart { layer: "head".to_owned(), quantity: "logits.variance" });
    }
    let (place, quantity) = match name.strip_suffix("_kernel_std") {
        Some(place) => (place, "kernel.variance"),
        None => (name.strip_suffix("_out").unwrap_or(name), "activation.variance"),
    };
    let (block, convolution) = match place.strip_prefix("block") {
        Some(rest) => {
            let (number, convolution) = rest.split_once('_').map_or((rest, None), |(n, conv)| (n, Some(conv)));
            (Some(number.parse::<u32>().ok()?), convolution)
        }
        None => (None, Some(place)),
    };
    let convolution = match convolution {
        Some(name) => Some(own_convolution(program, name)?),
        None => None,
    };
    let list = if program == Program::Ckconv { "backbone" } else { "blocks" };
    let block = block.map(|number| format!("{list}.{number}"));
    let layer = match (block, convolution) {
        (Some(block), Some(convolution)) => format!("{block}.{convolution}"),
        (Some(block), None) => block,
        (None, convolution) => convolution?,
    };
    Some(Counterpart { layer, quantity })
}

/// Our name of a convolution.
fn own_convolution(program: Program, name: &str) -> Option<String> {
    let own = match (program, name) {
        (Program::Ckconv, "cconv1" | "cconv2") => name,
        (Program::Flexconv, "cconv1") | (Program::Ccnn, "conv1") => "conv1",
        (Program::Flexconv, "cconv2") | (Program::Ccnn, "conv2") => "conv2",
        (Program::Ccnn, "conv1_depthwise") => "conv1.depthwise",
        _ => return None,
    };
    Some(own.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::recorded::recorded;
    use super::*;

    #[test]
    fn layers_are_named_as_ours() {
        for (program, recorded, layer, quantity) in [
            (Program::Ccnn, "00_conv1_depthwise", "conv1.depthwise", "activation.variance"),
            (Program::Ccnn, "00_conv1_kernel_std", "conv1", "kernel.variance"),
            (Program::Ccnn, "12_block11_conv2_out", "blocks.11.conv2", "activation.variance"),
            (Program::Ckconv, "01_block0_cconv1_kernel_std", "backbone.0.cconv1", "kernel.variance"),
            (Program::Ckconv, "02_block1_out", "backbone.1", "activation.variance"),
            (Program::Flexconv, "00_cconv1_out", "conv1", "activation.variance"),
            (Program::Flexconv, "01_block0_cconv2_out", "blocks.0.conv2", "activation.variance"),
            (Program::Flexconv, "99_logits", "head", "logits.variance"),
        ] {
            let found = counterpart(program, recorded).unwrap();
            assert_eq!((found.layer.as_str(), found.quantity), (layer, quantity), "{recorded}");
        }
        for unknown in ["", "conv1", "00_pool_out", "01_blockx_out", "01_block0_cconv3_out"] {
            assert_eq!(counterpart(Program::Flexconv, unknown), None, "{unknown}");
        }
    }

    #[test]
    fn every_recorded_layer_has_a_counterpart() {
        for network in recorded().unwrap() {
            for layer in &network.layers {
                assert!(counterpart(network.row.program, &layer.layer).is_some(), "{}: {}", network.name, layer.layer);
            }
        }
    }
}
