//! Errors of files as a whole.

use proptest::prelude::*;

use super::{SMALL, error, overrides, try_plan};
use crate::experiment::Overrides;

#[test]
fn files_that_are_no_experiment() {
    insta::assert_snapshot!(error(""), @r"
    x.yaml:1:1: the file is empty
      = an experiment needs at least `tasks:` and `baselines:`
    ");
    insta::assert_snapshot!(error("# nothing\n---\n"), @r"
    x.yaml:1:1: the file is empty
      |
    1 | # nothing
      | ^
      = an experiment needs at least `tasks:` and `baselines:`
    ");
    insta::assert_snapshot!(error("tasks: [line\nbaselines: [net]\n"), @r"
    x.yaml:2:10: this is not YAML: illegal placement of ':' indicator
      |
    2 | baselines: [net]
      |          ^
    ");
    insta::assert_snapshot!(error("just text\n"), @r"
    x.yaml:1:1: the experiment must be a mapping of keys to values; found text `just text`
      |
    1 | just text
      | ^^^^^^^^^
    ");
    insta::assert_snapshot!(error("baselines: [net]\n"), @r"
    x.yaml:1:1: `tasks` is missing: an experiment needs at least one
      |
    1 | baselines: [net]
      | ^
      = `bench list tasks` names them
    ");
    insta::assert_snapshot!(error("tasks: []\nbaselines: [net]\n"), @r"
    x.yaml:1:8: `tasks` must be a list of at least one; found an empty list
      |
    1 | tasks: []
      |        ^
      = e.g. tasks: [{name: …}]; `bench list tasks` names them
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nversion: 2\n"), @r"
    x.yaml:3:10: unknown version of the file format: number 2
      |
    3 | version: 2
      |          ^
      = this program reads version 1
    ");
    insta::assert_snapshot!(error("tasks: &a [line]\nbaselines: [net]\n"), @r"
    x.yaml:1:11: anchors (`&name`) are not supported in experiment files
      |
    1 | tasks: &a [line]
      |           ^
      = write shared settings once, under `training:` or in a rule under `cells:`
    ");
    insta::assert_snapshot!(error("tasks: [line]\n---\nbaselines: [net]\n"), @r"
    x.yaml:2:1: a second YAML document; keep one experiment per file
      |
    2 | ---
      | ^^^
    ");
}

#[test]
fn duplicates_are_refused() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ntasks: [image]\n"), @r"
    x.yaml:3:1: key `tasks` stands twice
      |
    3 | tasks: [image]
      | ^^^^^
      = first on line 1
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n- name: net\n- name: net\n"), @r"
    x.yaml:4:9: two baselines have the label `net-2-8`, so that two runs would share the folder `line16.net-2-8.s0`
      |
    4 | - name: net
      |         ^^^
      = first on line 3
      = give one of them a `label:` of its own
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines:\n- {name: net, label: a}\n- {name: wide, label: A}\n"), @r"
    x.yaml:4:23: two baselines have the label `A`
      |
    4 | - {name: wide, label: A}
      |                       ^
      = first on line 3
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\nseeds: [1, 1]\n"), @r"
    x.yaml:3:12: seed 1 stands twice
      |
    3 | seeds: [1, 1]
      |            ^
    ");
}

#[test]
fn grids_over_nothing_are_refused() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid:\n  training.epochs: []\n"), @r"
    x.yaml:4:20: the grid over `training.epochs` is empty
      |
    4 |   training.epochs: []
      |                    ^
      = give at least one value, or remove the line
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid:\n  baseline.hiden: [1, 2]\n"), @r"
    x.yaml:4:3: no baseline of the experiment has a field `hiden`; did you mean `hidden`?
      |
    4 |   baseline.hiden: [1, 2]
      |   ^^^^^^^^^^^^^^
      = accepted fields: hidden, blocks, kernel, dropout, sizes
      = a grid needs a field that some run has
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid: {epochs: [1, 2]}\n"), @r"
    x.yaml:3:8: `epochs` is not the path of a field
      |
    3 | grid: {epochs: [1, 2]}
      |        ^^^^^^
      = a path is training.FIELD, task.FIELD or baseline.FIELD, e.g. training.learning_rate
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid: {training.epochs: 3}\n"), @r"
    x.yaml:3:25: the grid over `training.epochs` needs a list of values; found number 3
      |
    3 | grid: {training.epochs: 3}
      |                         ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid: {training.epochs: [3, 3]}\n"), @r"
    x.yaml:3:29: the grid over `training.epochs` has number 3 twice
      |
    3 | grid: {training.epochs: [3, 3]}
      |                             ^
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ngrid:\n  training.epochs: [3, x]\n"), @r"
    x.yaml:4:24: `epochs` of training must be a whole number, 0 or more; found text `x`
      |
    4 |   training.epochs: [3, x]
      |                        ^
    ");
}

#[test]
fn rules_that_match_nothing_are_refused() {
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ncells:\n- when: {baseline: lstm}\n  training: {epochs: 3}\n"), @r"
    x.yaml:4:10: this rule matches no pair of task and baseline
      |
    4 | - when: {baseline: lstm}
      |          ^^^^^^^^
      = accepted tasks: line16
      = accepted baselines: net-2-8
    ");
    insta::assert_snapshot!(error("tasks: [line]\nbaselines: [net]\ncells: [{training: {epochs: 3}}]\n"), @r"
    x.yaml:3:10: this rule has no `when`
      |
    3 | cells: [{training: {epochs: 3}}]
      |          ^^^^^^^^
      = write `when: {task: PATTERN, baseline: PATTERN}`, one or both
    ");
}

#[test]
fn names_and_labels_must_be_safe_folders() {
    insta::assert_snapshot!(error("name: ../up\ntasks: [line]\nbaselines: [net]\n"), @r"
    x.yaml:1:7: `../up` cannot be the name of a folder
      |
    1 | name: ../up
      |       ^^^^^
      = use letters, digits, `-`, `_` and `.`, at most 80 characters
    ");
    insta::assert_snapshot!(error("tasks: [{name: line, label: a/b}]\nbaselines: [net]\n"), @r"
    x.yaml:1:29: `a/b` cannot be a label, since it becomes part of a folder name
      |
    1 | tasks: [{name: line, label: a/b}]
      |                             ^^^
      = use letters, digits, `-` and `_`, at most 40 characters
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in a file of plausible words, planning returns.
    #[test]
    fn no_file_panics(
        lines in proptest::collection::vec(
            ("(tasks|baselines|training|grid|cells|seeds|name|missing|  hidden|  - name|- when|  length)", "(: |:)",
             "(line|net|\\[line\\]|\\[net\\]|\\{epochs: 1\\}|\\{task.length: \\[1, 2\\]\\}|0|-1|1e300|~|'x'|\\[\\]|\\{\\}|[a-z]{0,3})"),
            0..6,
        ),
        set in "(training|task|baseline|seeds|)[.](epochs|hidden|kernel[.]layers|[a-z]{0,3})=(1|-1|x|\\[1|\\{\\})",
    ) {
        let text: String = lines.iter().map(|(key, colon, value)| format!("{key}{colon}{value}\n")).collect();
        let _ = try_plan(&text, &Overrides::default());
        let _ = try_plan(SMALL, &overrides(&[set.as_str()]));
    }

    /// Every error of a damaged file still names the file.
    #[test]
    fn errors_name_the_file(cut in 1usize..40) {
        let text = "tasks: [{name: line, length: 8}]\nbaselines: [{name: net}]\n";
        if let Err(message) = try_plan(&text[..cut], &Overrides::default()) {
            prop_assert!(message.starts_with("x.yaml:"), "{}", message);
        }
    }
}
