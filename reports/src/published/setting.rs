//! Values that a setting may have, in one line: `name=value name=value|value name=*`.

use serde_json::Value;

/// Settings with the values that each may have, as one types them: `length=null|2048 seed=0 tokens=*`.
pub(super) type AllowedSettings = &'static str;

/// Whether `value` is one of those that `settings` allow for `name`, numbers by value; `None` where they do not name it.
pub(super) fn allows(settings: AllowedSettings, name: &str, value: &Value) -> Option<bool> {
    let mut named = settings.split_whitespace().filter_map(|setting| setting.split_once('='));
    let (_, allowed) = named.find(|(known, _)| *known == name)?;
    Some(allowed == "*" || allowed.split('|').any(|text| is_typed(value, text)))
}

/// Whether `value` is what `text` means: JSON, or else the text itself.
fn is_typed(value: &Value, text: &str) -> bool {
    equal(value, &serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_has_one_of_its_values() {
        let settings = "length=null|2000 margin=[2,3] words=ten tokens=*";
        let of = |name: &str, value: Value| allows(settings, name, &value);
        assert_eq!([of("length", json!(null)), of("length", json!(2000.0))], [Some(true); 2]);
        assert_eq!([of("margin", json!([2.0, 3])), of("words", json!("ten"))], [Some(true); 2]);
        assert_eq!([of("length", json!(512)), of("margin", json!([2])), of("words", json!("all"))], [Some(false); 3]);
        assert_eq!([of("tokens", json!("anything")), of("seed", json!(0))], [Some(true), None]);
    }
}
