"""Drives training steps of `bench speed` against the null driver and counts what they ask for.

Run by `run`, beside this file. `bench speed` waits for the device after the forward pass, the backward pass and the update; such a wait is
an event that is recorded and waited for at once, without a copy to the host before it. The last such waits delimit the steps.
"""

import argparse
import csv
import os
import pathlib
import subprocess
import sys
from collections import Counter

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PHASES = ["forward", "backward", "update"]
COLUMNS = ["row", "launches", *PHASES, "uploads", "uploaded_bytes", "downloads", "downloaded_bytes", "waits"]
# A number may grow by so much: autotuning takes its choice by an imaginary clock.
GROWTH = 1.05

# Rows of experiments/speed.yaml.
ROWS = {
    "ccnn-1d": "smnist",
    "ccnn-pathfinder": "pathfinder-1d",
    "ccnn-2d": "pathfinder-2d",
    "ckcnn": "smnist",
    "flexnet": "pathfinder-2d",
    "s4d": "pathfinder-1d",
    "s4": "pathfinder-1d",
    "lstm": "smnist",
    "gru": "smnist",
    "rnn": "smnist",
    "resnet18": "pathfinder-2d",
}


class Driven:
    """What one command asked of the device."""

    def __init__(self, name, command, options, **settings):
        self.name = name
        folder = options.work / "out"
        folder.mkdir(parents=True, exist_ok=True)
        self.trace, self.log = folder / f"{name}.trace", folder / f"{name}.nvrtc"
        self.log.unlink(missing_ok=True)
        home = options.work / "home"
        home.mkdir(exist_ok=True)
        driver = options.work / "driver"
        environment = os.environ | {
            "HOME": str(home),  # where tuned choices are kept: a real GPU's must never meet these
            "CUDA_PATH": str(options.cuda),
            "LD_LIBRARY_PATH": f"{driver}:{options.cuda}/lib:{os.environ.get('LD_LIBRARY_PATH', '')}",
            # Mesa's drivers would find our LLVM in place of their own.
            "VK_DRIVER_FILES": "/dev/null",
            "__EGL_VENDOR_LIBRARY_FILENAMES": "/dev/null",
            "LD_PRELOAD": str(driver / "libllvm.so"),
            "NVRTC_REAL": str(next((options.cuda / "lib").glob("libnvrtc.so.13"))),
            "NVRTC_LOG": str(self.log),
            "NULLCUDA_TRACE": str(self.trace),
            "NULLCUDA_OUT": str(folder / f"{name}.json"),
            "CUBECL_AUTOTUNE_LEVEL": "minimal",
        }
        environment.update({key: str(value) for key, value in settings.items()})
        arguments = [os.environ["BENCH_CUDA"], *command, "--device", "cuda"]
        output = folder / f"{name}.output"
        with open(output, "w") as into:
            code = subprocess.run(arguments, cwd=home, env=environment, stdout=into, stderr=into, timeout=3600).returncode
        self.code, self.output = code, output
        if not self.trace.exists():
            sys.exit(f"{name}: the program has not asked for the driver, exit code {code}, see {output}")

    def events(self):
        found = []
        for line in open(self.trace, errors="replace"):
            fields = line.rstrip("\n").split("\t")
            if len(fields) >= 3:
                found.append((fields[2], fields[3:]))
        return found

    def failures(self):
        """Compilations that failed, and calls that were refused."""
        lines = open(self.log).read().splitlines() if self.log.exists() else []
        compiled = [line.split("\t") for line in lines]
        broken = [f"{fields[2]}: {' '.join(fields[3:])[:300]}" for fields in compiled if fields[1] != "0"]
        # NVRTC itself asks for a table of the driver, and copes.
        refused = Counter(
            fields[0] for kind, fields in self.events() if kind == "REFUSED" and fields[0] != "cuGetExportTable"
        )
        return len(compiled), broken + [f"{name} refused {times} times" for name, times in refused.items()]

    def steps(self):
        """The phases of every step: events between its waits."""
        events = self.events()
        ends = [
            at
            for at in range(2, len(events))
            if events[at][0] == "SYNC" and events[at - 1][0] == "RECORD" and events[at - 2][0] != "D2H"
        ]
        ends = ends[len(ends) % 3 :]
        first = [0] + [end + 1 for end in ends]
        return [[events[first[s + p] : first[s + p + 1]] for p in range(3)] for s in range(0, len(ends), 3)]


