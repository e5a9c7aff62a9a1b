//! Sepsis from the records of intensive care: PhysioNet's Computing in Cardiology Challenge of 2019.
//!
//! Source: Reyna et al., "Early Prediction of Sepsis from Clinical Data", Critical Care Medicine 48(2), 2020 (CC BY 4.0):
//! one table per patient with an hour per row, 34 measurements (mostly missing), five facts about the patient, the hour and
//! whether sepsis was there. As a task: Kidger et al., arXiv 2005.08926, and Romero et al., arXiv 2102.02611: from the first
//! 72 hours, whether sepsis is ever noted in them.
//!
//! The 75 channels are, in this order: for each measurement how often it was made so far; the measurements, normalised per
//! channel with the statistics of the training part, zero where missing, after the record's end, and where no patient of the
//! training part has any; age, gender, the two units and the hours before admission, normalised; whether each unit is known.
//! Hours that the table leaves out are rows without measurements; patients with fewer than three hours are left out.
//!
//! Tables lie in `<data>/physionet2019/training_setA/*.psv` and `training_setB/*.psv` (or in `training/…`, as the archives
//! unpack them).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::{ConfigError, within};
use crate::files::listing::{self, FoundFile, malformed};
use crate::formats::FormatError;
use crate::formats::tables::psv;
use crate::library::{CacheKey, DataError, Library, SampleStore};
use crate::progress::Progress;
use crate::samples::{Stored, store_files};
use crate::sequences::{Moments, Normalisation, Normaliser, write_floats};
use crate::splits::{STRATIFIED_VERSION, SplitIndices, stratified_sizes, stratified_split};
use crate::task::{Batch, Dataset, Info, Inputs, Positions, Targets, Task, TaskDefinition, TaskSpec};
use vocabulary::{InputSpec, Metric, OutputSpec, Split, SplitSizes};

const SET: &str = "physionet2019";
const PATIENTS: usize = 40_336;
/// Measurements per hour.
const MEASURED: usize = 34;
/// Facts about the patient.
const FACTS: usize = 5;
const UNITS: usize = 2;
const CHANNELS: usize = 2 * MEASURED + FACTS + UNITS;
const FEWEST_HOURS: usize = 3;

/// The first line of a table.
const COLUMNS: &str = "HR|O2Sat|Temp|SBP|MAP|DBP|Resp|EtCO2|BaseExcess|HCO3|FiO2|pH|PaCO2|SaO2|AST|BUN|Alkalinephos|\
    Calcium|Chloride|Creatinine|Bilirubin_direct|Glucose|Lactate|Magnesium|Phosphate|Potassium|\
    Bilirubin_total|TroponinI|Hct|Hgb|PTT|WBC|Fibrinogen|Platelets|Age|Gender|Unit1|Unit2|HospAdmTime|\
    ICULOS|SepsisLabel";
const UNIT1: usize = 36;
const ADMISSION: usize = 38;
const HOUR: usize = 39;
const SEPSIS: usize = 40;

/// Settings of the sepsis task.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Hours from the beginning of the stay, 3 to 336.
    #[schemars(range(min = 3, max = 336))]
    pub hours: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { hours: 72 }
    }
}

/// Sepsis from the records of intensive care.
pub struct Sepsis;

impl TaskDefinition for Sepsis {
    type Config = Config;
    const INFO: Info = Info {
        name: "physionet2019",
        summary: "sepsis from 72 hours of intensive care, 75 channels, mostly missing (two classes, AUC; guessing 0.5)",
        source: "Reyna et al. 2020; Kidger et al., arXiv 2005.08926; Romero et al., arXiv 2102.02611",
    };

    fn build(config: Config) -> Result<Box<dyn Task>, ConfigError> {
        within("hours", config.hours, FEWEST_HOURS..=336)?;
        let hours = config.hours;
        let spec = TaskSpec {
            name: if hours == 72 { SET.to_owned() } else { format!("{SET}-{hours}h") },
            version: format!("physionet2019@intensity-{hours}h-{}-1", STRATIFIED_VERSION),
            data: SET.to_owned(),
            input: InputSpec::Values { channels: CHANNELS, shape: vec![hours] },
            target: OutputSpec::Binary,
            metric: Metric::AreaUnderRoc,
            chance: 0.5,
            splits: stratified_sizes(PATIENTS),
        };
        Ok(Box::new(SepsisTask { spec, hours }))
    }
}

struct SepsisTask {
    spec: TaskSpec,
    hours: usize,
}

