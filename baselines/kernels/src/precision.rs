//! Precision of the large matrix products on GPUs.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the operands of the large matrix products are rounded: maps over channels, and the products with inputs and for
/// gradients of recurrent layers. Sums, and everything else (convolutions, recurrences, normalisation, kernels, losses,
/// weights and their updates), stay in 32 bits. Convolutions that are left to Burn (dense ones with small kernels) follow
/// Burn, which on CUDA may round to TF32 under every setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Not at all: 24 significant bits. On every device.
    #[default]
    Float32,
    /// To 11 significant bits (TF32), on tensor cores. CUDA, from Ampere on.
    Tf32,
    /// To 8 significant bits (bfloat16), on tensor cores. CUDA, from Ampere on.
    Bfloat16,
}

/// A name that is not that of a precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown precision `{0}`; expected float32, tf32 or bfloat16")]
pub struct UnknownPrecision(String);

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(name: &str) -> Result<Self, UnknownPrecision> {
        let all = [Self::Float32, Self::Tf32, Self::Bfloat16];
        all.into_iter().find(|precision| precision.to_string() == name).ok_or_else(|| UnknownPrecision(name.into()))
    }
}

impl Precision {
    /// Largest relative deviations of outputs and of gradients that parity allows, beside what the golden tensors
    /// themselves allow: a few times the rounding of one operand, which goes through several layers.
    pub fn bounds(self) -> [f64; 2] {
        match self {
            Self::Float32 => [1e-4, 1e-3],
            Self::Tf32 => [1e-2, 3e-2],
            Self::Bfloat16 => [5e-2, 1.5e-1],
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float32 => "float32",
            Self::Tf32 => "tf32",
            Self::Bfloat16 => "bfloat16",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_experiment_files() {
        for precision in [Precision::Float32, Precision::Tf32, Precision::Bfloat16] {
            let name = precision.to_string();
            assert_eq!(serde_json::to_value(precision).ok(), Some(name.clone().into()));
            assert_eq!(name.parse(), Ok(precision));
        }
        assert_eq!("half".parse::<Precision>(), Err(UnknownPrecision("half".into())));
    }
}
