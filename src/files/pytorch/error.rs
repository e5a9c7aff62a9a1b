//! Why a file of PyTorch cannot be read.

/// Why a file cannot be read as a checkpoint of PyTorch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PytorchError {
    /// The whole is the result of a function that builds no state dict.
    #[error(
        "it wants to call `{global}`, which is not executed and makes no state dict; in the program that wrote it, save \
         `model.state_dict()` alone"
    )]
    Refused {
        /// Module and name.
        global: String,
    },
    /// Truncated or corrupted.
    #[error("it is damaged: {0}; copy or download it again")]
    Damaged(String),
    /// Whole, but without a state dict.
    #[error("it holds no state dict: {0}")]
    NoStateDict(String),
    /// Beyond the bounds.
    #[error("it is too large: {0}")]
    TooLarge(String),
    /// A tensor of a type that weights are not read from.
    #[error("its numbers are of the type {0}, which weights are not read from")]
    Type(String),
}
