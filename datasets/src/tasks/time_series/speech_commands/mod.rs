//! Speech Commands: which word is spoken in a second of sound.
//!
//! Source: Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", arXiv 1804.03209 (v0.02, CC BY
//! 4.0). As tasks: Kidger et al., arXiv 2005.08926 (MFCC), Romero et al., arXiv 2102.02611 (raw, dropped), Romero et al.,
//! arXiv 2206.03398 (CCNN), Gu et al., arXiv 2111.00396 (35 words).
//!
//! `speech-raw` gives 16 000 steps of one channel, `speech-mfcc` 161 steps of 20 cepstral coefficients, see
//! `sequences/mfcc.rs`. Clips lie in `<data>/speech_commands_v0.02/WORD/*.wav`; an incomplete set is read with a note.
//! The published splits depend on the order of a file system: `split: stratified` has their shares and its own versioned
//! order.

mod words;

use std::{collections::HashSet, fs, io, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::words::{Division, Words};
use crate::config::ConfigError;
use crate::files::listing::{self, FoundFile, malformed};
use crate::formats::text::text;
use crate::library::{CacheKey, DataError, Library, SampleStore};
use crate::progress::Progress;
use crate::samples::store_files;
use crate::sequences::{COEFFICIENTS, Mfcc};
use crate::sequences::{
    LABEL_BYTES, Normalisation, SequenceEncoding, ValueEncoding, irregular, recordings, sequences, write_floats,
    write_integers, write_label,
};
use crate::splits::{STRATIFIED_VERSION, SplitIndices, absent_classes, split_by_rule, stratified_split};
use crate::task::{Dataset, Info, Positions, Task, TaskDefinition, TaskSpec};
use crate::tasks::time_series::speech_commands::words::Lists;
use vocabulary::{Split, SplitSizes};

const SET: &str = "speech-commands";
const RATE: u32 = 16_000;
/// Samples of a clip.
const SAMPLES: usize = 16_000;
const VALIDATION_LIST: &str = "validation_list.txt";
const TESTING_LIST: &str = "testing_list.txt";

/// Settings of both Speech Commands tasks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which words are distinguished.
    pub words: Words,
    /// How clips are assigned to the splits.
    pub split: Division,
    /// What 16-bit samples are divided by.
    pub scale: Scale,
    /// Values that share a mean and a deviation, which are those of the training part. CKConv takes one per step for both
    /// forms; CCNN one per step for the raw form and one per coefficient for MFCC.
    pub normalisation: Normalisation,
    /// Share of steps that is dropped, in percent, 0 to 90 (published: 30, 50 and 70); a channel follows that tells which
    /// are observed.
    #[schemars(range(max = 90))]
    pub drop: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            words: Words::Ten,
            split: Division::Stratified,
            scale: Scale::Unit,
            normalisation: Normalisation::PerChannel,
            drop: 0,
        }
    }
}

/// What samples are divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// 2¹⁵, so that values lie in −1 to 1.
    Unit,
    /// 2³⁰, as the CCNN code does by dividing values from −1 to 1 by 2¹⁵ once more. The constants in the normalisation (1e-5)
    /// and in MFCC (1e-6) then weigh far more.
    CcnnDouble,
}

impl Scale {
    fn divisor(self) -> f64 {
        match self {
            Self::Unit => 2f64.powi(15),
            Self::CcnnDouble => 2f64.powi(30),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::CcnnDouble => "ccnn-double",
        }
    }
}

/// Speech Commands as mel-frequency cepstral coefficients.
pub struct SpeechMfcc;

impl TaskDefinition for SpeechMfcc {
    type Config = Config;
    const INFO: Info = Info {
        name: "speech-mfcc",
        summary: "Speech Commands as 161 steps of 20 MFCCs (10 or 35 words; majority class 11 or 4 %)",
        source: "Warden, arXiv 1804.03209; Kidger et al., arXiv 2005.08926; Romero et al., arXiv 2102.02611, 2206.03398",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        build(config, SoundForm::Mfcc)
    }
}

/// Speech Commands as a waveform.
pub struct SpeechRaw;