/// What is kept of a patient's table.
#[derive(Debug, Clone, PartialEq)]
struct Stay {
    /// Hours from the first to the last one kept.
    hours: usize,
    sepsis: bool,
    facts: [f32; FACTS],
    /// `[hours, MEASURED]`
    measured: Vec<f32>,
}

impl Stay {
    fn read(bytes: &[u8], most: usize) -> Result<Self, FormatError> {
        let table = psv::parse(bytes)?;
        if !table.columns.iter().eq(COLUMNS.split('|')) {
            let wrong = COLUMNS
                .split('|')
                .enumerate()
                .find(|(place, name)| table.columns.get(*place).map(String::as_str) != Some(*name));
            let (place, name) = wrong.unwrap_or((COLUMNS.split('|').count(), "the end of the line"));
            return Err(FormatError::structure("line 1", format!("column {} is not {name}", place + 1)));
        }
        if table.lines.is_empty() {
            return Err(FormatError::structure("line 2", "there is no hour in the table"));
        }
        let mut stay = Self { hours: 0, sepsis: false, facts: [f32::NAN; FACTS], measured: vec![] };
        for (line, row) in table.lines.iter().zip(table.rows()) {
            let (hour, sepsis) = (row[HOUR], row[SEPSIS]);
            if hour.fract() != 0.0 || hour <= stay.hours as f32 || hour > 1e6 {
                let place = format!("line {line}, column ICULOS");
                return Err(FormatError::value(place, format!("hour {hour} does not follow hour {}", stay.hours)));
            }
            if sepsis != 0.0 && sepsis != 1.0 {
                let found =
                    if sepsis.is_nan() { "the label is missing".to_owned() } else { format!("the label is {sepsis}") };
                return Err(FormatError::value(
                    format!("line {line}, column SepsisLabel"),
                    format!("{found}, where 0 or 1 is expected"),
                ));
            }
            stay.facts.copy_from_slice(&row[MEASURED..MEASURED + FACTS]);
            let hour = hour as usize;
            if hour > most {
                break;
            }
            stay.measured.resize((hour - 1) * MEASURED, f32::NAN);
            stay.measured.extend(&row[..MEASURED]);
            stay.hours = hour;
            stay.sepsis |= sepsis == 1.0;
        }
        Ok(stay)
    }
}

/// Bytes of a patient in the store: facts and the full number of hours.
fn input_bytes(hours: usize) -> usize {
    4 * (FACTS + hours * MEASURED)
}

const LABEL_BYTES: usize = 3;

fn read_label(label: &[u8]) -> (bool, usize) {
    (label[0] > 0, usize::from(u16::from_le_bytes([label[1], label[2]])))
}

/// Facts and measurements `[MEASURED, hours]` of a stored patient, NaN where there is nothing.
fn decode(input: &[u8], hours: usize, facts: &mut [f32; FACTS], measured: &mut [f32]) {
    let mut words = input.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    facts.iter_mut().zip(&mut words).for_each(|(fact, word)| *fact = word);
    for (place, word) in words.enumerate() {
        measured[place % MEASURED * hours + place / MEASURED] = word;
    }
}

/// The two units' knowledge, and the facts with what the original code sets where they are unknown.
fn known(facts: &mut [f32; FACTS]) -> [f32; UNITS] {
    let units = [0, 1].map(|unit| f32::from(u8::from(!facts[UNIT1 - MEASURED + unit].is_nan())));
    for place in [UNIT1 - MEASURED, UNIT1 - MEASURED + 1, ADMISSION - MEASURED] {
        if facts[place].is_nan() {
            facts[place] = 0.0;
        }
    }
    units
}

impl SepsisTask {
    fn missing(library: &Library) -> DataError {
        library.missing(SET, "training_setA/*.psv, training_setB/*.psv")
    }

    /// Tables of both hospitals, by name.
    fn files(library: &Library) -> Result<Vec<FoundFile>, DataError> {
        let mut files = Vec::new();
        for (prefix, folders) in [
            ("training_setA/", ["training_setA", "training/training_setA", "training"].as_slice()),
            ("training_setB/", &["training_setB", "training/training_setB"]),
        ] {
            for folder in folders {
                let found = listing::list(&library.folder(SET).join(folder), prefix, "psv")?;
                if !found.is_empty() {
                    files.extend(found);
                    break;
                }
            }
        }
        if files.is_empty() { Err(Self::missing(library)) } else { Ok(files) }
    }

