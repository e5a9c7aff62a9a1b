//! How a plan is executed.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use baselines::device::DeviceChoice;
use datasets::Library;
use reports::AddedSettings;

/// Memory that runs may take together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryLimit {
    /// What is free when they begin.
    Available,
    /// So many bytes.
    Bytes(u64),
}

impl FromStr for MemoryLimit {
    type Err = String;

    /// `auto`, or bytes with K, M, G or T behind them for powers of 1024, as schedulers write them: `16G`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Available);
        }
        let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let power = match text[number.len()..].trim_end_matches("iB").trim_end_matches(['i', 'B']) {
            "" => Some(0),
            "K" | "k" => Some(10),
            "M" => Some(20),
            "G" => Some(30),
            "T" => Some(40),
            _ => None,
        };
        let bytes = number.parse().ok().zip(power).and_then(|(number, power)| u64::checked_mul(number, 1 << power));
        bytes.filter(|bytes| *bytes > 0).map(Self::Bytes).ok_or_else(|| "write `auto`, or e.g. 16G".to_owned())
    }
}

/// How a plan is executed.
pub(crate) struct Options {
    /// Folder of all experiments.
    pub(crate) out: PathBuf,
    /// Where to compute.
    pub(crate) device: DeviceChoice,
    /// Data folder.
    pub(crate) library: Library,
    /// Runs that train at the same time.
    pub(crate) jobs: usize,
    /// GPUs of CUDA, of which every worker sees one of its own; absent: all see the same.
    pub(crate) gpus: Option<u16>,
    /// Memory that runs may take together; absent: nobody looks.
    pub(crate) memory: Option<MemoryLimit>,
    /// The plan is one run of a larger one: no report is written.
    pub(crate) single_run: bool,
    /// Bound of the whole command.
    pub(crate) max_time: Option<Duration>,
    /// Settings that baselines gained, for the report.
    pub(crate) added: AddedSettings,
    /// Discard earlier results.
    pub(crate) fresh: bool,
    /// No progress.
    pub(crate) quiet: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_schedulers_write_them() {
        let bytes = |text: &str| text.parse();
        assert_eq!(bytes("auto"), Ok(MemoryLimit::Available));
        for (text, wanted) in
            [("1", 1), ("4K", 4 << 10), ("2M", 2 << 20), ("16G", 16 << 30), ("8Gi", 8 << 30), ("1T", 1 << 40)]
        {
            assert_eq!(bytes(text), Ok(MemoryLimit::Bytes(wanted)), "{text}");
        }
        for wrong in ["", "0", "G", "-1", "1.5G", "1X", "99999999999T", "1 G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
