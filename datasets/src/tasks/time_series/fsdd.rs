//! Spoken digits, by speakers that the model has never heard, or split as the data set's authors do.
//!
//! Source: Jackson et al., "Free Spoken Digit Dataset", doi 10.5281/zenodo.1342401 (CC BY-SA 4.0): 3 000 recordings at 8 kHz
//! of ten digits by six speakers, fifty each, in `<data>/fsdd/recordings/DIGIT_SPEAKER_INDEX.wav`.
//!
//! `split: speakers` is this program's: the recordings of one speaker choose the epoch, those of another are the test. Four
//! voices are left for training, and networks that read raw samples over-fit them: a CCNN that reaches 89 % on a split at
//! random reaches 33 % on this one, with 96 % of the training recordings right. `split: official` is the data set's own, which
//! tests on voices that were trained on: recordings 0 to 4 of every digit and speaker are the test. The authors name no
//! validation set: recordings 5 to 9 are taken for it, 10 to 49 for training.
//!
//! Recordings have 1 148 to 18 262 samples; the end of those that are longer than `length` is cut off, the others are
//! padded with zeros, and batches tell their lengths. `representation: mfcc` gives the cepstral
//! coefficients (see `sequences/mfcc.rs`) of the cut recording, one frame per 100 samples and one more.

use std::{collections::HashSet, ops::Range};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::{ConfigError, within};
use crate::files::listing::{self, FoundFile, malformed};
use crate::library::{CacheKey, DataError, Library, SampleStore};
use crate::progress::Progress;
use crate::samples::store_files;
use crate::sequences::{COEFFICIENTS, HOP, Mfcc};
use crate::sequences::{
    LABEL_BYTES, Normalisation, SequenceEncoding, ValueEncoding, irregular, read_label, recordings, sequences,
    write_floats, write_integers, write_label,
};
use crate::splits::{SplitIndices, absent_classes, split_by_rule};
use crate::task::{Dataset, Info, Positions, Task, TaskDefinition, TaskSpec};
use vocabulary::{Split, SplitSizes};

const SET: &str = "fsdd";
const RATE: u32 = 8_000;
/// Recordings in the complete data set, in all and of one speaker.
const RECORDINGS: usize = 3_000;
const PER_SPEAKER: usize = 500;
/// Indices of the official test recordings of every digit and speaker, and of those taken for validation.
const OFFICIAL_TEST: Range<u32> = 0..5;
const OFFICIAL_VALIDATION: Range<u32> = 5..10;

/// Settings as they stand in an experiment file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Fsdd")]
struct Settings {
    /// What the model hears.
    representation: Representation,
    /// Samples per recording (8 000 are a second; 99 % of the recordings are no longer), 200 to 20 000.
    #[schemars(range(min = 200, max = 20_000))]
    length: usize,
    /// How recordings are assigned to the splits.
    split: Division,
    /// Speakers of the validation recordings, with `split: speakers`; default: theo.
    validation_speakers: Option<Vec<Speaker>>,
    /// Speakers of the test recordings, with `split: speakers`; default: yweweler. All others are for training.
    test_speakers: Option<Vec<Speaker>>,
    /// Values that share a mean and a deviation, which are those of the training part.
    normalisation: Normalisation,
    /// Share of steps that is dropped, in percent, 0 to 90; a channel follows that tells which are observed.
    #[schemars(range(max = 90))]
    drop: u8,
}

/// Settings of spoken digits with every default filled in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Settings")]
#[schemars(from = "Settings", rename = "Fsdd")]
pub struct Config {
    /// What the model hears.
    pub representation: Representation,
    /// Samples per recording.
    pub length: usize,
    /// How recordings are assigned to the splits.
    pub split: Division,
    /// Speakers of the validation recordings; absent with the official split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_speakers: Option<Vec<Speaker>>,
    /// Speakers of the test recordings; absent with the official split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_speakers: Option<Vec<Speaker>>,
    /// Values that share a mean and a deviation.
    pub normalisation: Normalisation,
    /// Share of steps that is dropped, in percent.
    pub drop: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            representation: Representation::Raw,
            length: 8_000,
            split: Division::Speakers,
            validation_speakers: None,
            test_speakers: None,
            normalisation: Normalisation::PerChannel,
            drop: 0,
        }
    }
}

