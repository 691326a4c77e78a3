"""What a lake says, one line per table and view, to hold two versions of the code against each other.

`python -m tools.contents` reads the lake that the settings name and prints, of each table and view, how many rows it has and the
first 16 digits of their sha256. `--json FILE` keeps the whole; `--against FILE` shows such a file beside this lake and exits 1
where a line differs. Equal rows hash alike in whatever order and files they lie, floats to the last digit; what a clock or a CPU
timer wrote is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import settings as settings_module
from pipeline import tables
from pipeline.lake import Lake, open_lake
from tools.environment import ROOT

#: Tables, and columns of whatever table or view, in which two runs of the same code on the same data differ.
LEFT_OUT = {
    "bronze.run_event": "how long each step took, and when",
    "gold.run_stat": "the same",
    "ingested_at": "the clock when a row was landed",
    "cpu_s_per_series": "CPU time of a backtest",
}
ABSENT = f"{'–':>12}  {'':16}"
VIEWS = ROOT / "sql" / "views"
BATCH = 50_000


class Content(NamedTuple):
    """How much a table or view says, and a hash of it."""

    rows: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.rows:>12,}  {self.sha256[:16]}"


def contents(lake: Lake) -> dict[str, Content]:
    """Every table and view by name, but those left out."""
    stored = {name: f"SELECT * FROM {name}" for name in tables.ALL}  # noqa: S608
    seen = {f"views.{path.stem}": view(path) for path in VIEWS.glob("*.sql")}
    return {name: content(lake.query(sql)) for name, sql in sorted((stored | seen).items()) if name not in LEFT_OUT}


def view(path: Path) -> str:
    """The SQL of a view over rows in key order: sums of floats depend in their last digits on the order in which files come."""
    return re.sub(r"\b(FROM|JOIN) (\w+\.\w+)", lambda found: f"{found[1]} (\n{_ordered(found[2])}\n)", path.read_text())


def _ordered(name: str) -> str:
    layer, _, short = name.partition(".")
    if layer == VIEWS.name:
        return view(VIEWS / f"{short}.sql")
    # Without a limit DuckDB sees no use in the order.
    return f"SELECT * FROM {name} ORDER BY {', '.join(tables.get(name).key)} LIMIT 1000000000000"  # noqa: S608


def content(rows: pa.Table) -> Content:
    """The sum of the rows' hashes, which knows no order but counts repetitions, and what the columns are called."""
    names = sorted(set(rows.column_names) - LEFT_OUT.keys())
    total = np.zeros(4, dtype="<u8")
    for batch in rows.select(names).to_batches(max_chunksize=BATCH):
        columns = [_text(column) for column in batch.columns]
        lines = pc.binary_join_element_wise(*columns, "\x1f", null_handling="replace", null_replacement="\x00")
        digests = b"".join(hashlib.sha256(line).digest() for line in lines.cast(pa.binary()).to_pylist())
        total += np.frombuffer(digests, dtype="<u8").reshape(-1, 4).sum(axis=0, dtype="<u8")
    return Content(rows.num_rows, hashlib.sha256(json.dumps(names).encode() + total.tobytes()).hexdigest())


def _text(column: pa.Array) -> pa.Array:
    """Each value as text; of a float the shortest that reads back as the same, and 0 for −0."""
    if pa.types.is_floating(column.type):
        column = pc.add(column, 0.0)
    return column.cast(pa.string())


def shown(before: dict[str, Content], now: dict[str, Content]) -> int:
    """Print both side by side; returns how many lines differ."""
    different = 0
    for name in sorted({*before, *now}):
        there, here = before.get(name), now.get(name)
        verdict = "only before" if here is None else "only now" if there is None else "same" if there == here else "different"
        different += verdict != "same"
        print(f"{name:<32}{there or ABSENT}{here or ABSENT}  {verdict}")
    print(f"\n{different} of {len({*before, *now})} differ.")
    return different


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write rows and whole hashes there")
    arguments.add_argument("--against", type=Path, metavar="FILE", help="compare with what --json wrote")
    given = arguments.parse_args()
    # DuckDB takes as many threads as Slurm gives cores; with two, sums of floats end in other digits every time.
    os.environ["SLURM_CPUS_ON_NODE"] = "1"
    now = contents(open_lake(settings_module.load()))
    if given.json:
        given.json.write_text(json.dumps({name: each._asdict() for name, each in now.items()}, indent=1) + "\n")
    different = 0
    if given.against:
        before = {name: Content(**each) for name, each in json.loads(given.against.read_text()).items()}
        different = shown(before, now)
    else:
        for name, each in now.items():
            print(f"{name:<32}{each}")
    print("\nLeft out, wherever it stands:")
    for name, reason in LEFT_OUT.items():
        print(f"{name:<32}{reason}")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
