//! How small a p value an exact test can give, in words.

use statrs::function::factorial::binomial;

const NUMBERS: [&str; 13] =
    ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/// `count` in words where it is small.
pub(super) fn words(count: usize) -> String {
    NUMBERS.get(count).map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// What the design with so many seeds on either side, the fewest of a table, can give where seeds are dealt anew.
pub(super) fn deals((fewer, more): (usize, usize)) -> String {
    let seeds = if fewer == more {
        format!("{} seeds a side", words(fewer))
    } else {
        format!("{} against {} seeds", words(fewer), words(more))
    };
    bounds(&seeds, binomial((fewer + more) as u64, fewer as u64))
}

/// What so many pairs, the fewest of a table, can give where the two of a pair are exchanged.
pub(super) fn exchanges(pairs: usize) -> String {
    bounds(&format!("{} pair{}", words(pairs), if pairs == 1 { "" } else { "s" }), 2f64.powf(pairs as f64))
}

fn bounds(design: &str, ways: f64) -> String {
    let two_sided = (ways / 2.0).max(1.0);
    let share = |ways: f64| if ways > 1.0 { format!("1/{ways:.0}") } else { "1".to_owned() };
    let mut characters = design.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{} cannot go below {} one-sided, {} two-sided.", characters.as_str(), share(ways), share(two_sided))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floors_are_those_of_the_designs() {
        assert_eq!(deals((3, 3)), "Three seeds a side cannot go below 1/20 one-sided, 1/10 two-sided.");
        assert_eq!(deals((3, 13)), "Three against 13 seeds cannot go below 1/560 one-sided, 1/280 two-sided.");
        assert_eq!(exchanges(3), "Three pairs cannot go below 1/8 one-sided, 1/4 two-sided.");
        assert_eq!(exchanges(1), "One pair cannot go below 1/2 one-sided, 1 two-sided.");
    }
}
