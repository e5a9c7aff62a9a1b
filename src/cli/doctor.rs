//! `bench doctor`: what works here and what does not.

use baselines::device;
use datasets::Library;
use indicatif::HumanBytes;
use reports::text_table;
use schemars::Schema;
use serde::Serialize;
use serde_json::Value;

use super::{CliError, Exit, Global};
use crate::experiment::schema::SchemaPart;
use crate::registry::Registry;

/// What was found.
#[derive(Debug, Serialize)]
struct Findings {
    schema: u32,
    version: &'static str,
    platform: String,
    threads: usize,
    simd: Vec<&'static str>,
    devices: Vec<FoundDevice>,
    data_folder: String,
    cache_folder: String,
    free_disk_bytes: Option<u64>,
    tasks: Vec<FoundTask>,
}

#[derive(Debug, Serialize)]
struct FoundDevice {
    name: &'static str,
    compiled: bool,
    found: usize,
}

#[derive(Debug, Serialize)]
struct FoundTask {
    name: &'static str,
    /// Absent where the task's default settings do not stand alone.
    available: Option<bool>,
    problem: Option<String>,
}

/// Print what was found; exit 0 whatever it is.
pub fn execute(global: &Global, registry: &Registry) -> Result<Exit, CliError> {
    let library = global.library()?;
    let findings = Findings {
        schema: 1,
        version: env!("CARGO_PKG_VERSION"),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        threads: rayon::current_num_threads(),
        simd: simd(),
        devices: device::survey()
            .into_iter()
            .map(|(name, compiled, found)| FoundDevice { name, compiled, found })
            .collect(),
        data_folder: library.root().display().to_string(),
        cache_folder: library.cache_folder().display().to_string(),
        free_disk_bytes: library.root().ancestors().find(|f| f.is_dir()).and_then(|f| fs4::available_space(f).ok()),
        tasks: tasks(&library, registry),
    };
    global.print(|| &findings, || findings.text())
}

impl Findings {
    fn text(&self) -> String {
        let line = |name: &str, value: String| vec![name.to_owned(), value];
        let mut rows = vec![
            line("bench", format!("{} on {}", self.version, self.platform)),
            line("threads", self.threads.to_string()),
            line("SIMD", if self.simd.is_empty() { "none detected".into() } else { self.simd.join(" ") }),
        ];
        for device in &self.devices {
            let state = match (device.compiled, device.found) {
                (false, _) => format!("not in this build; `cargo build --release --features {}` adds it", device.name),
                (true, 0) => "in this build, but no such device was found".into(),
                (true, 1) => "works".into(),
                (true, n) => format!("works, {n} devices"),
            };
            rows.push(line(&format!("device {}", device.name), state));
        }
        rows.push(line("data folder", self.data_folder.clone()));
        rows.push(line("cache", self.cache_folder.clone()));
        rows.push(line(
            "free disk",
            self.free_disk_bytes.map_or("unknown".into(), |bytes| HumanBytes(bytes).to_string()),
        ));
        for task in &self.tasks {
            let state = match (task.available, &task.problem) {
                (Some(true), _) => "ready".into(),
                (_, Some(problem)) => problem.clone(),
                _ => "needs settings".into(),
            };
            rows.push(line(&format!("task {}", task.name), state));
        }
        text_table("what | state", &rows)
    }
}

/// Every task under its default settings, and the first choice for settings without a default.
fn tasks(library: &Library, registry: &Registry) -> Vec<FoundTask> {
    registry
        .tasks
        .iter()
        .map(|entry| match (entry.build)(&least_settings(&(entry.schema)())) {
            Ok(task) => {
                let problem = task.check(library).err().map(|error| error.to_string());
                FoundTask { name: entry.info.name, available: Some(problem.is_none()), problem }
            }
            Err(_) => FoundTask { name: entry.info.name, available: None, problem: None },
        })
        .collect()
}

/// A value for every required setting: the first of those its schema allows.
fn least_settings(schema: &Schema) -> Value {
    let settings = SchemaPart::of(schema);
    let least =
        settings.required().filter_map(|name| Some((name.to_owned(), settings.get(name).constants().next()?.clone())));
    Value::Object(least.collect())
}

/// Vector instructions that matter for the kernels.
fn simd() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let found = [
            ("sse4.2", is_x86_feature_detected!("sse4.2")),
            ("avx2", is_x86_feature_detected!("avx2")),
            ("fma", is_x86_feature_detected!("fma")),
            ("avx512f", is_x86_feature_detected!("avx512f")),
        ];
        found.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }
    #[cfg(target_arch = "aarch64")]
    {
        // Part of the architecture.
        vec!["neon"]
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        Vec::new()
    }
}
