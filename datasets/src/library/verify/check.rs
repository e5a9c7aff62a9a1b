//! Whether what lies in the data folder is whole, intact, and what its authors published.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::PathBuf,
};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::library::catalogue::data_set::{DataSet, Members, Presence, Version};
use crate::library::data_folder::Library;
use crate::library::error::DataError;
use crate::library::verify::checksum::Checksum;
use crate::library::verify::members::{Counter, Group, MemberFile, find, presence_of};
use crate::library::verify::provenance::Provenance;
use crate::library::verify::record::Record;
use crate::library::verify::sums::{Summing, Sums};
use crate::library::verify::{details, versions};
use crate::progress::Progress;

/// Files that are read at a time.
const ROUND: usize = 512;
/// Problems that are listed; more are only counted.
const MOST_PROBLEMS: usize = 20;

/// What [`Library::verify`] found.
#[derive(Debug)]
pub struct Verified {
    /// The data set.
    pub set: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// Whether all of it is there.
    pub presence: Presence,
    /// What there is of each kind.
    pub groups: Vec<Group>,
    /// Where it comes from.
    pub provenance: Provenance,
    /// SHA-256 (hex) over names, sizes and SHA-256 of all members, in the order of the catalogue.
    pub content: String,
    /// Version of the set, where there are several and it is recognised.
    pub version: Option<Version>,
    /// SHA-256 (hex) by name, for sets of a few files.
    pub sums: Vec<(String, String)>,
    /// What else is worth knowing, as names and values.
    pub details: Vec<(String, String)>,
    /// What is wrong with single files; nothing, if what is there is intact.
    pub problems: Vec<DataError>,
    /// Problems beyond those listed.
    pub further_problems: usize,
}

/// One file that has been read.
struct Fact {
    sums: Sums,
    count: u64,
    problem: Option<String>,
}

impl Library {
    /// Reads every file of `set`: counts what is there, computes checksums, and compares them with those that are known.
    /// What is incomplete is reported as such and is not an error.
    ///
    /// # Errors
    /// An unknown name; a manifest or record that cannot be read; files that cannot be read. What is wrong with contents
    /// stands in [`Verified::problems`].
    pub fn verify(&self, set: &str, progress: &dyn Progress) -> Result<Verified, DataError> {
        let (data, note) = self.data_set(set)?;
        let folder = self.folder(set);
        let (mut verified, agreeing, differing) = self.examine(&data, progress)?;
        let record = Record::read(&folder)?;
        verified.judge(&data, note, record, agreeing, &differing, self);
        verified.details = details::of(&data, &folder)?;
        verified.version = versions::of(&data, &folder, Some(&verified.content))?;
        Ok(verified)
    }

    /// SHA-256 (hex) over names, sizes and SHA-256 of all members of `set`; see [`Verified::content`].
    pub(crate) fn content(&self, set: &str, progress: &dyn Progress) -> Result<String, DataError> {
        let (data, _) = self.data_set(set)?;
        Ok(self.examine(&data, progress)?.0.content)
    }

    /// Reads every file, and says how many have, and which have not, the checksum that is known of them.
    fn examine(&self, data: &DataSet, progress: &dyn Progress) -> Result<(Verified, usize, Vec<String>), DataError> {
        let set = data.name.as_str();
        let folder = self.folder(set);
        let mut verified = Verified {
            set: set.to_owned(),
            folder: folder.clone(),
            presence: Presence::Absent,
            groups: vec![],
            provenance: Provenance::Unknown,
            content: String::new(),
            version: None,
            sums: vec![],
            details: vec![],
            problems: vec![],
            further_problems: 0,
        };
        let found: Vec<Vec<MemberFile>> =
            data.members.iter().map(|members| find(&folder, data, members)).collect::<Result<_, _>>()?;
        let mut total = 0;
        for file in found.iter().flatten() {
            total += fs::metadata(&file.path).map_err(DataError::io("read", &file.path))?.len();
        }
        let mut expected: BTreeMap<String, Checksum> = data.sums.clone();
        expected.extend(data.files.iter().map(|file| (file.name.clone(), file.checksum.clone())));
        let mut differing: Vec<String> = vec![];
        let mut agreeing = 0usize;
        let mut content = Sha256::new();
        progress.begin(&format!("checking {set}"), total);
        for (members, files) in data.members.iter().zip(&found) {
            let mut count = 0;
            for round in files.chunks(ROUND) {
                let facts: Vec<Result<Fact, DataError>> =
                    round.par_iter().map(|file| fact(file, members, &expected, progress)).collect();
                for (file, fact) in round.iter().zip(facts) {
                    let fact = match fact {
                        Ok(fact) => fact,
                        Err(error) => {
                            progress.finish();
                            return Err(error);
                        }
                    };
                    count += fact.count;
                    content.update(format!("{} {} {}\n", file.name, fact.sums.bytes, fact.sums.sha256));
                    if files.len() <= 16 {
                        verified.sums.push((file.name.clone(), fact.sums.sha256.clone()));
                    }
                    match self.compare_with_known(data, &expected, file, fact, &mut verified) {
                        Some(true) => agreeing += 1,
                        Some(false) => differing.push(file.name.clone()),
                        None => {}
                    }
                }
            }
            verified.groups.push(Group::of(members, count));
        }
        progress.finish();
        verified.presence = presence_of(&verified.groups);
        verified.content = format!("{:x}", content.finalize());
        Ok((verified, agreeing, differing))
    }

