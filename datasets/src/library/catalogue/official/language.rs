//! Texts and expressions, and the archive of the Long Range Arena.

use super::parts::{MB, file, members, sha256, single, tar_gz, texts, unneeded};
use crate::library::catalogue::data_set::{Archive, ArchiveLayout, Count, DataSet, Format, Size};

pub(super) fn imdb() -> DataSet {
    DataSet {
        name: "imdb".to_owned(),
        folder: "aclImdb".to_owned(),
        summary: "film reviews, good or bad, 25 000 for training and 25 000 for the test".to_owned(),
        origin: "https://ai.stanford.edu/~amaas/data/sentiment/".to_owned(),
        licence: "none stated (reviews from IMDb); the authors ask to be cited".to_owned(),
        citation: "Maas, Daly, Pham, Huang, Ng & Potts, Learning word vectors for sentiment analysis, ACL 2011"
            .to_owned(),
        tasks: texts(&["text"]),
        archives: vec![tar_gz(
            "aclImdb_v1.tar.gz",
            &[
                "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
                "https://bj.bcebos.com/dataset/imdb%2FaclImdb_v1.tar.gz",
            ],
            Size::Exact(84_125_825),
            Some(sha256("c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe")),
            250 * MB,
            110_000,
        )],
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

pub(super) fn lra() -> DataSet {
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
        archives: vec![tar_gz(
            "lra_release.gz",
            &["https://storage.googleapis.com/long-range-arena/lra_release.gz"],
            Size::About(7_700 * MB),
            None,
            18_600 * MB,
            3_000_000,
        )],
        members: parts,
        // The archive has the folder twice, one in the other.
        roots: texts(&["lra_release", ""]),
        known_empty: texts(&["pathfinder32/curv_baseline/imgs/0/sample_172.png"]),
        ..DataSet::default()
    }
}

pub(super) fn tinyshakespeare() -> DataSet {
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

pub(super) fn listops_original() -> DataSet {
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
        layout: ArchiveLayout::Flat,
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
