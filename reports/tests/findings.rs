//! `FINDINGS.md`: every number in its tables stands in a table of the measured reports that its section names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

/// The texts of the numbers in `text`: digits with a point, in groups of three, or with a power of ten.
fn numbers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut number = String::new();
    let characters: Vec<char> = text.chars().chain([' ', ' ']).collect();
    for (at, &character) in characters.iter().enumerate() {
        let next = characters.get(at + 1).copied().unwrap_or(' ');
        let digit_follows = next.is_ascii_digit();
        let inside = !number.is_empty();
        let takes = character.is_ascii_digit()
            || (inside && character == '.' && digit_follows)
            || (inside && character == 'e' && (digit_follows || next == '-'))
            || (number.ends_with('e') && character == '-');
        if takes {
            number.push(character);
        } else if inside && character == ' ' && digit_follows {
            // A group of three digits.
            let group: String = characters[at + 1..].iter().take_while(|c| c.is_ascii_digit()).collect();
            if group.len() != 3 || number.contains(['.', 'e']) {
                found.push(std::mem::take(&mut number));
            }
        } else if inside {
            found.push(std::mem::take(&mut number));
        }
    }
    found
}

/// Every number in the CSV, JSON and Markdown files below `folder`.
fn recorded(folder: &Path, into: &mut Vec<f64>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            recorded(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "csv" || ending == "json" || ending == "md") {
            let text = fs::read_to_string(&path).unwrap();
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | ' ')));
            into.extend(words.flat_map(numbers).filter_map(|number| number.parse::<f64>().ok()));
        }
    }
}

/// Whether `number`, as it is written, is one of `values` or a hundred times one, rounded to its digits.
fn is_recorded(number: &str, values: &[f64]) -> bool {
    let wanted: f64 = number.parse().unwrap();
    let written_as = |value: f64| match number.split_once('e') {
        Some((digits, _)) => {
            let places = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            format!("{value:.places$e}").parse::<f64>().unwrap()
        }
        None => {
            let places = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            format!("{value:.places$}").parse().unwrap()
        }
    };
    values.iter().any(|value| [1.0, 100.0].iter().any(|factor| written_as(value * factor) == wanted))
}

#[test]
fn every_number_in_the_findings_stands_in_a_committed_table() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(home.join("FINDINGS.md")).unwrap();
    let mut checked = 0;
    for section in text.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        let links = section.split("](examples/").skip(1).map(|rest| rest.split([')', '/']).next().unwrap());
        let mut values = Vec::new();
        let mut folders: Vec<PathBuf> = links.map(|folder| home.join("examples").join(folder)).collect();
        folders.sort();
        folders.dedup();
        folders.iter().for_each(|folder| recorded(folder, &mut values));
        let rows = section.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
        // Of a table the heading and the first column say what is measured.
        for row in rows.skip(1) {
            for number in row.split('|').skip(2).flat_map(numbers) {
                assert!(is_recorded(&number, &values), "{title}: {number} of `{row}` stands in none of {folders:?}");
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "only {checked} numbers");
}

#[test]
fn a_number_that_nobody_measured_is_noticed() {
    let text = "87.2 ± 0.41, 3 717 and 1.0e18; 12 of 30";
    assert_eq!(numbers(text), ["87.2", "0.41", "3717", "1.0e18", "12", "30"]);
    let values = [0.8718, 0.00414, 3716.8, 1.04e18];
    for (number, recorded) in
        [("87.2", true), ("87.3", false), ("0.41", true), ("3717", true), ("1.0e18", true), ("1.1e18", false)]
    {
        assert_eq!(is_recorded(number, &values), recorded, "{number}");
    }
}