def counts(name, step):
    """The row of the table for a step."""
    row = {"row": name, "launches": 0, "uploads": 0, "uploaded_bytes": 0, "downloads": 0, "downloaded_bytes": 0}
    # Not those three that `bench speed` makes itself.
    row["waits"] = -3
    for phase, events in zip(PHASES, step):
        row[phase] = sum(kind == "LAUNCH" for kind, _ in events)
        row["launches"] += row[phase]
        for kind, fields in events:
            if kind == "SYNC":
                row["waits"] += 1
            for copy, column in [("H2D", "upload"), ("D2H", "download")]:
                if kind == copy:
                    row[f"{column}s"] += 1
                    row[f"{column}ed_bytes"] += int(fields[0])
    return row


def kernels(step, most):
    """Kernels by launches."""
    for phase, events in zip(PHASES, step):
        names = Counter(fields[0] for kind, fields in events if kind == "LAUNCH")
        print(f"  {phase:9}", ", ".join(f"{name} {times}" for name, times in names.most_common(most)))


def speed(only):
    return ["speed", str(ROOT / "experiments/speed.yaml"), "--only", only, "--warmup", "1", "--steps", "1"]


def rows(options):
    found, wrong = [], []
    for name, task in ROWS.items():
        if options.only and name not in options.only.split(","):
            continue
        only = f"task={task},baseline={name}"
        driven = Driven(name, speed(only), options)
        compiled, broken = driven.failures()
        wrong += [f"{name}: {what}" for what in broken]
        steps = driven.steps()
        if driven.code or len(steps) < 2:
            wrong.append(f"{name}: exit code {driven.code}, see {driven.output}")
            continue
        # In the first step kernels are compiled and tuned, moments filled, and what stays on the device is uploaded.
        row = counts(name, steps[-1])
        print(", ".join(f"{key} {value}" for key, value in row.items()), f"({compiled} kernels)", flush=True)
        if options.kernels:
            kernels(steps[-1], options.kernels)
        found.append(row)
    return found, wrong


def compare(found, table):
    """What has grown since the table was written."""
    known = {row["row"]: row for row in csv.DictReader(open(table))} if table.exists() else {}
    wrong = []
    for row in found:
        before = known.get(row["row"])
        if before is None:
            wrong.append(f"{row['row']} is not in {table.name}")
            continue
        for column in ["launches", "uploaded_bytes", "downloads", "waits"]:
            if row[column] > max(int(before[column]) * GROWTH, int(before[column]) + 1):
                wrong.append(f"{row['row']}: {row[column]} {column}, {before[column]} before")
    return wrong


def every_baseline(options):
    """A step of every registered baseline, for two generations of GPUs."""
    wrong = []
    for capability in [80, 90]:
        # Between them every baseline has one that it can do.
        for task in ["listops-tiny", "pathfinder32-2d-tiny"]:
            name = f"{task}-{capability}"
            command = ["speed", str(ROOT / "experiments/smoke.yaml"), "--only", f"task={task}", "--warmup", "0", "--steps", "1"]
            driven = Driven(name, command, options, NULLCUDA_SM=capability)
            compiled, broken = driven.failures()
            print(f"{name}: exit code {driven.code}, {compiled} kernels compiled, {len(broken)} failures", flush=True)
            wrong += [f"{name}: {what}" for what in broken]
            if driven.code:
                wrong.append(f"{name}: exit code {driven.code}, see {driven.output}")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--cuda", type=pathlib.Path, required=True)
    parser.add_argument("--table", type=pathlib.Path, required=True)
    parser.add_argument("--only", help="rows, separated by commas")
    parser.add_argument("--kernels", type=int, default=0, help="show so many kernels of every phase")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    found, wrong = rows(options)
    if options.update and not wrong:
        with open(options.table, "w", newline="") as into:
            writer = csv.DictWriter(into, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
    else:
        wrong += compare(found, options.table)
    if options.all:
        wrong += every_baseline(options)
    for what in wrong:
        print(f"WRONG: {what}", file=sys.stderr)
    print(f"{len(found)} passed, {len(wrong)} failed")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
