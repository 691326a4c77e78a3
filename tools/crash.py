"""`make crash`: kill the steps of a day's run at many of their file operations, or fill the disk there, and see what is left.

A process that has everything imported forks one child per case; a shim between it and the C library (crash_shim.c, built by the
machine's compiler) counts the calls that change files below the home, and at the chosen one kills the process before, after or in
the middle of it, or answers that the disk is full. A case is one step, cut once. Another child then reads every table that has
changed, asks every view of them, and runs the step again: before, each table must say what it said before the step or after it,
and afterwards what it says in a run that nothing happened to. The next step begins with what the last case of the step before it
left. Linux, and a C compiler.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from tools.environment import ROOT
from tools.scheduler import LIBRARIES, import_pipeline

SHIM = Path(__file__).with_name("crash_shim.c")
MODES = ("before", "after", "in the middle", "full once", "full from there on")
KILLS, FULL = MODES[:3], MODES[3:]
FIRST, DAY = date(2026, 1, 1), date(2026, 3, 10)
# A small fleet and a small bill: what is tried is where a run is cut, not how much it writes.
DAYS = (DAY - FIRST).days + 1
FLEET = {"preset": "realistic", "servers": 2, "start": FIRST.isoformat(), "days": DAYS}
SETTINGS = {
    "HEADROOM_SOURCES": "fleet,prices,billing",
    "HEADROOM_CHALLENGERS": "seasonal_naive,ridge",
    "HEADROOM_BACKTEST_SERIES": "2",
    "HEADROOM_BACKTEST_WINDOWS": "2",
    "HEADROOM_SHARDS": "1",
    "HEADROOM_BUDGETS": str(ROOT / "pipeline" / "samples" / "budgets.toml"),
    "OMP_NUM_THREADS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
#: How the cut process ended, where all was as it should be: cut, or it went on in spite of it, as where telemetry alone was lost.
ENDS = {"killed": "killed", "refused": "refused in one line", "done": "went on"}
#: Files that people open, each whole or not at all; they are no table, of which all are.
PAGE = "the page"
PATIENCE_S = 600
console = Console(soft_wrap=True, highlight=False, markup=False)
Content = dict[str, list[str]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=204, help="cases of SIGKILL")
    parser.add_argument("--full", type=int, default=32, help="cases of a full disk")
    parser.add_argument("--steps", default="", help="only cut these steps and tables, as in forecast,silver.metric_hourly")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        return sweep(given.kills, given.full, [name for name in given.steps.split(",") if name])
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or not sys.platform.startswith("linux"):
        console.print("make crash needs Linux and a C compiler (cc); nothing was tried")
        return 1
    with tempfile.TemporaryDirectory(prefix="headroom-crash-", dir=_memory()) as folder:
        shim = Path(folder, "crash_shim.so")
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", str(SHIM), "-o", str(shim), "-ldl"], check=True)
        sources = {"fleet": FLEET, "billing": {"path": str(write_bill(Path(folder, "bill.csv")))}}
        own = {"HEADROOM_OPTIONS": json.dumps({"sources": sources}), "CRASH_FOLDER": folder, "LD_PRELOAD": str(shim)}
        again = [sys.executable, "-m", "tools.crash", "--inside", *sys.argv[1:]]
        return subprocess.run(again, cwd=ROOT, check=False, env=os.environ | SETTINGS | own).returncode


def _memory() -> str | None:
    """Where copies of a home cost least; None for the machine's own folder of temporary files."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 2**30 else None  # noqa: S108


