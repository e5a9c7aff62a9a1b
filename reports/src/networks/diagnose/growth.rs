//! Growth of the activations from the first layer of a kind to the last.

use std::collections::BTreeMap;

use vocabulary::record::DiagnosticLine;

use super::case::value;

/// First and last of the layers of one kind, which are named alike but for their numbers: of the kinds with several layers the
/// one that ends last. Outputs of convolutions are not compared with those of blocks, nor a first layer with later ones of
/// another form.
pub(super) fn comparable_ends<'a>(lines: &[&'a DiagnosticLine]) -> Option<[&'a str; 2]> {
    let mut kinds: BTreeMap<String, BTreeMap<u32, &str>> = BTreeMap::new();
    for line in lines.iter().filter(|l| l.quantity == "activation.variance") {
        kinds.entry(kind(&line.layer)).or_default().insert(line.order, &line.layer);
    }
    let several = kinds.into_values().filter(|layers| layers.len() > 1);
    let ending_last = several.max_by_key(|layers| layers.last_key_value().map(|(order, _)| *order))?;
    Some([*ending_last.first_key_value()?.1, *ending_last.last_key_value()?.1])
}

/// The name of a layer without its numbers.
fn kind(layer: &str) -> String {
    let numberless =
        |part: &str| if part.bytes().all(|b| b.is_ascii_digit()) { "#".to_owned() } else { part.to_owned() };
    layer.split('.').map(numberless).collect::<Vec<_>>().join(".")
}

/// The variance after the layer `last` over that after `first`.
pub(super) fn growth(lines: &[&DiagnosticLine], [first, last]: [&str; 2], seed: u64) -> Option<f64> {
    let of = |layer: &str| {
        let mut found =
            lines.iter().filter(|l| l.seed == seed && l.quantity == "activation.variance" && l.layer == layer);
        found.next().map(|l| value(l))
    };
    let ratio = of(last)? / of(first)?;
    Some(if ratio.is_nan() { f64::INFINITY } else { ratio })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn line(order: u32, layer: &str, quantity: &str, value: f64) -> DiagnosticLine {
        DiagnosticLine {
            baseline: "b".into(),
            task: "t".into(),
            conditions: BTreeMap::new(),
            seed: 0,
            step: 0,
            order,
            layer: layer.into(),
            quantity: quantity.into(),
            value: Some(value),
            histogram: None,
        }
    }

    fn of(layers: &[(&str, f64)]) -> Option<(String, f64)> {
        let lines: Vec<_> =
            layers.iter().zip(0..).map(|((layer, v), order)| line(order, layer, "activation.variance", *v)).collect();
        let lines: Vec<&DiagnosticLine> = lines.iter().collect();
        let ends = comparable_ends(&lines)?;
        Some((ends.join(" "), growth(&lines, ends, 0).unwrap()))
    }

    #[test]
    fn growth_compares_layers_of_one_kind() {
        let ccnn = [
            ("conv1.depthwise", 1.0),
            ("conv1", 2.0),
            ("blocks.0.conv1.depthwise", 3.0),
            ("blocks.0.conv1", 4.0),
            ("blocks.0", 5.0),
            ("blocks.1.conv1.depthwise", 6.0),
            ("blocks.1.conv1", 7.0),
            ("blocks.1", 20.0),
        ];
        assert_eq!(of(&ccnn), Some(("blocks.0 blocks.1".into(), 4.0)));
        // One block: its two convolutions are of different names, and nothing is compared.
        assert_eq!(of(&[("backbone.0.cconv1", 1.0), ("backbone.0.cconv2", 9.0), ("backbone.0", 3.0)]), None);
        assert_eq!(of(&[("convs.0", 2.0), ("convs.1", 3.0), ("fc", 50.0)]), Some(("convs.0 convs.1".into(), 1.5)));
        assert_eq!(of(&[("layers.2", 2.0), ("layers.10", 1.0)]), Some(("layers.2 layers.10".into(), 0.5)));
        assert_eq!(of(&[]), None);
    }
}
