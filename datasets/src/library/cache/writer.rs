//! Writing a set: samples in, one file out.

use std::{
    fs::{self, File},
    io::{BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::library::cache::file::header_bytes;
use crate::library::cache::key::CacheKey;
use crate::library::error::DataError;
use crate::library::folders::temporary_in;
use crate::progress::Progress;

/// Room for one round of parallel generation.
const ROUND_BYTES: usize = 16 << 20;

/// The random stream of one sample: ChaCha8 seeded with `seed`, stream number `index`. Samples made from their own
/// stream are the same whatever the number of threads.
pub fn sample_stream(seed: u64, index: u64) -> ChaCha8Rng {
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    stream.set_stream(index);
    stream
}

/// Receives the samples of a new set: train first, then validation, then test.
pub struct CacheWriter<'a> {
    key: &'a CacheKey,
    file: BufWriter<File>,
    path: PathBuf,
    hasher: Sha256,
    written: usize,
    progress: &'a dyn Progress,
}

impl CacheWriter<'_> {
    /// The next sample.
    ///
    /// # Errors
    /// A full disk, a sample of another size than the key says, or nobody who wants it any longer.
    pub fn push(&mut self, input: &[u8], label: &[u8]) -> Result<(), DataError> {
        if self.progress.stopped() {
            return Err(DataError::Stopped);
        }
        let key = self.key;
        if input.len() != key.input_bytes || label.len() != key.label_bytes || self.written >= key.total() {
            return Err(DataError::Generation {
                what: key.name.clone(),
                message: format!(
                    "the generator gave sample {} with {} + {} bytes; {} samples of {} + {} bytes were announced",
                    self.written,
                    input.len(),
                    label.len(),
                    key.total(),
                    key.input_bytes,
                    key.label_bytes
                ),
            });
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(input);
        crc.update(label);
        self.hasher.update(input);
        self.hasher.update(label);
        let mut put = |bytes: &[u8]| self.file.write_all(bytes);
        put(input)
            .and_then(|()| put(label))
            .and_then(|()| put(&crc.finalize().to_le_bytes()))
            .map_err(DataError::io("write", &self.path))?;
        self.written += 1;
        Ok(())
    }

    /// All remaining samples, made in parallel: `sample(index, input, label)` fills the two zeroed buffers of the sample
    /// with that index (over all splits, from 0). The result does not depend on the number of threads as long as
    /// `sample` depends on nothing but its index; [`sample_stream`] gives it random numbers.
    ///
    /// # Errors
    /// Those of `sample` (the one with the lowest index), and of writing.
    pub fn generate(
        &mut self,
        progress: &dyn Progress,
        sample: impl Fn(u64, &mut [u8], &mut [u8]) -> Result<(), DataError> + Sync,
    ) -> Result<(), DataError> {
        let (input_bytes, label_bytes) = (self.key.input_bytes, self.key.label_bytes);
        let stride = (input_bytes + label_bytes).max(1);
        let round = (ROUND_BYTES / stride).clamp(1, 1 << 14);
        let mut buffer = vec![0u8; round * stride];
        while self.written < self.key.total() {
            let start = self.written;
            let count = round.min(self.key.total() - start);
            let room = &mut buffer[..count * stride];
            room.fill(0);
            let outcomes: Vec<Result<(), DataError>> = room
                .par_chunks_mut(stride)
                .enumerate()
                .map(|(offset, record)| {
                    if progress.stopped() {
                        return Err(DataError::Stopped);
                    }
                    let (input, rest) = record.split_at_mut(input_bytes);
                    let outcome = sample((start + offset) as u64, input, &mut rest[..label_bytes]);
                    progress.advance(1);
                    outcome
                })
                .collect();
            outcomes.into_iter().collect::<Result<(), _>>()?;
            for record in buffer[..count * stride].chunks_exact(stride) {
                let (input, rest) = record.split_at(input_bytes);
                self.push(input, &rest[..label_bytes])?;
            }
        }
        Ok(())
    }
}

/// Removes parts left by a process that was killed; the caller holds the lock, so nobody is writing them.
pub(crate) fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().ends_with(".part") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Writes the set of `key` to a part in `folder`, which becomes the file at `path` when it is complete.
pub(crate) fn write_set(
    folder: &Path,
    path: &Path,
    key: &CacheKey,
    progress: &dyn Progress,
    generate: impl FnOnce(&mut CacheWriter<'_>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let part = temporary_in(folder, ".part").map_err(DataError::io("write", folder))?;
    let file = part.reopen().map_err(DataError::io("write", part.path()))?;
    let failed = |error| DataError::io("write", path)(error);
    let mut writer = CacheWriter {
        key,
        file: BufWriter::with_capacity(1 << 20, file),
        path: path.to_path_buf(),
        hasher: key.hasher(),
        written: 0,
        progress,
    };
    // The header is written twice: its length does not depend on the sum, which is known only at the end.
    writer.file.write_all(&header_bytes(key, &"0".repeat(64))?).map_err(failed)?;
    progress.begin(&format!("generating {}", key.name), key.total() as u64);
    let outcome = generate(&mut writer);
    progress.finish();
    outcome?;
    if writer.written != key.total() {
        return Err(DataError::Generation {
            what: key.name.clone(),
            message: format!("the generator gave {} samples of {}", writer.written, key.total()),
        });
    }
    let sum = format!("{:x}", writer.hasher.finalize());
    let mut file = writer.file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    file.write_all(&header_bytes(key, &sum)?).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    part.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
