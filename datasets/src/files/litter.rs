//! What operating systems leave in folders and archives beside the data.

use std::path::Path;

/// Ending of the twins `NAME:Zone.Identifier` that Windows gives to files from the network, and that its subsystem for Linux
/// shows.
pub(crate) const DOWNLOADED: &str = ":Zone.Identifier";

/// Whether `name`, one part of a path, was left by an operating system: the twins `._NAME` and the folder `__MACOSX` of
/// macOS with its `.DS_Store`, `Thumbs.db`, `desktop.ini` and twins with [`DOWNLOADED`] of Windows.
pub(crate) fn named(name: &str) -> bool {
    name.starts_with("._")
        || name.ends_with(DOWNLOADED)
        || [".DS_Store", "__MACOSX", "Thumbs.db", "ehthumbs.db", "desktop.ini"]
            .iter()
            .any(|litter| name.eq_ignore_ascii_case(litter))
}

/// Whether any part of `path` is [litter](named).
pub(crate) fn within(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_str().is_some_and(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn litter_is_told_from_data() {
        for path in ["a/._b.psv", "__MACOSX/a/b.psv", "a/.DS_Store", "a/Thumbs.db", "a/thumbs.db", "Desktop.ini"] {
            assert!(within(Path::new(path)), "{path}");
        }
        assert!(within(Path::new("a/b.psv:Zone.Identifier")));
        for path in ["a/b.psv", "a/_b.psv", "a/.b.psv", "MACOSX/b", "a/db", "thumbs.db.txt"] {
            assert!(!within(Path::new(path)), "{path}");
        }
    }
}