impl TaskDefinition for SpeechRaw {
    type Config = Config;
    const INFO: Info = Info {
        name: "speech-raw",
        summary: "Speech Commands as 16 000 samples of sound (10 or 35 words; majority class 11 or 4 %)",
        source: "Warden, arXiv 1804.03209; Romero et al., arXiv 2102.02611, 2206.03398; Gu et al., arXiv 2111.00396",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        build(config, SoundForm::Raw)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SoundForm {
    Mfcc,
    Raw,
}

fn build(config: Config, form: SoundForm) -> Result<Box<dyn Task>, ConfigError> {
    irregular::check(config.drop)?;
    let Config { words, split, scale, normalisation, drop } = config;
    let (base, channels, length, values) = match form {
        SoundForm::Mfcc => ("speech-mfcc", COEFFICIENTS, Mfcc::frames(SAMPLES), ValueEncoding::Floats),
        SoundForm::Raw => ("speech-raw", 1, SAMPLES, ValueEncoding::Integers { divisor: scale.divisor() }),
    };
    let encoding = SequenceEncoding { channels, length, values, normalisation, drop, padded: false };
    let (name, words_name) = match words {
        Words::Ten => (base.to_owned(), "ten"),
        Words::All => (format!("{base}-35"), "all"),
    };
    let split_name = match split {
        Division::Stratified => STRATIFIED_VERSION,
        Division::Official => "official2",
    };
    let version = format!("{base}@{words_name}-{split_name}-{}-{}", scale.name(), normalisation.name());
    let classes = (words.names().len(), words.chance());
    let spec = encoding.spec(SET, (name, version), 1, classes, words.sizes(split));
    Ok(Box::new(SpeechTask { spec, config, form, encoding }))
}

struct SpeechTask {
    spec: TaskSpec,
    config: Config,
    form: SoundForm,
    encoding: SequenceEncoding,
}

/// A clip that is used.
struct Clip {
    file: FoundFile,
    class: u32,
    samples: usize,
    silent: bool,
}

/// What is added to the number of samples of a clip in which every sample is zero.
const SILENT: u32 = 1 << 31;

impl SpeechTask {
    /// All clips of the words, by class and then by name.
    fn files(&self, library: &Library) -> Result<Vec<(FoundFile, u32)>, DataError> {
        let folder = library.folder(SET);
        let mut files = Vec::new();
        for (class, word) in self.config.words.names().iter().enumerate() {
            let clips = listing::list(&folder.join(word), &format!("{word}/"), "wav")?;
            files.extend(clips.into_iter().map(|clip| (clip, class as u32)));
        }
        if files.is_empty() {
            return Err(library.missing(SET, "WORD/*.wav"));
        }
        Ok(files)
    }

    /// The clips that are used. Their lengths are remembered, so that only the first preparation reads every file twice.
    fn clips(
        &self,
        library: &Library,
        files: Vec<(FoundFile, u32)>,
        progress: &dyn Progress,
    ) -> Result<Vec<Clip>, DataError> {
        let found: Vec<FoundFile> = files.iter().map(|(file, _)| file.clone()).collect();
        let key = CacheKey {
            name: "speech-lengths".to_owned(),
            version: 2,
            spec: json!({}),
            input_bytes: 4,
            label_bytes: 0,
            sizes: SplitSizes { train: files.len(), validation: 0, test: 0 },
        };
        let sources = listing::sources(&library.folder(SET), &found);
        let store = store_files(library, &sources, &key, "measuring clips", progress, |index, input, _| {
            let samples = recordings::samples(&found[index], RATE)?;
            let silent = if samples.iter().all(|&sample| sample == 0) { SILENT } else { 0 };
            input.copy_from_slice(&(samples.len() as u32 | silent).to_le_bytes());
            Ok(())
        })?;
        let mut lengths = vec![(0usize, false); files.len()];
        store.visit(Split::Train, &(0..files.len()).collect::<Vec<_>>(), |slot, input, _| {
            let length = u32::from_le_bytes([input[0], input[1], input[2], input[3]]);
            lengths[slot] = ((length & !SILENT) as usize, length & SILENT != 0);
        })?;
        let exact = self.config.words.exact();
        let mut clips = Vec::with_capacity(files.len());
        for ((file, class), (samples, silent)) in files.into_iter().zip(lengths) {
            if (samples > SAMPLES || samples == 0) && !exact {
                let message = format!("{samples} samples, where a clip has 1 to {SAMPLES}; remove the file");
                return Err(malformed(&file.path, message));
            }
            if samples == SAMPLES || !exact {
                clips.push(Clip { file, class, samples, silent });
            }
        }
        if clips.is_empty() {
            let message = format!("no clip has exactly {SAMPLES} samples; fetch the data set again");
            return Err(malformed(&library.folder(SET), message));
        }
        Ok(clips)
    }

    /// The samples of `clips`, in that order.
    fn store(&self, library: &Library, clips: &[Clip], progress: &dyn Progress) -> Result<SampleStore, DataError> {
        let sources = listing::sources(&library.folder(SET), clips.iter().map(|clip| &clip.file));
        let (words, scale) = (self.config.words, self.config.scale);
        let (name, spec) = match self.form {
            SoundForm::Raw => ("speech-raw", json!({ "words": words })),
            SoundForm::Mfcc => ("speech-mfcc", json!({ "words": words, "scale": scale })),
        };
        let key = CacheKey {
            name: name.to_owned(),
            version: 1,
            spec,
            input_bytes: self.encoding.input_bytes(),
            label_bytes: LABEL_BYTES,
            sizes: SplitSizes { train: clips.len(), validation: 0, test: 0 },
        };
        let mfcc = Mfcc::new(RATE);
        store_files(library, &sources, &key, "reading clips", progress, |index, input, label| {
            let clip = &clips[index];
            let mut samples = recordings::samples(&clip.file, RATE)?;
            if samples.len() != clip.samples {
                return Err(malformed(&clip.file.path, "it has changed just now; run the command again"));
            }
            samples.resize(SAMPLES, 0);
            match self.form {
                SoundForm::Raw => write_integers(input, &samples),
                SoundForm::Mfcc => {
                    let signal: Vec<f64> = samples.iter().map(|&sample| f64::from(sample) / scale.divisor()).collect();
                    let coefficients =
                        mfcc.transform(&signal).map_err(|error| malformed(&clip.file.path, error.to_string()))?;
                    write_floats(input, coefficients);
                }
            }
            write_label(label, clip.class, self.encoding.length);
            Ok(())
        })
    }

    fn split(&self, library: &Library, clips: &[Clip]) -> Result<SplitIndices, DataError> {
        let classes: Vec<u32> = clips.iter().map(|clip| clip.class).collect();
        let splits = match self.config.split {
            Division::Stratified => stratified_split(&classes),
            Division::Official => {
                let folder = library.folder(SET);
                let lists = Lists {
                    validation: self.list(library, &folder.join(VALIDATION_LIST))?,
                    test: self.list(library, &folder.join(TESTING_LIST))?,
                };
                split_by_rule(&classes, |clip| lists.part(&clips[clip].file.name))
            }
        };
        let splits = SplitIndices::new(splits);
        if let Some(split) = splits.empty() {
            let message = format!(
                "with {} clips there is none for the {} split; fetch the rest of the data set with `{}`",
                clips.len(),
                split.name(),
                library.fetch_command(SET)
            );
            return Err(malformed(&library.folder(SET), message));
        }
        Ok(splits)
    }

    fn list(&self, library: &Library, path: &Path) -> Result<HashSet<String>, DataError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(library.missing(SET, &format!("{VALIDATION_LIST}, {TESTING_LIST}")));
            }
            Err(error) => return Err(DataError::io("read", path)(error)),
        };
        let text = text(&bytes).map_err(|error| error.to_string());
        text.and_then(Lists::parse).map_err(|message| malformed(path, format!("{message}; fetch the data set again")))
    }

    /// What a reader of results must know: how much of the data set this is.
    fn notes(&self, files: usize, clips: &[Clip], splits: &SplitIndices) -> Vec<String> {
        let words = self.config.words;
        if files == words.files() && clips.len() == words.clips() {
            return vec![];
        }
        let names: Vec<String> = words.names().iter().map(|&name| name.to_owned()).collect();
        let absent = absent_classes(&names, |split| splits.get(split).iter().map(|&clip| clips[clip as usize].class));
        let incomplete = format!(
            "not the complete data set: {files} of {} clips of these words, {} of {} used ({} training, {} validation, {} \
             test); results cannot be compared with published ones",
            words.files(),
            clips.len(),
            words.clips(),
            splits.len(Split::Train),
            splits.len(Split::Validation),
            splits.len(Split::Test)
        );
        std::iter::once(incomplete).chain(absent).collect()
    }
}

impl Task for SpeechTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn positions(&self) -> Positions {
        self.encoding.positions()
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let files = self.files(library)?;
        let count = files.len();
        let clips = self.clips(library, files, progress)?;
        let splits = self.split(library, &clips)?;
        let mut notes: Vec<String> = library.not_official(SET, &library.folder(SET))?.into_iter().collect();
        notes.extend(self.notes(count, &clips, &splits));
        let silent = clips.iter().filter(|clip| clip.silent).map(|clip| clip.file.name.as_str());
        notes.extend(recordings::silent_note(silent));
        let store = self.store(library, &clips, progress)?;
        sequences(&self.spec.name, store, splits, self.encoding, notes)
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        let folder = library.folder(SET);
        if !self.config.words.names().iter().any(|word| folder.join(word).is_dir()) {
            return Err(library.missing(SET, "WORD/*.wav"));
        }
        if self.config.split == Division::Official
            && [VALIDATION_LIST, TESTING_LIST].iter().any(|list| !folder.join(list).is_file())
        {
            return Err(library.missing(SET, &format!("{VALIDATION_LIST}, {TESTING_LIST}")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
