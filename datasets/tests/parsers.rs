//! No input makes a parser panic: 10 000 arbitrary, altered and cut inputs for each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cell::Cell;

use datasets::formats::parsers;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestRunner},
};

const CASES: u32 = 10_000;

/// Arbitrary bytes; seeds with bytes replaced, flipped, inserted and removed; and seeds that were cut off.
fn inputs(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<Index>(), any::<u8>(), 0..4u8), 1..12);
    let altered = (select(seeds.clone()), edits).prop_map(|(mut bytes, edits)| {
        for (place, byte, kind) in edits {
            let place = place.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(place, byte),
                1 if place < bytes.len() => drop(bytes.remove(place)),
                2 if place < bytes.len() => bytes[place] ^= 1 << (byte % 8),
                _ if place < bytes.len() => bytes[place] = byte,
                _ => {}
            }
        }
        bytes
    });
    let cut = (select(seeds), any::<Index>()).prop_map(|(mut bytes, place)| {
        // A seed may be empty.
        bytes.truncate(place.index(bytes.len() + 1));
        bytes
    });
    prop_oneof![1 => vec(any::<u8>(), 0..600), 3 => altered, 1 => cut]
}

#[test]
fn no_input_makes_a_parser_panic() {
    for parser in parsers() {
        let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
        let seen = Cell::new(0);
        runner
            .run(&inputs((parser.seeds)()), |bytes| {
                let _ = (parser.parse)(&bytes);
                seen.set(seen.get() + 1);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{}: {error}", parser.name));
        assert_eq!(seen.get(), CASES, "{}", parser.name);
    }
}

#[test]
fn every_seed_is_valid_and_names_are_unique() {
    let mut names = vec![];
    for parser in parsers() {
        let seeds = (parser.seeds)();
        assert!(!seeds.is_empty(), "{}", parser.name);
        for seed in seeds {
            assert_eq!((parser.parse)(&seed), Ok(()), "{}", parser.name);
        }
        assert!(!names.contains(&parser.name));
        names.push(parser.name);
    }
}