def write_bill(file: Path) -> Path:
    """A FOCUS bill of two lines a day."""
    formats = import_module("pipeline.sources._bill_formats").FORMATS
    required = sorted(next(known.required for known in formats if known.name == "focus_1_0"))
    lines = [",".join(required)]
    for day in (FIRST + timedelta(days=number) for number in range(DAYS)):
        month = day.replace(day=1)
        for place, service in enumerate(("Amazon EC2", "Amazon S3")):
            cost = f"{10 + 3 * place + day.weekday() / 2:.2f}"
            said = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), cost) | {
                "BillingAccountId": "payer", "SubAccountId": "account", "BillingCurrency": "USD", "ChargeCategory": "Usage",
                "ServiceName": service, "ServiceCategory": "Compute",
                "BillingPeriodStart": f"{month}T00:00:00Z", "BillingPeriodEnd": f"{month + timedelta(days=28)}T00:00:00Z",
                "ChargePeriodStart": f"{day}T00:00:00Z", "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z",
            }  # fmt: skip
            lines.append(",".join(said[name] for name in required))
    file.write_text("\n".join(lines) + "\n")
    return file


# ---------------------------------------------------------------- the sweep


@dataclass
class Cut:
    """A step of the day.

    Attributes:
        name: of the step or table.
        calls: by which it changes files.
        before: what each table says when it begins.
        after: what each table says once it is done.
    """

    name: str
    calls: int
    before: Content
    after: Content


def sweep(kills: int, full: int, only: list[str]) -> int:
    """Prepare a home, try every case, and say what was left; 1 where something was lost."""
    warnings.simplefilter("ignore")
    began = time.monotonic()
    folder = Path(os.environ["CRASH_FOLDER"])
    # Iceberg's paths are absolute: every case runs where its history was made.
    home, start, first = folder / "home", folder / "start", folder / "first"
    import_everything()
    console.print("preparing: a history of ten weeks, a training, and a day that nothing happens to …")
    if in_child(partial(prepare, home)) != "done":
        console.print("the run before the sweep failed; CRASH_VERBOSE=1 shows why")
        return 1
    restore(home, first)
    cuts = rehearse(home)
    if unknown := set(only) - {cut.name for cut in cuts}:
        console.print(f"no step {', '.join(sorted(unknown))}; there are {', '.join(cut.name for cut in cuts)}")
        return 1
    chosen = [cut for cut in cuts if not only or cut.name in only]
    points = sum(cut.calls for cut in chosen)
    console.print(f"{len(chosen)} steps change files {points:,} times; {kills} kills and {full} full disks")
    cases = spread(chosen, kills, KILLS) + spread(chosen, full, FULL)
    found: Counter[str] = Counter()
    restore(first, home)
    for cut in cuts:
        restore(home, start)
        sound = False
        for done, (nth, mode) in enumerate(sorted((nth, mode) for name, nth, mode in cases if name == cut.name)):
            if done:
                restore(start, home)
            spent = cpu_seconds()
            verdict, sound = tried(home, cut, nth, mode)
            found[verdict if sound else "FAULT"] += 1
            place = f"{sum(found.values()):>3}/{len(cases)} {cut.name} {mode} call {nth}/{cut.calls}"
            console.print(f"{place}: {verdict} ({cpu_seconds() - spent:.1f} CPU s)")
        if not sound:
            restore(start, home)
            in_child(partial(run, home, cut.name))
    gc.unfreeze()
    for verdict, count in sorted(found.items()):
        console.print(f"{count} × {verdict}")
    minutes, cpu = (time.monotonic() - began) / 60, cpu_seconds()
    console.print(f"{'FAULTS' if found['FAULT'] else 'nothing was lost'}; {minutes:.0f} minutes, {cpu:,.0f} CPU seconds")
    return int(found["FAULT"] > 0)


