//! Names of our tensors in the state dicts of the reference programs.
//!
//! Layers have the same names wherever Rust allows it; capitals, wrappers such as `Sequential`, and heads differ. A name
//! starts at the module that the state dict was taken of, so that the functions serve whole networks and single layers.

/// The name in `dwromero/ckconv`: `backbone.0.cconv1.Kernel.kernel_net.4.weight_g`.
pub fn ckconv(name: &str) -> String {
    let name = layers(within_body(name)).replace("head.", "finallyr.");
    // Group normalisation is in a wrapper.
    name.replace("norm1.", "norm1.layer_norm.").replace("norm2.", "norm2.layer_norm.")
}

/// The name in `david-knigge/ccnn`: `blocks.0.conv1.Kernel.filters.0.gamma`.
pub fn ccnn(name: &str) -> String {
    layers(within_body(name)).replace("head.", "out_layer.")
}

/// The name in a network of images of `rjbruin/flexconv`: `blocks.0.cconv1.Kernel.linear.0.weight`.
pub fn flexconv(name: &str) -> String {
    let rename = |part: &str| match part {
        "linears" => "linear".to_owned(),
        "conv1" | "conv2" => format!("c{part}"),
        "head" => "out_layer".to_owned(),
        other => other.to_owned(),
    };
    layers(within_body(name)).split('.').map(rename).collect::<Vec<_>>().join(".")
}

/// The name in a network of sequences (FlexTCN) of `rjbruin/flexconv`: `backbone.0.cconv1.Kernel.linear.0.weight`.
pub fn flextcn(name: &str) -> String {
    flexconv(name).replace("out_layer.", "finallyr.").replace("blocks.", "backbone.")
}

/// The name in a network with layer normalisation of `david-knigge/ccnn`, which wraps it: `blocks.0.norm1.ln.weight`.
pub fn ccnn_layer_norm(name: &str) -> String {
    ["norm1.", "norm2.", "out_norm."].iter().fold(ccnn(name), |name, norm| name.replace(norm, &format!("{norm}ln.")))
}

/// The name in a recurrent `torch.nn` network `rnn` with a linear map `head`: `rnn.weight_ih_l0`.
pub fn torch_recurrent(name: &str) -> String {
    let name = within_body(name);
    match name.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) {
        Some((layer, tensor)) => format!("rnn.{tensor}_l{layer}"),
        None => name.to_owned(),
    }
}

/// The name in a network of `S4Block(layer=…)` around recurrent layers of `torch.nn`, in the backbone of `state-spaces/s4`:
/// `model.layers.0.layer.layer.weight_ih_l0`; of one block, whose layer is called `layer`, `layer.layer.weight_ih_l0`.
pub fn s4_recurrent(name: &str) -> String {
    let parts: Vec<&str> = within_body(name).split('.').collect();
    match parts[..] {
        ["head", tensor] => format!("decoder.output_transform.{tensor}"),
        ["out_norm", tensor] => format!("model.norm.norm.{tensor}"),
        ["norms", layer, tensor] => format!("model.layers.{layer}.norm.norm.{tensor}"),
        ["norm", tensor] => format!("norm.norm.{tensor}"),
        ["layers", layer, ref rest @ ..] => format!("model.layers.{layer}.{}", s4_recurrent_layer(rest)),
        ["layer", ref rest @ ..] => s4_recurrent_layer(rest),
        _ => parts.join("."),
    }
}

/// The same around the tanh cell of `state-spaces/s4`: `model.layers.0.layer.layer.cell.W_hx.weight`.
pub fn s4_tanh(name: &str) -> String {
    let name = s4_recurrent(name);
    let cell = |part: &str| {
        match part {
            "weight_ih_l0" => "cell.W_hx.weight",
            "bias_ih_l0" => "cell.W_hx.bias",
            "weight_hh_l0" => "cell.W_hh.weight",
            "bias_hh_l0" => "cell.W_hh.bias",
            other => other,
        }
        .to_owned()
    };
    name.split('.').map(cell).collect::<Vec<_>>().join(".")
}

/// Within the layer of one block, which may stand by itself.
fn s4_recurrent_layer(parts: &[&str]) -> String {
    match parts {
        ["output_linear", tensor] => format!("layer.output_linear.0.{tensor}"),
        ["layer", tensor] => format!("layer.layer.{tensor}_l0"),
        other => other.join("."),
    }
}

