//! `bench schema`

use crate::exit::{Exit, Stop, print_json};
use crate::experiment::schema::compose;
use crate::registry::Registry;

/// Print the JSON schema of experiment files.
pub fn execute(registry: &Registry) -> Result<Exit, Stop> {
    print_json(&compose(registry))?;
    Ok(Exit::Done)
}
