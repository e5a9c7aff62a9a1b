//! Where and with what a cell ran.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Now, RFC 3339 UTC with seconds.
pub(crate) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Host name.
pub(crate) fn host() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// Versions of the program and of what decides its numbers.
pub(crate) fn versions() -> BTreeMap<String, String> {
    let pairs = [("bench", env!("CARGO_PKG_VERSION")), ("burn", "0.22.1")];
    pairs.into_iter().map(|(name, version)| (name.to_owned(), version.to_owned())).collect()
}

/// Commit of the working directory, with `-dirty` where it has changes; `None` outside a git checkout.
pub(crate) fn git() -> Option<String> {
    static GIT: OnceLock<Option<String>> = OnceLock::new();
    GIT.get_or_init(|| {
        let output = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    })
    .clone()
}
