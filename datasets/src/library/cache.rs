//! Derived and generated sets on disk: generated once, read by position.
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
//!
//! The file appears by an atomic rename under a lock that is shared between processes. Sets of up to
//! [`IN_MEMORY_BYTES`] are loaded and checked as a whole; larger ones are read by position, and every record is checked
//! by its own CRC. Who reads a set holds a shared lock on its file, so that nobody cleans it away.

use std::{
    fs::{self, File, TryLockError},
    io::{BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Library, Sources, error::DataError, folders, sources, temporary_in};
use crate::task::{Progress, Split, SplitSizes};

/// Sets up to this size are held in memory.
pub const IN_MEMORY_BYTES: u64 = 512 << 20;

const MAGIC: &[u8; 8] = b"BENCHSET";
const FORMAT: u32 = 1;
const PAGE: usize = 4096;
const CRC_BYTES: usize = 4;
/// Files in the folder of a set.
pub(super) const SAMPLES: &str = "samples.bin";
pub(super) const LOCK: &str = "lock";
/// Room for one round of parallel generation.
const ROUND_BYTES: usize = 16 << 20;

/// Everything that determines a derived set. Equal keys mean equal samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheKey {
    /// Short name without spaces, e.g. `pathfinder32-hard`; part of the folder's name.
    pub name: String,
    /// Version of the generator: raised whenever its samples change.
    pub version: u32,
    /// Every setting that the samples depend on, the seed included.
    pub spec: Value,
    /// Bytes of one input.
    pub input_bytes: usize,
    /// Bytes of one label.
    pub label_bytes: usize,
    /// Samples per split.
    pub sizes: SplitSizes,
}

impl CacheKey {
    /// Samples in all splits.
    pub fn total(&self) -> usize {
        Split::ALL.iter().map(|&split| self.sizes.get(split)).sum()
    }

    fn record_bytes(&self) -> usize {
        self.input_bytes + self.label_bytes + CRC_BYTES
    }

    fn payload_bytes(&self) -> u64 {
        self.total() as u64 * self.record_bytes() as u64
    }

    fn folder_name(&self) -> String {
        let safe: String = self
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
            .collect();
        let hash = format!("{:x}", Sha256::digest(serde_json::to_vec(self).unwrap_or_default()));
        format!("{safe}-{}", &hash[..16])
    }

    /// The key with what recognises the files that the set is made of.
    fn made_of(&self, sources: &Sources) -> Self {
        let mut key = self.clone();
        match &mut key.spec {
            Value::Object(spec) => drop(spec.insert("files".to_owned(), sources.fingerprint().into())),
            other => *other = serde_json::json!({ "settings": other, "files": sources.fingerprint() }),
        }
        key
    }

    fn hasher(&self) -> Sha256 {
        let sizes = &self.sizes;
        let head =
            format!("{} {} {} {} {}\n", self.input_bytes, self.label_bytes, sizes.train, sizes.validation, sizes.test);
        Sha256::new().chain_update(head)
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    key: CacheKey,
    content_sha256: String,
}

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

/// The samples of a set, read by position from any thread.
#[derive(Debug)]
pub struct SampleStore {
    key: CacheKey,
    content_hash: String,
    path: PathBuf,
    start: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// The records, and the file, for its lock alone.
    Memory(Vec<u8>, #[allow(dead_code)] File),
    #[cfg(unix)]
    File(File),
    #[cfg(not(unix))]
    File(std::sync::Mutex<File>),
}

impl SampleStore {
    /// Samples in `split`.
    pub fn len(&self, split: Split) -> usize {
        self.key.sizes.get(split)
    }

    /// Whether there is no sample at all.
    pub fn is_empty(&self) -> bool {
        self.key.total() == 0
    }

    /// SHA-256 (hex) over sizes, inputs and labels in the order of the splits.
    pub fn content_hash(&self) -> &str {
        &self.content_hash
    }

