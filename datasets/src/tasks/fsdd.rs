//! Spoken digits, by speakers that the model has never heard.
//!
//! Source: Jackson et al., "Free Spoken Digit Dataset", doi 10.5281/zenodo.1342401 (CC BY-SA 4.0): 3 000 recordings at 8 kHz
//! of ten digits by six speakers, fifty each, in `<data>/fsdd/recordings/DIGIT_SPEAKER_INDEX.wav`. The split by speakers is
//! this program's: the data set's own (by index) tests on voices that were trained on.
//!
//! Recordings have 1 148 to 18 262 samples; the end of those that are longer than `length` is cut off, the others are
//! padded with zeros, and batches tell their lengths. `representation: mfcc` gives the coefficients of
//! [`signal::Mfcc`](crate::signal::Mfcc) of the cut recording, one frame per 100 samples and one more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    dealt::Dealt,
    irregular,
    library::{CacheKey, DataError, Library},
    normalise::Normalisation,
    recordings::{self, Found, malformed},
    sequences::{Encoding, LABEL_BYTES, Reading, Sequences, write_label},
    settings::within,
    signal::{COEFFICIENTS, HOP, Mfcc},
    stratified,
    task::{
        ConfigError, Dataset, Info, InputSpec, Metric, Progress, Split, SplitSizes, TargetSpec, Task, TaskDefinition,
        TaskSpec,
    },
};

const SET: &str = "fsdd";
const RATE: u32 = 8_000;
/// Recordings in the complete data set, in all and of one speaker.
const RECORDINGS: usize = 3_000;
const PER_SPEAKER: usize = 500;

/// Settings of spoken digits.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What the model hears.
    pub representation: Representation,
    /// Samples per recording (8 000 are a second; 99 % of the recordings are no longer), 200 to 20 000.
    #[schemars(range(min = 200, max = 20_000))]
    pub length: usize,
    /// Speakers of the validation recordings.
    pub validation_speakers: Vec<Speaker>,
    /// Speakers of the test recordings. All others are for training.
    pub test_speakers: Vec<Speaker>,
    /// Values that share a mean and a deviation, which are those of the training part.
    pub normalisation: Normalisation,
    /// Share of steps that is dropped, in percent, 0 to 90; a channel follows that tells which are observed.
    #[schemars(range(max = 90))]
    pub drop: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            representation: Representation::Raw,
            length: 8_000,
            validation_speakers: vec![Speaker::Theo],
            test_speakers: vec![Speaker::Yweweler],
            normalisation: Normalisation::PerChannel,
            drop: 0,
        }
    }
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
        summary: "spoken digits of unheard speakers, raw at 8 kHz or as MFCC (10 classes; majority class 10 %)",
        source: "Jackson et al., Free Spoken Digit Dataset, doi 10.5281/zenodo.1342401; split by speakers",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        within("length", config.length, 200..=20_000)?;
        irregular::check(config.drop)?;
        let mut parts = [2; 6];
        for (field, speakers, part) in
            [("validation_speakers", &config.validation_speakers, 0), ("test_speakers", &config.test_speakers, 1)]
        {
            if speakers.is_empty() {
                return Err(ConfigError::new(field, "name at least one speaker"));
            }
            for &speaker in speakers {
                let place = &mut parts[speaker as usize];
                if *place != 2 {
                    let name = speaker.name();
                    return Err(ConfigError::new(field, format!("{name} is named twice; a speaker is in one split")));
                }
                *place = part;
            }
        }
        let count = |part| PER_SPEAKER * parts.iter().filter(|&&other| other == part).count();
        let splits = SplitSizes { train: count(2), validation: count(0), test: count(1) };
        if splits.train == 0 {
            return Err(ConfigError::new("test_speakers", "leave at least one speaker for training"));
        }
        let Config { representation, length, normalisation, drop, .. } = config;
        let (form, channels, steps, encoding) = match representation {
            Representation::Raw => ("raw", 1, length, Encoding::Integers { divisor: 32_768.0 }),
            Representation::Mfcc => ("mfcc", COEFFICIENTS, Mfcc::frames(length), Encoding::Floats),
        };
        let reading = Reading { channels, length: steps, encoding, normalisation, drop, padded: true };
        let mut name = format!("fsdd-{form}");
        let speakers = |part: usize| {
            let names = Speaker::ALL.iter().filter(|&&speaker| parts[speaker as usize] == part);
            names.map(|speaker| speaker.name()).collect::<Vec<_>>().join("+")
        };
        let (validation, test) = (speakers(0), speakers(1));
        let mut version = format!("fsdd@{form}-{length}-{validation}-{test}-{}", normalisation.name());
        if drop > 0 {
            name.push_str(&format!("-drop{drop}"));
            version.push_str(&format!("-{}-{drop}", irregular::VERSION));
        }
        version.push_str("-1");
        let spec = TaskSpec {
            name,
            version,
            data: SET.to_owned(),
            input: InputSpec::Values { channels: reading.channels_read(), shape: vec![steps] },
            target: TargetSpec::Classes(10),
            metric: Metric::Accuracy,
            chance: 0.1,
            splits,
        };
        // Validation and test speakers in the order of the splits.
        let parts = parts.map(|part| (part + 1) % 3);
        Ok(Box::new(Configured { spec, representation, samples: length, reading, parts }))
    }
}

