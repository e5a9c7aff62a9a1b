//! The data folder: original files, downloads, checksums, cache.
//!
//! `<data>/<data set>/` holds original files under their original names; `<data>/.cache/` holds what was derived from
//! them or generated, and is safe to delete. Where the data folder cannot be written, the cache is elsewhere.

mod cache;
mod catalogue;
mod data_folder;
mod error;
mod fetch;
mod folders;
mod locate;
mod locks;
mod verify;

pub(crate) use self::{
    cache::sources::{FileState, Sources},
    folders::temporary_in,
    locate::read_bounded,
};
pub use self::{
    cache::{
        clean::{Cleaned, Kept, Leftover, Reason, is_temporary},
        key::CacheKey,
        sets::CachedSet,
        store::{IN_MEMORY_BYTES, SampleStore},
        writer::{CacheWriter, sample_stream},
    },
    catalogue::{
        data_set::{
            Archive, ArchiveLayout, Count, DataFile, DataSet, Format, Lookalike, Members, Presence, Size, Version,
        },
        manifest::{MANIFEST, Manifest, ManifestFile},
        official::official,
    },
    data_folder::{CACHE_VARIABLE, DATA_VARIABLE, Library},
    error::DataError,
    fetch::{
        refusal::{Refusal, Refused},
        sets::{Fetched, MIRROR_VARIABLE},
    },
    verify::{
        check::Verified,
        checksum::Checksum,
        members::Group,
        provenance::Provenance,
        record::{RECORD, Record, RecordedSource},
    },
};
