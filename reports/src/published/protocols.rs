//! Published tasks, as the record of a run that repeats them has to be.

use vocabulary::record::RunRecord;

use super::setting::AllowedSettings;

/// A published task, as the record of a run that repeats it has to be.
pub(super) struct Protocol {
    /// Name in [`Published::task`](super::Published::task).
    pub(super) task: &'static str,
    /// Registry name of ours.
    ours: &'static str,
    /// Positions of the input; empty where they do not decide.
    positions: &'static [usize],
    /// Whether this is the task, where others have the same name and positions.
    applies: fn(&RunRecord) -> bool,
    /// Sizes of the splits.
    pub(super) sizes: Sizes,
    /// Settings that make the task as hard as it is, with the values under which it was published.
    pub(super) difficulty: AllowedSettings,
    /// All other settings, with their values; `*` where all values are the same task in another notation.
    pub(super) others: AllowedSettings,
}

/// Published sizes of train, validation and test split.
pub(super) enum Sizes {
    /// These.
    Exactly([usize; 3]),
    /// All `train` samples for training, of which at most a tenth is held out for validation.
    HeldOut { train: usize, test: usize },
}

impl Sizes {
    /// Whether `splits` are of these sizes.
    pub(super) fn are(&self, splits: [usize; 3]) -> bool {
        let [training, validation, testing] = splits;
        match *self {
            Self::Exactly(sizes) => splits == sizes,
            Self::HeldOut { train, test } => {
                training + validation == train && training >= 9 * validation && testing == test
            }
        }
    }
}

/// The protocol of the published task that `record` corresponds to.
pub(super) fn protocol(record: &RunRecord) -> Option<&'static Protocol> {
    let positions = record.task.shape.get(1..).unwrap_or_default();
    PROTOCOLS.iter().find(|protocol| {
        protocol.ours == record.task.name
            && (protocol.positions.is_empty() || protocol.positions == positions)
            && (protocol.applies)(record)
    })
}

/// A task with its sizes, and without settings.
const fn sized(task: &'static str, ours: &'static str, positions: &'static [usize], sizes: Sizes) -> Protocol {
    Protocol { task, ours, positions, applies: |_| true, sizes, difficulty: "", others: "" }
}

const fn ten_words(task: &'static str, ours: &'static str, positions: &'static [usize]) -> Protocol {
    Protocol {
        applies: |record| !has_all_words(record),
        difficulty: "words=ten split=stratified drop=0",
        others: SPEECH,
        ..sized(task, ours, positions, Sizes::Exactly([24_482, 5_246, 5_247]))
    }
}

fn has_all_words(record: &RunRecord) -> bool {
    record.task.chance < 0.05
}

const MNIST: Sizes = Sizes::HeldOut { train: 60_000, test: 10_000 };
const CIFAR: Sizes = Sizes::HeldOut { train: 50_000, test: 10_000 };
const PATHFINDER: Sizes = Sizes::Exactly([160_000, 20_000, 20_000]);

const PATHFINDER_32: AllowedSettings = "resolution=32 difficulty=hard contour_length=14 distractor_length=4 distractors=5 \
     paddle_length=2 thickness=0.5 margin=[1] antialias=2 marker_radius=1.5 seed_distance=7 continuity=1 padding=1 \
     snake_contrast=[2] paddle_contrast=[0.75]";
const PATHFINDER_128: AllowedSettings = "resolution=128 difficulty=hard contour_length=14 distractor_length=4 distractors=8 \
     paddle_length=5 thickness=1.5 margin=[2,3] antialias=2 marker_radius=3 seed_distance=20 continuity=1.8 padding=1 \
     snake_contrast=[0.9] paddle_contrast=[1]";
/// The generator draws what the released files hold; another seed draws other images.
const DRAWN: AllowedSettings = "source=* parts=split form=* centre=false seed=0";
const GREY: AllowedSettings = "form=* pixels=normalised augment=false";
const COLOUR: AllowedSettings = "form=2d normalisation=standard augment=true";
const SPEECH: AllowedSettings = "scale=* normalisation=per-channel|per-step";

