//! Character trajectories: which letter a pen wrote, from its velocity and pressure.
//!
//! Source: Williams, Toussaint & Storkey 2006 (UCI "Character Trajectories", CC BY 4.0): 2 858 letters of 20 classes by one
//! writer, three channels (velocity in x and y, pen tip force) at 200 Hz. As a task: Kidger et al., arXiv 2005.08926, and
//! Romero et al., arXiv 2102.02611: training and test part together, shorter letters continued by their last value, split
//! anew by classes, 30, 50 or 70 % of the steps dropped.
//!
//! Two publications of the letters are read, from `<data>/CharacterTrajectories/`: `CharacterTrajectories_TRAIN.ts` and
//! `CharacterTrajectories_TEST.ts` of the UEA archive (at most 182 steps), or `mixoutALL_shifted.mat` of UCI (205).

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    dealt::Dealt,
    formats::{FormatError, mat, ts},
    irregular,
    library::{CacheKey, DataError, Library},
    normalise::Normalisation,
    recordings::{self, Found, malformed},
    sequences::{Encoding, LABEL_BYTES, Reading, Sequences, write_label},
    stratified,
    task::{
        ConfigError, Dataset, Info, InputSpec, Metric, Progress, SplitSizes, TargetSpec, Task, TaskDefinition, TaskSpec,
    },
};

const SET: &str = "character-trajectories";
const CHANNELS: usize = 3;
const CLASSES: usize = 20;
const LETTERS: usize = 2_858;
/// Share of the most frequent letter.
const CHANCE: f64 = 0.065;

/// Settings of character trajectories.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which publication of the letters is read.
    pub source: Source,
    /// Values that share a mean and a deviation, which are those of the training part. CKConv takes one per step.
    pub normalisation: Normalisation,
    /// Share of steps that is dropped, in percent, 0 to 90 (published: 30, 50 and 70); a channel follows that tells which
    /// are observed.
    #[schemars(range(max = 90))]
    pub drop: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self { source: Source::Uea, normalisation: Normalisation::PerChannel, drop: 0 }
    }
}

/// A publication of the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The UEA archive's two `.ts` files; the form of the published results.
    Uea,
    /// The original MATLAB file.
    Uci,
}

impl Source {
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
        let reading = Reading {
            channels: CHANNELS,
            length: source.length(),
            encoding: Encoding::Floats,
            normalisation,
            drop,
            padded: false,
        };
        let mut name = "character-trajectories".to_owned();
        let mut version =
            format!("character-trajectories@{}-{}-{}", source.name(), stratified::VERSION, normalisation.name());
        if drop > 0 {
            name.push_str(&format!("-drop{drop}"));
            version.push_str(&format!("-{}-{drop}", irregular::VERSION));
        }
        version.push_str("-1");
        let spec = TaskSpec {
            name,
            version,
            data: SET.to_owned(),
            input: InputSpec::Values { channels: reading.channels_read(), shape: vec![reading.length] },
            target: TargetSpec::Classes(CLASSES),
            metric: Metric::Accuracy,
            chance: CHANCE,
            splits: stratified::sizes(LETTERS),
        };
        Ok(Box::new(Configured { spec, source, reading }))
    }
}

struct Configured {
    spec: TaskSpec,
    source: Source,
    reading: Reading,
}

/// One letter, channel by channel.
#[derive(Debug, Clone, PartialEq)]
struct Letter {
    class: u32,
    values: Vec<f32>,
}

/// Letters of a `.ts` file, classes in the order of its header.
fn from_ts(bytes: &[u8]) -> Result<Vec<Letter>, FormatError> {
    let file = ts::parse(bytes)?;
    if file.labels.len() != CLASSES {
        return Err(FormatError::new("@classLabel", format!("{} classes instead of {CLASSES}", file.labels.len())));
    }
    let letter = |(place, series): (usize, ts::Series)| {
        if series.channels != CHANNELS {
            let message = format!("{} channels instead of {CHANNELS}", series.channels);
            return Err(FormatError::new(format!("series {place}"), message));
        }
        Ok(Letter { class: series.class as u32, values: series.values })
    };
    file.series.into_iter().enumerate().map(letter).collect()
}

