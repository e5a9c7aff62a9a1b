//! Which version of a data set lies in a folder, where its authors changed it under the same name.

use std::{fs, path::Path};

use crate::library::catalogue::data_set::{DataSet, Version};
use crate::library::error::DataError;
use crate::library::verify::members::find;

/// The version of `set` in `folder`: by the hash of its content, where that is known, else by its form. None where the set has
/// no versions, is not there, or fits none of them.
pub(crate) fn of(set: &DataSet, folder: &Path, content: Option<&str>) -> Result<Option<Version>, DataError> {
    let known = set.versions.iter().find(|version| content.is_some() && version.content.as_deref() == content);
    if let Some(version) = known {
        return Ok(Some(version.clone()));
    }
    let name = match set.name.as_str() {
        "character-trajectories" => letters(set, folder)?,
        _ => None,
    };
    Ok(set.versions.iter().find(|version| Some(version.name.as_str()) == name).cloned())
}

/// Character trajectories: in the version of 2018, 39 letters have an x or y that ends before the others; then the letters had
/// zeros before and behind them, as those of UCI have; then no more zeros but where x or y had been shorter.
fn letters(set: &DataSet, folder: &Path) -> Result<Option<&'static str>, DataError> {
    const UNEVEN: u64 = 39;
    let (mut all, mut uneven, mut before, mut behind) = (0u64, 0u64, 0u64, 0u64);
    for members in set.members.iter().filter(|members| members.pattern.ends_with(".ts")) {
        for file in find(folder, set, members)? {
            let text = fs::read(&file.path).map_err(DataError::io("read", &file.path))?;
            let text = String::from_utf8_lossy(&text);
            let mut lines = text.lines().map(str::trim);
            let found = lines.any(|line| line.eq_ignore_ascii_case("@data"));
            for line in lines.filter(|line| found && !line.is_empty() && !line.starts_with('#')) {
                let mut channels: Vec<Vec<&str>> =
                    line.split(':').map(|channel| channel.split(',').map(str::trim).collect()).collect();
                // The last is the class.
                channels.pop();
                let Some(first) = channels.first() else { continue };
                let zero = |value: Option<&&str>| value.and_then(|text| text.parse::<f64>().ok()) == Some(0.0);
                all += 1;
                uneven += u64::from(channels.iter().any(|channel| channel.len() != first.len()));
                before += u64::from(channels.iter().all(|channel| zero(channel.first())));
                behind += u64::from(channels.iter().any(|channel| zero(channel.last())));
            }
        }
    }
    let complete = set.members.iter().filter(|members| members.needed).map(|members| members.total).sum::<u64>() <= all;
    // Of a part of the letters, nobody knows how many are uneven.
    Ok(if uneven > 0 && complete && uneven != UNEVEN {
        Some("mixed (parts of two)")
    } else if uneven > 0 {
        Some("2018")
    } else if 2 * before > all {
        Some("October 2023")
    } else if behind > 0 {
        Some("November 2023")
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::library::data_folder::Library;

    #[test]
    fn versions_of_the_letters_are_told_by_their_form() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::open(folder.path());
        let set = library.entry("character-trajectories").unwrap();
        let path = library.folder(&set.name);
        fs::create_dir_all(&path).unwrap();
        let version = |rows: &str| {
            fs::write(path.join("CharacterTrajectories_TRAIN.ts"), format!("@problemName x\n@data\n{rows}\n")).unwrap();
            let version = of(set, &path, None).unwrap();
            version.map(|version| (version.name, version.note.is_some()))
        };
        assert_eq!(version("1,2:1,2,3:1,2,3:4\n0,0:0,0:0,0:1"), Some(("2018".to_owned(), false)));
        assert_eq!(version("0,2,0:0,2,0:0,3,0:4"), Some(("October 2023".to_owned(), true)));
        assert_eq!(version("1,2,0:1,2,3:1,2,3:4"), Some(("November 2023".to_owned(), true)));
        assert_eq!(version("1,2,1:1,2,3:1,2,3:4"), None);
        assert_eq!(version(""), None);
        let uneven = "1,2:1,2,3:1,2,3:4\n";
        let even = "1,2,1:1,2,3:1,2,3:4\n";
        let with = |count: usize| version(&(uneven.repeat(count) + &even.repeat(2_858 - count)));
        assert_eq!(with(39), Some(("2018".to_owned(), false)));
        for count in [1, 20, 38, 40] {
            assert_eq!(with(count), Some(("mixed (parts of two)".to_owned(), true)), "{count}");
        }
    }

    #[test]
    fn a_known_hash_tells_the_version() {
        let version = |name: &str, content: &str| Version {
            name: name.to_owned(),
            content: Some(content.to_owned()),
            note: None,
        };
        let set = DataSet { versions: vec![version("1", "aa"), version("2", "bb")], ..DataSet::default() };
        let version = |content| of(&set, Path::new("/nowhere"), content).unwrap().map(|version| version.name);
        assert_eq!(version(Some("bb")).as_deref(), Some("2"));
        assert_eq!((version(Some("cc")), version(None)), (None, None));
    }
}