/// Every published task that we have, with the settings of `experiments/`, which name their sources.
const PROTOCOLS: &[Protocol] = &[
    Protocol { others: "permutation=null", ..sized("sMNIST", "smnist", &[784], MNIST) },
    Protocol { others: "variant=random permutation=null", ..sized("pMNIST", "pmnist", &[784], MNIST) },
    Protocol {
        difficulty: "min_length=500 max_length=2000 max_depth=10 max_args=10 length=null|2000|2048",
        others: "source=* end_token=* padding=* tokens=* seed=0",
        ..sized("ListOps", "listops", &[], Sizes::Exactly([96_000, 2_000, 2_000]))
    },
    Protocol { difficulty: PATHFINDER_32, others: DRAWN, ..sized("Pathfinder", "pathfinder", &[1024], PATHFINDER) },
    Protocol { difficulty: PATHFINDER_32, others: DRAWN, ..sized("2DPathfinder", "pathfinder", &[32, 32], PATHFINDER) },
    Protocol { difficulty: PATHFINDER_128, others: DRAWN, ..sized("Path-X", "pathfinder", &[16384], PATHFINDER) },
    Protocol { others: "source=* centre=false seed=0", ..sized("Path-X", "pathx", &[16384], PATHFINDER) },
    Protocol { others: GREY, ..sized("Image", "image", &[1024], CIFAR) },
    Protocol { others: GREY, ..sized("2DImage", "image", &[32, 32], CIFAR) },
    // Characters up to 4 096, and the epoch chosen on the test texts, as in the recipes of S4 and CCNN.
    Protocol {
        difficulty: "level=char length=4096",
        others: "validation=test min_frequency=15 end_token=true tokens=* padding=* vocabulary=*",
        ..sized("Text", "text", &[], Sizes::Exactly([25_000, 25_000, 25_000]))
    },
    Protocol {
        difficulty: "level=char length=4000",
        others: "end_token=true tokens=* padding=* vocabulary=*",
        ..sized("Retrieval", "retrieval", &[], Sizes::Exactly([147_086, 18_090, 17_437]))
    },
    Protocol { others: "normalisation=standard augment=false", ..sized("sCIFAR10", "scifar10", &[1024], CIFAR) },
    Protocol {
        difficulty: "length=1000",
        others: "normalisation=standard seed=0",
        ..sized("npCIFAR", "npcifar", &[1000], CIFAR)
    },
    Protocol { others: COLOUR, ..sized("CIFAR10", "cifar10", &[32, 32], CIFAR) },
    Protocol { others: COLOUR, ..sized("CIFAR100", "cifar100", &[32, 32], CIFAR) },
    Protocol {
        difficulty: "size=256",
        others: "normalisation=standard augment=true degrees=15",
        ..sized("STL10", "stl10", &[256, 256], Sizes::HeldOut { train: 5_000, test: 8_000 })
    },
    ten_words("SC10-MFCC", "speech-mfcc", &[161]),
    ten_words("SC10-raw", "speech-raw", &[16_000]),
    Protocol {
        applies: has_all_words,
        difficulty: "words=all split=official drop=0",
        others: SPEECH,
        ..sized("SC35", "speech-raw", &[16_000], Sizes::Exactly([84_843, 9_981, 11_005]))
    },
    Protocol {
        difficulty: "drop=0",
        others: "source=uea normalisation=per-channel|per-step",
        ..sized("CharTraj", "character-trajectories", &[182], Sizes::Exactly([2_000, 429, 429]))
    },
];

/// Settings that one of the published models had for itself: task, beginning of the model's name, settings.
const MODELS_OWN: &[(&str, &str, AllowedSettings)] =
    &[("sCIFAR10", "CCNN-4,140", "augment=true"), ("sCIFAR10", "CKCNN", "normalisation=imagenet")];

/// Settings that the published `model` had for itself on the published `task`.
pub(super) fn own_settings(task: &str, model: Option<&str>) -> AllowedSettings {
    let of_it = |prefix: &str| model.is_some_and(|model| model.starts_with(prefix));
    let mut all = MODELS_OWN.iter();
    all.find(|(of, prefix, _)| *of == task && of_it(prefix)).map_or("", |(_, _, settings)| *settings)
}