/// Letters of `mixoutALL_shifted.mat`: `mixout` is a cell of 3 × T matrices, `consts.charlabels` has their classes from 1.
fn from_mat(bytes: &[u8]) -> Result<Vec<Letter>, FormatError> {
    let arrays = mat::parse(bytes)?;
    let find = |name: &str| {
        let array = arrays.iter().find(|array| array.name == name);
        array.ok_or_else(|| FormatError::new("variables", format!("there is no `{name}`")))
    };
    let cells = find("mixout")?.cells().ok_or_else(|| FormatError::new("mixout", "it is not a cell array"))?;
    let classes = find("consts")?.field("charlabels").and_then(mat::Array::numbers);
    let classes = classes.ok_or_else(|| FormatError::new("consts", "there are no numbers in `charlabels`"))?;
    if classes.len() != cells.len() {
        let message = format!("{} classes for {} letters of `mixout`", classes.len(), cells.len());
        return Err(FormatError::new("consts.charlabels", message));
    }
    let letter = |(place, (cell, &class)): (usize, (&mat::Array, &f64))| {
        let failed = |message: String| FormatError::new(format!("letter {place}"), message);
        let numbers = cell.numbers().filter(|_| matches!(cell.shape[..], [CHANNELS, length] if length > 0));
        let numbers = numbers.ok_or_else(|| failed(format!("shape {:?} instead of [{CHANNELS}, T]", cell.shape)))?;
        if class.fract() != 0.0 || !(1.0..=CLASSES as f64).contains(&class) {
            return Err(failed(format!("class {class}, where 1 to {CLASSES} are expected")));
        }
        // The first dimension varies fastest.
        let channel = |channel: usize| numbers.iter().skip(channel).step_by(CHANNELS).map(|&value| value as f32);
        Ok(Letter { class: class as u32 - 1, values: (0..CHANNELS).flat_map(channel).collect() })
    };
    cells.iter().zip(classes).enumerate().map(letter).collect()
}

impl Configured {
    /// The files, or which of them are missing.
    fn files(&self, library: &Library) -> Result<Vec<Found>, DataError> {
        let folder = library.folder(SET);
        let mut there = recordings::list(&folder, "", "ts")?;
        there.extend(recordings::list(&folder, "", "mat")?);
        let found: Vec<Found> = self
            .source
            .files()
            .iter()
            .filter_map(|name| there.iter().find(|file| file.name == *name).cloned())
            .collect();
        if found.len() == self.source.files().len() {
            return Ok(found);
        }
        Err(DataError::Missing {
            what: format!("{SET} ({})", self.source.files().join(", ")),
            folder,
            command: library.fetch_command(SET),
        })
    }

    fn letters(&self, files: &[Found]) -> Result<Vec<Letter>, DataError> {
        let mut letters = Vec::new();
        for file in files {
            let bytes = recordings::read(file)?;
            let read = match self.source {
                Source::Uea => from_ts(&bytes),
                Source::Uci => from_mat(&bytes),
            };
            let read = read.map_err(|error| malformed(&file.path, format!("{error}; fetch the file again")))?;
            if let Some(place) = read.iter().position(|letter| letter.values.len() > CHANNELS * self.reading.length) {
                let message = format!(
                    "series {place} has {} steps, the longest of the data set has {}; fetch the file again",
                    read[place].values.len() / CHANNELS,
                    self.reading.length
                );
                return Err(malformed(&file.path, message));
            }
            letters.extend(read);
        }
        Ok(letters)
    }
}

