//! The binary in a folder of its own, with an empty data folder.

#![allow(dead_code, reason = "every test program uses a part of this")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use tempfile::TempDir;

/// The binary in an empty folder, with an empty data folder.
pub struct Bench {
    pub folder: TempDir,
    /// What the platform and its drivers keep, out of the folder.
    pub platform_cache: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        heed_signals();
        Self { folder: tempfile::tempdir().unwrap(), platform_cache: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// For runs that end by themselves.
    pub fn command(&self, arguments: &[&str]) -> Command {
        Command::from_std(self.process(arguments))
    }

    /// For runs that the test ends.
    pub fn process(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bench"));
        command.current_dir(self.folder.path()).args(arguments).env("BENCH_DATA", self.path("data"));
        command.env_remove("BENCH_LOG").env_remove("BENCH_CACHE").env("XDG_CACHE_HOME", self.platform_cache.path());
        command
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).arg("--json").assert().success().get_output().stdout.clone();
        serde_json::from_slice(&output).unwrap()
    }

    /// The command ends with exit code `code` and an error of this kind, whose message names every one of `offenders`.
    pub fn refuses(&self, arguments: &[&str], code: i32, kind: &str, offenders: &[&str]) {
        let output = self.command(arguments).args(["--log", "json"]).assert().code(code).get_output().stderr.clone();
        let output = String::from_utf8(output).unwrap();
        let mut lines = output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let error = lines.find(|line| line["fields"]["kind"].is_string());
        let error = error.unwrap_or_else(|| panic!("{arguments:?} end without a kind of error: {output}"));
        assert_eq!(error["fields"]["kind"], kind, "{arguments:?}: {output}");
        let message = error["fields"]["message"].as_str().unwrap();
        for offender in offenders {
            assert!(message.contains(offender), "{arguments:?} do not name {offender}: {message}");
        }
    }

    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Whether a run's `status.json` is there and has this state.
    pub fn has_state(&self, cell: &str, state: &str) -> bool {
        let text = std::fs::read(self.path(cell).join("status.json")).unwrap_or_default();
        serde_json::from_slice::<Value>(&text).is_ok_and(|status| status["state"] == state)
    }

    /// `status.json` of a run.
    pub fn status(&self, cell: &str) -> Value {
        let text = std::fs::read(self.path(cell).join("status.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

/// Processes that tests start begin with every signal at its default, also where the tests themselves were started with some
/// ignored (`nohup`, a job in the background of a script): what is ignored is inherited, what is handled is not.
fn heed_signals() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            if ignored & (1 << (signal - 1)) != 0 {
                signal_hook::flag::register(signal, Arc::default()).unwrap();
            }
        }
    });
}

/// Wait until `condition` holds; far longer than it takes, since machines differ.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Lines of a run's `metrics.jsonl` without what may differ when it is repeated: times and memory.
pub fn metrics(cell: &Path) -> Vec<Value> {
    lines(&cell.join("metrics.jsonl"), &["seconds", "samples_per_second", "peak_memory_bytes"])
}

/// Lines of a run's `diagnostics.jsonl`.
pub fn diagnostics(cell: &Path) -> Vec<Value> {
    lines(&cell.join("diagnostics.jsonl"), &[])
}

fn lines(path: &Path, left_out: &[&str]) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let parsed = text.lines().map(|line| serde_json::from_str::<BTreeMap<String, Value>>(line).unwrap());
    parsed
        .filter(|line| !left_out.iter().any(|name| line.get("name").is_some_and(|found| found == name)))
        .map(|mut line| {
            line.remove("wall");
            serde_json::to_value(line).unwrap()
        })
        .collect()
}

/// Rewrite a checkpoint without some of its metadata, as from before those were written.
pub fn without_metadata(path: &Path, names: &[&str]) {
    let bytes = std::fs::read(path).unwrap();
    let (_, about) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let mut metadata = about.metadata().clone().unwrap();
    for name in names {
        assert!(metadata.remove(*name).is_some(), "{metadata:?}");
    }
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    std::fs::write(path, safetensors::serialize(file.tensors(), Some(metadata)).unwrap()).unwrap();
}
