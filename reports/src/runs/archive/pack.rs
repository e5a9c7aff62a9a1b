//! Run folders become an archive.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use vocabulary::record::{State, Status};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{CHECKPOINTS, FORMAT, MANIFEST, Manifest, VERSION, is_inside};
use crate::error::ReportError;
use crate::runs::holder;
use crate::runs::reading::discover::{discover, folders, is_run, name_of};
use crate::runs::reading::read_json;
use crate::runs::run::seed_of;

/// Folders, in that of an experiment, that are made of its runs, or belong to the machine that they ran on.
const OF_PLACE: [&str; 2] = ["report", "submissions"];
/// An experiment holds runs, a run what was measured of it; deeper than this there is nothing but links that go round.
const DEEPEST: usize = 8;
/// Length from which an entry needs the longer form of the format, with room for what deflation may add.
const LARGE: u64 = 3 << 30;

/// What goes into an archive beside the records.
#[derive(Debug, Clone, Copy, Default)]
pub struct PackOptions {
    /// The weights.
    pub checkpoints: bool,
    /// Leave out the runs that are still running, rather than refuse.
    pub skip_running: bool,
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Runs in the archive.
    pub runs: usize,
    /// Files in it.
    pub files: usize,
    /// Their length, in bytes.
    pub bytes: u64,
    /// Length of the archive, in bytes.
    pub archive_bytes: u64,
    /// Runs that are not in it, since they are still running.
    pub running: Vec<String>,
}

/// Write the archive `out` of `dir`: a folder of experiments, of one, or of a single run. It is there whole or not at all.
///
/// # Errors
/// There are no runs, one is still running, a file cannot be read or has a name that no archive can hold, or the archive cannot be
/// written.
pub fn pack(dir: &Path, out: &Path, options: PackOptions) -> Result<Packed, ReportError> {
    let mut left_out = Vec::new();
    let experiments = discover(dir, &mut left_out)?;
    // What cannot be read would be missing from the archive without a word.
    if let Some(unread) = left_out.into_iter().next() {
        let source = io::Error::other(unread.reason);
        return Err(ReportError::Read { path: unread.path, source });
    }
    if experiments.is_empty() {
        return Err(ReportError::NoRuns { path: dir.to_owned() });
    }
    let runs = runs(&experiments)?;
    let running = running(&runs)?;
    if !running.is_empty() && !options.skip_running {
        let runs = running.iter().map(|run| name_of(run)).collect();
        return Err(ReportError::StillRunning { path: dir.to_owned(), runs });
    }
    let chosen = Chosen { options, running: &running, out };
    let (folder, mut files) = chosen.files(dir, &experiments)?;
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let packed = runs.len() - running.len();
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        version: VERSION,
        folder,
        runs: packed,
        checkpoints: options.checkpoints,
    };
    let (bytes, archive_bytes) = write(out, &manifest, &files)?;
    let running = running.iter().map(|run| name_of(run)).collect();
    Ok(Packed { runs: packed, files: files.len(), bytes, archive_bytes, running })
}

/// The folders of the runs of `experiments`, each of which may be a run itself.
fn runs(experiments: &[PathBuf]) -> Result<Vec<PathBuf>, ReportError> {
    let mut all = Vec::new();
    for experiment in experiments {
        if is_run(experiment) {
            all.push(experiment.clone());
        } else {
            let below = folders(experiment)?;
            all.extend(below.into_iter().filter(|path| is_run(path) || seed_of(&name_of(path)).is_some()));
        }
    }
    Ok(all)
}

/// Those that a process works on.
fn running(runs: &[PathBuf]) -> Result<Vec<PathBuf>, ReportError> {
    let mut running = Vec::new();
    for run in runs {
        let path = run.join("status.json");
        let begun = path.is_file() && holder::settle(run, read_json::<Status>(&path)?).0.state == State::Running;
        if begun || !holder::of(run).is_nobody() {
            running.push(run.clone());
        }
    }
    Ok(running)
}

/// A file and its name in the archive.
struct Entry {
    path: PathBuf,
    name: String,
}

/// What of a folder is packed.
struct Chosen<'a> {
    options: PackOptions,
    running: &'a [PathBuf],
    /// The archive, which may lie in the folder.
    out: &'a Path,
}

