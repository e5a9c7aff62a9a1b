//! Offline runs of Weights & Biases: `wandb sync OUT/offline-run-*` sends them to a server.
//!
//! A run is a log of protocol buffers `Record`, framed as LevelDB frames its logs, behind a header of seven bytes. Source: the
//! client 0.31 (`wandb/proto/wandb_internal.proto`, and the files it writes).

mod log;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use protobuf::Result;
use serde_json::Value;
use sha2::{Digest, Sha256};
use vocabulary::record::State;

use self::log::Log;
use super::message::message;
use super::scalars::Scalar;
use super::settings::{settings, start};
use crate::format::file_name;
use crate::runs::Run;

/// Oldest client that can read the file.
const OLDEST_CLIENT: &str = "0.70.0";

/// Fields of `Record`.
const HISTORY: u32 = 2;
const SUMMARY: u32 = 3;
const RUN: u32 = 17;
const EXIT: u32 = 18;
const HEADER: u32 = 21;

/// Path below the target folder, and content, of the offline run of `run`.
pub(super) fn offline_run(run: &Run, scalars: &[Scalar]) -> Result<(PathBuf, Vec<u8>)> {
    let (id, begin, seconds) = (id(run), start(run), run.seconds());
    let mut log = Log::new(&id);
    log.add(HEADER, &header()?)?;
    log.add(RUN, &about(run, &id, begin)?)?;
    let mut last: BTreeMap<&str, f64> = BTreeMap::new();
    // One row per step: a later one of the same step would be dropped by the server.
    for row in scalars.chunk_by(|a, b| a.step == b.step) {
        let values: BTreeMap<&str, f64> = row.iter().map(|scalar| (scalar.tag.as_str(), scalar.value)).collect();
        last.extend(&values);
        log.add(HISTORY, &history(row, values, begin)?)?;
    }
    let summary = message(|summary| {
        for (key, value) in last.into_iter().chain([("_runtime", seconds)]) {
            summary.write_bytes(1, &item(key, &number(value))?)?;
        }
        Ok(())
    })?;
    log.add(SUMMARY, &summary)?;
    if let Some(code) = exit_code(run.status.state) {
        let exit = message(|exit| {
            exit.write_int32(1, code)?;
            exit.write_int32(2, seconds as i32)
        })?;
        log.add(EXIT, &exit)?;
    }
    let time = humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(begin)).to_string();
    let stamp = time.trim_end_matches('Z').replace(['-', ':'], "").replace('T', "_");
    Ok((PathBuf::from(format!("offline-run-{stamp}-{id}")).join(format!("run-{id}.wandb")), log.bytes()))
}

/// Eight digits that are the run's own, so that what is sent again takes the place of what was there.
fn id(run: &Run) -> String {
    let hash = run.record.as_ref().map_or("", |record| &record.hash);
    let digest = Sha256::digest(format!("{}\n{}\n{hash}", run.experiment, run.id));
    digest[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `HeaderRecord`: who wrote the file, and who can read it.
fn header() -> Result<Vec<u8>> {
    let version = message(|version| {
        version.write_string(1, &format!("bench {}", env!("CARGO_PKG_VERSION")))?;
        version.write_string(2, OLDEST_CLIENT)
    })?;
    message(|header| header.write_bytes(1, &version))
}

/// `RunRecord`: names and settings.
fn about(run: &Run, id: &str, begin: f64) -> Result<Vec<u8>> {
    let config = message(|config| {
        settings(run).iter().try_for_each(|(key, value)| config.write_bytes(1, &item(key, &value.to_string())?))
    })?;
    let time = message(|time| time.write_int64(1, begin as i64))?;
    message(|record| {
        record.write_string(1, id)?;
        record.write_string(3, &file_name(&run.experiment))?;
        record.write_bytes(4, &config)?;
        record.write_string(6, run.task())?;
        record.write_string(7, run.baseline())?;
        record.write_string(8, &run.id)?;
        record.write_bytes(17, &time)
    })
}

/// `HistoryRecord`: the `values` of one step, whose scalars are `row`.
fn history(row: &[Scalar], values: BTreeMap<&str, f64>, begin: f64) -> Result<Vec<u8>> {
    let step = row.first().map_or(0, |scalar| scalar.step);
    let seconds = row.iter().map(|scalar| scalar.seconds).fold(0.0, f64::max);
    let times = [("_runtime", seconds), ("_timestamp", begin + seconds)];
    message(|history| {
        for (key, value) in values.into_iter().chain(times) {
            history.write_bytes(1, &item(key, &number(value))?)?;
        }
        history.write_bytes(1, &item("_step", &step.to_string())?)?;
        let step = message(|out| out.write_int64(1, i64::try_from(step).unwrap_or(i64::MAX)))?;
        history.write_bytes(2, &step)
    })
}

/// A key with its value as JSON: `ConfigItem`, `HistoryItem` and `SummaryItem` look alike.
fn item(key: &str, json: &str) -> Result<Vec<u8>> {
    message(|item| {
        item.write_string(1, key)?;
        item.write_string(16, json)
    })
}

/// A number as the client writes it: JSON, and the word of Python for what JSON cannot say.
fn number(value: f64) -> String {
    if value.is_nan() { "NaN".to_owned() } else { Value::from(value).to_string() }
}

/// How the run ended; none where it goes on.
fn exit_code(state: State) -> Option<i32> {
    match state {
        State::Done => Some(0),
        State::Failed => Some(1),
        _ => None,
    }
}
