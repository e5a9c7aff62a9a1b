//! The list of data sets.
//!
//! Checksums stand here only where the authors (or a widely used loader that checks them) publish them; where none is known,
//! the first download is recorded instead, and said not to have been checked.

mod images;
mod language;
mod parts;
mod time_series;

use self::{
    images::{cifar10, cifar100, fashion, mnist, stl10},
    language::{imdb, listops_original, lra, tinyshakespeare},
    time_series::{character_trajectories, fsdd, physionet2019, speech_commands},
};
use crate::library::catalogue::data_set::DataSet;

/// Every data set with official files.
pub fn official() -> Vec<DataSet> {
    vec![
        mnist(),
        fashion(),
        cifar10(),
        cifar100(),
        stl10(),
        imdb(),
        lra(),
        speech_commands(),
        fsdd(),
        character_trajectories(),
        physionet2019(),
        tinyshakespeare(),
        listops_original(),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::library::{catalogue::data_set::Size, verify::checksum::Checksum};

    #[test]
    fn the_catalogue_is_well_formed() {
        let sets = official();
        for (index, set) in sets.iter().enumerate() {
            assert!(
                sets[..index].iter().all(|other| other.name != set.name && other.folder != set.folder),
                "{}",
                set.name
            );
            for text in [&set.summary, &set.origin, &set.licence, &set.citation, &set.folder] {
                assert!(!text.is_empty(), "{}", set.name);
            }
            assert!(!set.members.is_empty() && (!set.files.is_empty() || !set.archives.is_empty()), "{}", set.name);
            assert!(set.files.is_empty() || !set.mirrors.is_empty(), "{}", set.name);
            assert!(set.content.as_ref().is_none_or(|content| content.len() == 64), "{}", set.name);
            let sums = set.files.iter().map(|file| &file.checksum).chain(set.sums.values());
            for sum in sums.chain(set.archives.iter().filter_map(|archive| archive.checksum.as_ref())) {
                let digits = if matches!(sum, Checksum::Md5(_)) { 32 } else { 64 };
                let hex = sum.hex();
                assert!(hex.len() == digits && hex.chars().all(|c| "0123456789abcdef".contains(c)), "{sum}");
            }
            for archive in &set.archives {
                assert!(!archive.sources.is_empty());
                assert!(archive.checksum.is_none() || matches!(archive.size, Size::Exact(_)), "{}", archive.name);
            }
        }
    }
}