impl From<Settings> for Config {
    fn from(given: Settings) -> Self {
        let Settings { representation, length, split, validation_speakers, test_speakers, normalisation, drop } = given;
        let or = |given: Option<Vec<Speaker>>, usual| match split {
            Division::Speakers => Some(given.unwrap_or_else(|| vec![usual])),
            Division::Official => given,
        };
        Self {
            representation,
            length,
            split,
            validation_speakers: or(validation_speakers, Speaker::Theo),
            test_speakers: or(test_speakers, Speaker::Yweweler),
            normalisation,
            drop,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Settings::default().into()
    }
}

/// How recordings are assigned to the splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "FsddSplit")]
pub enum Division {
    /// By speakers: the test is of a voice that was not trained on.
    Speakers,
    /// By index, as the data set's authors do: 0 to 4 of every digit and speaker for the test; of the others, 5 to 9 for
    /// validation.
    Official,
}

/// What the model hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Representation {
    /// The samples, divided by 2¹⁵.
    Raw,
    /// 20 mel-frequency cepstral coefficients per frame.
    Mfcc,
}

/// The speakers of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// `george`
    George,
    /// `jackson`
    Jackson,
    /// `lucas`
    Lucas,
    /// `nicolas`
    Nicolas,
    /// `theo`
    Theo,
    /// `yweweler`
    Yweweler,
}

impl Speaker {
    /// All speakers, in alphabetical order.
    pub const ALL: [Self; 6] = [Self::George, Self::Jackson, Self::Lucas, Self::Nicolas, Self::Theo, Self::Yweweler];

    /// As in the names of the files.
    pub fn name(self) -> &'static str {
        match self {
            Self::George => "george",
            Self::Jackson => "jackson",
            Self::Lucas => "lucas",
            Self::Nicolas => "nicolas",
            Self::Theo => "theo",
            Self::Yweweler => "yweweler",
        }
    }
}

/// Spoken digits.
pub struct SpokenDigits;

impl TaskDefinition for SpokenDigits {
    type Config = Config;
    const INFO: Info = Info {
        name: "fsdd",
        summary: "spoken digits of unheard speakers (or the data set's own split), raw at 8 kHz or as MFCC (10 classes; majority class 10 %)",
        source: "Jackson et al., Free Spoken Digit Dataset, doi 10.5281/zenodo.1342401",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        within("length", config.length, 200..=20_000)?;
        irregular::check(config.drop)?;
        let (rule, splits, division) = match config.split {
            Division::Speakers => by_speakers(&config)?,
            Division::Official => official(&config)?,
        };
        let Config { representation, length, normalisation, drop, .. } = config;
        let (form, channels, steps, values) = match representation {
            Representation::Raw => ("raw", 1, length, ValueEncoding::Integers { divisor: 32_768.0 }),
            Representation::Mfcc => ("mfcc", COEFFICIENTS, Mfcc::frames(length), ValueEncoding::Floats),
        };
        let encoding = SequenceEncoding { channels, length: steps, values, normalisation, drop, padded: true };
        let official = if config.split == Division::Official { "-official" } else { "" };
        let name = format!("fsdd-{form}{official}");
        let version = format!("fsdd@{form}-{length}-{division}-{}", normalisation.name());
        let spec = encoding.spec(SET, (name, version), 2, (10, 0.1), splits);
        Ok(Box::new(FsddTask { spec, representation, samples: length, encoding, rule }))
    }
}

/// Which split a recording is in: 0 training, 1 validation, 2 test.
#[derive(Debug, Clone, Copy)]
enum SplitRule {
    /// Split of every speaker.
    Speakers([usize; 6]),
    /// By index.
    Official,
}

