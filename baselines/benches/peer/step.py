"""Time and memory of whole training steps: batch, forward, loss, backward, update."""

import contextlib
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rows import Row

LEARNING_RATE = 0.001


def peak_memory() -> int | None:
    """Peak resident memory of this process in bytes, where the system tells."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def reset_peak_memory() -> None:
    """Start a new peak, where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def parameter_groups(model: nn.Module, row: Row) -> Iterator[dict]:
    """Groups of equal learning rate."""
    rest = dict(model.named_parameters())
    for part, factor in row.rate_factors:
        members = {name: value for name, value in rest.items() if part in name}
        rest = {name: value for name, value in rest.items() if name not in members}
        yield {"params": list(members.values()), "lr": factor * LEARNING_RATE}
    yield {"params": list(rest.values())}


class Trainer:
    """A network and its optimiser on synthetic batches."""

    def __init__(self, row: Row, device: str, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.backends.cudnn.benchmark = True
        torch.manual_seed(0)
        self.row, self.device = row, torch.device(device)
        # What a process needs before any network counts as base: the context of a GPU, the pool of threads.
        torch.ones(1, device=self.device).add_(1)
        self.finish()
        reset_peak_memory()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self.base_memory = self.peak_memory()
        self.layout = torch.contiguous_format
        if self.device.type == "cpu" and len(row.shape) == 3:
            # Convolutions of images are up to a third faster so.
            self.layout = torch.channels_last
        self.model = row.build().to(self.device, memory_format=self.layout).train()
        # `fused` updates all parameters in one operation; the default on CPUs is a Python loop.
        groups = list(parameter_groups(self.model, row))
        self.optimiser = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=0.0, fused=True)
        self.parameters = sum(p.numel() for p in self.model.parameters() if p.requires_grad)

    def finish(self) -> None:
        """Wait for the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def peak_memory(self) -> int | None:
        """Peak memory in bytes: resident for CPUs, allocated on the device for GPUs."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return peak_memory()

    def batch(self) -> tuple[Tensor, Tensor]:
        """Arbitrary inputs `[batch, channels, …]` and labels `[batch]` of the row's shape, or tokens, on the device."""
        row = self.row
        shape = (row.batch, *row.shape)
        if row.tokens:
            text = torch.arange(torch.Size(shape).numel() + 1).remainder(row.outputs)
            return text[:-1].view(shape).to(self.device), text[1:].view(shape).to(self.device)
        x = torch.arange(torch.Size(shape).numel()).mul(0.37).sin().view(shape)
        labels = torch.arange(row.batch) % max(row.outputs, 2)
        return x.to(self.device, memory_format=self.layout), labels.to(self.device)

    def step(self) -> tuple[float, float]:
        """One step; its seconds, and its seconds of CPU time over all threads."""
        begun, cpu_begun = time.perf_counter(), time.process_time()
        x, labels = self.batch()
        y = self.model(x)
        if self.row.outputs == 1:
            loss = F.binary_cross_entropy_with_logits(y.squeeze(1), labels.to(y.dtype))
        else:
            loss = F.cross_entropy(y, labels)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.finish()
        return time.perf_counter() - begun, time.process_time() - cpu_begun


def spread(values: list[float]) -> dict[str, float]:
    """Smallest, middle and largest."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def measure(name: str, row: Row, device: str, threads: int, warmup: int, steps: int) -> dict:
    """Time `steps` steps after `warmup` others."""
    trainer = Trainer(row, device, threads)
    for _ in range(warmup):
        trainer.step()
    seconds, cpu = zip(*(trainer.step() for _ in range(steps)))
    return {
        "row": name,
        "torch": torch.__version__,
        "device": device,
        "threads": threads,
        "parameters": trainer.parameters,
        "samples": row.batch,
        "seconds": spread(list(seconds)),
        "cpu_seconds": spread(list(cpu)),
        "base_memory_bytes": trainer.base_memory,
        "peak_memory_bytes": trainer.peak_memory(),
    }


def serve(row: Row, device: str, threads: int, warmup: int) -> int:
    """Answer every line `step` with the JSON of one step, until the input ends; the first line says what is built."""
    trainer = Trainer(row, device, threads)
    for _ in range(warmup):
        trainer.step()
    ready = {
        "torch": torch.__version__,
        "parameters": trainer.parameters,
        "samples": row.batch,
        "base_memory_bytes": trainer.base_memory,
    }
    print(json.dumps(ready), flush=True)
    for line in sys.stdin:
        if line.strip() != "step":
            print(json.dumps({"error": f"unknown request {line.strip()!r}; the only one is `step`"}), flush=True)
            continue
        seconds, cpu = trainer.step()
        answer = {"seconds": seconds, "cpu_seconds": cpu, "peak_memory_bytes": trainer.peak_memory()}
        print(json.dumps(answer), flush=True)
    return 0
