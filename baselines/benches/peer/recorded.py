"""Compare CPU seconds of the steps here with those recorded from the original programs."""

import json
import subprocess
import sys
from pathlib import Path

#: Names in the record, with the batch and the length that were timed, and the row that is the same step.
ROWS = {
    ("ccnn4_140", 16, 784): "ccnn-1d",
    ("ccnn2d_4_140", 16, 32): "ccnn-2d-narrow",
    ("ckcnn2_30", 64, 784): "ckcnn-pairs",
    ("flexnet7_2d", 16, 32): "flexnet",
    ("s4d6_128", 8, 1024): "s4d",
    ("s4_6_128", 8, 1024): "s4",
    ("lstm128", 64, 784): "lstm",
    ("gru128", 64, 784): "gru",
    ("rnn128", 64, 784): "rnn",
}
#: Largest difference from the record that passes, as a part of it.
TOLERANCE = 0.25
#: Largest difference in parameters, as a part of them: inputs and classes of the recorded task may be others.
PARAMETERS_TOLERANCE = 0.01


class Unreadable(Exception):
    """A record that does not have the form described in the README."""


def read(path: Path) -> dict[str, list[dict]]:
    """The recorded measurements of every row."""
    rows: dict[str, list[dict]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            row = ROWS.get((record["model"], record["batch"], record["L"]))
            if row is not None:
                rows.setdefault(row, []).append({key: record[key] for key in ("params", "threads", "median_cpu_s")})
        except (ValueError, KeyError, TypeError) as error:
            raise Unreadable(f"{path}:{number}: {error!r}") from error
    return rows


def measure(row: str, threads: int, steps: int) -> dict:
    """The answer of `step`, from a process of its own, as the recorded ones were."""
    command = [sys.executable, str(Path(__file__).resolve().parent), "step", row, "--json"]
    command += ["--threads", str(threads), "--steps", str(steps)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def run(path: Path, steps: int) -> int:
    """Print a line for every row of the record; the exit status is 1 if one is too far off, 2 without a record."""
    try:
        rows = read(path)
    except (OSError, Unreadable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not rows:
        print(f"error: {path} has no row that is timed here", file=sys.stderr)
        return 2
    failed = 0
    print(f"{'row':<16}{'recorded CPU s':>18}{'here':>8}   here ÷ recorded")
    for row, records in rows.items():
        here = measure(row, records[0]["threads"], steps)
        low, high = (choose(record["median_cpu_s"] for record in records) for choose in (min, max))
        seconds = here["cpu_seconds"]["median"]
        complaints, remarks = [], []
        if not low * (1 - TOLERANCE) <= seconds <= high * (1 + TOLERANCE):
            complaints.append(f"more than {TOLERANCE:.0%} off")
        for parameters in sorted({record["params"] for record in records} - {here["parameters"]}):
            close = abs(here["parameters"] - parameters) <= PARAMETERS_TOLERANCE * parameters
            (remarks if close else complaints).append(f"{here['parameters']} parameters instead of {parameters}")
        failed += bool(complaints)
        recorded = f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}"
        ratio = f"{seconds / high:.2f}" if low == high else f"{seconds / high:.2f} to {seconds / low:.2f}"
        print(f"{row:<16}{recorded:>18}{seconds:>8.3f}   {ratio:<14} {'; '.join([*(complaints or ['ok']), *remarks])}", flush=True)
    return int(failed > 0)