/// The name of a tensor of our minimal recurrent network in `minLM.py` of `lucidrains/minGRU-pytorch`, where the map to
/// candidates and gates is called `gates`: `layers.0.2.to_hidden_and_gate.weight`.
pub fn min_lm(gates: &str, name: &str) -> String {
    let name = within_body(name);
    let part = |part: &str| {
        match part {
            "embedding" => "token_emb.weight",
            "head" => "to_logits",
            "gates" => gates,
            "out" => "to_out",
            "norm1" => "1",
            "rnn" => "2",
            "norm2" => "3",
            "linear1" => "4.0",
            "linear2" => "4.2",
            other => other,
        }
        .to_owned()
    };
    let conv = name.replace("conv.pointwise.", "0.net.1.").replace("conv.", "0.net.0.");
    conv.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// The name in `lru/model.py` of `NicolasZucchet/minimal-LRU`, its Flax modules in the layout of PyTorch:
/// `encoder.layers_0.seq.B_re`, `encoder.layers_0.normalization.weight`, `encoder.layers_0.output_linear.weight`.
pub fn lru(name: &str) -> String {
    let parts: Vec<&str> = within_body(name).split('.').collect();
    match parts[..] {
        ["head", tensor] => format!("decoder.{tensor}"),
        ["encoder", tensor] => format!("encoder.encoder.{tensor}"),
        ["norms", layer, tensor] => format!("encoder.layers_{layer}.normalization.{tensor}"),
        ["layers", layer, ref rest @ ..] => format!("encoder.layers_{layer}.{}", lru_block(rest)),
        _ => lru_block(&parts),
    }
}

/// Within one block, whose layer is called `layer` where it stands by itself.
fn lru_block(parts: &[&str]) -> String {
    match parts {
        ["norm", tensor] => format!("normalization.{tensor}"),
        ["layer", rest @ ..] => lru_block(rest),
        ["output_linear", tensor] => format!("output_linear.{tensor}"),
        [tensor] => format!("seq.{}", lru_recurrence(tensor)),
        other => other.join("."),
    }
}

/// Within the recurrence alone: `B_re`.
pub fn lru_recurrence(name: &str) -> String {
    match name {
        "b_re" | "b_im" | "c_re" | "c_im" | "d" => {
            let (letter, part) = name.split_at(1);
            format!("{}{part}", letter.to_uppercase())
        }
        other => other.to_owned(),
    }
}

/// The name in the network of `example.py` of `state-spaces/s4`: `s4_layers.0.layer.kernel.A_real`.
pub fn s4(name: &str) -> String {
    let part = |part: &str| match part {
        "layers" => "s4_layers".to_owned(),
        "head" => "decoder".to_owned(),
        // The first of a sequence, whose second module is the gate.
        "output_linear" => "output_linear.0".to_owned(),
        "b" | "c" | "d" | "p" => part.to_uppercase(),
        "a_real" | "a_imag" | "log_a_real" => part.replace("a_", "A_"),
        other => other.to_owned(),
    };
    within_body(name).split('.').map(part).collect::<Vec<_>>().join(".")
}

/// The name in a layer or network with long convolutions of `HazyResearch/safari`: `model.layers.0.layer.kernel.kernel`.
pub fn safari(name: &str) -> String {
    let name = within_body(name);
    let parts = name.split('.').collect::<Vec<_>>();
    match parts.as_slice() {
        ["layers", index, rest @ ..] => format!("model.layers.{index}.layer.{}", long_conv(rest)),
        ["norms", index, rest @ ..] => format!("model.layers.{index}.norm.norm.{}", rest.join(".")),
        ["out_norm", rest @ ..] => format!("model.norm.norm.{}", rest.join(".")),
        ["head", rest @ ..] => format!("decoder.{}", rest.join(".")),
        rest => long_conv(rest),
    }
}

/// The name in its `standalone_long_convs.py`: `conv_layers.0.kernel`.
pub fn safari_standalone(name: &str) -> String {
    let name = within_body(name);
    let parts = name.split('.').collect::<Vec<_>>();
    let layer = |rest: &[&str]| long_conv(rest).replace("kernel.kernel", "kernel");
    match parts.as_slice() {
        ["layers", index, rest @ ..] => format!("conv_layers.{index}.{}", layer(rest)),
        ["head", rest @ ..] => format!("decoder.{}", rest.join(".")),
        rest => layer(rest),
    }
}

/// The name in a layer with a long convolution.
fn long_conv(parts: &[&str]) -> String {
    match parts {
        ["d"] => "D".to_owned(),
        // The first of a sequence, whose second module is the gate.
        ["output_linear", rest] => format!("output_linear.0.{rest}"),
        parts => parts.join("."),
    }
}

/// The name in a layer of attention of `IdoAmos/not-from-scratch`: `linears.0.weight` for the queries.
pub fn not_from_scratch_attention(name: &str) -> String {
    const ORDER: [&str; 4] = ["query", "key", "value", "output"];
    let (map, tensor) = name.split_once('.').unwrap_or((name, ""));
    match ORDER.iter().position(|of| *of == map) {
        Some(index) => format!("linears.{index}.{tensor}"),
        None => name.to_owned(),
    }
}

/// The name in its pair of residual blocks that are layer `index` of ours: `layers.1.layer.ff.2.bias` in the first pair.
pub fn not_from_scratch_layer(index: usize, name: &str) -> String {
    let (part, rest) = name.split_once('.').unwrap_or((name, ""));
    let (attention, feed_forward) = (2 * index, 2 * index + 1);
    match part {
        "norm1" => format!("layers.{attention}.norm.norm.{rest}"),
        "norm2" => format!("layers.{feed_forward}.norm.norm.{rest}"),
        "attention" => format!("layers.{attention}.layer.{}", not_from_scratch_attention(rest)),
        "feed_forward" => {
            // A sequence of (a sequence of map and activation), dropout and map.
            let rest = rest.replace("linear1.", "0.0.").replace("linear2.", "2.");
            format!("layers.{feed_forward}.layer.ff.{rest}")
        }
        _ => name.to_owned(),
    }
}

/// The name in its network: `model.layers.0.layer.linears.0.weight`.
///
/// The encoder is a sequence where `sinusoidal` positions follow, and the decoder where it is an `mlp`.
pub fn not_from_scratch(name: &str, sinusoidal: bool, mlp: bool) -> String {
    let name = within_body(name);
    let (part, rest) = name.split_once('.').unwrap_or((name, ""));
    let layer = || {
        let (index, rest) = rest.split_once('.')?;
        Some(not_from_scratch_layer(index.parse().ok()?, rest))
    };
    match part {
        "layers" => layer().map_or_else(|| name.to_owned(), |layer| format!("model.{layer}")),
        "out_norm" => format!("model.norm.norm.{rest}"),
        "encoder" if sinusoidal => format!("encoder.0.{rest}"),
        "hidden" => format!("decoder.0.{rest}"),
        "head" if mlp => format!("decoder.2.{rest}"),
        "head" => format!("decoder.{rest}"),
        _ => name.to_owned(),
    }
}

/// The shape of our tensor `name` in a program that has convolutions of size one over `rank` axes for linear maps: weights
/// `[out, in]` get an axis of length one for each, all others keep their `shape`.
pub fn as_convolution(name: &str, shape: &[usize], rank: usize) -> Vec<usize> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_map = shape.len() == 2 && ["weight", "weight_g", "weight_v"].contains(&last);
    let axes = if is_map { rank } else { 0 };
    shape.iter().copied().chain(std::iter::repeat_n(1, axes)).collect()
}

