"""The training steps of `bench` in PyTorch: `python baselines/benches/peer goldens|recorded|step|serve …`."""

import argparse
import json
import os
import sys
from pathlib import Path

# Read when the runtime of OpenMP starts, so set before torch is imported: on a shared machine, threads that spin while
# they wait make every other program slower and PyTorch's own times erratic.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
# Under `python -m peer` the modules beside this file are not found otherwise.
if (here := str(Path(__file__).resolve().parent)) not in sys.path:
    sys.path.insert(0, here)


def positive(text: str) -> int:
    """An integer of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="peer", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    goldens = commands.add_parser("goldens", help="compare the models with tensors recorded from the original programs")
    goldens.add_argument("directory", type=Path, metavar="DIR")
    recorded = commands.add_parser("recorded", help="compare CPU seconds with those recorded from the original programs")
    recorded.add_argument("file", type=Path, metavar="FILE")
    step = commands.add_parser("step", help="time training steps")
    for command, steps in ((recorded, 7), (step, 5)):
        command.add_argument("--steps", type=positive, default=steps, metavar="N", help="steps that count")
    step.add_argument("--json", action="store_true")
    serve = commands.add_parser("serve", help="time one step for every line `step` on standard input")
    for command in (step, serve):
        command.add_argument("row", metavar="ROW")
        command.add_argument("--warmup", type=int, default=2, metavar="N", help="steps before those")
        command.add_argument("--threads", type=positive, default=2, metavar="N")
        command.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return top


def main() -> int:
    """The exit status: 1 if a golden fails or a step took another time than recorded, 2 for wrong usage, 3 without the device."""
    arguments = parser().parse_args()
    if arguments.command == "goldens":
        import goldens

        if not arguments.directory.is_dir():
            print(f"error: no folder {arguments.directory}", file=sys.stderr)
            return 2
        return goldens.run(arguments.directory)
    if arguments.command == "recorded":
        import recorded

        return recorded.run(arguments.file, arguments.steps)

    import torch

    import step
    from rows import ROWS

    row = ROWS.get(arguments.row)
    if row is None:
        print(f"error: no row {arguments.row!r}; there are {', '.join(ROWS)}", file=sys.stderr)
        return 2
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("error: PyTorch finds no CUDA device", file=sys.stderr)
        return 3
    if arguments.command == "serve":
        return step.serve(row, arguments.device, arguments.threads, arguments.warmup)
    measured = step.measure(arguments.row, row, arguments.device, arguments.threads, arguments.warmup, arguments.steps)
    if arguments.json:
        print(json.dumps(measured))
        return 0
    seconds, cpu = measured["seconds"], measured["cpu_seconds"]
    print(f"{arguments.row}: {measured['parameters']} parameters, batch {measured['samples']}")
    print(f"  s/step {seconds['median']:.4f} ({seconds['min']:.4f} to {seconds['max']:.4f})")
    print(f"  CPU s  {cpu['median']:.4f} ({cpu['min']:.4f} to {cpu['max']:.4f})")
    if measured["peak_memory_bytes"] is not None:
        memory = measured["peak_memory_bytes"] - measured["base_memory_bytes"]
        print(f"  memory {memory / 2**20:.0f} MiB above {measured['base_memory_bytes'] / 2**20:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
