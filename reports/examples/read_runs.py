"""Reads a folder of runs with polars: the test values of every run, and its accuracy sample by sample.

    pip install polars && python reports/examples/read_runs.py runs/quickstart
"""

import json
import sys
from pathlib import Path

import polars as pl

runs = [path.parent for path in Path(sys.argv[1]).glob("*/metrics.jsonl")]
metrics = pl.concat(pl.read_ndjson(run / "metrics.jsonl").with_columns(run=pl.lit(run.name)) for run in runs)
tests = metrics.filter(pl.col("kind") == "final", pl.col("name").str.starts_with("test_"))
print(tests.select("run", "name", "value").sort("run"))
for run in sorted(run for run in runs if (run / "outcomes.parquet").is_file()):
    right = pl.read_parquet(run / "outcomes.parquet").select((pl.col("label") == pl.col("prediction")).mean()).item()
    print(run.name, json.loads((run / "status.json").read_text())["state"], f"{100 * right:.2f} % of the test samples right")
