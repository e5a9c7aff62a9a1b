//! The file of a cached set.
//!
//! One set is one file `<cache>/<name>-<hash of the key>/samples.bin`, beside the list of the files that it was made of, if
//! it was made of files:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | magic `BENCHSET` |
//! | 4 | version of this format, little endian |
//! | 4 | length `n` of the header, little endian |
//! | 4 | CRC-32 of the header, little endian |
//! | n | header: JSON with the key, the sizes and the SHA-256 of the content |
//! | … | zeros up to a multiple of 4096 |
//! | … | records: input bytes, label bytes, CRC-32 of both; train, validation, test |

use std::{fs::File, io::Read, path::Path};

use serde::{Deserialize, Serialize};
use sha2::Digest;

use crate::library::cache::key::{CRC_BYTES, CacheKey};
use crate::library::error::DataError;

const MAGIC: &[u8; 8] = b"BENCHSET";
const FORMAT: u32 = 1;
/// Records begin at a multiple of this many bytes.
pub(crate) const PAGE: usize = 4096;
/// Name of the file in the folder of a set.
pub(crate) const SAMPLES: &str = "samples.bin";

/// What stands at the beginning of the file.
#[derive(Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) key: CacheKey,
    pub(crate) content_sha256: String,
}

/// The header of a set whose content has the SHA-256 `sum`, filled up to whole pages.
pub(crate) fn header_bytes(key: &CacheKey, sum: &str) -> Result<Vec<u8>, DataError> {
    let header = Header { key: key.clone(), content_sha256: sum.to_owned() };
    let json = serde_json::to_vec(&header)
        .map_err(|error| DataError::Generation { what: key.name.clone(), message: error.to_string() })?;
    let mut bytes = Vec::with_capacity(PAGE);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&json).to_le_bytes());
    bytes.extend_from_slice(&json);
    bytes.resize(bytes.len().next_multiple_of(PAGE), 0);
    Ok(bytes)
}

/// The header of an open file, and where its records begin. The error says what is wrong with it.
pub(crate) fn read_header(file: &mut File) -> Result<(Header, u64), String> {
    let mut fixed = [0u8; 20];
    file.read_exact(&mut fixed).map_err(|_| "it is shorter than its header".to_owned())?;
    let word = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    if fixed[..8] != *MAGIC {
        return Err("it does not start with BENCHSET".to_owned());
    }
    if word(8) != FORMAT {
        return Err(format!("it has format version {}, this program writes {FORMAT}", word(8)));
    }
    let length = word(12) as usize;
    if length > 1 << 20 {
        return Err(format!("its header claims {length} bytes"));
    }
    let start = (20 + length).next_multiple_of(PAGE);
    let mut rest = vec![0u8; start - 20];
    file.read_exact(&mut rest).map_err(|_| "it is shorter than its header".to_owned())?;
    let json = &rest[..length];
    if crc32fast::hash(json) != word(16) {
        return Err("its header is damaged".to_owned());
    }
    let header = serde_json::from_slice(json).map_err(|error| format!("its header is damaged: {error}"))?;
    Ok((header, start as u64))
}

/// Whether the file is as long as `key` says; the error says how long it is.
pub(crate) fn check_length(file: &File, key: &CacheKey, start: u64) -> Result<(), String> {
    let found = file.metadata().map(|data| data.len()).map_err(|error| error.to_string())?;
    let expected = start + key.payload_bytes();
    if found == expected { Ok(()) } else { Err(format!("expected {expected} bytes, found {found}")) }
}

/// Whether the sum at the end of a record holds.
pub(crate) fn crc_holds(record: &[u8]) -> bool {
    let (body, crc) = record.split_at(record.len() - CRC_BYTES);
    crc32fast::hash(body).to_le_bytes() == crc
}

/// The error for a record whose sum does not hold.
pub(crate) fn damaged(path: &Path, record: usize) -> DataError {
    DataError::Malformed {
        path: path.to_path_buf(),
        message: format!("record {record} is damaged; delete the folder it lies in and it will be made again"),
    }
}

/// Recomputes every sum of the file at `path`; gives the content hash.
pub(crate) fn verify_file(path: &Path) -> Result<String, DataError> {
    let mut file = File::open(path).map_err(DataError::io("read", path))?;
    let malformed = |why: String| DataError::Malformed {
        path: path.to_path_buf(),
        message: format!("{why}; delete the folder it lies in and it will be made again"),
    };
    let (header, start) = read_header(&mut file).map_err(malformed)?;
    let key = &header.key;
    check_length(&file, key, start).map_err(malformed)?;
    let mut reader = std::io::BufReader::with_capacity(1 << 20, file);
    let mut record = vec![0u8; key.record_bytes()];
    let mut hasher = key.hasher();
    for index in 0..key.total() {
        reader.read_exact(&mut record).map_err(DataError::io("read", path))?;
        if !crc_holds(&record) {
            return Err(damaged(path, index));
        }
        hasher.update(&record[..record.len() - CRC_BYTES]);
    }
    let found = format!("{:x}", hasher.finalize());
    if found != header.content_sha256 {
        return Err(malformed(format!("expected SHA-256 {}, found {found}", header.content_sha256)));
    }
    Ok(found)
}
