//! Images.

use std::collections::BTreeMap;

use super::parts::{MB, file, lookalike, md5, members, sha256, tar_gz, texts, unneeded};
use crate::library::catalogue::data_set::{Count, DataSet, Lookalike, Members, Size};

/// The four idx files that MNIST and its successors have.
fn digits() -> Vec<Members> {
    vec![
        members("training images", "train-images-idx3-ubyte.gz", 1, Count::Idx, 60_000),
        members("training labels", "train-labels-idx1-ubyte.gz", 1, Count::Idx, 60_000),
        members("test images", "t10k-images-idx3-ubyte.gz", 1, Count::Idx, 10_000),
        members("test labels", "t10k-labels-idx1-ubyte.gz", 1, Count::Idx, 10_000),
    ]
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

pub(super) fn mnist() -> DataSet {
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

pub(super) fn fashion() -> DataSet {
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

pub(super) fn cifar10() -> DataSet {
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
        archives: vec![tar_gz(
            "cifar-10-binary.tar.gz",
            &[
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/cifar-10-binary.tar.gz",
            ],
            Size::Exact(170_052_171),
            Some(sha256("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")),
            185 * MB,
            30,
        )],
        members: vec![
            members("training images", "data_batch_?.bin", 5, Count::Records(3_073), 50_000),
            members("test images", "test_batch.bin", 1, Count::Records(3_073), 10_000),
        ],
        lookalikes: versions_of_cifar(),
        sums: BTreeMap::from(sums.map(|(name, sum)| (name.to_owned(), md5(sum)))),
        ..DataSet::default()
    }
}

pub(super) fn cifar100() -> DataSet {
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
        archives: vec![tar_gz(
            "cifar-100-binary.tar.gz",
            &["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"],
            Size::Exact(168_513_733),
            Some(sha256("58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec")),
            185 * MB,
            30,
        )],
        members: vec![
            members("training images", "train.bin", 1, Count::Records(3_074), 50_000),
            members("test images", "test.bin", 1, Count::Records(3_074), 10_000),
        ],
        lookalikes: versions_of_cifar(),
        sums: BTreeMap::from(sums.map(|(name, sum)| (name.to_owned(), md5(sum)))),
        ..DataSet::default()
    }
}

pub(super) fn stl10() -> DataSet {
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
        archives: vec![tar_gz(
            "stl10_binary.tar.gz",
            &[
                "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                "https://cs.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
            ],
            Size::Exact(2_640_397_119),
            Some(sha256("f31fd99273a1acb8609c8db427cebb1de3f71de77758cdc0e22956e1289b9866")),
            3_130 * MB,
            30,
        )],
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