/// The same where the head alone is a linear map there, too.
pub fn as_convolution_but_head(name: &str, shape: &[usize], rank: usize) -> Vec<usize> {
    if name.starts_with("head.") { shape.to_vec() } else { as_convolution(name, shape, rank) }
}

/// Whether a tensor of a reference program's state dict is no weight.
///
/// Such are counters, flags, cached grids and kernels, and the means of masks, which follow from the settings.
pub fn is_bookkeeping(name: &str) -> bool {
    const LAST: [&str; 9] = [
        "train_length",
        "conv_kernel",
        "num_batches_tracked",
        "initialized",
        "kernel_positions",
        "linspace_stepsize",
        "mask_threshold",
        "mask_mean_param",
        "l_kernel",
    ];
    LAST.contains(&name.rsplit('.').next().unwrap_or(name))
}

fn within_body(name: &str) -> &str {
    name.strip_prefix("body.").unwrap_or(name)
}

/// Names that all convolutional programs share.
fn layers(name: &str) -> String {
    let mut parts = Vec::new();
    let mut within_siren = false;
    for part in name.split('.') {
        parts.push(match (part, part.parse::<usize>()) {
            ("kernel", _) => "Kernel".to_owned(),
            ("shortcut", _) => "shortcut.0".to_owned(),
            // Between the linear maps of a SIREN are a norm, a multiplication and a sine.
            (_, Ok(index)) if within_siren => (4 * index).to_string(),
            (other, _) => other.to_owned(),
        });
        within_siren = part == "kernel_net";
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in state dicts of the programs: `finallyr.weight` of CKCNN is `[10, 30]`, `out_layer.weight` of CCNN `[10, 8, 1]`.
    #[test]
    fn linear_maps_are_convolutions_of_size_one() {
        assert_eq!(as_convolution("body.blocks.0.linear1.weight", &[8, 4], 2), [8, 4, 1, 1]);
        assert_eq!(as_convolution("body.conv1.kernel.kernel_net.0.weight_g", &[16, 1], 1), [16, 1, 1]);
        assert_eq!(as_convolution("body.conv1.kernel.filters.0.gamma", &[8, 2], 2), [8, 2]);
        assert_eq!(as_convolution("body.conv1.bias", &[8], 1), [8]);
        assert_eq!(as_convolution("head.weight", &[10, 8], 1), [10, 8, 1]);
        assert_eq!(as_convolution_but_head("head.weight", &[10, 30], 1), [10, 30]);
    }

    #[test]
    fn names_are_those_of_the_programs() {
        assert_eq!(
            ckconv("body.backbone.0.cconv1.kernel.kernel_net.1.weight_g"),
            "backbone.0.cconv1.Kernel.kernel_net.4.weight_g"
        );
        assert_eq!(ckconv("kernel_net.2.bias"), "kernel_net.8.bias");
        assert_eq!(ckconv("body.backbone.0.norm2.weight"), "backbone.0.norm2.layer_norm.weight");
        assert_eq!(ckconv("body.backbone.0.shortcut.bias"), "backbone.0.shortcut.0.bias");
        assert_eq!(ckconv("head.weight"), "finallyr.weight");
        assert_eq!(ccnn("body.blocks.1.conv1.kernel.filters.0.mu"), "blocks.1.conv1.Kernel.filters.0.mu");
        assert_eq!(ccnn("head.bias"), "out_layer.bias");
        assert_eq!(flexconv("body.blocks.1.conv2.kernel.linears.0.bias"), "blocks.1.cconv2.Kernel.linear.0.bias");
        assert_eq!(flexconv("kernel.filters.0.linear.bias"), "Kernel.filters.0.linear.bias");
        assert_eq!(flexconv("linears.0.bias"), "linear.0.bias");
        assert_eq!(flexconv("head.bias"), "out_layer.bias");
        assert_eq!(flextcn("body.blocks.1.conv2.mask_params"), "backbone.1.cconv2.mask_params");
        assert_eq!(flextcn("head.bias"), "finallyr.bias");
        assert_eq!(ccnn_layer_norm("body.blocks.1.norm1.weight"), "blocks.1.norm1.ln.weight");
        assert_eq!(ccnn_layer_norm("body.out_norm.bias"), "out_norm.ln.bias");
        assert_eq!(torch_recurrent("body.layers.1.weight_ih"), "rnn.weight_ih_l1");
        assert_eq!(torch_recurrent("head.weight"), "head.weight");
        assert_eq!(s4("body.layers.0.layer.kernel.a_real"), "s4_layers.0.layer.kernel.A_real");
        assert_eq!(s4("body.layers.1.output_linear.bias"), "s4_layers.1.output_linear.0.bias");
        assert_eq!(s4("kernel.log_a_real"), "kernel.log_A_real");
        assert_eq!((s4("kernel.c"), s4("head.weight")), ("kernel.C".to_owned(), "decoder.weight".to_owned()));
        assert_eq!(safari("body.layers.1.kernel.kernel"), "model.layers.1.layer.kernel.kernel");
        assert_eq!(safari("body.norms.0.running_mean"), "model.layers.0.norm.norm.running_mean");
        assert_eq!(safari("body.out_norm.weight"), "model.norm.norm.weight");
        assert_eq!((safari("d"), safari("output_linear.bias")), ("D".to_owned(), "output_linear.0.bias".to_owned()));
        assert_eq!((safari("body.encoder.bias"), safari("head.bias")), ("encoder.bias".into(), "decoder.bias".into()));
        assert_eq!(safari_standalone("body.layers.0.kernel.kernel"), "conv_layers.0.kernel");
        assert_eq!(safari_standalone("body.norms.1.weight"), "norms.1.weight");
        assert_eq!((safari_standalone("d"), safari_standalone("head.weight")), ("D".into(), "decoder.weight".into()));
        assert_eq!(not_from_scratch_attention("output.bias"), "linears.3.bias");
        let linear = |name: &str| not_from_scratch(name, false, false);
        assert_eq!(linear("body.layers.1.norm2.weight"), "model.layers.3.norm.norm.weight");
        assert_eq!(linear("body.layers.1.attention.key.weight"), "model.layers.2.layer.linears.1.weight");
        assert_eq!(linear("body.layers.0.feed_forward.linear1.bias"), "model.layers.1.layer.ff.0.0.bias");
        assert_eq!(linear("body.layers.0.feed_forward.linear2.bias"), "model.layers.1.layer.ff.2.bias");
        assert_eq!(linear("body.out_norm.weight"), "model.norm.norm.weight");
        assert_eq!((linear("body.encoder.bias"), linear("head.bias")), ("encoder.bias".into(), "decoder.bias".into()));
        assert_eq!(not_from_scratch("body.encoder.bias", true, false), "encoder.0.bias");
        assert_eq!(not_from_scratch("hidden.bias", false, true), "decoder.0.bias");
        assert_eq!(not_from_scratch("head.bias", false, true), "decoder.2.bias");
        assert_eq!(s4_recurrent("body.layers.1.layer.weight_ih"), "model.layers.1.layer.layer.weight_ih_l0");
        assert_eq!(s4_recurrent("body.layers.1.output_linear.bias"), "model.layers.1.layer.output_linear.0.bias");
        assert_eq!(s4_recurrent("body.norms.1.running_var"), "model.layers.1.norm.norm.running_var");
        assert_eq!(s4_recurrent("body.out_norm.weight"), "model.norm.norm.weight");
        assert_eq!(s4_recurrent("body.encoder.weight"), "encoder.weight");
        assert_eq!(s4_recurrent("head.weight"), "decoder.output_transform.weight");
        assert_eq!(s4_recurrent("layer.layer.bias_hh"), "layer.layer.bias_hh_l0");
        assert_eq!(s4_tanh("body.layers.0.layer.bias_hh"), "model.layers.0.layer.layer.cell.W_hh.bias");
        assert_eq!(s4_tanh("layer.output_linear.weight"), "layer.output_linear.0.weight");
        assert_eq!(s4_tanh("norm.bias"), "norm.norm.bias");
        let gates = "to_hidden_and_gate";
        assert_eq!(min_lm(gates, "layers.1.rnn.gates.weight"), "layers.1.2.to_hidden_and_gate.weight");
        assert_eq!(min_lm(gates, "layers.0.conv.weight"), "layers.0.0.net.0.weight");
        assert_eq!(min_lm(gates, "layers.0.conv.pointwise.bias"), "layers.0.0.net.1.bias");
        assert_eq!(min_lm(gates, "layers.0.linear2.bias"), "layers.0.4.2.bias");
        assert_eq!(min_lm(gates, "body.norm.weight"), "norm.weight");
        assert_eq!(min_lm(gates, "out.weight"), "to_out.weight");
        assert_eq!(lru("body.layers.1.b_re"), "encoder.layers_1.seq.B_re");
        assert_eq!(lru("body.layers.1.output_linear.bias"), "encoder.layers_1.output_linear.bias");
        assert_eq!(lru("body.norms.0.weight"), "encoder.layers_0.normalization.weight");
        assert_eq!(lru("layer.nu_log"), "seq.nu_log");
        assert_eq!(lru("layer.output_linear.weight"), "output_linear.weight");
        assert_eq!((lru("encoder.bias"), lru("head.bias")), ("encoder.encoder.bias".into(), "decoder.bias".into()));
        assert_eq!((lru_recurrence("c_im"), lru_recurrence("d")), ("C_im".to_owned(), "D".to_owned()));
        assert!(is_bookkeeping("s4_layers.0.layer.kernel.l_kernel"));
        assert!(is_bookkeeping("backbone.0.cconv1.train_length"));
        assert!(!is_bookkeeping("backbone.0.cconv1.bias"));
    }
}