impl SplitRule {
    fn split(self, recording: &Recording) -> usize {
        match self {
            Self::Speakers(splits) => splits[recording.speaker as usize],
            Self::Official if OFFICIAL_TEST.contains(&recording.index) => 2,
            Self::Official if OFFICIAL_VALIDATION.contains(&recording.index) => 1,
            Self::Official => 0,
        }
    }
}

/// The rule of `split: speakers`, the sizes of the complete data set, and the name in versions.
fn by_speakers(config: &Config) -> Result<(SplitRule, SplitSizes, String), ConfigError> {
    let mut splits = [0; 6];
    for (field, speakers, split) in
        [("validation_speakers", &config.validation_speakers, 1), ("test_speakers", &config.test_speakers, 2)]
    {
        let speakers = speakers.as_deref().unwrap_or_default();
        if speakers.is_empty() {
            return Err(ConfigError::new(field, "name at least one speaker"));
        }
        for &speaker in speakers {
            let place = &mut splits[speaker as usize];
            if *place != 0 {
                let name = speaker.name();
                return Err(ConfigError::new(field, format!("{name} is named twice; a speaker is in one split")));
            }
            *place = split;
        }
    }
    let count = |split| PER_SPEAKER * splits.iter().filter(|&&other| other == split).count();
    let sizes = SplitSizes { train: count(0), validation: count(1), test: count(2) };
    if sizes.train == 0 {
        return Err(ConfigError::new("test_speakers", "leave at least one speaker for training"));
    }
    let names = |split: usize| {
        let names = Speaker::ALL.iter().filter(|&&speaker| splits[speaker as usize] == split);
        names.map(|speaker| speaker.name()).collect::<Vec<_>>().join("+")
    };
    Ok((SplitRule::Speakers(splits), sizes, format!("{}-{}", names(1), names(2))))
}

/// The rule of `split: official`, the sizes of the complete data set, and the name in versions.
fn official(config: &Config) -> Result<(SplitRule, SplitSizes, String), ConfigError> {
    for (field, speakers) in
        [("validation_speakers", &config.validation_speakers), ("test_speakers", &config.test_speakers)]
    {
        if speakers.is_some() {
            let message = "the official split is by index and has every speaker in every part; leave it out, or set \
                           `split: speakers`";
            return Err(ConfigError::new(field, message));
        }
    }
    let of_each = |indices: Range<u32>| 60 * indices.len();
    let (validation, test) = (of_each(OFFICIAL_VALIDATION), of_each(OFFICIAL_TEST));
    Ok((
        SplitRule::Official,
        SplitSizes { train: RECORDINGS - validation - test, validation, test },
        "official".to_owned(),
    ))
}

struct FsddTask {
    spec: TaskSpec,
    representation: Representation,
    samples: usize,
    encoding: SequenceEncoding,
    rule: SplitRule,
}

struct Recording {
    file: FoundFile,
    digit: u32,
    speaker: Speaker,
    index: u32,
}

/// Digit, speaker and index of `recordings/DIGIT_SPEAKER_INDEX.wav`.
fn meaning(name: &str) -> Option<(u32, Speaker, u32)> {
    let mut parts = name.rsplit_once('/')?.1.strip_suffix(".wav")?.split('_');
    let digit = parts.next()?.parse().ok().filter(|digit| *digit < 10)?;
    let speaker = parts.next()?;
    let speaker = Speaker::ALL.into_iter().find(|known| known.name() == speaker)?;
    let index = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some((digit, speaker, index))
}

impl FsddTask {
    fn missing(library: &Library) -> DataError {
        library.missing(SET, "recordings/DIGIT_SPEAKER_INDEX.wav")
    }

    fn recordings(&self, library: &Library) -> Result<Vec<Recording>, DataError> {
        let folder = library.folder(SET).join("recordings");
        let mut recordings = Vec::new();
        for file in listing::list(&folder, "recordings/", "wav")? {
            let Some((digit, speaker, index)) = meaning(&file.name) else {
                let known = Speaker::ALL.map(Speaker::name).join(", ");
                let message = format!("the name is not DIGIT_SPEAKER_INDEX.wav with one of {known}; remove the file");
                return Err(malformed(&file.path, message));
            };
            recordings.push(Recording { file, digit, speaker, index });
        }
        if recordings.is_empty() { Err(Self::missing(library)) } else { Ok(recordings) }
    }