    fn store(&self, library: &Library, files: &[FoundFile], progress: &dyn Progress) -> Result<SampleStore, DataError> {
        let hours = self.hours;
        let key = CacheKey {
            name: SET.to_owned(),
            version: 1,
            spec: json!({ "hours": hours }),
            input_bytes: input_bytes(hours),
            label_bytes: LABEL_BYTES,
            sizes: SplitSizes { train: files.len(), validation: 0, test: 0 },
        };
        let sources = listing::sources(&library.folder(SET), files);
        store_files(library, &sources, &key, "reading patients", progress, |index, input, label| {
            let file = &files[index];
            let stay = Stay::read(&listing::read(file)?, hours)
                .map_err(|error| malformed(&file.path, format!("{error}; fetch the file again, or remove it")))?;
            let values = stay.facts.iter().chain(&stay.measured).copied();
            write_floats(input, values.chain(std::iter::repeat(f32::NAN)));
            label[0] = u8::from(stay.sepsis);
            label[1..].copy_from_slice(&(stay.hours as u16).to_le_bytes());
            Ok(())
        })
    }
}

impl Task for SepsisTask {
    fn spec(&self) -> &TaskSpec {
        &self.spec
    }

    fn positions(&self) -> Positions {
        Positions::Irregular
    }

    fn prepare(&self, library: &Library, progress: &dyn Progress) -> Result<Box<dyn Dataset>, DataError> {
        let files = Self::files(library)?;
        let store = self.store(library, &files, progress)?;
        let mut kept = Vec::new();
        let mut classes = Vec::new();
        store.visit(Split::Train, &(0..files.len()).collect::<Vec<_>>(), |slot, _, label| {
            let (sepsis, hours) = read_label(label);
            if hours >= FEWEST_HOURS {
                kept.push(slot as u32);
                classes.push(u32::from(sepsis));
            }
        })?;
        let splits = stratified_split(&classes);
        let splits = SplitIndices::new(splits.map(|places| places.iter().map(|&place| kept[place as usize]).collect()));
        if splits.empty().is_some() {
            let message = format!("{} patients are too few for three splits; fetch the data set again", kept.len());
            return Err(malformed(&library.folder(SET), message));
        }
        let mut notes: Vec<String> = library.not_official(SET, &library.folder(SET))?.into_iter().collect();
        if files.len() != PATIENTS {
            let sepsis = classes.iter().filter(|&&class| class == 1).count();
            let note = format!(
                "not the complete data set: {} of {PATIENTS} patients, {sepsis} with sepsis; results cannot be compared with \
                 published ones",
                files.len()
            );
            tracing::warn!("{SET}: {note}");
            notes.push(note);
        }
        let patients = Patients::new(&store, splits.get(Split::Train), self.hours)?;
        let processing = "intensity, measurements, facts, units";
        let stored =
            Stored::split_by(store, processing, SET, splits, move |store, _, places| patients.batch(store, places));
        Ok(Box::new(stored.with_notes(notes, vec![])))
    }

    fn check(&self, library: &Library) -> Result<(), DataError> {
        let folder = library.folder(SET);
        let there = ["training_setA", "training_setB", "training"].iter().any(|name| folder.join(name).is_dir());
        if there { Ok(()) } else { Err(Self::missing(library)) }
    }
}

/// How stored patients are read.
struct Patients {
    hours: usize,
    measured: Normaliser,
    facts: Normaliser,
}

impl Patients {
    /// With the statistics of the patients at the places `training` of `store`.
    fn new(store: &SampleStore, training: &[u32], hours: usize) -> Result<Self, DataError> {
        let mut of_measured = Moments::new(Normalisation::PerChannel, MEASURED, hours);
        let mut of_facts = Moments::new(Normalisation::PerChannel, FACTS, 1);
        let mut measured = vec![0.0; MEASURED * hours];
        let mut facts = [0.0; FACTS];
        let training: Vec<usize> = training.iter().map(|&place| place as usize).collect();
        store.visit(Split::Train, &training, |_, input, _| {
            decode(input, hours, &mut facts, &mut measured);
            known(&mut facts);
            of_measured.add(&measured);
            of_facts.add(&facts);
        })?;
        Ok(Self { hours, measured: of_measured.finish(), facts: of_facts.finish() })
    }

    /// Fills the channels of one patient.
    fn fill(&self, input: &[u8], channels: &mut [f32]) {
        let hours = self.hours;
        let (intensity, rest) = channels.split_at_mut(MEASURED * hours);
        let (measured, constant) = rest.split_at_mut(MEASURED * hours);
        let mut facts = [0.0; FACTS];
        decode(input, hours, &mut facts, measured);
        for (counts, values) in intensity.chunks_exact_mut(hours).zip(measured.chunks_exact(hours)) {
            let mut count = 0.0;
            for (room, value) in counts.iter_mut().zip(values) {
                count += f32::from(u8::from(!value.is_nan()));
                *room = count;
            }
        }
        self.measured.apply(measured);
        let units = known(&mut facts);
        self.facts.apply(&mut facts);
        for (row, value) in constant.chunks_exact_mut(hours).zip(facts.into_iter().chain(units)) {
            row.fill(value);
        }
        channels.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
    }

