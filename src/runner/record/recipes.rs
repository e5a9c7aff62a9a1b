//! Runs of the recipes stay the runs that they are: whoever began one goes on with it after every change of a recipe, or of how
//! it is written.

use std::collections::BTreeMap;
use std::path::Path;

use super::identity::record;
use crate::experiment::{Overrides, load};
use crate::registry::Registry;

/// `recipe run hash` of every run of the first seed as it was when recipes first took over what they share: the beginning of
/// its hash without its samples.
const RUNS: &str = include_str!("../../../tests/fixtures/recipes.txt");

#[test]
fn runs_of_the_recipes_are_those_they_were() {
    let mut pinned: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for line in RUNS.lines() {
        let [recipe, id, hash] = line.split(' ').collect::<Vec<_>>().try_into().expect("three words");
        pinned.entry(recipe).or_default().insert(id, hash);
    }
    assert!(pinned.len() > 10);
    let overrides = Overrides { set: vec!["seeds=[0]".to_owned()], ..Overrides::default() };
    for (recipe, runs) in pinned {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments").join(recipe).with_extension("yaml");
        let plan = load(&path, &overrides, &Registry::standard()).unwrap_or_else(|error| panic!("{error}"));
        let of = |run| record(run, &plan.name, "cpu", None).expect("a record").hash[..12].to_owned();
        let found: BTreeMap<String, String> = plan.runs.iter().map(|run| (run.id.clone(), of(run))).collect();
        for (id, hash) in runs {
            assert_eq!(found.get(id).map(String::as_str), Some(hash), "{recipe}: {id} is another run");
        }
    }
}