    fn write(&self, mfcc: &Mfcc, recording: &Recording, input: &mut [u8], label: &mut [u8]) -> Result<(), DataError> {
        let mut samples = recordings::samples(&recording.file, RATE)?;
        samples.truncate(self.samples);
        if samples.len() <= HOP {
            let message = format!("{} samples are too few for a digit; fetch the file again", samples.len());
            return Err(malformed(&recording.file.path, message));
        }
        let steps = match self.representation {
            Representation::Raw => {
                write_integers(input, &samples);
                samples.len()
            }
            Representation::Mfcc => {
                let signal: Vec<f64> = samples.iter().map(|&sample| f64::from(sample) / 32_768.0).collect();
                let coefficients =
                    mfcc.transform(&signal).map_err(|error| malformed(&recording.file.path, error.to_string()))?;
                let frames = Mfcc::frames(samples.len());
                let rows = input.chunks_exact_mut(4 * self.encoding.length).zip(coefficients.chunks_exact(frames));
                for (out, row) in rows {
                    write_floats(out, row.iter().copied());
                }
                frames
            }
        };
        write_label(label, recording.digit, steps);
        Ok(())
    }
}

impl FsddTask {
    /// Whether a stored recording has no sound: every sample is zero, or every frame is the same.
    fn is_silent(&self, input: &[u8], steps: usize) -> bool {
        match self.representation {
            Representation::Raw => input.iter().all(|&byte| byte == 0),
            Representation::Mfcc => input.chunks_exact(4 * self.encoding.length).all(|row| {
                let mut values = row.chunks_exact(4).take(steps);
                let first = values.next();
                values.all(|value| Some(value) == first)
            }),
        }
    }
}

impl Task for FsddTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn positions(&self) -> Positions {
        self.encoding.positions()
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let recordings = self.recordings(library)?;
        let digits: Vec<u32> = recordings.iter().map(|recording| recording.digit).collect();
        let splits = SplitIndices::new(split_by_rule(&digits, |place| self.rule.split(&recordings[place])));
        if let Some(split) = splits.empty() {
            let what = match self.rule {
                SplitRule::Speakers(speakers) => {
                    let absent =
                        Speaker::ALL.into_iter().filter(|&speaker| speakers[speaker as usize] == split as usize);
                    format!("by {}", absent.map(Speaker::name).collect::<Vec<_>>().join(", "))
                }
                SplitRule::Official => format!("with an index of the {} split", split.name()),
            };
            let message = format!("there is no recording {what}; fetch it with `{}`", library.fetch_command(SET));
            return Err(malformed(&library.folder(SET), message));
        }
        let sources = listing::sources(&library.folder(SET), recordings.iter().map(|recording| &recording.file));
        let key = CacheKey {
            name: match self.representation {
                Representation::Raw => "fsdd-raw".to_owned(),
                Representation::Mfcc => "fsdd-mfcc".to_owned(),
            },
            version: 1,
            spec: json!({ "samples": self.samples, "representation": self.representation }),
            input_bytes: self.encoding.input_bytes(),
            label_bytes: LABEL_BYTES,
            sizes: SplitSizes { train: recordings.len(), validation: 0, test: 0 },
        };
        let mfcc = Mfcc::new(RATE);
        let store = store_files(library, &sources, &key, "reading recordings", progress, |index, input, label| {
            self.write(&mfcc, &recordings[index], input, label)
        })?;
        let notes = self.notes(library, &recordings, &splits, &store)?;
        sequences(&self.spec.name, store, splits, self.encoding, notes)
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        let folder = library.folder(SET).join("recordings");
        if folder.is_dir() { Ok(()) } else { Err(Self::missing(library)) }
    }
}

