//! Part of the records of a file that is read from its beginning to its end.

use crate::splits::balanced::official;

/// The first records of the balanced order of a file: read as they come, given in the order of the split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subset {
    /// Records by place in the file, ascending.
    chosen: Vec<u32>,
    /// Place in `chosen` of every position of the split.
    places: Vec<u32>,
}

impl Subset {
    /// `count` of the records with these classes, version `split-2`; all where there are no more.
    pub(crate) fn new(classes: &[u8], count: usize) -> Self {
        let mut order = official(classes);
        order.truncate(count);
        let mut chosen = order.clone();
        chosen.sort_unstable();
        let rank: Vec<u32> = {
            let mut rank = vec![0; classes.len()];
            chosen.iter().zip(0..).for_each(|(&record, place)| rank[record as usize] = place);
            rank
        };
        let places = order.into_iter().map(|record| rank[record as usize]).collect();
        Self { chosen, places }
    }

    /// Whether the record at this place of the file is one of them.
    pub(crate) fn contains(&self, record: usize) -> bool {
        self.chosen.binary_search(&(record as u32)).is_ok()
    }

    /// Places of the split's positions among the chosen records in the order of the file.
    pub(crate) fn places(&self) -> &[u32] {
        &self.places
    }

    /// Place in the file of the last chosen record, plus one.
    pub(crate) fn end(&self) -> usize {
        self.chosen.last().map_or(0, |&last| last as usize + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_again_in_the_order_of_the_split() {
        let classes: Vec<u8> = (0..100).map(|record| u8::from(record >= 60)).collect();
        let order = official(&classes);
        for count in [1, 7, 50, 100, 200] {
            let subset = Subset::new(&classes, count);
            let in_file: Vec<u32> = (0..100u32).filter(|&record| subset.contains(record as usize)).collect();
            let given: Vec<u32> = subset.places().iter().map(|&place| in_file[place as usize]).collect();
            assert_eq!(given[..], order[..count.min(100)]);
            assert_eq!(subset.end(), in_file.last().map_or(0, |&last| last as usize + 1));
            assert_eq!(in_file, subset.chosen);
        }
    }
}
