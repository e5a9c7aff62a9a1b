//! Event files of TensorBoard: `tensorboard --logdir OUT` shows the runs in their experiments.
//!
//! A file is a sequence of records as in TensorFlow's `tfrecord`: length, checksum, a protocol buffer `Event`, checksum. Source:
//! `tensorflow/tsl/lib/io/record_writer.cc`, `tensorboard/compat/proto/{event,summary}.proto`,
//! `tensorboard/plugins/hparams/plugin_data.proto`, `google/protobuf/struct.proto`.

use std::path::PathBuf;

use protobuf::{CodedOutputStream, Result};
use serde_json::Value;

use super::message::message;
use super::scalars::Scalar;
use super::settings::{settings, start};
use crate::format::file_name;
use crate::runs::Run;

/// Version that TensorBoard wants to read first.
const VERSION: &str = "brain.Event:2";
/// Constant that checksums are masked with.
const MASK: u32 = 0xa282_ead8;

/// Path below the target folder, and content, of the event file of `run`.
pub(super) fn event_file(run: &Run, scalars: &[Scalar]) -> Result<(PathBuf, Vec<u8>)> {
    let begin = start(run);
    let mut bytes = Vec::new();
    let version = message(|event| {
        event.write_double(1, begin)?;
        event.write_string(3, VERSION)
    })?;
    record(&mut bytes, &version);
    record(&mut bytes, &event(begin, 0, &session(run, begin)?)?);
    for scalar in scalars {
        let value = message(|value| {
            value.write_string(1, &scalar.tag)?;
            value.write_float(2, scalar.value as f32)
        })?;
        record(&mut bytes, &event(begin + scalar.seconds, scalar.step, &value)?);
    }
    let name = format!("events.out.tfevents.{begin:010.0}.bench");
    Ok((PathBuf::from(file_name(&run.experiment)).join(&run.id).join(name), bytes))
}

/// An `Event` at `time` (seconds since 1970) with one `Summary.Value`.
fn event(time: f64, step: u64, value: &[u8]) -> Result<Vec<u8>> {
    let summary = message(|summary| summary.write_bytes(1, value))?;
    message(|event| {
        event.write_double(1, time)?;
        event.write_int64(2, i64::try_from(step).unwrap_or(i64::MAX))?;
        event.write_bytes(5, &summary)
    })
}

/// The `Summary.Value` with the settings, for the tab of hyperparameters.
fn session(run: &Run, begin: f64) -> Result<Vec<u8>> {
    let start = message(|start| {
        for (name, value) in settings(run) {
            let entry = message(|entry| {
                entry.write_string(1, &name)?;
                entry.write_bytes(2, &message(|out| hparam(out, &value))?)
            })?;
            start.write_bytes(1, &entry)?;
        }
        start.write_string(4, &file_name(&run.id))?;
        start.write_double(5, begin)
    })?;
    let content = message(|data| data.write_bytes(3, &start))?;
    let plugin = message(|plugin| {
        plugin.write_string(1, "hparams")?;
        plugin.write_bytes(2, &content)
    })?;
    let metadata = message(|metadata| metadata.write_bytes(1, &plugin))?;
    message(|value| {
        value.write_string(1, "_hparams_/session_start_info")?;
        value.write_bytes(9, &metadata)
    })
}

/// `value` as a `google.protobuf.Value`; lists and objects as JSON.
fn hparam(out: &mut CodedOutputStream<'_>, value: &Value) -> Result<()> {
    match (value, value.as_f64()) {
        (_, Some(number)) => out.write_double(2, number),
        (Value::Bool(truth), _) => out.write_bool(4, *truth),
        (Value::String(text), _) => out.write_string(3, text),
        (other, _) => out.write_string(3, &other.to_string()),
    }
}

/// Add `data` as one record.
fn record(bytes: &mut Vec<u8>, data: &[u8]) {
    let length = (data.len() as u64).to_le_bytes();
    bytes.extend(length);
    bytes.extend(masked(&length));
    bytes.extend(data);
    bytes.extend(masked(data));
}

/// The masked CRC-32C of `data`.
fn masked(data: &[u8]) -> [u8; 4] {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(MASK).to_le_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The bytes that TensorBoard 2.21 writes (`RecordWriter`) for the scalar `a` of 0.5 at step 3 and time 1.
    #[test]
    fn records_are_those_of_tensorboard() {
        let value = message(|value| {
            value.write_string(1, "a")?;
            value.write_float(2, 0.5)
        });
        let mut bytes = Vec::new();
        record(&mut bytes, &event(1.0, 3, &value.unwrap()).unwrap());
        assert_eq!(bytes, include_bytes!("../../tests/fixtures/export/tensorboard-scalar.bin"));
    }
}