impl FsddTask {
    /// What a reader of results must know about the recordings.
    fn notes(
        &self,
        library: &Library,
        recordings: &[Recording],
        splits: &SplitIndices,
        store: &SampleStore,
    ) -> Result<Vec<String>, DataError> {
        let mut notes: Vec<String> = library.not_official(SET, &library.folder(SET))?.into_iter().collect();
        if recordings.len() != RECORDINGS {
            notes.push(format!(
                "not the complete data set: {} of {RECORDINGS} recordings ({} training, {} validation, {} test)",
                recordings.len(),
                splits.len(Split::Train),
                splits.len(Split::Validation),
                splits.len(Split::Test)
            ));
        }
        let names: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
        notes.extend(absent_classes(&names, |split| {
            splits.get(split).iter().map(|&place| recordings[place as usize].digit)
        }));
        notes.push(match self.rule {
            SplitRule::Speakers(_) => {
                let voices: HashSet<Speaker> =
                    splits.get(Split::Train).iter().map(|&place| recordings[place as usize].speaker).collect();
                format!(
                    "split by speakers: {} voices to train on, which networks over-fit (raw ones most); `split: official` tests \
                     on the voices of the training",
                    voices.len()
                )
            }
            SplitRule::Official => "the data set's own split: the test is of voices that were trained on; recordings 5 to 9 of \
                               every digit and speaker are taken for validation"
                .to_owned(),
        });
        let mut silent = vec![];
        store.visit(Split::Train, &(0..recordings.len()).collect::<Vec<_>>(), |place, input, label| {
            if self.is_silent(input, read_label(label).1) {
                silent.push(recordings[place].file.name.as_str());
            }
        })?;
        notes.extend(recordings::silent_note(silent.into_iter()));
        Ok(notes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::{collections::HashMap, fs, path::Path};

    use vocabulary::InputSpec;

    use super::*;
    use crate::formats::wav;
    use crate::task::{Batch, Inputs, Targets};

    /// One recording per digit and speaker; the value of every sample tells the speaker.
    fn small() -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().unwrap();
        let recordings = folder.path().join("fsdd/recordings");
        fs::create_dir_all(&recordings).unwrap();
        for (place, speaker) in Speaker::ALL.iter().enumerate() {
            for digit in 0..10usize {
                let samples = vec![100 * (place as i16 + 1); 300 + 100 * digit];
                let name = format!("{digit}_{}_{place}.wav", speaker.name());
                fs::write(recordings.join(name), wav::write(RATE, &samples)).unwrap();
            }
        }
        let library = Library::open(folder.path());
        (folder, library)
    }

    fn config(length: usize) -> Config {
        Config { length, normalisation: Normalisation::None, ..Config::default() }
    }

    fn parts(batch: Batch) -> (Vec<f32>, Vec<i32>, Vec<usize>) {
        match (batch.inputs, batch.targets, batch.lengths) {
            (Inputs::Values(values), Targets::Labels(labels), Some(lengths)) => (values, labels, lengths),
            other => panic!("{other:?}"),
        }
    }

    fn everything(data: &dyn Dataset, split: Split) -> (Vec<f32>, Vec<i32>, Vec<usize>) {
        parts(data.read(split, &(0..data.len(split)).collect::<Vec<_>>()).unwrap())
    }

    #[test]
    fn every_split_hears_its_own_speakers() {
        let (_folder, library) = small();
        let custom = Config {
            validation_speakers: Some(vec![Speaker::Lucas]),
            test_speakers: Some(vec![Speaker::George, Speaker::Nicolas]),
            ..config(1_000)
        };
        for (config, expected) in
            [(config(1_000), [vec![1, 2, 3, 4], vec![5], vec![6]]), (custom, [vec![2, 5, 6], vec![3], vec![1, 4]])]
        {
            let task = SpokenDigits::build(config).unwrap();
            let data = task.prepare(&library, &()).unwrap();
            for (split, expected) in Split::ALL.into_iter().zip(expected) {
                let (values, labels, _) = everything(data.as_ref(), split);
                let heard: HashSet<i32> =
                    values.chunks_exact(1_000).map(|clip| (clip[0] * 327.68).round() as i32).collect();
                assert_eq!(heard, expected.iter().copied().collect(), "{split:?}");
                assert_eq!(task.spec().splits.get(split), 500 * expected.len());
                for digit in 0..10 {
                    assert_eq!(labels.iter().filter(|&&label| label == digit).count(), expected.len());
                }
            }
            assert!(data.notes()[0].contains("60 of 3000"));
        }
    }

    #[test]
    fn silent_recordings_are_told_also_when_they_were_read_before() {
        let (folder, library) = small();
        // Samples that are all the same have no sound, either: first, every recording has a tone.
        let tone: Vec<i16> = (0..600i16).map(|step| 1_000 * (step % 7)).collect();
        for entry in fs::read_dir(folder.path().join("fsdd/recordings")).unwrap() {
            fs::write(entry.unwrap().path(), wav::write(RATE, &tone)).unwrap();
        }
        let silent = wav::write(RATE, &[0; 600]);
        for representation in [Representation::Raw, Representation::Mfcc] {
            let config = || Config { representation, ..config(1_000) };
            let notes = || SpokenDigits::build(config()).unwrap().prepare(&library, &()).unwrap().notes();
            fs::write(folder.path().join("fsdd/recordings/3_theo_4.wav"), wav::write(RATE, &tone)).unwrap();
            assert!(!notes().iter().any(|note| note.contains("silent")), "{:?}", notes());
            fs::write(folder.path().join("fsdd/recordings/3_theo_4.wav"), &silent).unwrap();
            for _ in 0..2 {
                assert!(
                    notes().iter().any(|note| note == "1 recording is silent: recordings/3_theo_4.wav"),
                    "{:?}",
                    notes()
                );
            }
        }
    }

    #[test]
    fn the_official_split_is_by_index_and_has_every_speaker() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = folder.path().join("fsdd/recordings");
        fs::create_dir_all(&recordings).unwrap();
        // The first sample tells the index.
        for digit in 0..10usize {
            for speaker in Speaker::ALL {
                for index in [0, 4, 5, 9, 10, 49i16] {
                    let mut samples = vec![digit as i16 + 1; 300];
                    samples[0] = 100 * index;
                    let name = format!("{digit}_{}_{index}.wav", speaker.name());
                    fs::write(recordings.join(name), wav::write(RATE, &samples)).unwrap();
                }
            }
        }
        let library = Library::open(folder.path());
        let official =
            Config { split: Division::Official, validation_speakers: None, test_speakers: None, ..config(1_000) };
        let task = SpokenDigits::build(official.clone()).unwrap();
        assert_eq!(task.spec().splits, SplitSizes { train: 2_400, validation: 300, test: 300 });
        assert_eq!(task.spec().version, "fsdd@raw-1000-official-none-2");
        let data = task.prepare(&library, &()).unwrap();
        for (split, expected) in Split::ALL.into_iter().zip([[10, 49], [5, 9], [0, 4]]) {
            let (values, labels, _) = everything(data.as_ref(), split);
            assert_eq!(labels.len(), 120);
            for clip in values.chunks_exact(1_000) {
                let index = (clip[0] * 327.68).round() as i32;
                assert!(expected.contains(&index), "{split:?} {index}");
            }
            // Every ten samples are of ten digits.
            for ten in labels.chunks_exact(10) {
                assert_eq!(ten.iter().collect::<HashSet<_>>().len(), 10);
            }
        }
        assert!(data.notes().iter().any(|note| note.contains("the data set's own split")), "{:?}", data.notes());
        let both = Config { test_speakers: Some(vec![Speaker::Theo]), ..official };
        assert_eq!(SpokenDigits::build(both).err().unwrap().field, "test_speakers");
        // What is written out is read back as the same settings.
        for split in ["speakers", "official"] {
            let entry = crate::registry::find("fsdd").unwrap();
            let resolved = (entry.resolve)(&json!({ "split": split })).unwrap();
            assert_eq!((entry.resolve)(&resolved).unwrap(), resolved);
            assert_eq!(resolved.get("test_speakers").is_some(), split == "speakers");
        }
    }

