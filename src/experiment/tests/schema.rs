//! The schema of experiment files.

use schemars::schema_for;

use super::registry;
use crate::experiment::Training;
use crate::experiment::schema::{compose, fields};

#[test]
fn the_schema_holds_together() {
    let schema = compose(&registry());
    let text = schema.to_string();
    let mut references = 0;
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(schema.pointer(pointer).is_some(), "{pointer} leads nowhere");
        references += 1;
    }
    assert!(references >= 8);
    let net = schema["properties"]["baselines"]["items"]["oneOf"][0].clone();
    assert_eq!(net["properties"]["name"]["const"], "net");
    assert_eq!(net["additionalProperties"], false);
    assert!(net["properties"]["kernel"]["$ref"].as_str().unwrap().starts_with("#/$defs/baseline.net."));
    for key in fields(&schema_for!(Training)) {
        assert!(schema["$defs"]["training"]["properties"][&key]["description"].is_string(), "{key} is not described");
    }
}
