//! Why a file of PyTorch cannot be read.

/// What its writer should save.
const SAVE: &str = "save `model.state_dict()`";

/// Why a file cannot be read as a checkpoint of PyTorch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PytorchError {
    /// The whole is the result of a function that builds no state dict.
    #[error(
        "it wants to call `{global}`, which is not executed and makes no state dict; in the program that wrote it, {SAVE} \
         alone"
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
    NoStateDict(Instead),
    /// Beyond the bounds.
    #[error("it is too large: {0}")]
    TooLarge(String),
    /// A tensor of a type that weights are not read from.
    #[error("its numbers are of the type {0}, which weights are not read from")]
    Type(String),
}

/// What a file holds instead of a state dict; each with its remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Instead {
    /// A whole pickled model, of a class.
    #[error("it is {}", about_module(.0))]
    Module(String),
    #[error("it is the state of an optimiser alone; {SAVE}")]
    Optimiser,
    /// Dicts of what is no tensor here, in words.
    #[error("{0}")]
    Strange(String),
    /// What was not looked at, in words.
    #[error("no tensor with a name was found, and {0}; {SAVE} alone")]
    Unseen(String),
    #[error("no tensor with a name is in it; {SAVE}")]
    Nameless,
    #[error("it is a single tensor; {SAVE}")]
    SingleTensor,
    #[error("it is no dict; {SAVE}")]
    NoDict,
    #[error(
        "it is a TorchScript archive, a program with its weights; load it with `torch.jit.load` and save its `state_dict()` \
         with `torch.save`"
    )]
    TorchScript,
    #[error(
        "it is a pickle that `torch.save` has not written; read it with the program that wrote it, and save the weights with \
         `torch.save`"
    )]
    OtherPickle,
    #[error("storage `{key}` is a `{class}`, whose size is not known")]
    UnknownStorage { key: String, class: String },
    #[error("its numbers are big-endian; save it again on a little-endian machine")]
    BigEndian,
    #[error("it is an archive of numpy arrays (.npz); save the weights with `torch.save` or as safetensors")]
    NumpyArchive,
    #[error("it is a Keras model; save the weights as safetensors under the names of the reference program")]
    Keras,
    #[error("it is an archive with checkpoints in it; unpack it and name one of them")]
    Packed,
    #[error("it is an archive (zip), but not of `torch.save`: `data.pkl` is missing")]
    Zip,
}

/// What to do with a whole pickled model of the class `class`.
pub(crate) fn about_module(class: &str) -> String {
    format!(
        "a whole pickled model of the class `{class}`, whose code would be needed; load it in its program and save \
         `model.state_dict()`"
    )
}
