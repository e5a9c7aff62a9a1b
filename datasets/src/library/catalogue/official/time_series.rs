//! Sound, pen movements and vital signs.

use std::collections::BTreeMap;

use super::parts::{MB, lookalike, members, sha256, single, tar_gz, texts, unneeded};
use crate::library::catalogue::data_set::{Archive, ArchiveLayout, Count, DataSet, Format, Size, Version};

fn version(name: &str, note: Option<&str>) -> Version {
    Version { name: name.to_owned(), content: None, note: note.map(str::to_owned) }
}

/// The letters as the archive of the University of East Anglia had them over the years.
fn versions_of_the_letters() -> Vec<Version> {
    vec![
        version("2018", None),
        version(
            "October 2023",
            Some(
                "the letters have zeros before and behind them, and other letters are in the test part: not the data of \
                 the published results",
            ),
        ),
        version(
            "November 2023",
            Some(
                "39 letters end with zeros in x or y, and numbers have more digits: not quite the data of the published \
                 results",
            ),
        ),
        version(
            "mixed (parts of two)",
            Some(
                "some letters are as in 2018 and others are not, and letters may stand in both files: not the data of the \
                 published results; fetch both files from one archive",
            ),
        ),
    ]
}

pub(super) fn speech_commands() -> DataSet {
    let source = "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz";
    DataSet {
        name: "speech-commands".to_owned(),
        folder: "speech_commands_v0.02".to_owned(),
        summary: "105 829 clips of 35 spoken words, one second at 16 kHz".to_owned(),
        origin: "https://www.tensorflow.org/datasets/catalog/speech_commands".to_owned(),
        licence: "CC BY 4.0 (Google)".to_owned(),
        citation:
            "Warden, Speech Commands: a dataset for limited-vocabulary speech recognition, arXiv 1804.03209, 2018"
                .to_owned(),
        tasks: texts(&["speech-mfcc", "speech-raw"]),
        archives: vec![Archive {
            layout: ArchiveLayout::Strip(0),
            ..tar_gz(
                "speech_commands_v0.02.tar.gz",
                &[source, "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz"],
                Size::Exact(2_428_923_189),
                Some(sha256("af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58")),
                3_500 * MB,
                110_000,
            )
        }],
        members: vec![
            single("clips", "*/*_nohash_*.wav", 105_829),
            members("validation clips by the official list", "validation_list.txt", 1, Count::Lines(0), 9_981),
            members("test clips by the official list", "testing_list.txt", 1, Count::Lines(0), 11_005),
        ],
        ..DataSet::default()
    }
}

pub(super) fn fsdd() -> DataSet {
    DataSet {
        name: "fsdd".to_owned(),
        folder: "fsdd".to_owned(),
        summary: "3 000 clips of spoken digits by six speakers, 8 kHz".to_owned(),
        origin: "https://github.com/Jakobovski/free-spoken-digit-dataset".to_owned(),
        licence: "CC BY-SA 4.0".to_owned(),
        citation: "Jackson et al., Free Spoken Digit Dataset, v1.0.10, doi 10.5281/zenodo.1342401".to_owned(),
        tasks: texts(&["fsdd"]),
        archives: vec![Archive {
            only: Some("recordings/*".to_owned()),
            ..tar_gz(
                "free-spoken-digit-dataset-1.0.10.tar.gz",
                &[
                    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
                    "https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/tar.gz/refs/tags/v1.0.10",
                ],
                Size::About(17 * MB), // GitHub packs on request, so its bytes may change; what it unpacks to is known instead.
                None,
                30 * MB,
                4_000,
            )
        }],
        members: vec![single("clips", "recordings/*.wav", 3_000)],
        content: Some("79c179d008dff63826e9d0e785e11f9556e120cd7e8775186d9a805a7765bb21".to_owned()),
        ..DataSet::default()
    }
}