    /// The file the samples lie in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Calls `visit(slot, input, label)` for every one of `positions` of `split`, in that order; `slot` counts from 0.
    ///
    /// # Errors
    /// A position outside the split; a file that has become unreadable or damaged.
    pub fn visit(
        &self,
        split: Split,
        positions: &[usize],
        mut visit: impl FnMut(usize, &[u8], &[u8]),
    ) -> Result<(), DataError> {
        let len = self.len(split);
        let first = match split {
            Split::Train => 0,
            Split::Validation => self.key.sizes.train,
            Split::Test => self.key.sizes.train + self.key.sizes.validation,
        };
        let stride = self.key.record_bytes();
        let mut room = Vec::new();
        for (slot, &position) in positions.iter().enumerate() {
            if position >= len {
                return Err(DataError::Position { what: self.key.name.clone(), split: split.name(), position, len });
            }
            let offset = (first + position) * stride;
            let record = match &self.source {
                Source::Memory(payload, _) => &payload[offset..offset + stride],
                Source::File(file) => {
                    room.resize(stride, 0);
                    read_at(file, &mut room, self.start + offset as u64).map_err(DataError::io("read", &self.path))?;
                    if !crc_holds(&room) {
                        return Err(damaged(&self.path, first + position));
                    }
                    &room[..]
                }
            };
            let (input, rest) = record.split_at(self.key.input_bytes);
            visit(slot, input, &rest[..self.key.label_bytes]);
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, room: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, room, offset)
}

#[cfg(not(unix))]
fn read_at(file: &std::sync::Mutex<File>, room: &mut [u8], offset: u64) -> std::io::Result<()> {
    let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(room)
}

fn crc_holds(record: &[u8]) -> bool {
    let (body, crc) = record.split_at(record.len() - CRC_BYTES);
    crc32fast::hash(body).to_le_bytes() == crc
}

fn damaged(path: &Path, record: usize) -> DataError {
    DataError::Malformed {
        path: path.to_path_buf(),
        message: format!("record {record} is damaged; delete the folder it lies in and it will be made again"),
    }
}

impl Library {
    /// The set of `key`, which is generated: opened if it exists and is sound, otherwise made by `generate`, once, even when
    /// several processes ask for it. A damaged file is made again, with a warning. Where the cache cannot be written and no
    /// other folder was chosen for it, the set is made in the platform's cache directory, with a warning.
    ///
    /// `generate` pushes `key.total()` samples; see [`CacheWriter::generate`] for the parallel form.
    ///
    /// # Errors
    /// Those of `generate`; a full disk; a cache that cannot be written.
    pub fn cached(
        &self,
        key: &CacheKey,
        progress: &dyn Progress,
        generate: impl FnOnce(&mut CacheWriter<'_>) -> Result<(), DataError>,
    ) -> Result<SampleStore, DataError> {
        self.open_or_make(key, None, progress, generate)
    }

    /// The set of `key`, which is made of the files `sources`: as [`cached`](Self::cached), and made again when one of them
    /// has changed. What recognises the files enters the key as `files`.
    ///
    /// # Errors
    /// Those of [`cached`](Self::cached).
    pub(crate) fn cached_from(
        &self,
        sources: &Sources,
        key: &CacheKey,
        progress: &dyn Progress,
        generate: impl FnOnce(&mut CacheWriter<'_>) -> Result<(), DataError>,
    ) -> Result<SampleStore, DataError> {
        let key = key.made_of(sources);
        self.open_or_make(&key, Some(sources), progress, generate)
    }

    fn open_or_make(
        &self,
        key: &CacheKey,
        sources: Option<&Sources>,
        progress: &dyn Progress,
        generate: impl FnOnce(&mut CacheWriter<'_>) -> Result<(), DataError>,
    ) -> Result<SampleStore, DataError> {
        // A finished file came by a rename, so it can be read without the lock, also in a folder without write access.
        for folder in self.cache_folders() {
            if let Some(store) = open_or_warn(&folder.join(key.folder_name()).join(SAMPLES), key)? {
                return Ok(store);
            }
        }
        let (folder, _lock) = self.claim(key, progress)?;
        let path = folder.join(SAMPLES);
        if path.exists()
            && let Ok(Opened::Sound(store)) = open(&path, key)
        {
            return Ok(*store);
        }
        remove_leftovers(&folder);
        self.ensure_space(&path, key.payload_bytes() + PAGE as u64)?;
        if let Some(sources) = sources {
            sources.write(self.root(), &folder).map_err(DataError::io("write", folder.join(sources::LIST)))?;
        }
        write(&folder, &path, key, progress, generate)?;
        match open(&path, key)? {
            Opened::Sound(store) => Ok(*store),
            Opened::Damaged(why) | Opened::Absent(why) => Err(DataError::Malformed {
                path,
                message: format!("{why} right after it was written; check the disk, then run the command again"),
            }),
        }
    }

    /// The folder of a set that is about to be made, and its lock.
    fn claim(&self, key: &CacheKey, progress: &dyn Progress) -> Result<(PathBuf, File), DataError> {
        let name = key.folder_name();
        let folder = self.cache_folder().join(&name);
        let error = match claim(&folder, &key.name, progress) {
            Ok(lock) => return Ok((folder, lock)),
            Err(error) => error,
        };
        let Some(spare) = self.spare_cache().filter(|_| error.is_read_only()) else { return Err(error) };
        let folder = spare.join(&name);
        let lock = claim(&folder, &key.name, progress)?;
        tracing::warn!(
            "the cache {} cannot be written, so {} is kept in {}; --cache DIR or BENCH_CACHE chooses another folder",
            self.cache_folder().display(),
            key.name,
            spare.display()
        );
        Ok((folder, lock))
    }

    /// Where the set of `key` lies, or would lie.
    pub fn cache_path(&self, key: &CacheKey) -> PathBuf {
        self.cache_folder().join(key.folder_name()).join(SAMPLES)
    }

    /// Every set in the cache, by file; one whose header cannot be read has no key.
    ///
    /// # Errors
    /// A cache folder that cannot be read.
    pub fn cached_sets(&self) -> Result<Vec<CachedSet>, DataError> {
        let mut sets = Vec::new();
        for folder in self.cache_folders() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(DataError::io("read", &folder)(error)),
            };
            sets.extend(entries.flatten().map(|entry| entry.path().join(SAMPLES)).filter_map(CachedSet::find));
        }
        sets.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(sets)
    }

    /// Reads a whole file of the cache again, sums included, and gives its content hash.
    ///
    /// # Errors
    /// [`DataError::Malformed`] saying what is damaged.
    pub fn verify_cached(&self, set: &CachedSet) -> Result<String, DataError> {
        verify_file(&set.path)
    }
}

/// A file of the cache.
#[derive(Debug, Clone, Serialize)]
pub struct CachedSet {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What it was made for.
    pub key: Option<CacheKey>,
    /// SHA-256 (hex) of its content, as its header says.
    pub content_hash: Option<String>,
}

impl CachedSet {
    /// The set in the file at `path`.
    pub(super) fn find(path: PathBuf) -> Option<Self> {
        let mut file = File::open(&path).ok()?;
        let bytes = file.metadata().ok()?.len();
        let header = read_header(&mut file).ok().map(|(header, _)| header);
        let (key, content_hash) = header.map(|header| (header.key, header.content_sha256)).unzip();
        Some(Self { path, bytes, key, content_hash })
    }
}

/// Creates the folder of a set, and locks it.
fn claim(folder: &Path, what: &str, progress: &dyn Progress) -> Result<File, DataError> {
    let path = folder.join(LOCK);
    loop {
        folders::create(folder)?;
        let held = lock_while_wanted(&path, what, progress)?;
        // While this process waited, the folder may have been cleaned away, and the lock with it.
        if is_at(&held, &path) {
            return Ok(held);
        }
    }
}

/// Whether the open `file` is still the one at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let number = |about: fs::Metadata| (about.dev(), about.ino());
        matches!((file.metadata().map(number), fs::metadata(path).map(number)), (Ok(one), Ok(other)) if one == other)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

/// As [`lock`], unless whoever has to wait for it no longer wants it: the system cannot be told so, hence a thread waits, and
/// gives back what it gets too late.
fn lock_while_wanted(path: &Path, what: &str, progress: &dyn Progress) -> Result<File, DataError> {
    const PAUSE: Duration = Duration::from_millis(100);
    let (sender, got) = mpsc::channel();
    let (path, what) = (path.to_owned(), what.to_owned());
    // Nobody listens where it comes too late.
    std::thread::spawn(move || sender.send(lock(&path, &what)));
    loop {
        match got.recv_timeout(PAUSE) {
            Ok(outcome) => return outcome,
            Err(_) if progress.stopped() => return Err(DataError::Stopped),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(DataError::Stopped),
        }
    }
}

/// An exclusive lock on `path`, given back when the file is dropped. Says so when it has to wait.
pub(super) fn lock(path: &Path, what: &str) -> Result<File, DataError> {
    let file = match File::options().create(true).truncate(false).write(true).open(path) {
        // One that another user has made can be locked without being written.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => File::open(path).map_err(|_| error),
        opened => opened,
    };
    let file = file.map_err(DataError::io("write", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            tracing::info!("waiting for another process that is preparing {what}");
            file.lock().map_err(DataError::io("lock", path))?;
            Ok(file)
        }
        Err(TryLockError::Error(error)) => Err(DataError::io("lock", path)(error)),
    }
}

/// Parts left by a process that was killed; the caller holds the lock, so nobody is writing them.
fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().ends_with(".part") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn write(
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

fn header_bytes(key: &CacheKey, sum: &str) -> Result<Vec<u8>, DataError> {
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

enum Opened {
    Sound(Box<SampleStore>),
    Damaged(String),
    Absent(String),
}

fn open_or_warn(path: &Path, key: &CacheKey) -> Result<Option<SampleStore>, DataError> {
    match open(path, key)? {
        Opened::Sound(store) => Ok(Some(*store)),
        Opened::Absent(_) => Ok(None),
        Opened::Damaged(why) => {
            tracing::warn!("{}: {why}; making it again", path.display());
            Ok(None)
        }
    }
}

fn open(path: &Path, key: &CacheKey) -> Result<Opened, DataError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Opened::Absent("the file is missing".to_owned()));
        }
        Err(error) => return Err(DataError::io("read", path)(error)),
    };
    // Not every file system has locks; without one the set is read all the same.
    let _ = file.try_lock_shared();
    let (header, start) = match read_header(&mut file) {
        Ok(found) => found,
        Err(why) => return Ok(Opened::Damaged(why)),
    };
    if header.key != *key {
        return Ok(Opened::Damaged("it belongs to other settings".to_owned()));
    }
    if let Err(why) = check_length(&file, &header.key, start) {
        return Ok(Opened::Damaged(why));
    }
    let source = if key.payload_bytes() <= IN_MEMORY_BYTES {
        let mut payload = Vec::with_capacity(key.payload_bytes() as usize);
        file.read_to_end(&mut payload).map_err(DataError::io("read", path))?;
        if payload.len() as u64 != key.payload_bytes() {
            return Ok(Opened::Damaged(format!("it ends after {} of {} bytes", payload.len(), key.payload_bytes())));
        }
        let stride = key.record_bytes();
        let mut hasher = key.hasher();
        for record in payload.chunks_exact(stride) {
            hasher.update(&record[..stride - CRC_BYTES]);
        }
        let found = format!("{:x}", hasher.finalize());
        if found != header.content_sha256 {
            return Ok(Opened::Damaged(format!("expected SHA-256 {}, found {found}", header.content_sha256)));
        }
        Source::Memory(payload, file)
    } else {
        #[cfg(unix)]
        let source = Source::File(file);
        #[cfg(not(unix))]
        let source = Source::File(std::sync::Mutex::new(file));
        source
    };
    Ok(Opened::Sound(Box::new(SampleStore {
        key: header.key,
        content_hash: header.content_sha256,
        path: path.to_path_buf(),
        start,
        source,
    })))
}

fn read_header(file: &mut File) -> Result<(Header, u64), String> {
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

fn check_length(file: &File, key: &CacheKey, start: u64) -> Result<(), String> {
    let found = file.metadata().map(|data| data.len()).map_err(|error| error.to_string())?;
    let expected = start + key.payload_bytes();
    if found == expected { Ok(()) } else { Err(format!("expected {expected} bytes, found {found}")) }
}

/// Recomputes every sum of a cache file; gives the content hash.
fn verify_file(path: &Path) -> Result<String, DataError> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rand::Rng;
    use serde_json::json;

    use super::*;

    fn key() -> CacheKey {
        CacheKey {
            name: "numbers".to_owned(),
            version: 1,
            spec: json!({ "seed": 3 }),
            input_bytes: 40,
            label_bytes: 2,
            sizes: SplitSizes { train: 50, validation: 7, test: 9 },
        }
    }

    /// Wants `0` samples, then no more.
    struct Enough(AtomicUsize);

    impl Progress for Enough {
        fn begin(&self, _what: &str, _total: u64) {}
        fn advance(&self, done: u64) {
            let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(done as usize));
        }
        fn finish(&self) {}
        fn stopped(&self) -> bool {
            self.0.load(Ordering::SeqCst) == 0
        }
    }

