//! The files of a report, written so that none is ever half there.

pub(crate) mod error;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rayon::prelude::*;

use crate::error::ReportError;
use crate::figures::plot::{Figure, Form, draw};

/// The file formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats {
    /// `index.html`
    pub html: bool,
    /// `report.md`
    pub md: bool,
    /// `tables/*.csv`
    pub csv: bool,
    /// `tables/*.tex`
    pub tex: bool,
    /// `figures/*.svg`
    pub svg: bool,
    /// `figures/*.png`
    pub png: bool,
}

impl Formats {
    /// All formats.
    pub const ALL: Self = Self { html: true, md: true, csv: true, tex: true, svg: true, png: true };
}

impl FromStr for Formats {
    type Err = UnknownFormat;

    /// `html,md,csv,tex,svg,png` in any order and selection.
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let mut formats = Self { html: false, md: false, csv: false, tex: false, svg: false, png: false };
        for name in text.split(',').map(str::trim) {
            match name {
                "html" => formats.html = true,
                "md" => formats.md = true,
                "csv" => formats.csv = true,
                "tex" => formats.tex = true,
                "svg" => formats.svg = true,
                "png" => formats.png = true,
                _ => return Err(UnknownFormat { name: name.to_owned() }),
            }
        }
        Ok(formats)
    }
}

/// A format that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{name}`; use one or more of html, md, csv, tex, svg, png, separated by commas")]
pub struct UnknownFormat {
    /// As given.
    pub name: String,
}

/// The files of a written report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportPaths {
    /// The page, if asked for.
    pub index: Option<PathBuf>,
    /// The Markdown report, if asked for.
    pub markdown: Option<PathBuf>,
    /// All files, in the order of writing.
    pub files: Vec<PathBuf>,
    /// Folders that could not be read and enter no number, with the reason.
    pub left_out: Vec<String>,
}

impl ReportPaths {
    /// Write one file.
    pub(crate) fn put(&mut self, path: PathBuf, bytes: &[u8]) -> Result<PathBuf, ReportError> {
        write_atomically(&path, bytes)?;
        self.files.push(path.clone());
        Ok(path)
    }

    /// Write one file of several parts, which need not be in memory together.
    pub(crate) fn put_parts(
        &mut self,
        path: PathBuf,
        parts: impl Iterator<Item = Result<Vec<u8>, ReportError>>,
    ) -> Result<(), ReportError> {
        write_parts(&path, parts)?;
        self.files.push(path);
        Ok(())
    }

    /// Draw the figures and write them below `out`, each with its values beside it.
    pub(crate) fn put_figures(&mut self, out: &Path, figures: &[Figure], formats: Formats) -> Result<(), ReportError> {
        let forms = [
            (Form::Svg, formats.svg),
            (Form::Png, formats.png),
            (Form::Csv, formats.csv || formats.svg || formats.png),
        ];
        let put = |figure: &Figure| -> Result<Vec<PathBuf>, ReportError> {
            let wanted = forms.iter().filter(|(_, wanted)| *wanted);
            let files = wanted.map(|(form, _)| {
                let path = out.join("figures").join(format!("{}.{}", figure.name, form.ending()));
                write_atomically(&path, &draw(figure, *form)?)?;
                Ok(path)
            });
            files.collect()
        };
        // One by one: neighbours take unlike times, and no file stays in memory.
        let files = figures.par_iter().with_max_len(1).map(put).collect::<Result<Vec<_>, _>>()?;
        self.files.extend(files.into_iter().flatten());
        Ok(())
    }
}

/// Write `bytes` to a temporary file beside `path`, then put it in place; folders are made as needed.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    write_parts(path, std::iter::once(Ok(bytes)))
}

fn write_parts(
    path: &Path,
    parts: impl Iterator<Item = Result<impl AsRef<[u8]>, ReportError>>,
) -> Result<(), ReportError> {
    let failed = || ReportError::write(path);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed())?;
    let mut file = tempfile::Builder::new().prefix(".bench-").tempfile_in(folder).map_err(failed())?;
    for part in parts {
        file.write_all(part?.as_ref()).map_err(failed())?;
    }
    open_to_others(file.as_file()).map_err(failed())?;
    file.persist(path).map_err(|e| e.error).map_err(failed())?;
    Ok(())
}

/// Temporary files are private; a report is meant to be read (and served) by others.
#[cfg(unix)]
fn open_to_others(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn open_to_others(_file: &fs::File) -> std::io::Result<()> {
    Ok(())
}
