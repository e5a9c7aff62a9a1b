//! The files of a data set, found by pattern and counted.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use serde::Serialize;
use wildmatch::WildMatch;

use crate::files::litter;
use crate::formats::images::idx;
use crate::library::catalogue::data_set::{Count, DataSet, Members, Presence};
use crate::library::data_folder::Library;
use crate::library::error::DataError;

/// Text files up to this size are counted even where nothing else is read.
const QUICKLY_COUNTED: u64 = 64 << 20;
/// Most bytes of a file that is parsed as a whole.
const PARSED_WHOLE: u64 = 512 << 20;

/// How many members of one kind there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What they are, e.g. `clips`.
    pub what: String,
    /// How many were found.
    pub found: u64,
    /// How many the official data set has.
    pub expected: u64,
    /// Whether tasks need them.
    pub needed: bool,
}

impl Group {
    pub(crate) fn of(members: &Members, found: u64) -> Self {
        Self { what: members.what.clone(), found, expected: members.total, needed: members.needed }
    }
}

/// What the groups say about the whole set.
pub(crate) fn presence_of(groups: &[Group]) -> Presence {
    let needed = || groups.iter().filter(|group| group.needed);
    if groups.iter().all(|group| group.found == 0) {
        Presence::Absent
    } else if needed().all(|group| group.found == group.expected) {
        Presence::Present
    } else {
        Presence::Partial
    }
}

/// A member: where it lies, and its path as the catalogue names it, with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberFile {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
}

/// The files that fit the pattern of `members`, sorted by name: those in the first root that has any.
pub(crate) fn find(folder: &Path, set: &DataSet, members: &Members) -> Result<Vec<MemberFile>, DataError> {
    let whole = [String::new()];
    let roots = if set.roots.is_empty() { &whole[..] } else { &set.roots };
    for root in roots {
        let base = if root.is_empty() { folder.to_path_buf() } else { folder.join(root) };
        let mut found = vec![];
        walk(&base, String::new(), &members.pattern, &mut found)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(vec![])
}

fn walk(folder: &Path, above: String, pattern: &str, found: &mut Vec<MemberFile>) -> Result<(), DataError> {
    let (first, rest) = pattern.split_once('/').map_or((pattern, None), |(first, rest)| (first, Some(rest)));
    let named = |name: &str| if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
    let mut take = |name: &str| -> Result<(), DataError> {
        let path = folder.join(name);
        match rest {
            Some(rest) if path.is_dir() => walk(&path, named(name), rest, found),
            None if path.is_file() => {
                found.push(MemberFile { path, name: named(name) });
                Ok(())
            }
            _ => Ok(()),
        }
    };
    if !first.contains(['*', '?']) {
        return take(first);
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(());
        }
        Err(error) => return Err(DataError::io("read", folder)(error)),
    };
    let matcher = WildMatch::new(first);
    let mut names = vec![];
    for entry in entries {
        let entry = entry.map_err(DataError::io("read", folder))?;
        // Official names are ASCII and begin with no dot; others belong to somebody else, or to an operating system.
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
            && !litter::named(&name)
            && matcher.matches(&name)
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.iter().try_for_each(|name| take(name))
}

/// Counts what `count` says, piece by piece, in one file.
pub(crate) enum Counter {
    One,
    Records { size: u64, bytes: u64 },
    Lines { skipped: u64, lines: u64, open: bool },
    Bytes(u64),
    Whole { count: Count, bytes: Vec<u8> },
}

impl Counter {
    pub(crate) fn new(count: Count) -> Self {
        match count {
            Count::Files => Self::One,
            Count::Records(size) => Self::Records { size, bytes: 0 },
            Count::Lines(skipped) => Self::Lines { skipped, lines: 0, open: false },
            Count::Bytes => Self::Bytes(0),
            Count::Series | Count::Idx => Self::Whole { count, bytes: vec![] },
        }
    }

    /// The next piece of the file.
    pub(crate) fn update(&mut self, piece: &[u8]) -> Result<(), String> {
        match self {
            Self::One => {}
            Self::Records { bytes, .. } | Self::Bytes(bytes) => *bytes += piece.len() as u64,
            Self::Lines { lines, open, .. } => {
                *lines += piece.iter().filter(|&&byte| byte == b'\n').count() as u64;
                *open = piece.last().map_or(*open, |&byte| byte != b'\n');
            }
            Self::Whole { bytes, .. } => {
                if (bytes.len() + piece.len()) as u64 > PARSED_WHOLE {
                    return Err(format!(
                        "it has more than {PARSED_WHOLE} bytes, and no file of this kind is that large"
                    ));
                }
                bytes.extend_from_slice(piece);
            }
        }
        Ok(())
    }

    /// How many there are; an error says what is wrong with the file.
    pub(crate) fn finish(self) -> Result<u64, String> {
        match self {
            Self::One => Ok(1),
            Self::Records { size, bytes } if !bytes.is_multiple_of(size) => Err(format!(
                "its {bytes} bytes are no multiple of the {size} bytes that a record has, so it was cut off or is another \
                 file"
            )),
            Self::Records { size, bytes } => Ok(bytes / size),
            Self::Lines { skipped, lines, open } => Ok((lines + u64::from(open)).saturating_sub(skipped)),
            Self::Bytes(bytes) => Ok(bytes),
            Self::Whole { count: Count::Idx, bytes } => {
                let idx =
                    idx::unpack(&bytes).and_then(|bytes| idx::parse(&bytes)).map_err(|error| error.to_string())?;
                Ok(idx.shape.first().map_or(0, |&count| count as u64))
            }
            Self::Whole { bytes, .. } => series(&bytes),
        }
    }
}

/// Number of series in a `.ts` file.
fn series(bytes: &[u8]) -> Result<u64, String> {
    let mut lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    if !lines.any(|line| line.eq_ignore_ascii_case(b"@data")) {
        return Err("there is no line `@data` in it, so it is no .ts file".to_owned());
    }
    Ok(lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).count() as u64)
}