    #[test]
    fn what_nobody_wants_any_longer_is_left_and_made_later() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let made = AtomicUsize::new(0);
        let stopped = library.cached(&key(), &Enough(AtomicUsize::new(5)), |writer| {
            writer.generate(&Enough(AtomicUsize::new(5)), |_, _, _| {
                made.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        });
        assert!(matches!(stopped, Err(DataError::Stopped)), "{stopped:?}");
        assert!(made.load(Ordering::SeqCst) < key().total());
        // One at a time.
        let stopped = library.cached(&key(), &Enough(AtomicUsize::new(0)), |writer| writer.push(&[0; 40], &[0; 2]));
        assert!(matches!(stopped, Err(DataError::Stopped)), "{stopped:?}");
        // While another process holds the set.
        let held = lock(&library.cache_path(&key()).with_file_name(LOCK), "numbers").unwrap();
        let stopped = library.cached(&key(), &Enough(AtomicUsize::new(0)), fill);
        assert!(matches!(stopped, Err(DataError::Stopped)), "{stopped:?}");
        drop(held);
        assert_eq!(library.cached(&key(), &(), fill).unwrap().len(Split::Train), 50);
    }

    fn fill(writer: &mut CacheWriter<'_>) -> Result<(), DataError> {
        writer.generate(&(), |index, input, label| {
            let mut stream = sample_stream(3, index);
            stream.fill(input);
            label.copy_from_slice(&(index as u16).to_le_bytes());
            Ok(())
        })
    }

    fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn a_set_is_the_same_whatever_the_number_of_threads() {
        let hashes: Vec<String> = [1, 2, 5]
            .into_iter()
            .map(|threads| {
                let folder = tempfile::tempdir().unwrap();
                let library = Library::open(folder.path());
                let store = with_threads(threads, || library.cached(&key(), &(), fill)).unwrap();
                store.content_hash().to_owned()
            })
            .collect();
        assert!(hashes.iter().all(|hash| hash == &hashes[0]), "{hashes:?}");
    }

    #[test]
    fn samples_come_back_by_position() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let store = library.cached(&key(), &(), fill).unwrap();
        let mut seen = Vec::new();
        store
            .visit(Split::Test, &[8, 0], |slot, input, label| {
                seen.push((slot, input[0], u16::from_le_bytes([label[0], label[1]])));
            })
            .unwrap();
        let first = |index| sample_stream(3, index).random::<u32>() as u8;
        assert_eq!(seen, [(0, first(65), 65), (1, first(57), 57)]);
        let error = store.visit(Split::Validation, &[7], |_, _, _| ()).unwrap_err();
        assert!(error.to_string().contains("no position 7"), "{error}");
    }