    #[test]
    fn recordings_are_cut_and_padded_with_their_lengths() {
        let (_folder, library) = small();
        let data = SpokenDigits::build(config(1_000)).unwrap().prepare(&library, &()).unwrap();
        let (values, labels, lengths) = everything(data.as_ref(), Split::Test);
        for ((clip, label), &length) in values.chunks_exact(1_000).zip(labels).zip(&lengths) {
            assert_eq!(length, (300 + 100 * label as usize).min(1_000));
            assert!(clip[..length].iter().all(|&value| value == 600.0 / 32_768.0));
            assert!(clip[length..].iter().all(|&value| value == 0.0));
        }
    }

    #[test]
    fn mfcc_covers_the_recording_and_not_its_padding() {
        let (_folder, library) = small();
        let config = Config { representation: Representation::Mfcc, ..config(1_000) };
        let task = SpokenDigits::build(config).unwrap();
        assert_eq!(task.spec().input, InputSpec::Values { channels: 20, shape: vec![11] });
        let data = task.prepare(&library, &()).unwrap();
        let (values, labels, lengths) = everything(data.as_ref(), Split::Validation);
        let slot = labels.iter().position(|&label| label == 2).unwrap();
        assert_eq!(lengths[slot], 6);
        let expected = Mfcc::new(RATE).transform(&[500.0 / 32_768.0; 500]).unwrap();
        for (row, expected) in values[slot * 220..(slot + 1) * 220].chunks_exact(11).zip(expected.chunks_exact(6)) {
            assert_eq!(&row[..6], expected);
            assert_eq!(row[6..], [0.0; 5]);
        }
    }

