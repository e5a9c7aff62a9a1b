//! `bench schema`

use crate::exit::{Exit, Stop, print_json};
use crate::experiment::{resolve::Catalogue, schema::compose};

/// Print the JSON schema of experiment files.
pub fn execute() -> Result<Exit, Stop> {
    print_json(&compose(&Catalogue::registered()))?;
    Ok(Exit::Done)
}
