//! Why a file is no checkpoint that weights can be read from.

/// How weights of other programs get here.
const SAVE: &str = "save the weights as safetensors under the names of the reference program";
/// What helps a damaged file.
const AGAIN: &str = "copy or download it again";

/// What a file is instead of a checkpoint, or what is wrong with it; each with its remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("it is a folder{0}")]
    Folder(Folder),
    #[error("it is a device or a pipe; copy it to a file, and name that")]
    Device,
    #[error("it has {bytes} bytes, and at most {most} are read")]
    TooLarge { bytes: u64, most: u64 },
    #[error("it is empty: a copy or download that did not begin; fetch it again")]
    Empty,
    #[error("it holds nothing but zeros: a copy that was interrupted, or a full disk; fetch it again")]
    Zeros,
    #[error("it is a Git LFS pointer, which stands for the file; fetch the file with `git lfs pull`")]
    LfsPointer,
    #[error("it is a web page: the download gave an error or a page to log in at; download the file itself")]
    WebPage,
    #[error(
        "it is the index of a checkpoint in several files; load it in its program and save the weights as one file"
    )]
    Sharded,
    #[error("it is a JSON file, not a checkpoint")]
    Json,
    #[error("it is the list of a TensorFlow checkpoint; {SAVE}")]
    TensorFlowList,
    #[error("it is a TensorFlow file; {SAVE}")]
    TensorFlow,
    #[error("it is an HDF5 file, as Keras writes; {SAVE}")]
    Hdf5,
    #[error("it is a numpy array (.npy); save a dict of all weights with `torch.save` or as safetensors")]
    Numpy,
    #[error("it is a GGUF file, whose weights are of a language model and may be quantised; {SAVE}")]
    Gguf,
    #[error("it is an ONNX model, a graph whose weights have lost their names; {SAVE}")]
    Onnx,
    #[error("it is a Flax checkpoint; {SAVE}")]
    Flax,
    #[error("it is a file of PyTorch before 0.1.10 (tar); load it in PyTorch and save it again")]
    OldPytorch,
    #[error("it is an archive (tar); unpack it and name the checkpoint in it")]
    Tar,
    /// With the name of its format.
    #[error("it is compressed ({0}); unpack it first")]
    Compressed(&'static str),
    #[error("it is a text file, not a checkpoint")]
    Text,
    #[error("it is neither a file of `torch.save` nor a safetensors file; save `model.state_dict()` as one of the two")]
    Unknown,
    #[error("it is no safetensors file, or the beginning of one: its header is damaged; fetch it again")]
    NoHeader,
    /// With the message of the reader.
    #[error("its safetensors header is damaged or cut off ({0}); {AGAIN}")]
    Header(String),
    #[error("it is cut off: {found} of {wanted} bytes are there; {AGAIN}")]
    CutOff { found: usize, wanted: usize },
    #[error("{0} bytes follow its last tensor: it is damaged; {AGAIN}")]
    Trailing(usize),
    #[error("no tensor is in it")]
    NoTensor,
    /// With its name.
    #[error("`{0}` is missing")]
    MissingTensor(String),
    #[error(
        "{0} is 0: the file was saved before the network's first use, which transforms its kernels; run it once and save it \
         again"
    )]
    Untransformed(String),
    /// A checkpoint of this program, with what is wrong with it.
    #[error("{0}")]
    Own(String),
}

/// What a folder is, where that can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Folder {
    #[error(" with a TensorFlow model; {SAVE}")]
    TensorFlow,
    #[error(
        " with a distributed checkpoint of PyTorch; join it with `torch.distributed.checkpoint.format_utils`, \
         `dcp_to_torch_save`"
    )]
    Distributed,
    #[error(", an unpacked archive of `torch.save`; name the file it was unpacked from")]
    Unpacked,
    /// With the file in it that is meant.
    #[error("; name `{0}` in it")]
    With(&'static str),
    #[error("; name a checkpoint in it")]
    Other,
}