/// Continues every channel by its last value.
fn continued(letter: &Letter, length: usize, room: &mut [u8]) {
    let steps = letter.values.len() / CHANNELS;
    let rows = room.chunks_exact_mut(4 * length).zip(letter.values.chunks_exact(steps.max(1)));
    for (room, channel) in rows {
        for (step, room) in room.chunks_exact_mut(4).enumerate() {
            let value = channel.get(step).or(channel.last()).copied().unwrap_or(f32::NAN);
            room.copy_from_slice(&value.to_le_bytes());
        }
    }
}

impl Task for Configured {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let files = self.files(library)?;
        let folder: PathBuf = library.folder(SET);
        let letters = self.letters(&files)?;
        let splits = Dealt::new(stratified::split(&letters.iter().map(|letter| letter.class).collect::<Vec<_>>()));
        if splits.empty().is_some() {
            let message = format!("{} letters are too few for three splits; fetch the data set again", letters.len());
            return Err(malformed(&folder, message));
        }
        let key = CacheKey {
            name: format!("character-trajectories-{}", self.source.name()),
            version: 1,
            spec: json!({ "files": recordings::fingerprint(&files), "source": self.source }),
            input_bytes: self.reading.input_bytes(),
            label_bytes: LABEL_BYTES,
            sizes: SplitSizes { train: letters.len(), validation: 0, test: 0 },
        };
        let store = library.cached(&key, progress, |writer| {
            writer.generate(&(), |index, input, label| {
                let letter = &letters[index as usize];
                continued(letter, self.reading.length, input);
                write_label(label, letter.class, self.reading.length);
                Ok(())
            })
        })?;
        let notes = if letters.len() == LETTERS {
            vec![]
        } else {
            vec![format!(
                "not the complete data set: {} of {LETTERS} letters; results cannot be compared with published ones",
                letters.len()
            )]
        };
        Ok(Box::new(Sequences::new(&self.spec.name, store, splits, self.reading, notes)?))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        self.files(library).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::fs;

    use super::*;
    use crate::{
        formats::mat::writer,
        task::{Inputs, Split, Targets},
    };

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

    fn plain(source: Source) -> Config {
        Config { source, normalisation: Normalisation::None, ..Config::default() }
    }

    #[test]
    fn both_publications_give_the_same_letters_continued_by_their_last_value() {
        let (_folder, library) = small();
        for (source, length) in [(Source::Uea, 182), (Source::Uci, 205)] {
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
        let message = error(Source::Uea, &library).to_string();
        assert!(message.contains("TEST.ts: line 8: 3 dimensions, where 2 are expected"), "{message}");
        fs::write(&test, ts_file(60..61).replace("@dimensions 3\n", "").replacen(":", ",", 1)).unwrap();
        assert!(error(Source::Uea, &library).to_string().contains("dimension 2 has"));
        fs::remove_file(&test).unwrap();
        assert!(error(Source::Uea, &library).is_missing());
        assert!(CharacterTrajectories::build(plain(Source::Uea)).unwrap().check(&library).unwrap_err().is_missing());

        let long = writer::cells("mixout", &[writer::doubles("", &[3, 206], &[0.0; 618])]);
        let consts = |classes: &[u8]| writer::structure("consts", &[("charlabels", writer::small("", classes))]);
        for (variables, expected) in [
            (vec![consts(&[1])], "there is no `mixout`"),
            (vec![long.clone(), consts(&[1, 2])], "2 classes for 1 letters"),
            (vec![long.clone(), consts(&[21])], "class 21, where 1 to 20"),
            (vec![long, consts(&[1])], "series 0 has 206 steps"),
            (
                vec![writer::cells("mixout", &[writer::doubles("", &[2, 2], &[0.0; 4])]), consts(&[1])],
                "shape [2, 2] instead of [3, T]",
            ),
        ] {
            fs::write(set.join("mixoutALL_shifted.mat"), writer::file(&variables)).unwrap();
            let message = error(Source::Uci, &library).to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
