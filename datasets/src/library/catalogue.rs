//! Data sets with official files: where they come from, under which licence, and what their bytes must be.

use std::{collections::BTreeMap, fs, io::Read, path::Path, path::PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Library, error::DataError};

/// Name of the file that may replace the catalogue's checksums for one folder; see [`Manifest`].
pub const MANIFEST: &str = "bench-data.json";

/// A data set with official files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSet {
    /// Name, and folder in the data folder.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Page of the authors.
    pub origin: String,
    /// Licence of the data.
    pub licence: String,
    /// How to cite it.
    pub citation: String,
    /// Folders on the network that hold the files, best first.
    pub mirrors: Vec<String>,
    /// The files under their original names.
    pub files: Vec<DataFile>,
}

/// An official file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Original name.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256 (hex) of the file as it is stored.
    pub sha256: String,
}

/// Replaces the checksums of one folder: `<data>/<set>/bench-data.json`, for subsets and reconstructions. Whatever is
/// read through a manifest carries a note that it is not the official data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format: 1.
    pub schema: u32,
    /// In which way the files differ from the official ones.
    pub reconstructed: String,
    /// What the files must be instead, by name.
    pub files: BTreeMap<String, ManifestFile>,
}

/// One file of a [`Manifest`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Size.
    pub bytes: u64,
    /// SHA-256 (hex).
    pub sha256: String,
}

