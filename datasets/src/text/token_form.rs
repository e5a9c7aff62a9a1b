//! In which form, and padded on which side, tokens reach a model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use vocabulary::InputSpec;

/// Side of a sequence that is filled up with id 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// Before the tokens.
    Left,
    /// After the tokens; batches then carry lengths.
    Right,
}

/// Form in which tokens reach the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tokens {
    /// Ids for an embedding.
    Embed,
    /// Ids as the values of one channel.
    Scalar,
}

impl Tokens {
    /// Shape of the inputs.
    pub(crate) fn input(self, vocabulary: usize, length: usize) -> InputSpec {
        match self {
            Self::Embed => InputSpec::Tokens { vocabulary, length },
            Self::Scalar => InputSpec::Values { channels: 1, shape: vec![length] },
        }
    }
}

/// `embed-left` and so on: how a version says it.
pub(crate) fn form_name(tokens: Tokens, padding: Padding) -> &'static str {
    match (tokens, padding) {
        (Tokens::Embed, Padding::Left) => "embed-left",
        (Tokens::Embed, Padding::Right) => "embed-right",
        (Tokens::Scalar, Padding::Left) => "scalar-left",
        (Tokens::Scalar, Padding::Right) => "scalar-right",
    }
}
