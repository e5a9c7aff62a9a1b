#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use serde_json::Value;

use super::{Content, parse};
use crate::experiment::Position;

fn read(text: &str) -> Value {
    parse(text, 0, 0).unwrap().unwrap().to_json()
}

#[test]
fn scalars_have_the_types_of_the_core_schema() {
    let text = "[1, -2, 1.5, 1e-3, 2.0E+4, .5, +7, 0x1F, 0o17, true, null, ~, yes, '1', 1.2.3, 10m, 1e, -, e5]";
    let expected = serde_json::json!([
        1, -2, 1.5, 0.001, 20000.0, 0.5, 7, 31, 15, true, null, null, "yes", "1", "1.2.3", "10m", "1e", "-", "e5"
    ]);
    assert_eq!(read(&text.replace(" -,", " '-',")), expected);
}

#[test]
fn whole_numbers_are_integers_to_settings() {
    let node = parse("[1e3, 10.0, -2.0, 1.5, 1e19, 1e300, 0x10]", 0, 0).unwrap().unwrap();
    let settings = serde_json::json!([1000, 10, -2, 1.5, 10_000_000_000_000_000_000_u64, 1e300, 16]);
    assert_eq!(node.to_settings(), settings);
}

#[test]
fn a_value_that_is_not_there_is_pointed_at_by_its_key() {
    let node = parse("a:\n\nb: 1\n", 0, 0).unwrap().unwrap();
    assert_eq!(node.get("a").unwrap().at, Position { source: 0, line: 1, column: 1, width: 1 });
}

#[test]
fn a_value_that_is_not_there_in_a_list_is_pointed_at_by_the_list_or_what_comes_before() {
    let lines = |text: &str| {
        let node = parse(text, 0, 0).unwrap().unwrap();
        let Content::List(items) = &node.get("a").unwrap().content else { panic!("{node:?}") };
        items.iter().map(|item| item.at.line).collect::<Vec<_>>()
    };
    assert_eq!(lines("a:\n  -\nb: 1\n"), [2]);
    assert_eq!(lines("a:\n  - 1\n  -\n\n  - 3\nb: 1\n"), [2, 2, 5]);
}

#[test]
fn what_is_no_finite_number_is_a_name_and_no_setting() {
    for text in ["1e400", "12e4567", ".inf", "-.Inf", ".nan"] {
        let node = parse(&format!("{{a: [x, {text}]}}"), 0, 0).unwrap().unwrap();
        let error = node.check_numbers().unwrap_err();
        assert_eq!(error.message, format!("`{text}` is not a finite number"));
        let path = ["a".to_owned(), "1".to_owned()];
        assert!(matches!(&node.find(&path).node.content, Content::Number(number) if number.written == text));
    }
    parse("{a: [1e300, 'x'], b: 3}", 0, 0).unwrap().unwrap().check_numbers().unwrap();
}

#[test]
fn places_are_those_of_keys_and_values() {
    let node = parse("a: 1\nb:\n  c: [x, yy]\n", 3, 0).unwrap().unwrap();
    let path = ["b", "c", "1"].map(String::from);
    let found = node.find(&path);
    assert!(found.complete);
    assert_eq!(found.node.at, Position { source: 3, line: 3, column: 10, width: 2 });
    let c = node.find(&path[..2]);
    assert_eq!(c.key_at, Some(Position { source: 3, line: 3, column: 3, width: 1 }));
}

#[test]
fn merging_replaces_lists_and_keeps_other_keys() {
    let mut base = parse("{a: {b: 1, c: [1, 2]}, d: 3}", 0, 0).unwrap().unwrap();
    base.merge(&parse("{a: {c: [9]}, e: 4}", 1, 0).unwrap().unwrap());
    assert_eq!(base.to_json(), serde_json::json!({ "a": { "b": 1, "c": [9] }, "d": 3, "e": 4 }));
    assert_eq!(base.find(&["a".into(), "c".into()]).node.at.source, 1);
    assert_eq!(base.find(&["a".into(), "b".into()]).node.at.source, 0);
}

#[test]
fn setting_and_removing_by_path() {
    let mut node = parse("{a: 1}", 0, 0).unwrap().unwrap();
    let value = parse("[1, 2]", 1, 0).unwrap().unwrap();
    node.set(&["a".into(), "b".into()], value.at, &value);
    node.set(&["c".into()], value.at, &value);
    assert_eq!(node.to_json(), serde_json::json!({ "a": { "b": [1, 2] }, "c": [1, 2] }));
    node.remove(&["a".into(), "b".into()]);
    node.remove(&["nothing".into(), "b".into()]);
    assert_eq!(node.to_json(), serde_json::json!({ "a": {}, "c": [1, 2] }));
}

#[test]
fn an_empty_file_is_nothing() {
    assert_eq!(parse("", 0, 0).unwrap(), None);
    assert_eq!(parse("# only a comment\n", 0, 0).unwrap(), None);
}

#[test]
fn deep_nesting_is_refused() {
    assert!(parse(&"[".repeat(100_000), 0, 0).is_err());
    assert!(parse(&"- ".repeat(10_000), 0, 0).is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        let _ = parse(&text, 0, 0);
    }

    #[test]
    fn any_yaml_looking_text_is_read_or_refused(text in "[-a-c:,{}\\[\\]&*!|>'\"#%@ \n0-9.~?]{0,80}") {
        let _ = parse(&text, 0, 0);
    }

    #[test]
    fn json_reads_back(numbers in proptest::collection::vec(any::<i64>(), 0..5), words in proptest::collection::vec("[a-z]{1,5} [a-z]{1,3}", 0..5)) {
        let value = serde_json::json!({ "numbers": numbers, "words": words, "half": 0.5 });
        prop_assert_eq!(read(&value.to_string()), value);
    }
}