    #[test]
    fn one_of_many_threads_generates() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let count = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let made = library.cached(&key(), &(), |writer| {
                        count.fetch_add(1, Ordering::SeqCst);
                        for index in 0..66u8 {
                            writer.push(&[index; 40], &[index; 2])?;
                        }
                        Ok(())
                    });
                    assert_eq!(made.unwrap().len(Split::Train), 50);
                });
            }
        });
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn every_damaged_byte_is_noticed_and_the_set_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let sound = library.cached(&key(), &(), fill).unwrap();
        let hash = sound.content_hash().to_owned();
        let path = library.cache_path(&key());
        let original = fs::read(&path).unwrap();
        for at in [0, 9, 13, 17, 30, PAGE, PAGE + 41, original.len() - 6] {
            let mut bytes = original.clone();
            bytes[at] ^= 0x20;
            fs::write(&path, &bytes).unwrap();
            assert!(verify_file(&path).is_err(), "byte {at} was not noticed");
            assert_eq!(library.cached(&key(), &(), fill).unwrap().content_hash(), hash);
            assert_eq!(fs::read(&path).unwrap(), original, "byte {at}");
        }
        for cut in [0, 10, 100, PAGE, original.len() - 1] {
            fs::write(&path, &original[..cut]).unwrap();
            assert_eq!(library.cached(&key(), &(), fill).unwrap().content_hash(), hash);
        }
        let sets = library.cached_sets().unwrap();
        assert_eq!(sets.len(), 1);
        assert_eq!(sets[0].key.as_ref(), Some(&key()));
        assert_eq!(library.verify_cached(&sets[0]).unwrap(), hash);
    }

    #[test]
    fn a_sample_of_the_wrong_size_or_too_few_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let short = library.cached(&key(), &(), |writer| writer.push(&[0; 39], &[0; 2])).unwrap_err();
        assert!(short.to_string().contains("39 + 2 bytes"), "{short}");
        let few = library.cached(&key(), &(), |writer| writer.push(&[0; 40], &[0; 2])).unwrap_err();
        assert!(few.to_string().contains("1 samples of 66"), "{few}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let made = library.cached(&CacheKey { version: 2, ..key() }, &(), fill).unwrap();
            let plain = folder.path().join("plain");
            fs::write(&plain, "").unwrap();
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(made.path()), mode(&plain), "the umask decides who may read");
        }
        let left: Vec<_> = fs::read_dir(library.cache_path(&key()).parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["lock"]);
    }

    #[test]
    fn a_file_read_by_position_checks_each_record() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let mut store = library.cached(&key(), &(), fill).unwrap();
        let file = File::options().read(true).write(true).open(store.path()).unwrap();
        let second = store.start + key().record_bytes() as u64;
        #[cfg(unix)]
        {
            std::os::unix::fs::FileExt::write_all_at(&file, &[1, 2, 3, 4], second).unwrap();
            store.source = Source::File(file);
            let expected = sample_stream(3, 0).random::<u32>() as u8;
            store.visit(Split::Train, &[0], |_, input, _| assert_eq!(input[0], expected)).unwrap();
            let error = store.visit(Split::Train, &[1], |_, _, _| ()).unwrap_err();
            assert!(error.to_string().contains("record 1 is damaged"), "{error}");
        }
    }
}
