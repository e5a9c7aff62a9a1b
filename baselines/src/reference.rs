//! Names that our tensors have in the reference programs.
//!
//! Layers are named as there wherever Rust allows it; what is left are capitals, wrappers such as `Sequential`, and the
//! names of the heads. A name is given from the module on that a state dict was taken of, so the functions serve whole
//! networks and single layers.

/// In `dwromero/ckconv`: `backbone.0.cconv1.Kernel.kernel_net.4.weight_g`.
pub fn ckconv(name: &str) -> String {
    let name = layers(within_body(name)).replace("head.", "finallyr.");
    // Group normalisation stands in a wrapper.
    name.replace("norm1.", "norm1.layer_norm.").replace("norm2.", "norm2.layer_norm.")
}

/// In `david-knigge/ccnn`: `blocks.0.conv1.Kernel.filters.0.gamma`.
pub fn ccnn(name: &str) -> String {
    layers(within_body(name)).replace("head.", "out_layer.")
}

/// The same for a network with layer normalisation, which stands in a wrapper there: `blocks.0.norm1.ln.weight`.
pub fn ccnn_layer_norm(name: &str) -> String {
    ["norm1.", "norm2.", "out_norm."].iter().fold(ccnn(name), |name, norm| name.replace(norm, &format!("{norm}ln.")))
}

/// In a `torch.nn` recurrent network called `rnn` with a linear map called `head`: `rnn.weight_ih_l0`.
pub fn torch_recurrent(name: &str) -> String {
    let name = within_body(name);
    match name.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) {
        Some((layer, tensor)) => format!("rnn.{tensor}_l{layer}"),
        None => name.to_owned(),
    }
}

/// In `state-spaces/s4`: `s4_layers.0.layer.kernel.A_real` of the network of `example.py`.
pub fn s4(name: &str) -> String {
    let part = |part: &str| match part {
        "layers" => "s4_layers".to_owned(),
        "head" => "decoder".to_owned(),
        // The gate stands behind the linear map in a sequence.
        "output_linear" => "output_linear.0".to_owned(),
        "b" | "c" | "d" | "p" => part.to_uppercase(),
        "a_real" | "a_imag" | "log_a_real" => part.replace("a_", "A_"),
        other => other.to_owned(),
    };
    within_body(name).split('.').map(part).collect::<Vec<_>>().join(".")
}

/// Tensors of the programs' state dicts that are no weights: counters, flags, cached grids and kernels, and the means of
/// masks, which follow from the settings.
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

/// What both convolutional programs have in common.
fn layers(name: &str) -> String {
    let mut parts = Vec::new();
    let mut within_siren = false;
    for part in name.split('.') {
        parts.push(match (part, part.parse::<usize>()) {
            ("kernel", _) => "Kernel".to_owned(),
            ("shortcut", _) => "shortcut.0".to_owned(),
            // Between the linear maps of a SIREN stand a norm, a multiplication and a sine.
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
        assert_eq!(ccnn_layer_norm("body.blocks.1.norm1.weight"), "blocks.1.norm1.ln.weight");
        assert_eq!(ccnn_layer_norm("body.out_norm.bias"), "out_norm.ln.bias");
        assert_eq!(torch_recurrent("body.layers.1.weight_ih"), "rnn.weight_ih_l1");
        assert_eq!(torch_recurrent("head.weight"), "head.weight");
        assert_eq!(s4("body.layers.0.layer.kernel.a_real"), "s4_layers.0.layer.kernel.A_real");
        assert_eq!(s4("body.layers.1.output_linear.bias"), "s4_layers.1.output_linear.0.bias");
        assert_eq!(s4("kernel.log_a_real"), "kernel.log_A_real");
        assert_eq!((s4("kernel.c"), s4("head.weight")), ("kernel.C".to_owned(), "decoder.weight".to_owned()));
        assert!(is_bookkeeping("s4_layers.0.layer.kernel.l_kernel"));
        assert!(is_bookkeeping("backbone.0.cconv1.train_length"));
        assert!(!is_bookkeeping("backbone.0.cconv1.bias"));
    }
}
