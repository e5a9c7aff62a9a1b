//! Parts of entries of the catalogue.

use crate::library::catalogue::data_set::{Archive, ArchiveLayout, Count, DataFile, Format, Lookalike, Members, Size};
use crate::library::verify::checksum::Checksum;

pub(super) const MB: u64 = 1_000_000;

/// Owned texts.
pub(super) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// A SHA-256 in hexadecimal digits.
pub(super) fn sha256(hex: &str) -> Checksum {
    Checksum::Sha256(hex.to_owned())
}

/// An MD5 in hexadecimal digits.
pub(super) fn md5(hex: &str) -> Checksum {
    Checksum::Md5(hex.to_owned())
}

/// A file that is kept as it is.
pub(super) fn file(name: &str, bytes: u64, checksum: Checksum) -> DataFile {
    DataFile { name: name.to_owned(), bytes, checksum }
}

/// Files of one kind, of which `total` are counted.
pub(super) fn members(what: &str, pattern: &str, files: u64, count: Count, total: u64) -> Members {
    Members { what: what.to_owned(), pattern: pattern.to_owned(), files, count, total, needed: true }
}

/// Files that are counted one by one.
pub(super) fn single(what: &str, pattern: &str, files: u64) -> Members {
    members(what, pattern, files, Count::Files, files)
}

/// Files that no task needs.
pub(super) fn unneeded(members: Members) -> Members {
    Members { needed: false, ..members }
}

/// Something that is often taken for a data set.
pub(super) fn lookalike(name: &str, what: &str) -> Lookalike {
    Lookalike { name: name.to_owned(), what: what.to_owned() }
}

/// An archive in tar and gzip whose members lie in one folder, which is left out.
pub(super) fn tar_gz(
    name: &str,
    sources: &[&str],
    size: Size,
    checksum: Option<Checksum>,
    unpacked: u64,
    most_members: u64,
) -> Archive {
    Archive {
        name: name.to_owned(),
        format: Format::TarGz,
        sources: texts(sources),
        size,
        checksum,
        unpacked,
        most_members,
        into: String::new(),
        layout: ArchiveLayout::Strip(1),
        only: None,
    }
}
