//! `diagnose`: what is measured at initialisation.

use super::values::{choice, known_keys, list, mapping_or_nothing};
use crate::experiment::{Content, Diagnosis, Diagnostic, Node, Vary};

/// The mapping `node`; what it leaves out is as by default.
pub(super) fn diagnosis(node: &Node) -> Result<Diagnosis, Diagnostic> {
    let pairs = mapping_or_nothing(node, "diagnose")?;
    known_keys(pairs, "`diagnose`", &["seeds", "samples", "vary"])?;
    let mut read = Diagnosis::default();
    for pair in pairs {
        let value = &pair.value;
        match pair.key.as_str() {
            "seeds" => read.seeds = count(value, "seeds", 1000)?,
            "samples" => read.samples = count(value, "samples", 4096)?,
            _ => read.vary = vary(value)?,
        }
    }
    Ok(read)
}

fn vary(value: &Node) -> Result<Vec<Vary>, Diagnostic> {
    let words = [("initialisation", Vary::Initialisation), ("norm", Vary::Norm), ("depth", Vary::Depth)];
    let mut found = Vec::new();
    for item in list(value, "vary", "[initialisation, norm]")? {
        let chosen = choice(item, "vary", &words)?;
        if found.contains(&chosen) {
            return Err(Diagnostic::at(item.at, "it stands twice under `vary`"));
        }
        found.push(chosen);
    }
    Ok(found)
}

fn count(value: &Node, what: &str, most: u64) -> Result<u64, Diagnostic> {
    let number = match &value.content {
        Content::Number(number) => number.plain().and_then(|number| number.as_u64()),
        _ => None,
    };
    number.filter(|number| (1..=most).contains(number)).ok_or_else(|| {
        let message = format!("`{what}` must be a whole number from 1 to {most}; found {}", value.describe());
        Diagnostic::at(value.at, message)
    })
}