impl Chosen<'_> {
    /// All files, and the name of the packed folder in the archive.
    fn files(&self, dir: &Path, experiments: &[PathBuf]) -> Result<(String, Vec<Entry>), ReportError> {
        let mut files = Vec::new();
        let own = name_of(dir);
        if is_run(dir) {
            // The name and the description of the experiment stand beside the run.
            let full = dir.canonicalize().map_err(ReportError::read(dir))?;
            let home = full.parent().unwrap_or(&full).to_owned();
            let folder = format!("{}/{own}", name_of(&home));
            let described = home.join("experiment.yaml");
            if described.is_file() {
                files.push(Entry { name: format!("{}/experiment.yaml", name_of(&home)), path: described });
            }
            self.below(dir, &folder, 0, &mut files)?;
            return Ok((folder, files));
        }
        for experiment in experiments {
            let name = if experiment == dir { own.clone() } else { format!("{own}/{}", name_of(experiment)) };
            self.below(experiment, &name, 0, &mut files)?;
        }
        Ok((own, files))
    }

    /// The files at and below `folder`, which is called `name` in the archive.
    fn below(&self, folder: &Path, name: &str, depth: usize, files: &mut Vec<Entry>) -> Result<(), ReportError> {
        for entry in fs::read_dir(folder).map_err(ReportError::read(folder))? {
            let entry = entry.map_err(ReportError::read(folder))?;
            let path = entry.path();
            let own = entry.file_name();
            let unusable = || ReportError::read(&path)(io::Error::other("an archive cannot hold this name"));
            let own = own.to_str().filter(|own| is_inside(own)).ok_or_else(unusable)?;
            // Leases, locks, and files that are being written.
            if own.starts_with('.') {
                continue;
            }
            let name = format!("{name}/{own}");
            // Folders and files may be links to other disks.
            let about = fs::metadata(&path).map_err(ReportError::read(&path))?;
            if about.is_dir() {
                let passed_over = (own == CHECKPOINTS && !self.options.checkpoints)
                    || (depth == 0 && OF_PLACE.contains(&own))
                    || depth >= DEEPEST
                    || self.running.contains(&path);
                if !passed_over {
                    self.below(&path, &name, depth + 1, files)?;
                }
            } else if about.is_file() && path != self.out {
                files.push(Entry { path, name });
            }
        }
        Ok(())
    }
}

/// Write the archive; the length of the files and its own.
fn write(out: &Path, manifest: &Manifest, files: &[Entry]) -> Result<(u64, u64), ReportError> {
    let failed = || ReportError::write(out);
    let folder = out.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bench-");
    // Readable as any other file of the user, not for its owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(failed())?;
    let mut archive = ZipWriter::new(BufWriter::new(file.as_file_mut()));
    let broken = |error: zip::result::ZipError| failed()(error.into());
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| failed()(error.into()))?;
    archive.start_file(MANIFEST, form(MANIFEST, text.len() as u64)).map_err(broken)?;
    archive.write_all(&text).map_err(failed())?;
    let mut bytes = 0;
    for Entry { path, name } in files {
        let mut source = File::open(path).map_err(ReportError::read(path))?;
        let length = source.metadata().map_err(ReportError::read(path))?.len();
        archive.start_file(name.as_str(), form(name, length)).map_err(broken)?;
        bytes += copy(path, &mut source, &mut archive, out)?;
    }
    archive.finish().map_err(broken)?.flush().map_err(failed())?;
    file.as_file().sync_data().map_err(failed())?;
    let archive_bytes = file.as_file().metadata().map_err(failed())?.len();
    file.persist(out).map_err(|error| failed()(error.error))?;
    Ok((bytes, archive_bytes))
}

/// How an entry is written: the same for the same file, whenever that is.
fn form(name: &str, length: u64) -> SimpleFileOptions {
    // Weights hardly get shorter.
    let method = if name.ends_with(".safetensors") { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
        .large_file(length >= LARGE)
}

/// Copy `source`, the file at `path`, into the archive `out`; its length. An error says which of the two it is of.
fn copy(
    path: &Path,
    source: &mut File,
    archive: &mut ZipWriter<impl Write + Seek>,
    out: &Path,
) -> Result<u64, ReportError> {
    let mut part = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        let read = match io::Read::read(source, &mut part) {
            Ok(0) => return Ok(length),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(ReportError::read(path))?,
        };
        archive.write_all(&part[..read]).map_err(ReportError::write(out))?;
        length += read as u64;
    }
}
