//! Character trajectories: which letter a pen wrote, from its velocity and pressure.
//!
//! Source: Williams, Toussaint & Storkey 2006 (UCI "Character Trajectories", CC BY 4.0): 2 858 letters of 20 classes by one
//! writer, three channels (velocity in x and y, pen tip force) at 200 Hz. As a task: Kidger et al., arXiv 2005.08926, and
//! Romero et al., arXiv 2102.02611: training and test part together, shorter letters continued by their last value, split
//! anew by classes, 30, 50 or 70 % of the steps dropped. A value that is missing within a letter is the one before it (at the
//! beginning, the first one that is there).
//!
//! Two publications of the letters are read, from `<data>/CharacterTrajectories/`: `CharacterTrajectories_TRAIN.ts` and
//! `CharacterTrajectories_TEST.ts` of the UEA archive (at most 182 steps), or `mixoutALL_shifted.mat` of UCI (205).
//!
//! In the archive of 2018, from which published results come, x or y of 39 letters is shorter than the pen's force: every
//! channel is continued by its own last value, as the programs of both papers do. A value that is missing (`?` or NaN) within
//! a letter is the one before it (at the beginning, the first one that is there). The archive's files were changed since (zeros
//! around all letters and another training part on 1 November 2023; later zeros at the end of the 39 alone): what is not
//! recognised as the version of 2018 has a note that says so.

use std::{collections::HashSet, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::ConfigError;
use crate::files::listing::{self, FoundFile, malformed};
use crate::formats::tables::ts;
use crate::formats::text::shortened;
use crate::formats::{FormatError, FormatFault, mat};
use crate::library::{CacheKey, DataError, Library};
use crate::progress::Progress;
use crate::sequences::{
    LABEL_BYTES, Normalisation, SequenceEncoding, ValueEncoding, irregular, sequences, write_label,
};
use crate::splits::{STRATIFIED_VERSION, SplitIndices, absent_classes, stratified_sizes, stratified_split};
use crate::task::{Dataset, Info, Positions, Task, TaskDefinition, TaskSpec};
use vocabulary::SplitSizes;

const SET: &str = "character-trajectories";
const CHANNELS: usize = 3;
const CLASSES: usize = 20;
const LETTERS: usize = 2_858;
/// Letters of which x or y is shorter, in the archive of 2018.
const UNEVEN: usize = 39;
/// Share of the most frequent letter.
const CHANCE: f64 = 0.065;

/// Settings of character trajectories.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which publication of the letters is read.
    pub source: TrajectorySource,
    /// Values that share a mean and a deviation, which are those of the training part. CKConv takes one per step.
    pub normalisation: Normalisation,
    /// Share of steps that is dropped, in percent, 0 to 90 (published: 30, 50 and 70); a channel follows that tells which
    /// are observed.
    #[schemars(range(max = 90))]
    pub drop: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self { source: TrajectorySource::Uea, normalisation: Normalisation::PerChannel, drop: 0 }
    }
}

/// A publication of the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Source")]
pub enum TrajectorySource {
    /// The UEA archive's two `.ts` files; the form of the published results.
    Uea,
    /// The original MATLAB file.
    Uci,
}

impl TrajectorySource {
    fn name(self) -> &'static str {
        match self {
            Self::Uea => "uea",
            Self::Uci => "uci",
        }
    }

    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Uea => &["CharacterTrajectories_TRAIN.ts", "CharacterTrajectories_TEST.ts"],
            Self::Uci => &["mixoutALL_shifted.mat"],
        }
    }

    /// Steps of the longest letter.
    fn length(self) -> usize {
        match self {
            Self::Uea => 182,
            Self::Uci => 205,
        }
    }
}

/// Character trajectories.
pub struct CharacterTrajectories;

impl TaskDefinition for CharacterTrajectories {
    type Config = Config;
    const INFO: Info = Info {
        name: "character-trajectories",
        summary: "letters written with a pen, 182 steps of velocity and force (20 classes; majority class 7 %)",
        source: "Williams, Toussaint & Storkey 2006; Bagnall et al., arXiv 1811.00075; Romero et al., arXiv 2102.02611",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        irregular::check(config.drop)?;
        let Config { source, normalisation, drop } = config;
        let encoding = SequenceEncoding {
            channels: CHANNELS,
            length: source.length(),
            values: ValueEncoding::Floats,
            normalisation,
            drop,
            padded: false,
        };
        let version = format!("{SET}@{}-{STRATIFIED_VERSION}-{}", source.name(), normalisation.name());
        let spec = encoding.spec(SET, (SET.to_owned(), version), 2, (CLASSES, CHANCE), stratified_sizes(LETTERS));
        Ok(Box::new(CharacterTrajectoriesTask { spec, source, encoding }))
    }
}

