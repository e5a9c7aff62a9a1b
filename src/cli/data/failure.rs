//! Exit codes of errors of data sets.

use datasets::DataError;

use crate::cli::exit::CliError;

/// Those of the disk or the network are failures; everything else is wrong usage or data.
pub(super) fn failure(error: DataError) -> CliError {
    match error {
        DataError::Download { .. } | DataError::Import { .. } | DataError::Io { .. } | DataError::NoSpace { .. } => {
            CliError::failed(error)
        }
        _ => CliError::usage(error),
    }
}
