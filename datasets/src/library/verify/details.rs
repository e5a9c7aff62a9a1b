//! What is worth knowing about single data sets beyond the number of their members.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};

use crate::library::catalogue::data_set::DataSet;
use crate::library::error::DataError;
use crate::library::verify::members::{MemberFile, find};

/// Names and values for `set`; nothing for most.
pub(crate) fn of(set: &DataSet, folder: &Path) -> Result<Vec<(String, String)>, DataError> {
    match set.name.as_str() {
        "imdb" => reviews(set, folder),
        "speech-commands" => words(set, folder),
        "fsdd" => digits(set, folder),
        _ => Ok(vec![]),
    }
}

fn files(set: &DataSet, folder: &Path, prefix: &str) -> Result<Vec<MemberFile>, DataError> {
    let mut found = vec![];
    for members in set.members.iter().filter(|members| members.needed && members.pattern.starts_with(prefix)) {
        found.extend(find(folder, set, members)?);
    }
    Ok(found)
}

/// Characters occur this often in the training reviews to have a token of their own (the loaders of S4 and CCNN).
const LEAST_FREQUENT: u64 = 15;
/// Padding, unknown character, end.
const SPECIAL_TOKENS: usize = 3;

/// Lengths in Unicode characters, and the vocabulary of the training reviews.
fn reviews(set: &DataSet, folder: &Path) -> Result<Vec<(String, String)>, DataError> {
    let mut details = vec![];
    for part in ["train", "test"] {
        let mut lengths = vec![];
        let mut frequencies: HashMap<char, u64> = HashMap::new();
        for file in files(set, folder, part)? {
            let bytes = fs::read(&file.path).map_err(DataError::io("read", &file.path))?;
            let text = String::from_utf8_lossy(&bytes);
            let mut length = 0u64;
            for character in text.chars() {
                *frequencies.entry(character).or_default() += 1;
                length += 1;
            }
            lengths.push(length);
        }
        if lengths.is_empty() {
            continue;
        }
        details.push((format!("{part} reviews"), lengths.len().to_string()));
        lengths.sort_unstable();
        let mean = lengths.iter().sum::<u64>() as f64 / lengths.len() as f64;
        let longer = lengths.iter().filter(|&&length| length > 4_095).count();
        details.push((
            format!("{part} lengths in characters"),
            format!(
                "shortest {}, median {}, mean {mean:.1}, longest {}; {longer} longer than 4 095 (cut by text@char-4096)",
                lengths[0],
                lengths[lengths.len() / 2],
                lengths[lengths.len() - 1]
            ),
        ));
        if part == "train" {
            let frequent = frequencies.values().filter(|&&count| count >= LEAST_FREQUENT).count();
            details.push((
                "character vocabulary".to_owned(),
                format!(
                    "{} different characters in training, {frequent} of them {LEAST_FREQUENT} times or more; with padding, \
                     unknown and end {} tokens",
                    frequencies.len(),
                    frequent + SPECIAL_TOKENS
                ),
            ));
        }
    }
    Ok(details)
}

/// Clips by the official lists: what no list names is for training.
fn words(set: &DataSet, folder: &Path) -> Result<Vec<(String, String)>, DataError> {
    let list = |name: &str| -> Result<BTreeSet<String>, DataError> {
        let path = folder.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(DataError::io("read", &path)(error)),
        }
    };
    let (validation, test) = (list("validation_list.txt")?, list("testing_list.txt")?);
    let clips: Vec<MemberFile> = files(set, folder, "*/")?;
    if clips.is_empty() {
        return Ok(vec![]);
    }
    let names: BTreeSet<&str> = clips.iter().map(|clip| clip.name.as_str()).collect();
    let within = |list: &BTreeSet<String>| list.iter().filter(|name| names.contains(name.as_str())).count();
    let (in_validation, in_test) = (within(&validation), within(&test));
    let words: BTreeSet<&str> = names.iter().filter_map(|name| name.split('/').next()).collect();
    let both = validation.intersection(&test).count();
    let mut details = vec![(
        "by the official lists".to_owned(),
        format!(
            "{} training, {in_validation} validation, {in_test} test clips of {} words",
            names.len() - in_validation - in_test + both,
            words.len()
        ),
    )];
    let absent = validation.len() + test.len() - in_validation - in_test;
    if absent > 0 || both > 0 {
        details.push(("lists".to_owned(), format!("{absent} clips are named and absent, {both} stand in both lists")));
    }
    Ok(details)
}

/// Clips per digit and speaker: `DIGIT_SPEAKER_INDEX.wav`.
fn digits(set: &DataSet, folder: &Path) -> Result<Vec<(String, String)>, DataError> {
    let mut by_digit: BTreeMap<String, u64> = BTreeMap::new();
    let mut by_speaker: BTreeMap<String, u64> = BTreeMap::new();
    for clip in files(set, folder, "recordings/")? {
        let name = clip.name.rsplit('/').next().unwrap_or_default();
        let mut parts = name.split('_');
        if let (Some(digit), Some(speaker)) = (parts.next(), parts.next()) {
            *by_digit.entry(digit.to_owned()).or_default() += 1;
            *by_speaker.entry(speaker.to_owned()).or_default() += 1;
        }
    }
    let text = |counts: &BTreeMap<String, u64>| {
        counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    if by_digit.is_empty() {
        return Ok(vec![]);
    }
    Ok(vec![("by speaker".to_owned(), text(&by_speaker)), ("by digit".to_owned(), text(&by_digit))])
}