struct Configured {
    spec: TaskSpec,
    representation: Representation,
    samples: usize,
    reading: Reading,
    /// Split of every speaker: 0 training, 1 validation, 2 test.
    parts: [usize; 6],
}

struct Recording {
    file: Found,
    digit: u32,
    speaker: Speaker,
}

/// Digit and speaker of `recordings/DIGIT_SPEAKER_INDEX.wav`.
fn meaning(name: &str) -> Option<(u32, Speaker)> {
    let mut parts = name.rsplit_once('/')?.1.strip_suffix(".wav")?.split('_');
    let digit = parts.next()?.parse().ok().filter(|digit| *digit < 10)?;
    let speaker = parts.next()?;
    let speaker = Speaker::ALL.into_iter().find(|known| known.name() == speaker)?;
    parts.next()?.parse::<u32>().ok()?;
    parts.next().is_none().then_some((digit, speaker))
}

impl Configured {
    fn missing(library: &Library) -> DataError {
        DataError::Missing {
            what: format!("{SET} (recordings/DIGIT_SPEAKER_INDEX.wav)"),
            folder: library.folder(SET),
            command: library.fetch_command(SET),
        }
    }

    fn recordings(&self, library: &Library) -> Result<Vec<Recording>, DataError> {
        let folder = library.folder(SET).join("recordings");
        let mut recordings = Vec::new();
        for file in recordings::list(&folder, "recordings/", "wav")? {
            let Some((digit, speaker)) = meaning(&file.name) else {
                let known = Speaker::ALL.map(Speaker::name).join(", ");
                let message = format!("the name is not DIGIT_SPEAKER_INDEX.wav with one of {known}; remove the file");
                return Err(malformed(&file.path, message));
            };
            recordings.push(Recording { file, digit, speaker });
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
                for (room, sample) in input.chunks_exact_mut(2).zip(&samples) {
                    room.copy_from_slice(&sample.to_le_bytes());
                }
                samples.len()
            }
            Representation::Mfcc => {
                let signal: Vec<f64> = samples.iter().map(|&sample| f64::from(sample) / 32_768.0).collect();
                let coefficients =
                    mfcc.transform(&signal).map_err(|error| malformed(&recording.file.path, error.to_string()))?;
                let frames = Mfcc::frames(samples.len());
                let rows = input.chunks_exact_mut(4 * self.reading.length).zip(coefficients.chunks_exact(frames));
                for (room, row) in rows {
                    for (room, value) in room.chunks_exact_mut(4).zip(row) {
                        room.copy_from_slice(&value.to_le_bytes());
                    }
                }
                frames
            }
        };
        write_label(label, recording.digit, steps);
        Ok(())
    }
}

