"""Read exported runs with the programs they are for, and print what those see: `clients.py tensorboard|wandb FOLDER`.

One JSON object: of each file its name, and of each tag in it steps and values.
"""

import json
import math
import struct
import sys
import zlib
from pathlib import Path


def tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    found = {}
    for file in sorted(folder.rglob("events.out.tfevents.*")):
        events = EventAccumulator(str(file), size_guidance={"scalars": 0}).Reload()
        found[file.parent.name] = {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
        content = events.summary_metadata[metadata.SESSION_START_INFO_TAG].plugin_data.content
        settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
        found[file.parent.name]["seed"] = settings["seed"].number_value
        found[file.parent.name]["baseline"] = settings["baseline"].string_value
    return found


def wandb(folder):
    from wandb.proto import wandb_internal_pb2

    found = {}
    for file in sorted(folder.rglob("run-*.wandb")):
        content, at, record, rows, about = file.read_bytes(), 7, b"", {}, None
        assert content[:at] == b":W&B\xe1\xbe\x00", file
        while at < len(content):
            room = 32768 - at % 32768
            if room < 7:
                at += room
                continue
            checksum, length, kind = struct.unpack("<IHB", content[at : at + 7])
            part = content[at + 7 : at + 7 + length]
            at += 7 + length
            assert zlib.crc32(part, zlib.crc32(bytes([kind]))) == checksum, file
            record += part
            if kind in (1, 4):
                message, record = wandb_internal_pb2.Record.FromString(record), b""
                if message.WhichOneof("record_type") == "run":
                    about = message.run
                for item in message.history.item:
                    rows.setdefault(item.key, []).append([message.history.step.num, json.loads(item.value_json)])
        settings = {item.key: json.loads(item.value_json) for item in about.config.update}
        found[about.display_name] = {**rows, "seed": settings["seed"], "baseline": settings["baseline"]}
    return found


def plain(value):
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return None if isinstance(value, float) and math.isnan(value) else value


print(json.dumps(plain({"tensorboard": tensorboard, "wandb": wandb}[sys.argv[1]](Path(sys.argv[2])))))