struct CharacterTrajectoriesTask {
    spec: TaskSpec,
    source: TrajectorySource,
    encoding: SequenceEncoding,
}

/// One letter, channel by channel.
#[derive(Debug, Clone, PartialEq)]
struct Letter {
    class: u32,
    channels: [Vec<f32>; CHANNELS],
}

impl Letter {
    /// What stands at the end of a channel as missing is no part of it. `place` names the letter in an error.
    fn new(class: u32, channels: [Vec<f32>; CHANNELS], place: &dyn Fn() -> String) -> Result<Self, FormatError> {
        let channels = channels.map(|mut channel| {
            channel.truncate(channel.iter().rposition(|value| !value.is_nan()).map_or(0, |last| last + 1));
            channel
        });
        match channels.iter().position(Vec::is_empty) {
            None => Ok(Self { class, channels }),
            Some(empty) => {
                Err(FormatError::value(format!("{}, dimension {}", place(), empty + 1), "every value is missing"))
            }
        }
    }

    /// Steps of its longest channel.
    fn steps(&self) -> usize {
        self.channels.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// Values that are missing before others.
    fn missing(&self) -> usize {
        self.channels.iter().flatten().filter(|value| value.is_nan()).count()
    }
}

/// Letters with the name of their place in the file.
type Placed = Vec<(String, Letter)>;

/// Letters of a `.ts` file, with the classes that its labels have in all files together.
fn from_ts(file: &ts::SeriesFile, classes: &ts::Classes) -> Result<Placed, FormatError> {
    let numbers = classes.numbers(file);
    let letter = |series: &ts::Series| {
        let place = format!("line {}", series.line);
        let channels: Vec<Vec<f32>> = series.channels().map(<[f32]>::to_vec).collect();
        let channels = <[Vec<f32>; CHANNELS]>::try_from(channels).map_err(|channels| {
            FormatError::structure(place.clone(), format!("{} channels instead of {CHANNELS}", channels.len()))
        })?;
        Ok((place.clone(), Letter::new(numbers[series.label] as u32, channels, &|| place.clone())?))
    };
    file.series.iter().map(letter).collect()
}

/// Letters of `mixoutALL_shifted.mat`: `mixout` is a cell of 3 × T matrices, `consts.charlabels` has their classes from 1.
/// Other variables are passed over.
fn from_mat(bytes: &[u8]) -> Result<Placed, FormatError> {
    let arrays = mat::parse_only(bytes, &|name| matches!(name, "mixout" | "consts"))?;
    let find = |name: &str| match arrays.iter().find(|array| array.name == name) {
        Some(mat::Array { content: mat::Content::Unsupported(kind), .. }) => {
            Err(FormatError::unsupported(name, format!("it is {kind}, which is not read")))
        }
        Some(array) => Ok(array),
        None => Err(FormatError::structure("variables", format!("there is no `{name}`"))),
    };
    let cells = find("mixout")?.cells().ok_or_else(|| FormatError::structure("mixout", "it is not a cell array"))?;
    let classes = find("consts")?.field("charlabels").and_then(mat::Array::numbers);
    let classes = classes.ok_or_else(|| FormatError::structure("consts", "there are no numbers in `charlabels`"))?;
    if classes.len() != cells.len() {
        let message = format!("{} classes for {} letters of `mixout`", classes.len(), cells.len());
        return Err(FormatError::structure("consts.charlabels", message));
    }
    let letter = |(place, (cell, &class)): (usize, (&mat::Array, &f64))| {
        let place = format!("letter {place}");
        let failed = |fault, message: String| FormatError::new(fault, place.clone(), message);
        if let mat::Content::Unsupported(kind) = cell.content {
            return Err(failed(FormatFault::Unsupported, format!("{kind}, where numbers are expected")));
        }
        let numbers = cell.numbers().filter(|_| matches!(cell.shape[..], [CHANNELS, length] if length > 0));
        let numbers = numbers.ok_or_else(|| {
            failed(FormatFault::Structure, format!("shape {:?} instead of [{CHANNELS}, T]", cell.shape))
        })?;
        if class.fract() != 0.0 || !(1.0..=CLASSES as f64).contains(&class) {
            return Err(failed(FormatFault::Value, format!("class {class}, where 1 to {CLASSES} are expected")));
        }
        if let Some(at) = numbers.iter().position(|&value| (value as f32).is_infinite()) {
            let (channel, step) = (at % CHANNELS + 1, at / CHANNELS + 1);
            let place = format!("{place}, dimension {channel}, value {step}");
            let message = format!("`{:e}` is not a finite number of 32 bits (at most 3.4e38)", numbers[at]);
            return Err(FormatError::value(place, message));
        }
        // The first dimension varies fastest.
        let channel =
            |channel: usize| numbers.iter().skip(channel).step_by(CHANNELS).map(|&value| value as f32).collect();
        let channels = std::array::from_fn(channel);
        Ok((place.clone(), Letter::new(class as u32 - 1, channels, &|| place.clone())?))
    };
    cells.iter().zip(classes).enumerate().map(letter).collect()
}

/// The note on letters that stand in both files, as they do where the files are of two versions.
fn shared_note(files: &[&[Letter]]) -> Option<String> {
    let bits =
        |letter: &Letter| letter.channels.each_ref().map(|row| row.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
    let mut before = HashSet::new();
    let mut shared = 0;
    for letters in files {
        let own: Vec<_> = letters.iter().map(bits).collect();
        shared += own.iter().filter(|letter| before.contains(*letter)).count();
        before.extend(own);
    }
    (shared > 0).then(|| {
        format!(
            "not the data set as its authors publish it: {shared} letters stand in both files, so that letters of the \
             training part may be in the test part, too; results cannot be compared with published ones"
        )
    })
}

/// The note on the complete letters of the UEA archive, unless they are those of 2018.
fn version_note(letters: &[Letter]) -> Option<String> {
    let count = |holds: &dyn Fn(&Letter) -> bool| letters.iter().filter(|letter| holds(letter)).count();
    let uneven = count(&|letter| letter.channels.iter().any(|channel| channel.len() != letter.channels[0].len()));
    if uneven == UNEVEN {
        return None;
    }
    let around = count(&|letter| letter.channels.iter().all(|channel| channel[0] == 0.0));
    let behind = count(&|letter| letter.channels.iter().any(|channel| channel.last() == Some(&0.0)));
    let found = if uneven > 0 {
        format!("here it is shorter in {uneven}, and zeros stand at the end of {behind}: the files are of two versions")
    } else if 2 * around > letters.len() {
        "here zeros stand around them, as in the files of 1 November 2023, whose parts were dealt anew".to_owned()
    } else if behind > 0 {
        format!("here zeros stand at the end of {behind}, as in the files since then")
    } else {
        "here no channel is shorter".to_owned()
    };
    Some(format!(
        "not the version of the archive of 2018 that published results come from, in which x or y of 39 letters is shorter: \
         {found}; results are not exactly comparable with published ones"
    ))
}

impl CharacterTrajectoriesTask {
    /// The files, or which of them are missing.
    fn files(&self, library: &Library) -> Result<Vec<FoundFile>, DataError> {
        let folder = library.folder(SET);
        let mut there = listing::list(&folder, "", "ts")?;
        there.extend(listing::list(&folder, "", "mat")?);
        let found: Vec<FoundFile> = self
            .source
            .files()
            .iter()
            .filter_map(|name| there.iter().find(|file| file.name == *name).cloned())
            .collect();
        if found.len() == self.source.files().len() {
            return Ok(found);
        }
        Err(library.missing(SET, &self.source.files().join(", ")))
    }

    /// The letters of all files, and the note on those that several have.
    fn letters(&self, files: &[FoundFile]) -> Result<(Vec<Letter>, Option<String>), DataError> {
        let refused =
            |file: &FoundFile, error: FormatError| malformed(&file.path, format!("{error}; fetch the file again"));
        let contents = files.iter().map(listing::read).collect::<Result<Vec<_>, _>>()?;
        let read: Vec<Placed> = match self.source {
            TrajectorySource::Uci => {
                let read =
                    files.iter().zip(&contents).map(|(file, bytes)| from_mat(bytes).map_err(|e| refused(file, e)));
                read.collect::<Result<_, _>>()?
            }
            TrajectorySource::Uea => {
                let parsed =
                    files.iter().zip(&contents).map(|(file, bytes)| ts::parse(bytes).map_err(|e| refused(file, e)));
                let parsed: Vec<ts::SeriesFile> = parsed.collect::<Result<_, _>>()?;
                let classes = ts::Classes::of(&parsed);
                if classes.labels().len() != CLASSES {
                    return Err(classes_differ(files, &parsed, &classes));
                }
                let read = files.iter().zip(&parsed);
                read.map(|(file, one)| from_ts(one, &classes).map_err(|e| refused(file, e)))
                    .collect::<Result<_, _>>()?
            }
        };
        let mut letters = Vec::new();
        let mut ends = vec![];
        for (file, read) in files.iter().zip(read) {
            ends.push(letters.len() + read.len());
            for (place, letter) in read {
                let (steps, most) = (letter.steps(), self.encoding.length);
                if steps > most {
                    return Err(malformed(&file.path, self.too_long(&place, steps, most)));
                }
                letters.push(letter);
            }
        }
        let begins = [0].into_iter().chain(ends.iter().copied());
        let parts: Vec<&[Letter]> = begins.zip(&ends).map(|(begin, &end)| &letters[begin..end]).collect();
        let shared = shared_note(&parts);
        Ok((letters, shared))
    }

    fn too_long(&self, place: &str, steps: usize, most: usize) -> String {
        match self.source {
            TrajectorySource::Uci => {
                format!("{place} has {steps} steps, the longest of the data set has {most}; fetch the file again")
            }
            TrajectorySource::Uea => format!(
                "{place} has {steps} steps, and the longest letter of the archive of 2018 has {most}: this is another version \
                 of the data set, perhaps the one with zeros around the letters (1 November 2023); put the files of the \
                 2018 archive (Multivariate2018_ts.zip) in its place, or set `source: uci`"
            ),
        }
    }
}

/// The error for files whose headers do not name the classes of the data set.
fn classes_differ(files: &[FoundFile], parsed: &[ts::SeriesFile], classes: &ts::Classes) -> DataError {
    let found = classes.labels().len();
    // A label that one file alone has is what most likely is wrong.
    let alone = files.iter().zip(parsed).find_map(|(file, one)| {
        let here = classes.numbers(one);
        let elsewhere = |number: &usize| {
            parsed.iter().any(|other| !std::ptr::eq(one, other) && classes.numbers(other).contains(number))
        };
        let own: Vec<String> = here
            .iter()
            .filter(|number| found > CLASSES && !elsewhere(number))
            .take(3)
            .map(|&number| format!("`{}`", shortened(&classes.labels()[number])))
            .collect();
        (!own.is_empty()).then_some((file, own))
    });
    let message = format!("@classLabel: {found} classes instead of {CLASSES}");
    match (alone, files.first()) {
        (Some((file, own)), _) => malformed(
            &file.path,
            format!(
                "{message} in both files together; {} {} in this one alone; spell the labels alike, or fetch the files again",
                own.join(", "),
                if own.len() == 1 { "stands" } else { "stand" }
            ),
        ),
        (None, Some(file)) => malformed(&file.path, format!("{message}; fetch the file again")),
        (None, None) => malformed(std::path::Path::new(SET), message),
    }
}

/// Continues every channel by its own last value, and fills gaps with the value before them.
fn continued(letter: &Letter, length: usize, out: &mut [u8]) {
    for (out, channel) in out.chunks_exact_mut(4 * length).zip(&letter.channels) {
        let mut last = channel.iter().copied().find(|value| !value.is_nan()).unwrap_or(f32::NAN);
        for (step, out) in out.chunks_exact_mut(4).enumerate() {
            last = channel.get(step).copied().filter(|value| !value.is_nan()).unwrap_or(last);
            out.copy_from_slice(&last.to_le_bytes());
        }
    }
}

impl Task for CharacterTrajectoriesTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn positions(&self) -> Positions {
        self.encoding.positions()
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let files = self.files(library)?;
        let folder: PathBuf = library.folder(SET);
        let (letters, shared) = self.letters(&files)?;
        let splits =
            SplitIndices::new(stratified_split(&letters.iter().map(|letter| letter.class).collect::<Vec<_>>()));
        if splits.empty().is_some() {
            let message = format!("{} letters are too few for three splits; fetch the data set again", letters.len());
            return Err(malformed(&folder, message));
        }
        let key = CacheKey {
            name: format!("character-trajectories-{}", self.source.name()),
            version: 2,
            spec: json!({ "source": self.source }),
            input_bytes: self.encoding.input_bytes(),
            label_bytes: LABEL_BYTES,
            sizes: SplitSizes { train: letters.len(), validation: 0, test: 0 },
        };
        let store = library.cached_from(&listing::sources(&folder, &files), &key, progress, |writer| {
            writer.generate(&(), |index, input, label| {
                let letter = &letters[index as usize];
                continued(letter, self.encoding.length, input);
                write_label(label, letter.class, self.encoding.length);
                Ok(())
            })
        })?;
        let mut notes: Vec<String> = library.not_official(SET, &folder)?.into_iter().collect();
        if letters.len() != LETTERS {
            notes.push(format!(
                "not the complete data set: {} of {LETTERS} letters; results cannot be compared with published ones",
                letters.len()
            ));
        } else if self.source == TrajectorySource::Uea {
            notes.extend(version_note(&letters));
        }
        notes.extend(shared);
        let missing: usize = letters.iter().map(Letter::missing).sum();
        if missing > 0 {
            notes.push(format!("{missing} values are missing within letters: the value before takes their place"));
        }
        let names: Vec<String> = (1..=CLASSES).map(|class| class.to_string()).collect();
        notes.extend(absent_classes(&names, |split| {
            splits.get(split).iter().map(|&place| letters[place as usize].class)
        }));
        sequences(&self.spec.name, store, splits, self.encoding, notes)
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        self.files(library).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::fs;

    use vocabulary::InputSpec;

    use super::*;
    use crate::formats::mat::writer;
    use crate::task::{Inputs, Targets};
    use vocabulary::Split;

    /// Letter `index`: its length, and the value of a channel at a step.
    fn steps(index: usize) -> usize {
        60 + index % 50
    }

    fn value(index: usize, channel: usize, step: usize) -> f64 {
        index as f64 + 100.0 * channel as f64 + step as f64 / 256.0
    }

    fn class(index: usize) -> usize {
        index * 7 % CLASSES
    }

    fn ts_file(letters: std::ops::Range<usize>) -> String {
        let labels: Vec<String> = (1..=CLASSES).map(|label| label.to_string()).collect();
        let mut text = format!(
            "@problemName CharacterTrajectories\n@timeStamps false\n@univariate false\n@dimensions 3\n@equalLength false\n\
             @classLabel true {}\n@data\n",
            labels.join(" ")
        );
        for index in letters {
            for channel in 0..CHANNELS {
                let row: Vec<String> = (0..steps(index)).map(|step| value(index, channel, step).to_string()).collect();
                text.push_str(&format!("{}:", row.join(",")));
            }
            text.push_str(&format!("{}\n", class(index) + 1));
        }
        text
    }

    fn mat_file(letters: usize) -> Vec<u8> {
        let matrix = |index: usize| {
            let numbers: Vec<f64> = (0..steps(index))
                .flat_map(|step| (0..CHANNELS).map(move |channel| value(index, channel, step)))
                .collect();
            writer::doubles("", &[CHANNELS, steps(index)], &numbers)
        };
        let mixout = writer::cells("mixout", &(0..letters).map(matrix).collect::<Vec<_>>());
        let labels: Vec<u8> = (0..letters).map(|index| class(index) as u8 + 1).collect();
        let key = writer::cells("", &[writer::text("", "a"), writer::text("", "b")]);
        let consts = writer::structure("consts", &[("key", key), ("charlabels", writer::small("", &labels))]);
        writer::file(&[writer::compressed(&consts), writer::compressed(&mixout)])
    }

    fn small() -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().unwrap();
        let set = folder.path().join("CharacterTrajectories");
        fs::create_dir_all(&set).unwrap();
        fs::write(set.join("CharacterTrajectories_TRAIN.ts"), ts_file(0..60)).unwrap();
        fs::write(set.join("CharacterTrajectories_TEST.ts"), ts_file(60..100)).unwrap();
        fs::write(set.join("mixoutALL_shifted.mat"), mat_file(100)).unwrap();
        let library = Library::open(folder.path());
        (folder, library)
    }

    fn everything(data: &dyn Dataset, split: Split) -> (Vec<f32>, Vec<i32>) {
        let batch = data.read(split, &(0..data.len(split)).collect::<Vec<_>>()).unwrap();
        match (batch.inputs, batch.targets) {
            (Inputs::Values(values), Targets::Labels(labels)) => (values, labels),
            other => panic!("{other:?}"),
        }
    }

    fn plain(source: TrajectorySource) -> Config {
        Config { source, normalisation: Normalisation::None, ..Config::default() }
    }

    #[test]
    fn both_publications_give_the_same_letters_continued_by_their_last_value() {
        let (_folder, library) = small();
        for (source, length) in [(TrajectorySource::Uea, 182), (TrajectorySource::Uci, 205)] {
            let task = CharacterTrajectories::build(plain(source)).unwrap();
            task.check(&library).unwrap();
            let data = task.prepare(&library, &()).unwrap();
            assert_eq!(Split::ALL.map(|split| data.len(split)), [70, 15, 15]);
            assert!(data.notes()[0].contains("100 of 2858 letters"));
            let mut seen = vec![];
            for split in Split::ALL {
                let (values, labels) = everything(data.as_ref(), split);
                for (letter, label) in values.chunks_exact(CHANNELS * length).zip(labels) {
                    let index = letter[0] as usize;
                    assert_eq!(label as usize, class(index));
                    for (channel, row) in letter.chunks_exact(length).enumerate() {
                        for (step, &found) in row.iter().enumerate() {
                            assert_eq!(found, value(index, channel, step.min(steps(index) - 1)) as f32);
                        }
                    }
                    seen.push(index);
                }
            }
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..100));
        }
    }

    /// The classes of all letters in `folder`, by their index.
    fn classes(library: &Library) -> Vec<(usize, i32)> {
        let data = CharacterTrajectories::build(plain(TrajectorySource::Uea)).unwrap().prepare(library, &()).unwrap();
        let mut found = vec![];
        for split in Split::ALL {
            let (values, labels) = everything(data.as_ref(), split);
            found.extend(values.chunks_exact(CHANNELS * 182).map(|letter| letter[0] as usize).zip(labels));
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn a_class_is_its_label_whatever_the_headers_list_first() {
        let expected: Vec<(usize, i32)> = (0..100).map(|index| (index, class(index) as i32)).collect();
        let number = |numbers: &[&str]| format!("@classLabel true {}", numbers.join(" "));
        let plain: Vec<String> = (1..=CLASSES).map(|label| label.to_string()).collect();
        let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
        let header = number(&plain);
        let mut as_text = plain.clone();
        as_text.sort_unstable();
        let reversed: Vec<&str> = plain.iter().rev().copied().collect();
        let spelt: Vec<String> = plain.iter().map(|label| format!("{label}.0")).collect();
        let spelt: Vec<&str> = spelt.iter().map(String::as_str).collect();
        for file in ["CharacterTrajectories_TRAIN.ts", "CharacterTrajectories_TEST.ts"] {
            for order in [&as_text, &reversed, &spelt] {
                let (folder, library) = small();
                let path = folder.path().join("CharacterTrajectories").join(file);
                let text = fs::read_to_string(&path).unwrap();
                assert!(text.contains(&header));
                fs::write(&path, text.replace(&header, &number(order))).unwrap();
                assert_eq!(classes(&library), expected, "{file} {order:?}");
            }
        }
        // Another class in one file is an error.
        let (folder, library) = small();
        let path = folder.path().join("CharacterTrajectories/CharacterTrajectories_TEST.ts");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(&header, &number(&plain).replace("true 1 ", "true 0 1 "))).unwrap();
        let task = CharacterTrajectories::build(crate::tasks::time_series::character_trajectories::tests::plain(
            TrajectorySource::Uea,
        ))
        .unwrap();
        let error = task.prepare(&library, &()).err().unwrap();
        assert!(error.is_malformed("CharacterTrajectories_TEST.ts", ""), "{error}");
    }

    #[test]
    fn every_channel_is_continued_by_its_own_last_value() {
        let (folder, library) = small();
        let path = folder.path().join("CharacterTrajectories/CharacterTrajectories_TRAIN.ts");
        let lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        let cut = |line: &str, dimension: usize, keep: usize| {
            let mut parts: Vec<String> = line.split(':').map(str::to_owned).collect();
            parts[dimension] = parts[dimension].split(',').take(keep).collect::<Vec<_>>().join(",");
            parts.join(":")
        };
        let mut changed = lines.clone();
        changed[7 + 3] = cut(&lines[7 + 3], 0, 6);
        changed[7 + 4] = cut(&lines[7 + 4], 2, 8);
        // Missing at the end is the same as not there; missing in between is the value before.
        changed[7 + 5] = lines[7 + 5].replacen(':', ",?,NaN:", 1);
        changed[7 + 6] = lines[7 + 6].replacen(",6.0078125,", ",?,", 1);
        let names = |text: &str| lines.iter().take(7).filter(|line| line.starts_with(text)).count();
        assert_eq!((names("@data"), changed[7 + 6] != lines[7 + 6]), (1, true));
        fs::write(&path, changed.join("\n")).unwrap();
        let data = CharacterTrajectories::build(plain(TrajectorySource::Uea)).unwrap().prepare(&library, &()).unwrap();
        assert!(data.notes()[1].starts_with("1 values are missing"), "{:?}", data.notes());
        let mut seen = 0;
        for split in Split::ALL {
            for letter in everything(data.as_ref(), split).0.chunks_exact(CHANNELS * 182) {
                let index = letter[0] as usize;
                let ends = |channel| match (index, channel) {
                    (3, 0) => 6,
                    (4, 2) => 8,
                    _ => steps(index),
                };
                for (channel, row) in letter.chunks_exact(182).enumerate() {
                    for (step, &found) in row.iter().enumerate() {
                        let step = if (index, channel, step) == (6, 0, 2) { 1 } else { step };
                        let expected = value(index, channel, step.min(ends(channel) - 1)) as f32;
                        assert_eq!(found, expected, "{index} {channel} {step}");
                    }
                }
                seen += 1;
            }
        }
        assert_eq!(seen, 100);
    }

    #[test]
    fn another_version_of_the_letters_has_a_note() {
        let letter = |channels: [&[f32]; 3]| Letter { class: 0, channels: channels.map(<[f32]>::to_vec) };
        let even = letter([&[1.0, 2.0], &[1.0, 2.0], &[1.0, 2.0]]);
        let uneven = letter([&[1.0], &[1.0, 2.0], &[1.0, 2.0]]);
        let filled = letter([&[1.0, 0.0], &[1.0, 2.0], &[1.0, 2.0]]);
        let around = letter([&[0.0, 1.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 1.0, 0.0]]);
        let of_2018 = vec![uneven.clone(); UNEVEN];
        assert_eq!(version_note(&[std::slice::from_ref(&even), &of_2018].concat()), None);
        let note = |letters: &[Letter]| version_note(letters).unwrap();
        assert!(note(&[even.clone(), filled]).contains("zeros stand at the end of 1"));
        assert!(note(&[around.clone(), around]).contains("1 November 2023"));
        assert!(note(std::slice::from_ref(&even)).contains("no channel is shorter"));
        let mixed = note(&[even, uneven, letter([&[1.0, 0.0], &[1.0, 2.0], &[1.0, 2.0]])]);
        assert!(
            mixed.contains("shorter in 1, and zeros stand at the end of 1: the files are of two versions"),
            "{mixed}"
        );
    }

    #[test]
    fn letters_that_stand_in_both_files_are_told() {
        let (folder, library) = small();
        let notes = || {
            CharacterTrajectories::build(plain(TrajectorySource::Uea)).unwrap().prepare(&library, &()).unwrap().notes()
        };
        assert!(!notes().iter().any(|note| note.contains("in both files")), "{:?}", notes());
        let test = folder.path().join("CharacterTrajectories/CharacterTrajectories_TEST.ts");
        fs::write(test, ts_file(57..100)).unwrap();
        let expected =
            |note: &String| note.starts_with("not the data set") && note.contains("3 letters stand in both files");
        assert!(notes().iter().any(expected), "{:?}", notes());
    }

    #[test]
    fn dropped_steps_have_a_channel_of_their_own() {
        let (_folder, library) = small();
        for (drop, dropped) in [(30, 54), (50, 91), (70, 127)] {
            let config = Config { drop, normalisation: Normalisation::PerStep, ..Config::default() };
            let task = CharacterTrajectories::build(config).unwrap();
            assert_eq!(task.spec().input, InputSpec::Values { channels: 4, shape: vec![182] });
            let (values, _) = everything(task.prepare(&library, &()).unwrap().as_ref(), Split::Test);
            for letter in values.chunks_exact(4 * 182) {
                let (channels, marks) = letter.split_at(3 * 182);
                assert_eq!(marks.iter().filter(|&&mark| mark == 0.0).count(), dropped);
                for row in channels.chunks_exact(182) {
                    assert!(row.iter().zip(marks).all(|(value, mark)| (*value != 0.0) == (*mark == 1.0)));
                }
            }
        }
    }

    #[test]
    fn what_is_missing_or_damaged_is_named() {
        let (folder, library) = small();
        let set = folder.path().join("CharacterTrajectories");
        let error = |source, library: &Library| {
            CharacterTrajectories::build(plain(source)).unwrap().prepare(library, &()).err().unwrap()
        };
        let test = set.join("CharacterTrajectories_TEST.ts");
        fs::write(&test, ts_file(60..100).replace("@dimensions 3", "@dimensions 2")).unwrap();
        let damaged_at = |place: &str| {
            let error = error(TrajectorySource::Uea, &library);
            assert!(error.is_malformed("CharacterTrajectories_TEST.ts", place), "{error}");
        };
        damaged_at("line 8:");
        let unlabelled = ts_file(60..61).replace("@dimensions 3\n", "");
        fs::write(&test, unlabelled.replacen(":", ",", 1)).unwrap();
        damaged_at("line 7:");
        let (head, label) = unlabelled.trim_end().rsplit_once(':').unwrap();
        fs::write(&test, format!("{head}:")).unwrap();
        assert!(!label.is_empty());
        damaged_at("line 7:");
        fs::write(&test, ts_file(60..61).replace("60,", "1e400,")).unwrap();
        damaged_at("line 8, dimension 1, value 1:");
        fs::write(&test, format!("{}{}:1,2:1,2:3\n", ts_file(60..61), vec!["0"; 183].join(","))).unwrap();
        damaged_at("line 9 ");
        fs::write(&test, format!("{}1,2:?,NaN:1,2:3\n", ts_file(60..61))).unwrap();
        damaged_at("line 9, dimension 2:");
        fs::remove_file(&test).unwrap();
        assert!(error(TrajectorySource::Uea, &library).is_missing());
        assert!(
            CharacterTrajectories::build(plain(TrajectorySource::Uea))
                .unwrap()
                .check(&library)
                .unwrap_err()
                .is_missing()
        );

        let long = writer::cells("mixout", &[writer::doubles("", &[3, 206], &[0.0; 618])]);
        let consts = |classes: &[u8]| writer::structure("consts", &[("charlabels", writer::small("", classes))]);
        for (variables, place) in [
            (vec![consts(&[1])], ""),
            (vec![long.clone(), consts(&[1, 2])], ""),
            (vec![long.clone(), consts(&[21])], "letter 0"),
            (vec![long.clone(), consts(&[1])], "letter 0 "),
            (
                vec![
                    writer::cells("mixout", &[writer::doubles("", &[3, 2], &[0.0, 1.0, 2.0, 3.0, 1e39, 5.0])]),
                    consts(&[1]),
                ],
                "letter 0, dimension 2, value 2:",
            ),
            (vec![writer::cells("mixout", &[writer::sparse("")]), consts(&[1])], "letter 0:"),
            (vec![long, writer::sparse("consts")], "consts:"),
            (vec![writer::cells("mixout", &[writer::doubles("", &[2, 2], &[0.0; 4])]), consts(&[1])], "letter 0"),
        ] {
            fs::write(set.join("mixoutALL_shifted.mat"), writer::file(&variables)).unwrap();
            let error = error(TrajectorySource::Uci, &library);
            assert!(error.is_malformed("mixoutALL_shifted.mat", place), "{error}");
        }
    }
}