    #[test]
    fn names_are_digit_speaker_and_index() {
        assert_eq!(meaning("recordings/7_theo_12.wav"), Some((7, Speaker::Theo, 12)));
        for name in ["7_theo.wav", "x_theo_1.wav", "7_nobody_1.wav", "12_theo_1.wav", "7_theo_a.wav", "7_theo_1_2.wav"]
        {
            assert_eq!(meaning(&format!("recordings/{name}")), None, "{name}");
        }
        let (folder, library) = small();
        fs::write(folder.path().join("fsdd/recordings/7_nobody_1.wav"), wav::write(RATE, &[0; 500])).unwrap();
        let error = SpokenDigits::build(config(1_000)).unwrap().prepare(&library, &()).err().unwrap();
        assert!(error.is_malformed("7_nobody_1.wav", ""), "{error}");
    }

    #[test]
    fn a_speaker_in_two_splits_is_refused() {
        let refused = |validation: &[Speaker], test: &[Speaker]| {
            let config = Config {
                validation_speakers: Some(validation.to_vec()),
                test_speakers: Some(test.to_vec()),
                ..Config::default()
            };
            SpokenDigits::build(config).err().unwrap().field
        };
        assert_eq!(refused(&[Speaker::Theo], &[Speaker::Lucas, Speaker::Theo]), "test_speakers");
        assert_eq!(refused(&[], &[Speaker::Theo]), "validation_speakers");
        assert_eq!(refused(&Speaker::ALL[..3], &Speaker::ALL[3..]), "test_speakers");
    }

    #[test]
    fn a_missing_set_and_a_missing_speaker_are_named() {
        let empty = tempfile::tempdir().unwrap();
        let task = SpokenDigits::build(Config::default()).unwrap();
        assert!(task.check(&Library::open(empty.path())).unwrap_err().is_missing());
        let (folder, library) = small();
        for digit in 0..10 {
            fs::remove_file(folder.path().join(format!("fsdd/recordings/{digit}_theo_4.wav"))).unwrap();
        }
        let error = task.prepare(&library, &()).err().unwrap();
        assert!(error.is_malformed("fsdd", ""), "{error}");
    }

