//! Where runs are written: a folder, or a file system of its own that can be full or read-only.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::faults::Kind;

/// Enough for every run.
const LARGE: &str = "2G";

/// A folder for the runs of a round.
pub struct Scratch {
    folder: PathBuf,
    /// Whether a file system is mounted on it.
    mounted: bool,
}

impl Scratch {
    /// A folder that nothing is wrong with.
    pub fn plain(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), mounted: false })
    }

    /// What faults of `kind` need.
    pub fn of(kind: Kind, folder: &Path) -> Result<Self> {
        let mut scratch = Self::plain(folder)?;
        if kind.needs_a_file_system() {
            mount(&["-t", "tmpfs", "-o", &format!("size={LARGE}"), "tmpfs"], folder)?;
            scratch.mounted = true;
        }
        Ok(scratch)
    }

    /// Whether file systems can be mounted here, by trying.
    pub fn can_mount() -> bool {
        let Ok(folder) = tempfile::tempdir() else { return false };
        mount(&["-t", "tmpfs", "tmpfs"], folder.path()).is_ok() && unmount(folder.path()).is_ok()
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn runs(&self) -> PathBuf {
        self.folder.join("runs")
    }

    /// Let the file system hold no more than `bytes`, or what is in it.
    pub fn limit(&self, bytes: u64) -> Result<()> {
        mount(&["-o", &format!("remount,size={bytes}")], &self.folder)
    }

    /// Let nothing be written.
    pub fn close(&self) -> Result<()> {
        mount(&["-o", "remount,ro"], &self.folder)
    }

    /// As large and open as at the beginning.
    pub fn open(&self) -> Result<()> {
        if self.mounted { mount(&["-o", &format!("remount,rw,size={LARGE}")], &self.folder) } else { Ok(()) }
    }

    /// Bytes in it.
    pub fn bytes(&self) -> u64 {
        size(&self.folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.mounted {
            let _ = unmount(&self.folder);
        }
    }
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        // Files take whole pages.
        Ok(found) => found.len().next_multiple_of(4096),
        Err(_) => 0,
    };
    entries.map(of).sum()
}

fn mount(options: &[&str], folder: &Path) -> Result<()> {
    call(Command::new("mount").args(options).arg(folder))
}

fn unmount(folder: &Path) -> Result<()> {
    call(Command::new("umount").arg("--lazy").arg(folder))
}

fn call(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
