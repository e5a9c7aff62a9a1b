//! Inputs for the tests that no input can make a parser panic, hang or ask for much memory.
#![allow(clippy::unwrap_used)]
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::Config};

/// How many inputs every parser sees.
pub(crate) fn cases() -> Config {
    Config { cases: 10_000, failure_persistence: None, ..Config::default() }
}

/// Half arbitrary bytes, half `valid` with some bytes replaced, inserted or cut off.
pub(crate) fn inputs(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<Index>(), any::<u8>(), 0..4u8), 1..12);
    let mutated = (edits, any::<Option<Index>>()).prop_map(move |(edits, cut)| {
        let mut bytes = valid.clone();
        for (place, byte, kind) in edits {
            let place = place.index(bytes.len().max(1)).min(bytes.len());
            match kind {
                0 if place < bytes.len() => drop(bytes.remove(place)),
                1 => bytes.insert(place, byte),
                2 if place < bytes.len() => bytes[place] ^= 1 << (byte % 8),
                _ if place < bytes.len() => bytes[place] = byte,
                _ => {}
            }
        }
        if let Some(cut) = cut.filter(|_| !bytes.is_empty()) {
            let keep = cut.index(bytes.len());
            // Cut in one case of four: the others keep their end.
            if keep % 4 == 0 {
                bytes.truncate(keep);
            }
        }
        bytes
    });
    prop_oneof![vec(any::<u8>(), 0..600), mutated]
}