    /// Samples, lengths and sums of the fixture are those of Python's `wave`.
    #[test]
    fn recordings_of_the_data_set_are_read() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data/fsdd/recordings");
        let folder = tempfile::tempdir().unwrap();
        let recordings = folder.path().join("fsdd/recordings");
        fs::create_dir_all(&recordings).unwrap();
        for entry in fs::read_dir(fixture).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), recordings.join(entry.file_name())).unwrap();
        }
        let data = SpokenDigits::build(config(4_000)).unwrap().prepare(&Library::open(folder.path()), &()).unwrap();
        let mut found: Vec<(i32, usize, i64)> = vec![];
        for split in Split::ALL {
            let (values, labels, lengths) = everything(data.as_ref(), split);
            let mut part: Vec<(i32, usize, i64)> = values
                .chunks_exact(4_000)
                .zip(labels)
                .zip(lengths)
                .map(|((clip, label), length)| {
                    (label, length, clip.iter().map(|value| (value * 32_768.0) as i64).sum())
                })
                .collect();
            part.sort_unstable();
            found.extend(part);
        }
        let expected = [
            (1, 1_399, 762),
            (5, 2_753, 1_538),
            (6, 1_149, -256_768),
            (8, 1_965, -324),
            (2, 1_288, 422),
            (6, 1_148, 2_010),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    #[ignore = "needs BENCH_DATA, a folder with fsdd"]
    fn the_complete_set_has_3000_recordings_and_no_speaker_twice() {
        let root = crate::files::given_data::folder(SET);
        let library = Library::open(root);
        for representation in [Representation::Raw, Representation::Mfcc] {
            let task = SpokenDigits::build(Config { representation, ..Config::default() }).unwrap();
            task.check(&library).unwrap();
            let data = task.prepare(&library, &()).unwrap();
            assert_eq!(Split::ALL.map(|split| data.len(split)), [2_000, 500, 500]);
            assert_eq!(data.notes().len(), 1, "nothing but the split: {:?}", data.notes());
            let InputSpec::Values { channels, shape } = &task.spec().input else { panic!("no values") };
            let (values, labels, lengths) = everything(data.as_ref(), Split::Train);
            let (mut sum, mut squares, mut count) = (0.0f64, 0.0f64, 0.0f64);
            for (sample, &length) in values.chunks_exact(channels * shape[0]).zip(&lengths) {
                for value in sample.chunks_exact(shape[0]).flat_map(|row| &row[..length]).map(|&value| f64::from(value))
                {
                    sum += value;
                    squares += value * value;
                    count += 1.0;
                }
            }
            let tolerance = 1e-3;
            assert!(
                (sum / count).abs() < tolerance && (squares / count - 1.0).abs() < tolerance,
                "{sum} {squares} {count}"
            );
            assert!((0..10).all(|digit| labels.iter().filter(|&&label| label == digit).count() == 200));
        }
        // Whose voice a sample is, found by its very samples, whatever position it is given.
        let mut speaker_of = HashMap::new();
        for file in listing::list(&library.folder(SET).join("recordings"), "recordings/", "wav").unwrap() {
            let (digit, speaker, _) = meaning(&file.name).unwrap();
            speaker_of.insert(recordings::samples(&file, RATE).unwrap(), (digit as i32, speaker));
        }
        let data = SpokenDigits::build(config(20_000)).unwrap().prepare(&library, &()).unwrap();
        for (split, speakers) in [
            (Split::Train, &Speaker::ALL[..4]),
            (Split::Validation, &[Speaker::Theo]),
            (Split::Test, &[Speaker::Yweweler]),
        ] {
            let (values, labels, lengths) = everything(data.as_ref(), split);
            let mut heard = HashMap::new();
            for ((clip, &label), &length) in values.chunks_exact(20_000).zip(&labels).zip(&lengths) {
                let samples: Vec<i16> = clip[..length].iter().map(|value| (value * 32_768.0) as i16).collect();
                let (digit, speaker) = speaker_of[&samples];
                assert_eq!(digit, label);
                *heard.entry(speaker).or_insert(0) += 1;
            }
            assert_eq!(heard, speakers.iter().map(|&speaker| (speaker, PER_SPEAKER)).collect(), "{split:?}");
        }
    }
}