/// Every data set with official files.
pub fn official() -> Vec<DataSet> {
    let file = |name: &str, bytes, sha256: &str| DataFile { name: name.to_owned(), bytes, sha256: sha256.to_owned() };
    let fashion = DataSet {
        name: "fashion-mnist".to_owned(),
        summary: "clothing, 60 000 training and 10 000 test images of 28 x 28 (for fashion)".to_owned(),
        origin: "https://github.com/zalandoresearch/fashion-mnist".to_owned(),
        licence: "MIT (Zalando SE)".to_owned(),
        citation: "Xiao, Rasul & Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning \
                   Algorithms, arXiv 1708.07747"
            .to_owned(),
        mirrors: vec!["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com".to_owned()],
        files: vec![
            file(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            file(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            file(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            file(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ],
    };
    vec![
        DataSet {
            name: "mnist".to_owned(),
            summary: "handwritten digits, 60 000 training and 10 000 test images of 28 x 28 (for smnist, pmnist)"
                .to_owned(),
            origin: "http://yann.lecun.com/exdb/mnist/".to_owned(),
            licence: "CC BY-SA 3.0 (Yann LeCun, Corinna Cortes, Christopher Burges)".to_owned(),
            citation: "LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition, \
                   Proceedings of the IEEE 86(11), 1998"
                .to_owned(),
            mirrors: vec![
                "https://ossci-datasets.s3.amazonaws.com/mnist".to_owned(),
                "https://storage.googleapis.com/cvdf-datasets/mnist".to_owned(),
            ],
            files: vec![
                file(
                    "train-images-idx3-ubyte.gz",
                    9_912_422,
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                ),
                file(
                    "train-labels-idx1-ubyte.gz",
                    28_881,
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                ),
                file(
                    "t10k-images-idx3-ubyte.gz",
                    1_648_877,
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                ),
                file(
                    "t10k-labels-idx1-ubyte.gz",
                    4_542,
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
            ],
        },
        fashion,
    ]
}

/// State of the files of a data set in the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Every file lies there with its size (sums are checked when the files are read, and by `verify`).
    Present,
    /// Some files are missing or have another size.
    Partial,
    /// No file lies there.
    Absent,
}

impl Library {
    /// Data sets with official files.
    pub fn catalogue(&self) -> &[DataSet] {
        &self.catalogue
    }

    /// The data set `name`, and the note of its folder's [`Manifest`] if it has one, whose checksums then replace the
    /// official ones.
    ///
    /// # Errors
    /// An unknown name; a manifest that cannot be read.
    pub fn data_set(&self, name: &str) -> Result<(DataSet, Option<String>), DataError> {
        let mut set =
            self.catalogue.iter().find(|set| set.name == name).cloned().ok_or_else(|| DataError::Unknown {
                name: name.to_owned(),
                known: self.catalogue.iter().map(|set| set.name.as_str()).collect::<Vec<_>>().join(", "),
            })?;
        let path = self.folder(name).join(MANIFEST);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((set, None)),
            Err(error) => return Err(DataError::io("read", &path)(error)),
        };
        let malformed = |message: String| DataError::Malformed {
            path: path.clone(),
            message: format!("{message}; correct it, or remove it to go by the official checksums"),
        };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        if manifest.schema != 1 {
            return Err(malformed(format!("schema {} is not known, this program reads 1", manifest.schema)));
        }
        for file in &mut set.files {
            let other = manifest
                .files
                .get(&file.name)
                .ok_or_else(|| malformed(format!("`files` does not name {}", file.name)))?;
            file.bytes = other.bytes;
            file.sha256 = other.sha256.to_lowercase();
        }
        Ok((set, Some(manifest.reconstructed)))
    }

    /// `<data>/<set>`.
    pub fn folder(&self, set: &str) -> PathBuf {
        self.root.join(set)
    }

    /// The command that fetches `set` into this folder.
    pub fn fetch_command(&self, set: &str) -> String {
        let default = Self::locate(None).is_ok_and(|library| library.root == self.root);
        if default {
            format!("bench data fetch {set}")
        } else {
            format!("bench data fetch {set} --data {}", self.root.display())
        }
    }

    /// Whether every file of `set` is there; reads no contents.
    ///
    /// # Errors
    /// [`DataError::Missing`] with the command that fetches them; an unknown name.
    pub fn check_files(&self, set: &str) -> Result<(), DataError> {
        let (data, _) = self.data_set(set)?;
        let missing: Vec<&str> = data
            .files
            .iter()
            .map(|file| file.name.as_str())
            .filter(|name| !self.folder(set).join(name).is_file())
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(self.missing(set, &missing.join(", "))) }
    }

    /// How much of `set` is there, by name and size.
    ///
    /// # Errors
    /// An unknown name; a manifest that cannot be read.
    pub fn presence(&self, set: &str) -> Result<Presence, DataError> {
        let (data, _) = self.data_set(set)?;
        let sizes: Vec<Option<u64>> = data
            .files
            .iter()
            .map(|file| fs::metadata(self.folder(set).join(&file.name)).ok().map(|found| found.len()))
            .collect();
        Ok(if sizes.iter().all(Option::is_none) {
            Presence::Absent
        } else if data.files.iter().zip(&sizes).all(|(file, size)| *size == Some(file.bytes)) {
            Presence::Present
        } else {
            Presence::Partial
        })
    }

    /// The bytes of an official file, after its checksum has been found right.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Checksum`].
    pub fn read_file(&self, set: &str, name: &str) -> Result<Vec<u8>, DataError> {
        let (data, _) = self.data_set(set)?;
        let file = data.files.iter().find(|file| file.name == name).ok_or_else(|| DataError::Unknown {
            name: format!("{set}/{name}"),
            known: data.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        let path = self.folder(set).join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(self.missing(set, name)),
            Err(error) => return Err(DataError::io("read", &path)(error)),
        };
        let found = format!("{:x}", Sha256::digest(&bytes));
        self.compare(set, file, &path, bytes.len() as u64, found)?;
        Ok(bytes)
    }

    /// Computes the checksum of every file of `set` again.
    ///
    /// # Errors
    /// The first file that is missing or not as it should be.
    pub fn verify(&self, set: &str, progress: &dyn crate::task::Progress) -> Result<Vec<(String, String)>, DataError> {
        let (data, _) = self.data_set(set)?;
        let mut sums = Vec::new();
        progress.begin(&format!("checking {set}"), data.files.iter().map(|file| file.bytes).sum());
        for file in &data.files {
            let path = self.folder(set).join(&file.name);
            let (bytes, sum) = match sum_of(&path, progress) {
                Err(DataError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                    progress.finish();
                    return Err(self.missing(set, &file.name));
                }
                other => other?,
            };
            self.compare(set, file, &path, bytes, sum.clone())?;
            sums.push((file.name.clone(), sum));
        }
        progress.finish();
        Ok(sums)
    }

    fn compare(&self, set: &str, file: &DataFile, path: &Path, bytes: u64, found: String) -> Result<(), DataError> {
        if found == file.sha256 {
            return Ok(());
        }
        Err(DataError::Checksum {
            path: path.to_path_buf(),
            expected: file.sha256.clone(),
            expected_bytes: file.bytes,
            found,
            found_bytes: bytes,
            remedy: format!("fetch it again with `{}`", self.fetch_command(set)),
        })
    }

    fn missing(&self, set: &str, files: &str) -> DataError {
        DataError::Missing {
            what: format!("{set} ({files})"),
            folder: self.folder(set),
            command: self.fetch_command(set),
        }
    }
}

/// Size and SHA-256 (hex) of a file.
pub(super) fn sum_of(path: &Path, progress: &dyn crate::task::Progress) -> Result<(u64, String), DataError> {
    let mut file = fs::File::open(path).map_err(DataError::io("read", path))?;
    let mut hasher = Sha256::new();
    let mut room = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut room).map_err(DataError::io("read", path))?;
        if count == 0 {
            return Ok((bytes, format!("{:x}", hasher.finalize())));
        }
        hasher.update(&room[..count]);
        bytes += count as u64;
        progress.advance(count as u64);
    }
}