    /// Whether one file has the checksum that is known of it; `None` where none is, or where what is wrong with the file is
    /// among the problems of `verified`.
    fn compare_with_known(
        &self,
        data: &DataSet,
        expected: &BTreeMap<String, Checksum>,
        file: &MemberFile,
        fact: Fact,
        verified: &mut Verified,
    ) -> Option<bool> {
        let set = data.name.as_str();
        let empty = fact.sums.bytes == 0 && !data.known_empty.contains(&file.name);
        let problem = fact.problem.or_else(|| empty.then(|| "it is empty".to_owned()));
        let intact = problem.is_none();
        if let Some(message) = problem {
            verified.problem(DataError::Malformed {
                path: file.path.clone(),
                message: format!("{message}; {}", self.again(set)),
            });
        }
        if let Some(official) = data.files.iter().find(|official| official.name == file.name) {
            let sum = fact.sums.checksum(Some(&official.checksum));
            if let Err(error) = self.compare(set, official, &file.path, fact.sums.bytes, &sum) {
                // The checksum says more than what the parser thought of it.
                if !intact {
                    verified.problems.pop();
                }
                verified.problem(error);
                return None;
            }
            return intact.then_some(true);
        }
        expected.get(&file.name).map(|sum| fact.sums.checksum(Some(sum)) == *sum)
    }

    fn again(&self, set: &str) -> String {
        format!("fetch it again with `{}`", self.fetch_command(set))
    }
}

impl Verified {
    fn problem(&mut self, problem: DataError) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        } else {
            self.further_problems += 1;
        }
    }

    /// Where the content comes from.
    fn judge(
        &mut self,
        data: &DataSet,
        note: Option<String>,
        record: Option<Record>,
        agreeing: usize,
        differing: &[String],
        library: &Library,
    ) {
        let differ = || {
            let first = differing.first().map_or("", String::as_str);
            format!(
                "{} of {} files differ from the official ones, {first} first",
                differing.len(),
                differing.len() + agreeing
            )
        };
        let complete = self.presence == Presence::Present;
        self.provenance = if let Some(why) = note {
            if !differing.is_empty() {
                let path = self.folder.join(crate::library::catalogue::manifest::MANIFEST);
                let message =
                    format!("{} of its checksums do not hold, that of {} first", differing.len(), differing[0]);
                self.problem(DataError::Malformed { path, message: format!("{message}; correct it, or the files") });
            }
            Provenance::Reconstructed { why }
        } else if !data.files.is_empty() {
            if self.problems.is_empty() && agreeing > 0 {
                Provenance::Official { by: "every file has its official checksum".to_owned() }
            } else {
                Provenance::Unknown
            }
        } else if complete && data.content.as_ref() == Some(&self.content) {
            Provenance::Official { by: "the content is that of the official repository".to_owned() }
        } else {
            let unchanged = record.as_ref().is_none_or(|record| record.content_sha256 == self.content);
            if !unchanged {
                let message = format!(
                    "the files are not those that {} names; {}",
                    crate::library::verify::record::RECORD,
                    library.again(&self.set)
                );
                self.problem(DataError::Malformed { path: self.folder.clone(), message });
            }
            match record.map(|record| record.provenance(data)) {
                Some(official @ Provenance::Official { .. }) if unchanged => official,
                _ if !differing.is_empty() => {
                    Provenance::Reconstructed { why: format!("{}, and no manifest says why", differ()) }
                }
                _ if complete && data.content.is_some() => {
                    let why = "the content differs from the official one, and no manifest says why".to_owned();
                    Provenance::Reconstructed { why }
                }
                _ if agreeing > 0 && agreeing == data.sums.len() => {
                    Provenance::Official { by: "every file has its official checksum".to_owned() }
                }
                Some(recorded @ Provenance::Recorded { .. }) if unchanged => recorded,
                _ => Provenance::Unknown,
            }
        };
    }
}

fn fact(
    found: &MemberFile,
    members: &Members,
    expected: &BTreeMap<String, Checksum>,
    progress: &dyn Progress,
) -> Result<Fact, DataError> {
    let mut summing = Summing::new(expected.get(&found.name));
    let mut counter = Some(Counter::new(members.count));
    let mut problem = None;
    let failed = |error| DataError::io("read", &found.path)(error);
    let mut file = File::open(&found.path).map_err(failed)?;
    let mut room = vec![0; 1 << 16];
    loop {
        let count = match file.read(&mut room) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(DataError::io("read", &found.path)(error)),
        };
        let piece = &room[..count];
        summing.update(piece);
        if let Some(message) = counter.as_mut().and_then(|counter| counter.update(piece).err()) {
            problem = Some(message);
            counter = None;
        }
        progress.advance(count as u64);
    }
    let count = match counter.map(Counter::finish) {
        Some(Ok(count)) => count,
        Some(Err(message)) => {
            problem = Some(message);
            0
        }
        None => 0,
    };
    Ok(Fact { sums: summing.finish(), count, problem })
}
