//! The list of data sets. Checksums stand here only where the authors (or a widely used loader that checks them) publish
//! them; where none is known, the first download is recorded instead, and said not to have been checked.

use std::collections::BTreeMap;

use crate::library::{
    catalogue::data_set::{Archive, Count, DataFile, DataSet, Format, Layout, Lookalike, Members, Size, Version},
    verify::checksum::Checksum,
};

const MB: u64 = 1_000_000;

/// Every data set with official files.
pub fn official() -> Vec<DataSet> {
    vec![
        mnist(),
        fashion(),
        cifar10(),
        cifar100(),
        stl10(),
        imdb(),
        lra(),
        speech_commands(),
        fsdd(),
        character_trajectories(),
        physionet2019(),
        tinyshakespeare(),
        listops_original(),
    ]
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn sha256(hex: &str) -> Checksum {
    Checksum::Sha256(hex.to_owned())
}

fn md5(hex: &str) -> Checksum {
    Checksum::Md5(hex.to_owned())
}

fn file(name: &str, bytes: u64, checksum: Checksum) -> DataFile {
    DataFile { name: name.to_owned(), bytes, checksum }
}

fn members(what: &str, pattern: &str, files: u64, count: Count, total: u64) -> Members {
    Members { what: what.to_owned(), pattern: pattern.to_owned(), files, count, total, needed: true }
}

/// Files that are counted one by one.
fn single(what: &str, pattern: &str, files: u64) -> Members {
    members(what, pattern, files, Count::Files, files)
}

fn unneeded(members: Members) -> Members {
    Members { needed: false, ..members }
}

/// The four idx files that MNIST and its successors have.
fn digits() -> Vec<Members> {
    vec![
        members("training images", "train-images-idx3-ubyte.gz", 1, Count::Idx, 60_000),
        members("training labels", "train-labels-idx1-ubyte.gz", 1, Count::Idx, 60_000),
        members("test images", "t10k-images-idx3-ubyte.gz", 1, Count::Idx, 10_000),
        members("test labels", "t10k-labels-idx1-ubyte.gz", 1, Count::Idx, 10_000),
    ]
}

fn mnist() -> DataSet {
    DataSet {
        name: "mnist".to_owned(),
        folder: "mnist".to_owned(),
        summary: "handwritten digits, 60 000 training and 10 000 test images of 28 x 28".to_owned(),
        origin: "http://yann.lecun.com/exdb/mnist/".to_owned(),
        licence: "CC BY-SA 3.0 (Yann LeCun, Corinna Cortes, Christopher Burges)".to_owned(),
        citation: "LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition, \
                   Proceedings of the IEEE 86(11), 1998"
            .to_owned(),
        tasks: texts(&["smnist", "pmnist"]),
        mirrors: texts(&[
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ]),
        files: vec![
            file(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                sha256("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            ),
            file(
                "train-labels-idx1-ubyte.gz",
                28_881,
                sha256("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            ),
            file(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                sha256("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            ),
            file(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                sha256("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
            ),
        ],
        members: digits(),
        ..DataSet::default()
    }
}

fn fashion() -> DataSet {
    DataSet {
        name: "fashion-mnist".to_owned(),
        folder: "fashion-mnist".to_owned(),
        summary: "articles of clothing, 60 000 training and 10 000 test images of 28 x 28".to_owned(),
        origin: "https://github.com/zalandoresearch/fashion-mnist".to_owned(),
        licence: "MIT (Zalando SE)".to_owned(),
        citation: "Xiao, Rasul & Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning \
                   algorithms, arXiv 1708.07747, 2017"
            .to_owned(),
        tasks: texts(&["fashion"]),
        mirrors: texts(&[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        ]),
        // The authors publish MD5.
        files: vec![
            file("train-images-idx3-ubyte.gz", 26_421_880, md5("8d4fb7e6c68d591d4c3dfef9ec88bf0d")),
            file("train-labels-idx1-ubyte.gz", 29_515, md5("25c81989df183df01b3e8a0aad5dffbe")),
            file("t10k-images-idx3-ubyte.gz", 4_422_102, md5("bef4ecab320f06d8554ea6380940ec79")),
            file("t10k-labels-idx1-ubyte.gz", 5_148, md5("bb300cfdad3c16e7a12a480ee83cd310")),
        ],
        members: digits(),
        ..DataSet::default()
    }
}

fn lookalike(name: &str, what: &str) -> Lookalike {
    Lookalike { name: name.to_owned(), what: what.to_owned() }
}

/// The same pictures in other forms, under names that differ little.
fn versions_of_cifar() -> Vec<Lookalike> {
    vec![
        lookalike("cifar-10*-python*", "the version of CIFAR for Python (this program reads the binary one)"),
        lookalike("cifar-10-batches-py*", "the version of CIFAR-10 for Python (this program reads the binary one)"),
        lookalike("cifar-10*-matlab*", "the version of CIFAR for MATLAB (this program reads the binary one)"),
        lookalike("cifar-10-batches-mat*", "the version of CIFAR-10 for MATLAB (this program reads the binary one)"),
    ]
}

fn cifar10() -> DataSet {
    let sums = [
        ("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
        ("data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"),
        ("data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"),
        ("data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"),
        ("data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"),
        ("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"),
    ];
    DataSet {
        name: "cifar10".to_owned(),
        folder: "cifar-10-batches-bin".to_owned(),
        summary: "objects of 10 classes, 50 000 training and 10 000 test colour images of 32 x 32".to_owned(),
        origin: "https://www.cs.toronto.edu/~kriz/cifar.html".to_owned(),
        licence: "none stated; the authors ask to be cited".to_owned(),
        citation: "Krizhevsky, Learning multiple layers of features from tiny images, technical report, 2009"
            .to_owned(),
        tasks: texts(&["image", "scifar10", "npcifar", "cifar10"]),
        archives: vec![Archive {
            name: "cifar-10-binary.tar.gz".to_owned(),
            format: Format::TarGz,
            sources: texts(&[
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/cifar-10-binary.tar.gz",
            ]),
            size: Size::Exact(170_052_171),
            checksum: Some(sha256("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")),
            unpacked: 185 * MB,
            most_members: 30,
            into: String::new(),
            layout: Layout::Strip(1),
            only: None,
        }],
        members: vec![
            members("training images", "data_batch_?.bin", 5, Count::Records(3_073), 50_000),
            members("test images", "test_batch.bin", 1, Count::Records(3_073), 10_000),
        ],
        lookalikes: versions_of_cifar(),
        sums: BTreeMap::from(sums.map(|(name, sum)| (name.to_owned(), md5(sum)))),
        ..DataSet::default()
    }
}

fn cifar100() -> DataSet {
    let sums = [("train.bin", "6172c7755cfe09b2fe270c85cebc1b15"), ("test.bin", "4499cfba6c016c1be1438163640a0898")];
    DataSet {
        name: "cifar100".to_owned(),
        folder: "cifar-100-binary".to_owned(),
        summary: "objects of 100 classes, 50 000 training and 10 000 test colour images of 32 x 32".to_owned(),
        origin: "https://www.cs.toronto.edu/~kriz/cifar.html".to_owned(),
        licence: "none stated; the authors ask to be cited".to_owned(),
        citation: "Krizhevsky, Learning multiple layers of features from tiny images, technical report, 2009"
            .to_owned(),
        tasks: texts(&["cifar100"]),
        archives: vec![Archive {
            name: "cifar-100-binary.tar.gz".to_owned(),
            format: Format::TarGz,
            sources: texts(&["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"]),
            size: Size::Exact(168_513_733),
            checksum: Some(sha256("58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec")),
            unpacked: 185 * MB,
            most_members: 30,
            into: String::new(),
            layout: Layout::Strip(1),
            only: None,
        }],
        members: vec![
            members("training images", "train.bin", 1, Count::Records(3_074), 50_000),
            members("test images", "test.bin", 1, Count::Records(3_074), 10_000),
        ],
        lookalikes: versions_of_cifar(),
        sums: BTreeMap::from(sums.map(|(name, sum)| (name.to_owned(), md5(sum)))),
        ..DataSet::default()
    }
}

fn stl10() -> DataSet {
    const IMAGE: u64 = 3 * 96 * 96;
    DataSet {
        name: "stl10".to_owned(),
        folder: "stl10_binary".to_owned(),
        summary: "objects of 10 classes, 5 000 training and 8 000 test colour images of 96 x 96".to_owned(),
        origin: "https://cs.stanford.edu/~acoates/stl10/".to_owned(),
        licence: "none stated (images from ImageNet); the authors ask to be cited".to_owned(),
        citation:
            "Coates, Lee & Ng, An analysis of single-layer networks in unsupervised feature learning, AISTATS 2011"
                .to_owned(),
        tasks: texts(&["stl10"]),
        archives: vec![Archive {
            name: "stl10_binary.tar.gz".to_owned(),
            format: Format::TarGz,
            sources: texts(&[
                "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                "https://cs.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
            ]),
            size: Size::Exact(2_640_397_119),
            checksum: Some(sha256("f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866")),
            unpacked: 3_130 * MB,
            most_members: 30,
            into: String::new(),
            layout: Layout::Strip(1),
            only: None,
        }],
        members: vec![
            members("training images", "train_X.bin", 1, Count::Records(IMAGE), 5_000),
            members("training labels", "train_y.bin", 1, Count::Records(1), 5_000),
            members("test images", "test_X.bin", 1, Count::Records(IMAGE), 8_000),
            members("test labels", "test_y.bin", 1, Count::Records(1), 8_000),
            unneeded(members("unlabelled images", "unlabeled_X.bin", 1, Count::Records(IMAGE), 100_000)),
        ],
        ..DataSet::default()
    }
}

fn imdb() -> DataSet {
    DataSet {
        name: "imdb".to_owned(),
        folder: "aclImdb".to_owned(),
        summary: "film reviews, good or bad, 25 000 for training and 25 000 for the test".to_owned(),
        origin: "https://ai.stanford.edu/~amaas/data/sentiment/".to_owned(),
        licence: "none stated (reviews from IMDb); the authors ask to be cited".to_owned(),
        citation: "Maas, Daly, Pham, Huang, Ng & Potts, Learning word vectors for sentiment analysis, ACL 2011"
            .to_owned(),
        tasks: texts(&["text"]),
        archives: vec![Archive {
            name: "aclImdb_v1.tar.gz".to_owned(),
            format: Format::TarGz,
            sources: texts(&[
                "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
                "https://bj.bcebos.com/dataset/imdb%2FaclImdb_v1.tar.gz",
            ]),
            size: Size::Exact(84_125_825),
            checksum: Some(sha256("c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe")),
            unpacked: 250 * MB,
            most_members: 110_000,
            into: String::new(),
            layout: Layout::Strip(1),
            only: None,
        }],
        members: vec![
            single("positive training reviews", "train/pos/*_*.txt", 12_500),
            single("negative training reviews", "train/neg/*_*.txt", 12_500),
            single("positive test reviews", "test/pos/*_*.txt", 12_500),
            single("negative test reviews", "test/neg/*_*.txt", 12_500),
            unneeded(single("unlabelled reviews", "train/unsup/*_*.txt", 50_000)),
        ],
        ..DataSet::default()
    }
}

fn lra() -> DataSet {
    let mut parts = vec![
        members("ListOps training lines", "listops-1000/basic_train.tsv", 1, Count::Lines(1), 96_000),
        members("ListOps validation lines", "listops-1000/basic_val.tsv", 1, Count::Lines(1), 2_000),
        members("ListOps test lines", "listops-1000/basic_test.tsv", 1, Count::Lines(1), 2_000),
        members("AAN training pairs", "tsv_data/new_aan_pairs.train.tsv", 1, Count::Lines(0), 147_086),
        members("AAN validation pairs", "tsv_data/new_aan_pairs.eval.tsv", 1, Count::Lines(0), 18_090),
        members("AAN test pairs", "tsv_data/new_aan_pairs.test.tsv", 1, Count::Lines(0), 17_437),
    ];
    for side in [32, 64, 128, 256] {
        for (level, folder) in
            [("easy", "curv_baseline"), ("intermediate", "curv_contour_length_9"), ("hard", "curv_contour_length_14")]
        {
            let what = format!("Pathfinder {side} images, {level}");
            let pattern = format!("pathfinder{side}/{folder}/imgs/*/*.png");
            parts.push(single(&what, &pattern, 200_000));
        }
    }
    DataSet {
        name: "lra".to_owned(),
        folder: "lra_release".to_owned(),
        summary: "the files released with the Long Range Arena: ListOps, AAN pairs, Pathfinder at four sizes"
            .to_owned(),
        origin: "https://github.com/google-research/long-range-arena".to_owned(),
        licence: "Apache 2.0 (the repository); AAN is for research".to_owned(),
        citation: "Tay et al., Long Range Arena: a benchmark for efficient transformers, ICLR 2021, arXiv 2011.04006"
            .to_owned(),
        tasks: texts(&["retrieval"]),
        optional_for: texts(&["listops", "pathfinder", "pathx"]),
        archives: vec![Archive {
            name: "lra_release.gz".to_owned(),
            format: Format::TarGz,
            sources: texts(&["https://storage.googleapis.com/long-range-arena/lra_release.gz"]),
            size: Size::About(7_700 * MB),
            checksum: None,
            unpacked: 18_600 * MB,
            most_members: 3_000_000,
            into: String::new(),
            layout: Layout::Strip(1),
            only: None,
        }],
        members: parts,
        // The archive has the folder twice, one in the other.
        roots: texts(&["lra_release", ""]),
        known_empty: texts(&["pathfinder32/curv_baseline/imgs/0/sample_172.png"]),
        ..DataSet::default()
    }
}

fn speech_commands() -> DataSet {
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
            name: "speech_commands_v0.02.tar.gz".to_owned(),
            format: Format::TarGz,
            sources: texts(&[source, "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz"]),
            size: Size::Exact(2_428_923_189),
            checksum: Some(sha256("af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58")),
            unpacked: 3_500 * MB,
            most_members: 110_000,
            into: String::new(),
            layout: Layout::Strip(0),
            only: None,
        }],
        members: vec![
            single("clips", "*/*_nohash_*.wav", 105_829),
            members("validation clips by the official list", "validation_list.txt", 1, Count::Lines(0), 9_981),
            members("test clips by the official list", "testing_list.txt", 1, Count::Lines(0), 11_005),
        ],
        ..DataSet::default()
    }
}

fn fsdd() -> DataSet {
    DataSet {
        name: "fsdd".to_owned(),
        folder: "fsdd".to_owned(),
        summary: "3 000 clips of spoken digits by six speakers, 8 kHz".to_owned(),
        origin: "https://github.com/Jakobovski/free-spoken-digit-dataset".to_owned(),
        licence: "CC BY-SA 4.0".to_owned(),
        citation: "Jackson et al., Free Spoken Digit Dataset, v1.0.10, doi 10.5281/zenodo.1342401".to_owned(),
        tasks: texts(&["fsdd"]),
        archives: vec![Archive {
            name: "free-spoken-digit-dataset-1.0.10.tar.gz".to_owned(),
            format: Format::TarGz,
            sources: texts(&[
                "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
                "https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/tar.gz/refs/tags/v1.0.10",
            ]),
            size: Size::About(17 * MB),
            // GitHub packs on request, so its bytes may change; what it unpacks to is known instead.
            checksum: None,
            unpacked: 30 * MB,
            most_members: 4_000,
            into: String::new(),
            layout: Layout::Strip(1),
            only: Some("recordings/*".to_owned()),
        }],
        members: vec![single("clips", "recordings/*.wav", 3_000)],
        content: Some("79c179d008dff63826e9d0e785e11f9556e120cd7e8775186d9a805a7765bb21".to_owned()),
        ..DataSet::default()
    }
}

fn version(name: &str, note: Option<&str>) -> Version {
    Version { name: name.to_owned(), content: None, note: note.map(str::to_owned) }
}

fn character_trajectories() -> DataSet {
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
        layout: Layout::Flat,
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
        versions: vec![
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
        ],
        ..DataSet::default()
    }
}

fn physionet2019() -> DataSet {
    let zip = |part: &str| Archive {
        name: format!("training_set{part}.zip"),
        format: Format::Zip,
        sources: vec![format!("https://archive.physionet.org/users/shared/challenge-2019/training_set{part}.zip")],
        size: Size::About(25 * MB),
        checksum: None,
        unpacked: 250 * MB,
        most_members: 25_000,
        into: format!("training_set{part}"),
        layout: Layout::Flat,
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

fn tinyshakespeare() -> DataSet {
    DataSet {
        name: "tinyshakespeare".to_owned(),
        folder: "tinyshakespeare".to_owned(),
        summary: "1 115 394 characters of Shakespeare".to_owned(),
        origin: "https://github.com/karpathy/char-rnn".to_owned(),
        licence: "public domain".to_owned(),
        citation: "Karpathy, The unreasonable effectiveness of recurrent neural networks, 2015".to_owned(),
        tasks: texts(&["char-lm"]),
        mirrors: texts(&["https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare"]),
        files: vec![file(
            "input.txt",
            1_115_394,
            sha256("86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"),
        )],
        members: vec![members("characters", "input.txt", 1, Count::Bytes, 1_115_394)],
        ..DataSet::default()
    }
}

fn listops_original() -> DataSet {
    let part = |name: &str, size| Archive {
        name: name.to_owned(),
        format: Format::Plain,
        sources: vec![format!(
            "https://raw.githubusercontent.com/nyu-mll/spinn/listops-release/python/spinn/data/listops/{name}"
        )],
        size: Size::About(size),
        checksum: None,
        unpacked: size,
        most_members: 1,
        into: String::new(),
        layout: Layout::Flat,
        only: None,
    };
    DataSet {
        name: "listops-original".to_owned(),
        folder: "listops".to_owned(),
        summary: "100 000 short expressions with their values; checks the evaluator of listops".to_owned(),
        origin: "https://github.com/nyu-mll/spinn/tree/listops-release".to_owned(),
        licence: "MIT (the repository)".to_owned(),
        citation: "Nangia & Bowman, ListOps: a diagnostic dataset for latent tree learning, arXiv 1804.06028, 2018"
            .to_owned(),
        archives: vec![part("train_d20s.tsv", 30 * MB), part("test_d20s.tsv", 4 * MB)],
        members: vec![members("expressions", "*.tsv", 2, Count::Lines(0), 100_000)],
        ..DataSet::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_catalogue_is_well_formed() {
        let sets = official();
        for (index, set) in sets.iter().enumerate() {
            assert!(
                sets[..index].iter().all(|other| other.name != set.name && other.folder != set.folder),
                "{}",
                set.name
            );
            for text in [&set.summary, &set.origin, &set.licence, &set.citation, &set.folder] {
                assert!(!text.is_empty(), "{}", set.name);
            }
            assert!(!set.members.is_empty() && (!set.files.is_empty() || !set.archives.is_empty()), "{}", set.name);
            assert!(set.files.is_empty() || !set.mirrors.is_empty(), "{}", set.name);
            assert!(set.content.as_ref().is_none_or(|content| content.len() == 64), "{}", set.name);
            let sums = set.files.iter().map(|file| &file.checksum).chain(set.sums.values());
            for sum in sums.chain(set.archives.iter().filter_map(|archive| archive.checksum.as_ref())) {
                let digits = if matches!(sum, Checksum::Md5(_)) { 32 } else { 64 };
                let hex = sum.hex();
                assert!(hex.len() == digits && hex.chars().all(|c| "0123456789abcdef".contains(c)), "{sum}");
            }
            for archive in &set.archives {
                assert!(!archive.sources.is_empty());
                assert!(archive.checksum.is_none() || matches!(archive.size, Size::Exact(_)), "{}", archive.name);
            }
        }
    }
}