/// What is counted in one file, from its name and size where that is enough.
fn quickly(found: &MemberFile, members: &Members) -> Result<u64, DataError> {
    let bytes = fs::metadata(&found.path).map_err(DataError::io("read", &found.path))?.len();
    let whole = members.total.checked_div(members.files).unwrap_or(0);
    match members.count {
        Count::Files => Ok(1),
        Count::Records(size) => Ok(bytes / size.max(1)),
        Count::Bytes => Ok(bytes),
        Count::Idx => Ok(whole),
        Count::Lines(_) | Count::Series if bytes > QUICKLY_COUNTED => Ok(whole),
        Count::Lines(_) | Count::Series => {
            let mut text = vec![];
            let file = File::open(&found.path).map_err(DataError::io("read", &found.path))?;
            file.take(QUICKLY_COUNTED).read_to_end(&mut text).map_err(DataError::io("read", &found.path))?;
            let mut counter = Counter::new(members.count);
            Ok(counter.update(&text).and_then(|()| counter.finish()).unwrap_or(0))
        }
    }
}

impl Library {
    /// How many members of `set` are there, by names and sizes (small text files are counted).
    ///
    /// # Errors
    /// An unknown name; a folder that cannot be read.
    pub fn count(&self, set: &str) -> Result<Vec<Group>, DataError> {
        let data = self.entry(set)?;
        let folder = self.folder(set);
        data.members
            .iter()
            .map(|members| {
                let found = find(&folder, data, members)?;
                let sum = found.iter().map(|file| quickly(file, members)).sum::<Result<u64, _>>()?;
                Ok(Group::of(members, sum))
            })
            .collect()
    }

    /// How much of `set` is there, by names and sizes.
    ///
    /// # Errors
    /// An unknown name; a manifest or folder that cannot be read.
    pub fn presence(&self, set: &str) -> Result<Presence, DataError> {
        let (data, _) = self.data_set(set)?;
        if data.files.is_empty() {
            return Ok(presence_of(&self.count(set)?));
        }
        let size = |name: &String| fs::metadata(self.folder(set).join(name)).ok().map(|found| found.len());
        let sizes: Vec<Option<u64>> = data.files.iter().map(|file| size(&file.name)).collect();
        Ok(if sizes.iter().all(Option::is_none) {
            Presence::Absent
        } else if data.files.iter().zip(&sizes).all(|(file, size)| *size == Some(file.bytes)) {
            Presence::Present
        } else {
            Presence::Partial
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn members(pattern: &str) -> Members {
        Members {
            what: "files".to_owned(),
            pattern: pattern.to_owned(),
            files: 2,
            count: Count::Files,
            total: 2,
            needed: true,
        }
    }

    #[test]
    fn patterns_find_files_in_the_first_root_that_has_some() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["outer/b/2.png", "outer/a/1.png", "outer/a/1.txt", "c/3.png", "outer/4.png"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let names = |roots: &[&str], pattern: &str| -> Vec<String> {
            let set = DataSet { roots: roots.iter().map(|&root| root.to_owned()).collect(), ..DataSet::default() };
            find(folder.path(), &set, &members(pattern)).unwrap().into_iter().map(|found| found.name).collect()
        };
        assert_eq!(names(&["outer", ""], "*/*.png"), ["a/1.png", "b/2.png"]);
        assert_eq!(names(&["inner", ""], "*/*.png"), ["c/3.png", "outer/4.png"]);
        assert_eq!(names(&[], "outer/?/1.*"), ["outer/a/1.png", "outer/a/1.txt"]);
        assert_eq!(names(&[], "outer/a/1.png"), ["outer/a/1.png"]);
        assert!(names(&[], "none/*.png").is_empty() && names(&[], "outer/a").is_empty());
    }

    #[test]
    fn what_operating_systems_leave_is_no_member() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a/1.png", "a/._1.png", "__MACOSX/1.png", ".new-1/1.png", "._a/1.png"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = find(folder.path(), &DataSet::default(), &members("*/*.png")).unwrap();
        assert_eq!(found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["a/1.png"]);
    }

    fn counted(count: Count, pieces: &[&[u8]]) -> Result<u64, String> {
        let mut counter = Counter::new(count);
        pieces.iter().try_for_each(|piece| counter.update(piece))?;
        counter.finish()
    }

    #[test]
    fn contents_are_counted_whatever_the_pieces() {
        assert_eq!(counted(Count::Lines(0), &[b"a\nb", b"\nc"]), Ok(3));
        assert_eq!(counted(Count::Lines(1), &[b"a\nb\n"]), Ok(1));
        assert_eq!(counted(Count::Lines(0), &[]), Ok(0));
        assert_eq!(counted(Count::Bytes, &[b"abc", b"de"]), Ok(5));
        assert_eq!(counted(Count::Records(3), &[b"abc", b"def"]), Ok(2));
        assert!(counted(Count::Records(3), &[b"abcd"]).is_err());
        assert_eq!(counted(Count::Series, &[b"@a\n@DA", b"TA\r\n1:a\n\n# no\n2:b"]), Ok(2));
        assert!(counted(Count::Series, &[b"@a\n"]).is_err());
        assert!(counted(Count::Idx, &[b"no"]).is_err());
    }
}