impl Task for Configured {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let recordings = self.recordings(library)?;
        let mut splits = [vec![], vec![], vec![]];
        // Mixed, so that the first samples of a split are not all of one digit.
        for place in stratified::order(recordings.len()) {
            splits[self.parts[recordings[place as usize].speaker as usize]].push(place);
        }
        let splits = Dealt::new(splits);
        if let Some(split) = splits.empty() {
            let absent = |speaker: &Speaker| self.parts[*speaker as usize] == split as usize;
            let speakers = Speaker::ALL.into_iter().filter(absent);
            let names = speakers.map(Speaker::name).collect::<Vec<_>>().join(", ");
            let message = format!("there is no recording by {names}; fetch it with `{}`", library.fetch_command(SET));
            return Err(malformed(&library.folder(SET), message));
        }
        let sources = recordings::sources(&library.folder(SET), recordings.iter().map(|recording| &recording.file));
        let key = CacheKey {
            name: self.spec.name.split("-drop").next().unwrap_or(SET).to_owned(),
            version: 1,
            spec: json!({ "samples": self.samples, "representation": self.representation }),
            input_bytes: self.reading.input_bytes(),
            label_bytes: LABEL_BYTES,
            sizes: SplitSizes { train: recordings.len(), validation: 0, test: 0 },
        };
        let store = library.cached_from(&sources, &key, progress, |writer| {
            progress.begin("reading recordings", recordings.len() as u64);
            let mfcc = Mfcc::new(RATE);
            let outcome = writer
                .generate(progress, |index, input, label| self.write(&mfcc, &recordings[index as usize], input, label));
            progress.finish();
            outcome
        })?;
        let notes = if recordings.len() == RECORDINGS {
            vec![]
        } else {
            vec![format!(
                "not the complete data set: {} of {RECORDINGS} recordings ({} training, {} validation, {} test)",
                recordings.len(),
                splits.len(Split::Train),
                splits.len(Split::Validation),
                splits.len(Split::Test)
            )]
        };
        Ok(Box::new(Sequences::new(&self.spec.name, store, splits, self.reading, notes)?))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        let folder = library.folder(SET).join("recordings");
        if folder.is_dir() { Ok(()) } else { Err(Self::missing(library)) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::{
        collections::{HashMap, HashSet},
        fs,
        path::{Path, PathBuf},
    };

    use super::*;
    use crate::{
        formats::wav,
        task::{Batch, Inputs, Targets},
    };

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
            validation_speakers: vec![Speaker::Lucas],
            test_speakers: vec![Speaker::George, Speaker::Nicolas],
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
        assert_eq!(meaning("recordings/7_theo_12.wav"), Some((7, Speaker::Theo)));
        for name in ["7_theo.wav", "x_theo_1.wav", "7_nobody_1.wav", "12_theo_1.wav", "7_theo_a.wav", "7_theo_1_2.wav"]
        {
            assert_eq!(meaning(&format!("recordings/{name}")), None, "{name}");
        }
        let (folder, library) = small();
        fs::write(folder.path().join("fsdd/recordings/7_nobody_1.wav"), wav::write(RATE, &[0; 500])).unwrap();
        let error = SpokenDigits::build(config(1_000)).unwrap().prepare(&library, &()).err().unwrap().to_string();
        assert!(error.contains("7_nobody_1.wav") && error.contains("yweweler"), "{error}");
    }

    #[test]
    fn a_speaker_in_two_splits_is_refused() {
        let refused = |validation: &[Speaker], test: &[Speaker]| {
            let config =
                Config { validation_speakers: validation.to_vec(), test_speakers: test.to_vec(), ..Config::default() };
            SpokenDigits::build(config).err().unwrap()
        };
        let error = refused(&[Speaker::Theo], &[Speaker::Lucas, Speaker::Theo]);
        assert!(error.field == "test_speakers" && error.message.contains("theo is named twice"), "{error}");
        assert_eq!(refused(&[], &[Speaker::Theo]).field, "validation_speakers");
        assert!(refused(&Speaker::ALL[..3], &Speaker::ALL[3..]).message.contains("for training"));
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
        let error = task.prepare(&library, &()).err().unwrap().to_string();
        assert!(error.contains("no recording by theo"), "{error}");
    }

    /// Samples, lengths and sums of the fixture were told by Python's `wave`.
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
    fn the_complete_set_has_3000_recordings_and_no_speaker_twice() {
        let Some(root) = std::env::var_os("BENCH_DATA").map(PathBuf::from).filter(|root| root.join(SET).is_dir())
        else {
            eprintln!("skipped: BENCH_DATA names no folder with {SET}");
            return;
        };
        let library = Library::open(root);
        for representation in [Representation::Raw, Representation::Mfcc] {
            let task = SpokenDigits::build(Config { representation, ..Config::default() }).unwrap();
            task.check(&library).unwrap();
            let data = task.prepare(&library, &()).unwrap();
            assert_eq!(Split::ALL.map(|split| data.len(split)), [2_000, 500, 500]);
            assert!(data.notes().is_empty());
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
        for file in recordings::list(&library.folder(SET).join("recordings"), "recordings/", "wav").unwrap() {
            let (digit, speaker) = meaning(&file.name).unwrap();
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