pub(super) fn character_trajectories() -> DataSet {
    const BUNDLE: &str = "Multivariate2018_ts.zip";
    let zip = |name: &str, sources: &[&str], size, unpacked| Archive {
        name: name.to_owned(),
        format: Format::Zip,
        sources: texts(sources),
        size: Size::About(size),
        checksum: None,
        unpacked,
        most_members: 2_000,
        into: String::new(),
        layout: ArchiveLayout::Flat,
        only: None,
    };
    DataSet {
        name: "character-trajectories".to_owned(),
        folder: "CharacterTrajectories".to_owned(),
        summary: "2 858 handwritten letters of 20 classes as pen movements of three channels".to_owned(),
        origin: "https://www.timeseriesclassification.com/description.php?Dataset=CharacterTrajectories".to_owned(),
        licence: "CC BY 4.0 (UCI); the UEA archive states none".to_owned(),
        citation:
            "Williams, Toussaint & Storkey, Extracting motion primitives from natural handwriting data, ICANN 2006; \
                   Bagnall et al., arXiv 1811.00075"
                .to_owned(),
        tasks: texts(&["character-trajectories"]),
        // The archive of 2018 is the one that published results were computed with. Nobody publishes checksums, and its size is
        // an estimate.
        archives: vec![
            Archive {
                only: Some("CharacterTrajectories_T*.ts".to_owned()),
                ..zip(
                    BUNDLE,
                    &[
                        "https://www.timeseriesclassification.com/aeon-toolkit/Archives/Multivariate2018_ts.zip",
                        "http://www.timeseriesclassification.com/Downloads/Archives/Multivariate2018_ts.zip",
                    ],
                    1_500 * MB,
                    30 * MB,
                )
            },
            zip(
                "CharacterTrajectories.zip",
                &[
                    "https://www.timeseriesclassification.com/aeon-toolkit/CharacterTrajectories.zip",
                    "http://www.timeseriesclassification.com/Downloads/CharacterTrajectories.zip",
                ],
                20 * MB,
                100 * MB,
            ),
            zip(
                "character+trajectories.zip",
                &["https://archive.ics.uci.edu/static/public/175/character+trajectories.zip"],
                8 * MB,
                50 * MB,
            ),
        ],
        members: vec![
            members("training series", "CharacterTrajectories_TRAIN.ts", 1, Count::Series, 1_422),
            members("test series", "CharacterTrajectories_TEST.ts", 1, Count::Series, 1_436),
            unneeded(single("MATLAB file of UCI", "mixoutALL_shifted.mat", 1)),
        ],
        choices: vec![texts(&[BUNDLE, "CharacterTrajectories.zip"])],
        whole: BTreeMap::from([(BUNDLE.to_owned(), 20_000 * MB)]),
        lookalikes: vec![lookalike("CharacterTrajectories_eq_*", "the version with letters of one length")],
        versions: versions_of_the_letters(),
        ..DataSet::default()
    }
}

pub(super) fn physionet2019() -> DataSet {
    let zip = |part: &str| Archive {
        name: format!("training_set{part}.zip"),
        format: Format::Zip,
        sources: vec![format!("https://archive.physionet.org/users/shared/challenge-2019/training_set{part}.zip")],
        size: Size::About(25 * MB),
        checksum: None,
        unpacked: 250 * MB,
        most_members: 25_000,
        into: format!("training_set{part}"),
        layout: ArchiveLayout::Flat,
        only: None,
    };
    DataSet {
        name: "physionet2019".to_owned(),
        folder: "physionet2019".to_owned(),
        summary: "40 336 intensive care stays, hour by hour, with the onset of sepsis".to_owned(),
        origin: "https://physionet.org/content/challenge-2019/1.0.0/".to_owned(),
        licence: "CC BY 4.0".to_owned(),
        citation: "Reyna et al., Early prediction of sepsis from clinical data: the PhysioNet/Computing in Cardiology \
                   challenge 2019, Critical Care Medicine 48(2), 2020"
            .to_owned(),
        tasks: texts(&["physionet2019"]),
        archives: vec![zip("A"), zip("B")],
        members: vec![
            single("patients of set A", "training_setA/*.psv", 20_336),
            single("patients of set B", "training_setB/*.psv", 20_000),
        ],
        ..DataSet::default()
    }
}