def spread(cuts: list[Cut], count: int, modes: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """So many calls, evenly from the first of the first step to the last of the last, as step, call and what happens there."""
    every = [(cut.name, nth) for cut in cuts for nth in range(1, cut.calls + 1)]
    chosen = [every[int((number + 0.5) * len(every) / count)] for number in range(count)]
    return [(*place, modes[number % len(modes)]) for number, place in enumerate(chosen)]


def rehearse(home: Path) -> list[Cut]:
    """The day that nothing happens to, step by step."""
    cuts: list[Cut] = []
    said = in_child(partial(contents, home, {}))
    for name in day_of_steps():
        calls, after = in_child(partial(count, home, name, said))
        cuts.append(Cut(name, calls, said, after))
        said = after
    return cuts


def tried(home: Path, cut: Cut, nth: int, mode: str) -> tuple[str, bool]:
    """What one case came to, and whether nothing was lost."""
    end = in_child(partial(cut_short, home, cut.name, nth, mode))
    faults = [] if end in ENDS else [f"hung or lost: {end}"]
    said = in_child(partial(look, home, cut, end))
    faults += said if isinstance(said, list) else [f"the look at it died: {said}"]
    return ("; ".join(faults), False) if faults else (f"{ENDS[end]}, and as it should be", True)


def restore(origin: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(origin, target)


def cpu_seconds() -> float:
    return sum(os.times()[:4])


# ---------------------------------------------------------------- in a child of its own


def in_child(work: Callable[[], Any]) -> Any:
    """What a function says in a fork of this process; "killed" where it was, as the case wants."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            answer = work()
        except BaseException as error:
            answer = f"failed: {type(error).__name__}: {error}"[:300]
            if os.environ.get("CRASH_VERBOSE"):
                traceback.print_exc()
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    previous = signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGABRT))
    signal.alarm(PATIENCE_S)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)
    if os.WIFSIGNALED(status):
        return "killed" if os.WTERMSIG(status) == signal.SIGKILL else f"signal {os.WTERMSIG(status)}"
    return json.loads(said) if said else "nothing said"


def import_everything() -> None:
    """Once for all children: an import takes longer than what is tried."""
    for library in (*LIBRARIES, "mlflow", "pipeline.cli.in_order"):
        if not library.startswith("airflow"):
            import_module(library)
    import_pipeline()
    # A collection in a child would copy every page of what it never uses.
    gc.collect()
    gc.freeze()


def settings_of(home: Path) -> Any:
    return import_module("pipeline.settings").load(home=home)


def day_of_steps() -> list[str]:
    """`ingest → build → forecast → promote → recommend → maintain` with all that is between, in order."""
    names = list(import_module("pipeline.steps").order_daily())
    names.insert(names.index("forecast") + 1, "promote")
    return [*names, "maintain"]


def run(home: Path, *names: str, since: date = DAY) -> str:
    import io
    import logging

    from pipeline.cli import output
    from pipeline.cli.in_order import perform_in_order
    from pipeline.interval import Interval

    logging.disable(logging.CRITICAL)
    output.console.file = io.StringIO()
    end = DAY + timedelta(days=since == DAY)
    perform_in_order(names, Interval.days(since.isoformat(), end.isoformat()), settings_of(home))
    return "done"


def prepare(home: Path) -> str:
    """A lake with a history, a training and what it proposes."""
    names = import_module("pipeline.steps").order_daily()
    return run(home, *names, "train", "register", "record", since=FIRST)


def count(home: Path, name: str, known: Content) -> tuple[int, Content]:
    """Run a step; by how many calls it changed files, and what every table says then."""
    arm(home, 0, MODES[0])
    run(home, name)
    calls = int(ctypes.CDLL(None).crash_seen())
    return calls, contents(home, known)


def cut_short(home: Path, name: str, nth: int, mode: str) -> str:
    from pipeline.errors import HeadroomError

    arm(home, nth, mode)
    try:
        return run(home, name)
    except HeadroomError:
        return "refused"


def arm(home: Path, nth: int, mode: str) -> None:
    shim = ctypes.CDLL(None)
    shim.crash_arm.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int]
    shim.crash_arm(str(home).encode(), nth, MODES.index(mode))


def look(home: Path, cut: Cut, end: str) -> list[str]:
    """What is wrong: with what readers see after the cut, and after the step was run again."""
    from pipeline.tables.operations import BOOKKEEPING

    faults = []
    try:
        left = contents(home, cut.before)
        # The results of checks are published table by table.
        between = (differing(left, cut.after) & differing(left, cut.before)) - {PAGE, *BOOKKEEPING}
        faults += [f"{name} is neither as before nor as after" for name in sorted(between)]
        if end == "done" and (undone := differing(left, cut.after)):
            faults.append(f"it ended well without {', '.join(sorted(undone))}")
        ask_views(home, differing(left, cut.before))
    except Exception as error:
        left = cut.before
        faults.append(f"unreadable: {type(error).__name__}: {error}"[:300])
    try:
        run(home, cut.name)
        if lost := differing(contents(home, left), cut.after):
            faults.append(f"differs once it was run again: {', '.join(sorted(lost))}")
    except Exception as error:
        faults.append(f"the run again failed: {type(error).__name__}: {error}"[:300])
    return faults


def differing(one: Content, other: Content) -> set[str]:
    """The tables that say something else, or are in one of both only."""
    said, meant = ({name: what for name, (_, what) in each.items()} for each in (one, other))
    return {name for name in said.keys() | meant.keys() if said.get(name) != meant.get(name)}


def ask_views(home: Path, changed: set[str]) -> None:
    """Every view of tables that have changed can be asked."""
    from pipeline.lake import open_lake, sql
    from pipeline.steps._daily import read_tables

    lake = open_lake(settings_of(home))
    for view in sql.views():
        if read_tables(view) & changed:
            lake.query(f"SELECT count(*) AS n FROM {view}")  # noqa: S608 names of files of the project


def contents(home: Path, known: Content) -> Content:
    """What every table that is no telemetry says, and the page, by name: a mark of its files, and a hash of what they say.

    Args:
        home: of the lake.
        known: as this function said it before; what has the same files and the same place in the catalog is not read again.
    """
    from pipeline import tables
    from pipeline.lake import open_lake
    from pipeline.lake.fingerprint import sorted_fingerprint
    from pipeline.tables.columns import STAMPED
    from pipeline.tables.operations import TELEMETRY

    lake, pointers, found = open_lake(settings_of(home)), read_pointers(home), Content()
    for table in tables.ALL.values():
        folders = [home / "lake" / layer / table.short_name for layer in (table.layer, "ledger")]
        mark = digest([pointers.get(table.name, ""), *(line for folder in folders for line in listed(folder))])
        if table.name in TELEMETRY:
            continue
        if known.get(table.name, [""])[0] == mark:
            found[table.name] = known[table.name]
        else:
            # A table that is not there yet reads as one without rows.
            rows = lake.read(table)
            rows = rows.drop_columns([name for name in STAMPED if name in rows.column_names])
            if table.layer == "bronze":
                # A landing that was cut before the ledger had it is landed again: its rows lie there twice, and count once.
                rows = rows.group_by(rows.column_names).aggregate([])
            found[table.name] = [mark, sorted_fingerprint(rows, tuple(name for name in table.key if name in rows.column_names))]
    # What a cut process left of its temporary files is swept by `maintain`.
    page = sorted(file for file in (home / "lake" / "reports").rglob("[!.]*") if file.is_file())
    found[PAGE] = ["", digest(f"{file.relative_to(home)} {file.stat().st_size > 0}" for file in page)]
    return found


def read_pointers(home: Path) -> dict[str, str]:
    """Where the catalog says that each table's metadata are."""
    if not (catalog := home / "lake" / "catalog.db").exists():
        return {}
    with sqlite3.connect(catalog) as asked:
        rows = asked.execute("SELECT table_namespace, table_name, metadata_location FROM iceberg_tables").fetchall()
    return {f"{space}.{name}": str(place) for space, name, place in rows}


def listed(folder: Path) -> list[str]:
    """Every file below a folder, with what tells whether it was written since."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [f"{file} {(stat := file.stat()).st_size} {stat.st_mtime_ns}" for file in files]


def digest(lines: Any) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
