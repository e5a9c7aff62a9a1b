//! Settings with which weights that do not fit would fit.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::files::state_dict::{Shapes, StateDictMismatch};

/// What our names of a body's tensors begin with; no reference program has it.
const BODY: &str = "body.";

/// Settings that may give the sizes found: the number of blocks, and fields of `config` whose value is a size wanted. None
/// where a file of `bytes` cannot hold a network of those sizes: one is built to see whether it fits.
pub(super) fn sizes(
    mismatch: &StateDictMismatch,
    shapes: &Shapes,
    config: &Value,
    bytes: usize,
) -> BTreeMap<String, usize> {
    let mut sizes = BTreeMap::new();
    let blocks = shapes.keys().filter_map(|name| {
        let rest = name.trim_start_matches(BODY);
        let rest = rest.strip_prefix("backbone.").or_else(|| rest.strip_prefix("blocks."))?;
        rest.split('.').next()?.parse::<usize>().ok()
    });
    if let (Some(last), Some(blocks)) = (blocks.max(), config["blocks"].as_u64())
        && last as u64 != blocks.wrapping_sub(1)
    {
        sizes.insert("blocks".to_owned(), last.saturating_add(1));
    }
    let fields = config.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_u64()?)));
    let fields: Vec<(&String, u64)> = fields.collect();
    for (_, there, wanted) in &mismatch.misshapen {
        for (&there, &wanted) in there.iter().zip(wanted).filter(|(there, wanted)| there != wanted) {
            for (name, _) in fields.iter().filter(|(_, value)| *value == wanted as u64) {
                // A later tensor is the more telling: the first ones depend on the task's channels too.
                sizes.insert((*name).clone(), there);
            }
        }
    }
    let elements = |shape: &Vec<usize>| shape.iter().fold(1usize, |count, &size| count.saturating_mul(size));
    let held = shapes.values().map(elements).fold(0usize, usize::saturating_add).min(bytes);
    // Some tensor has about the square of a width.
    let possible = |(name, &size): (&String, &usize)| match name.as_str() {
        "blocks" => size <= shapes.len(),
        _ => size.saturating_mul(size) <= held.saturating_mul(4),
    };
    if sizes.iter().all(possible) { sizes } else { BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_that_differ_are_traced_to_settings() {
        let mismatch = StateDictMismatch {
            misshapen: vec![("finallyr.weight".into(), vec![10, 100], vec![10, 30])],
            ..StateDictMismatch::default()
        };
        let names = ["backbone.0.a", "backbone.1.a", "backbone.2.a"];
        let shapes = names.map(|name| (name.to_owned(), vec![100, 100])).into();
        let config = json!({"blocks": 2, "hidden": 30, "kernel_hidden": 32});
        let wanted = BTreeMap::from([("blocks".to_owned(), 3), ("hidden".to_owned(), 100)]);
        assert_eq!(sizes(&mismatch, &shapes, &config, 1 << 20), wanted);
        assert!(sizes(&StateDictMismatch::default(), &Shapes::new(), &config, 1 << 20).is_empty());
        // A small file that claims a network of gigabytes.
        assert!(sizes(&mismatch, &shapes, &config, 100).is_empty());
    }
}
