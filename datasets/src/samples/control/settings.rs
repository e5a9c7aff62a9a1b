//! The settings of controls, beside those of a task.

use std::fmt;

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::order::{ORDER_VERSION, Order};
use crate::config::ConfigError;

const ORDER: &str = "order";
const BAG: &str = "bag";

/// The settings `order` and `bag`, which every task has. Left out, or with their defaults `natural` and `false`, they stand
/// in no record, so that runs from before them are the same runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Controls {
    /// The order in which positions are shown.
    pub order: Order,
    /// Whether only the number of occurrences of every value is shown.
    pub bag: bool,
}

impl Controls {
    /// Whether the samples stay as they are.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// The control as names and versions say it, e.g. `shuffled`; empty where there is none.
    pub(super) fn name(self) -> String {
        if self.bag {
            return BAG.to_owned();
        }
        if self.order == Order::Natural { String::new() } else { self.order.to_string() }
    }

    /// The control with the version of its permutation or levels.
    pub(super) fn version(self) -> String {
        format!("{}{ORDER_VERSION}-{}", if self.bag { BAG } else { ORDER }, self.name())
    }

    /// Takes the controls out of the settings of a task.
    ///
    /// # Errors
    /// A value that is none of the setting.
    pub(crate) fn take(settings: &Value) -> Result<(Value, Self), ConfigError> {
        let mut own = settings.clone();
        let mut controls = Self::default();
        let Value::Object(map) = &mut own else { return Ok((own, controls)) };
        match map.shift_remove(ORDER) {
            None | Some(Value::Null) => {}
            Some(value) => {
                let read = value.as_str().and_then(|text| text.parse().ok());
                controls.order = read.ok_or_else(|| {
                    ConfigError::new(ORDER, format!("invalid value: {value}, expected {}", Order::FORMS))
                })?;
            }
        }
        match map.shift_remove(BAG) {
            None | Some(Value::Null) => {}
            Some(Value::Bool(bag)) => controls.bag = bag,
            Some(value) => {
                return Err(ConfigError::new(BAG, format!("invalid value: {value}, expected `true` or `false`")));
            }
        }
        Ok((own, controls))
    }

    /// Writes the controls behind the settings of a task, as far as they are not the defaults.
    pub(crate) fn write(self, settings: &mut Value) {
        let Value::Object(map) = settings else { return };
        let mut put = |key: &str, value: Value, usual: bool| {
            if !usual {
                map.insert(key.to_owned(), value);
            }
        };
        put(ORDER, json!(self.order.to_string()), self.order == Order::Natural);
        put(BAG, json!(self.bag), !self.bag);
    }

    /// Adds the controls to the schema of the settings of a task.
    pub(crate) fn describe(schema: &mut Schema) {
        let described = json!({
            ORDER: {
                "description": format!(
                    "Control: one fixed order in which every sample shows its positions: {}. Of sequences alone; padding \
                     stays where it is.", Order::FORMS
                ),
                "type": "string",
                "pattern": "^(natural|shuffled|(windows|blocks)-([2-9]|[1-9][0-9]+))$",
                "default": "natural",
            },
            BAG: {
                "description": "Control: only how often every token id, or every one of 256 levels of a channel, occurs, as a \
                                sequence of ln(1 + count).",
                "type": "boolean",
                "default": false,
            },
        });
        let properties = schema.ensure_object().entry("properties").or_insert_with(|| Value::Object(Map::new()));
        if let (Value::Object(properties), Value::Object(described)) = (properties, described) {
            properties.extend(described);
        }
    }
}

impl fmt::Display for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.bag, self.order) {
            (true, _) => f.write_str("only counts of values are shown"),
            (_, Order::Natural) => f.write_str("positions are shown in their own order"),
            (_, Order::Shuffled) => f.write_str("all positions are permuted"),
            (_, Order::Windows(size)) => write!(f, "positions are permuted within windows of {size}"),
            (_, Order::Blocks(size)) => write!(f, "blocks of {size} positions are permuted"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn controls_come_out_of_the_settings_and_go_back_in_unless_they_are_the_usual() {
        let settings = json!({ "length": 9, "order": "windows-4", "seed": 1 });
        let (mut own, controls) = Controls::take(&settings).unwrap();
        assert_eq!((own.clone(), controls.order), (json!({ "length": 9, "seed": 1 }), Order::Windows(4)));
        controls.write(&mut own);
        assert_eq!(own, settings);
        let (mut own, none) = Controls::take(&json!({ "order": "natural", "bag": false })).unwrap();
        none.write(&mut own);
        assert!(none.is_none() && own == json!({}));
    }

    #[test]
    fn values_that_are_none_name_their_setting() {
        for (settings, field) in [
            (json!({ "order": "sorted" }), "order"),
            (json!({ "order": 7 }), "order"),
            (json!({ "order": "windows-1" }), "order"),
            (json!({ "bag": "yes" }), "bag"),
        ] {
            assert_eq!(Controls::take(&settings).unwrap_err().field, field, "{settings}");
        }
    }
}