    fn batch(&self, store: &SampleStore, places: &[usize]) -> Result<Batch, DataError> {
        let each = CHANNELS * self.hours;
        let mut values = vec![0.0f32; places.len() * each];
        let mut labels = vec![0i32; places.len()];
        store.visit(Split::Train, places, |slot, input, label| {
            self.fill(input, &mut values[slot * each..(slot + 1) * each]);
            labels[slot] = i32::from(read_label(label).0);
        })?;
        Ok(Batch {
            size: places.len(),
            inputs: Inputs::Values(values),
            targets: Targets::Labels(labels),
            lengths: None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::{collections::HashMap, fs};

    use super::*;

    /// The table of patient `index`: its hours (some left out), and only heart rate and temperature now and then.
    fn table(index: usize) -> String {
        let mut text = COLUMNS.to_owned();
        let hours = if index == 0 { 2 } else { 5 + index * 4 };
        for hour in 1..=hours {
            if hour % 5 == 3 {
                continue;
            }
            let mut row = vec!["NaN".to_owned(); 41];
            if hour % 2 == 1 {
                row[0] = (60 + index + hour).to_string();
            }
            if hour == 6 {
                row[2] = format!("{:.1}", 36.0 + index as f64 / 10.0);
            }
            row[34] = (20 + index).to_string();
            row[35] = (index % 2).to_string();
            if !index.is_multiple_of(3) {
                row[36] = "1".to_owned();
                row[37] = "0".to_owned();
            }
            row[38] = if index == 7 { "NaN".to_owned() } else { format!("-{index}.5") };
            row[39] = hour.to_string();
            row[40] = u8::from(sepsis(index) && hour >= 8 || index == 19 && hour > 74).to_string();
            text.push_str(&format!("\n{}", row.join("|")));
        }
        text
    }

    fn sepsis(index: usize) -> bool {
        index % 4 == 1
    }

    fn small(folders: [&str; 2]) -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().unwrap();
        for (place, name) in folders.iter().enumerate() {
            let set = folder.path().join(SET).join(name);
            fs::create_dir_all(&set).unwrap();
            for index in place * 10..place * 10 + 10 {
                fs::write(set.join(format!("p{index:06}.psv")), table(index)).unwrap();
            }
        }
        let library = Library::open(folder.path());
        (folder, library)
    }

    fn everything(data: &dyn Dataset, split: Split) -> (Vec<f32>, Vec<i32>) {
        let batch = data.read(split, &(0..data.len(split)).collect::<Vec<_>>()).unwrap();
        assert_eq!(batch.lengths, None);
        match (batch.inputs, batch.targets) {
            (Inputs::Values(values), Targets::Labels(labels)) => (values, labels),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn channels_are_counts_measurements_facts_and_units() {
        let (_folder, library) = small(["training_setA", "training_setB"]);
        let task = Sepsis::build(Config::default()).unwrap();
        assert_eq!(task.spec().input, InputSpec::Values { channels: 75, shape: vec![72] });
        let data = task.prepare(&library, &()).unwrap();
        // The patient of two hours is left out.
        assert_eq!(Split::ALL.map(|split| data.len(split)), [13, 3, 3]);

        // Statistics once more, from the tables of the training patients, who are known by their age.
        let samples: Vec<(Split, Vec<f32>, i32)> = Split::ALL
            .into_iter()
            .flat_map(|split| {
                let (values, labels) = everything(data.as_ref(), split);
                let rows: Vec<Vec<f32>> = values.chunks_exact(75 * 72).map(<[f32]>::to_vec).collect();
                rows.into_iter().zip(labels).map(move |(row, label)| (split, row, label))
            })
            .collect();
        // Age is linear in the index: the order of the ages gives the patients 1 to 19.
        let mut by_age: Vec<usize> = (0..19).collect();
        by_age.sort_by(|&a, &b| samples[a].1[68 * 72].total_cmp(&samples[b].1[68 * 72]));
        let index_of: HashMap<usize, usize> = by_age.iter().enumerate().map(|(rank, &slot)| (slot, rank + 1)).collect();
        let present = |index: usize, hour: usize| hour <= 5 + index * 4 && hour % 5 != 3;
        let mut rates = vec![];
        for (slot, _) in samples.iter().enumerate().filter(|(_, (split, ..))| *split == Split::Train) {
            let index = index_of[&slot];
            rates.extend((1..=72).filter(|h| h % 2 == 1 && present(index, *h)).map(|h| (60 + index + h) as f64));
        }
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (rates.len() - 1) as f64;
        for (slot, (_, values, label)) in samples.iter().enumerate() {
            let index = index_of[&slot];
            assert_eq!(*label == 1, sepsis(index), "{index}");
            let mut count = 0.0;
            for hour in 1..=72 {
                let measured = hour % 2 == 1 && present(index, hour);
                count += f32::from(u8::from(measured));
                assert_eq!(values[hour - 1], count);
                let expected =
                    if measured { ((60 + index + hour) as f64 - mean) / (variance.sqrt() + 1e-5) } else { 0.0 };
                assert!((f64::from(values[34 * 72 + hour - 1]) - expected).abs() < 1e-5, "{index} {hour}");
            }
            // Temperature, counted once at hour 6; oxygen, never.
            assert_eq!(values[2 * 72 + 4..2 * 72 + 6], [0.0, if index >= 1 { 1.0 } else { 0.0 }]);
            assert!(values[72..2 * 72].iter().chain(&values[35 * 72..36 * 72]).all(|&value| value == 0.0));
            for row in values[68 * 72..].chunks_exact(72) {
                assert!(row.iter().all(|&value| value == row[0]));
            }
            let units = [values[73 * 72], values[74 * 72]];
            assert_eq!(units, if !index.is_multiple_of(3) { [1.0; 2] } else { [0.0; 2] });
        }
    }

    #[test]
    fn hours_limit_measurements_and_label() {
        let stay = |index, most| Stay::read(table(index).as_bytes(), most).unwrap();
        assert_eq!((stay(19, 72).hours, stay(19, 72).sepsis, stay(19, 336).sepsis), (72, false, true));
        assert_eq!((stay(1, 7).sepsis, stay(1, 9).sepsis), (false, true));
        // Hour 3 is left out of the table.
        let gap = &stay(2, 72).measured[2 * MEASURED..3 * MEASURED];
        assert!(gap.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn the_folders_of_the_archives_are_found_too() {
        let hash = |folders| {
            let (_folder, library) = small(folders);
            let task = Sepsis::build(Config::default()).unwrap();
            task.check(&library).unwrap();
            task.prepare(&library, &()).unwrap().content_hash().to_owned()
        };
        let first = hash(["training_setA", "training_setB"]);
        assert_eq!(first, hash(["training", "training_setB"]));
        assert_eq!(first, hash(["training/training_setA", "training/training_setB"]));
    }

    #[test]
    fn what_is_missing_or_damaged_is_named() {
        let (folder, library) = small(["training_setA", "training_setB"]);
        let task = Sepsis::build(Config::default()).unwrap();
        assert!(task.prepare(&library, &()).unwrap().notes()[0].contains("20 of 40336 patients"));
        let empty = tempfile::tempdir().unwrap();
        assert!(task.check(&Library::open(empty.path())).unwrap_err().is_missing());
        let file = folder.path().join(SET).join("training_setA/p000003.psv");
        for (from, to, place) in [
            ("|Temp|", "|Fever|", "line 1:"),
            ("|SepsisLabel", "|SepsisLabel|More", "line 2:"),
            ("|6|0\n", "|4|0\n", "line 6, column ICULOS:"),
            ("64|", "6x|", "line 2, column HR:"),
            ("64|", "1e39|", "line 2, column HR:"),
            ("|6|0\n", "|6|NaN\n", "line 6, column SepsisLabel:"),
            ("|6|0\n", "|6|0.5\n", "line 6, column SepsisLabel:"),
        ] {
            let damaged = table(3).replace(from, to);
            assert_ne!(damaged, table(3), "{from}");
            fs::write(&file, damaged).unwrap();
            let error = task.prepare(&library, &()).err().unwrap();
            assert!(error.is_malformed("p000003.psv", place), "{error}");
        }
        fs::write(&file, COLUMNS).unwrap();
        assert!(task.prepare(&library, &()).err().unwrap().is_malformed("p000003.psv", "line 2:"));
        // A mark before the text, and other line ends.
        fs::write(&file, format!("\u{feff}{}", table(3).replace('\n', "\r\n"))).unwrap();
        task.prepare(&library, &()).unwrap();
        assert_eq!(Sepsis::build(Config { hours: 2 }).err().unwrap().field, "hours");
    }
}
