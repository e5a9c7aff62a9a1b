//! The lines of `diagnostics.jsonl` that are drawn. Most are not, and reading them as JSON takes longest.

use std::fmt;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use vocabulary::record::Histogram;

use super::layers::LayerQuantity;

/// What is drawn of a [`DiagnosticLine`](vocabulary::record::DiagnosticLine).
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) step: u64,
    pub(super) order: u32,
    pub(super) layer: String,
    pub(super) quantity: Drawn,
    pub(super) value: Option<f64>,
    #[serde(default)]
    pub(super) histogram: Option<Histogram>,
}

/// A quantity that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawn {
    LogitsVariance,
    LogitsMaxAbs,
    LogitsHistogram,
    Orthonormality,
    Orthogonality,
    /// Of the first look alone.
    AtStart(AtStart),
    OfLayers(LayerQuantity),
    /// None of these.
    Other,
}

/// What is drawn of the first look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AtStart {
    Activation,
    Kernel,
    KernelTarget,
}

impl From<&str> for Drawn {
    fn from(quantity: &str) -> Self {
        match quantity {
            "logits.variance" => Self::LogitsVariance,
            "logits.max_abs" => Self::LogitsMaxAbs,
            "logits.histogram" => Self::LogitsHistogram,
            "orthonormality" => Self::Orthonormality,
            "orthogonality" => Self::Orthogonality,
            "activation.variance" => Self::AtStart(AtStart::Activation),
            "kernel.variance" => Self::AtStart(AtStart::Kernel),
            "kernel.target_variance" => Self::AtStart(AtStart::KernelTarget),
            "gradient.norm" => Self::OfLayers(LayerQuantity::Gradient),
            "mask.width" => Self::OfLayers(LayerQuantity::MaskWidth),
            "kernel.taps" => Self::OfLayers(LayerQuantity::KernelSize),
            "kernel.above_nyquist" => Self::OfLayers(LayerQuantity::AboveNyquist),
            _ => Self::Other,
        }
    }
}

impl<'de> Deserialize<'de> for Drawn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Drawn;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a quantity")
            }

            fn visit_str<E>(self, word: &str) -> Result<Drawn, E> {
                Ok(Drawn::from(word))
            }
        }
        deserializer.deserialize_str(Word)
    }
}

/// Whether a line may be one that is drawn.
pub(super) fn is_drawn(line: &[u8]) -> bool {
    static QUANTITY: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"quantity\":"));
    static START: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"step\":0,"));
    let Some(at) = QUANTITY.find(line) else { return true };
    let rest = line[at + QUANTITY.needle().len()..].trim_ascii_start();
    let Some(rest) = rest.strip_prefix(b"\"") else { return true };
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
    match std::str::from_utf8(&rest[..end]).map(Drawn::from) {
        Ok(Drawn::Other) => false,
        // Lines with spaces are none of ours, but may be as good.
        Ok(Drawn::AtStart(_)) => START.find(line).is_some() || line.contains(&b' '),
        _ => true,
    }
}
