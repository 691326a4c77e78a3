"""`make crash`: kill a day's run at many of its file operations, or fill the disk there, and see what is left.

A warm process forks one child per case; a shim between it and the C library (crash_shim.c, built by the machine's compiler)
counts the calls that change files below the home, and at the chosen one kills the process before, after or in the middle of it,
or answers that the disk is full. Then another child reads every table, asks every view, runs the same again, and compares the
content of every table with that of a run that nothing happened to. Linux, and a C compiler.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parent.parent
SHIM = Path(__file__).with_name("crash_shim.c")
MODES = ("before", "after", "in the middle", "full once", "full from there on")
KILLS, FULL = MODES[:3], MODES[3:]
# A small fleet: what is tried is where a run is cut, not how much it writes.
FLEET = {"preset": "realistic", "servers": 2, "start": "2026-01-01", "days": 70}
SETTINGS = {
    "HEADROOM_SOURCES": "fleet,prices",
    "HEADROOM_OPTIONS": json.dumps({"sources": {"fleet": FLEET}}),
    "HEADROOM_CHALLENGERS": "seasonal_naive,ridge",
    "HEADROOM_BACKTEST_SERIES": "2",
    "HEADROOM_BACKTEST_WINDOWS": "2",
    "HEADROOM_SHARDS": "2",
    "OMP_NUM_THREADS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
HISTORY, DAY = ("2026-01-01", "2026-03-10"), "2026-03-10"
PATIENCE_S = 600
console = Console()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=204, help="cases of SIGKILL")
    parser.add_argument("--full", type=int, default=32, help="cases of a full disk")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        return sweep(given.kills, given.full)
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or not sys.platform.startswith("linux"):
        console.print("make crash needs Linux and a C compiler (cc); nothing was tried")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        shim = Path(folder, "crash_shim.so")
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", str(SHIM), "-o", str(shim), "-ldl"], check=True)
        again = [sys.executable, "-m", "tools.crash", "--inside", "--kills", str(given.kills), "--full", str(given.full)]
        return subprocess.run(again, cwd=ROOT, check=False, env=os.environ | SETTINGS | {"LD_PRELOAD": str(shim)}).returncode


def sweep(kills: int, full: int) -> int:
    """Prepare a home, try every case on a copy of it, and say what was left; 1 where something was lost."""
    warnings.simplefilter("ignore")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headroom-crash-") as folder:
        # Iceberg's paths are absolute: every case runs where its history was made.
        home, start = Path(folder, "home"), Path(folder, "start")
        import_everything()
        if in_child(lambda: prepare(home)) != "done":
            console.print("the run before the sweep failed; CRASH_VERBOSE=1 shows why")
            return 1
        shutil.copytree(home, start)
        points, wanted = in_child(lambda: counted(home)), in_child(lambda: contents(home))
        console.print(f"a run of {DAY} changes files {points:,} times; {kills} kills and {full} full disks")
        cases = [(nth, KILLS[number % len(KILLS)]) for number, nth in enumerate(spread(points, kills))]
        cases += [(nth, FULL[number % len(FULL)]) for number, nth in enumerate(spread(points, full))]
        found: Counter[tuple[str, str]] = Counter()
        for nth, mode in track(cases, "cutting", console=console):
            kind = "killed" if mode in KILLS else "disk full"
            for verdict in tried(home, start, nth, mode, wanted):
                found[kind, verdict] += 1
                if verdict not in FINE:
                    console.print(f"{mode} call {nth}: {verdict}", markup=False)
    for (kind, verdict), count in sorted(found.items()):
        console.print(f"{kind}: {count} × {verdict}", markup=False)
    lost = sum(count for (_, verdict), count in found.items() if verdict not in FINE)
    console.print(f"{'nothing was lost' if not lost else f'{lost} FAULTS'}; {(time.monotonic() - began) / 60:.0f} minutes")
    return int(lost > 0)


#: The case was a case; the run went on in spite of it, as where telemetry alone was lost; all was as it should be afterwards.
FINE = ("cut", "went on", "converged")


def tried(home: Path, start: Path, nth: int, mode: str, wanted: dict[str, str]) -> list[str]:
    """What one case came to."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(start, home)
    died = in_child(lambda: cut(home, nth, mode))
    verdicts = ["cut" if died in ("killed", "failed") else "went on" if died == "done" else f"hung or lost: {died}"]
    said = in_child(lambda: look(home, wanted))
    return [*verdicts, *([said] if isinstance(said, str) else said or ["the look at it died"])]


def spread(points: int, count: int) -> list[int]:
    """So many calls, evenly from the first to the last."""
    return [1 + int((number + 0.5) * points / count) for number in range(count)]


# ---------------------------------------------------------------- in a child of its own


def in_child(work: Callable[[], Any]) -> Any:
    """What a function says in a fork of this process; "killed" where it was, as the case wants."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            answer = work()
        except BaseException:
            answer = "failed"
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
    import great_expectations  # noqa: F401
    import mlflow  # noqa: F401
    import pyiceberg.catalog.sql  # noqa: F401

    from pipeline.lake import athena, duckdb, maintenance  # noqa: F401


def settings_of(home: Path) -> Any:
    from pipeline import settings

    return settings.load(home=home)


def perform(home: Path, names: list[str], day: str, end: str = "") -> None:
    import io
    import logging

    from pipeline.cli import output
    from pipeline.cli import steps as cli
    from pipeline.interval import Interval

    logging.disable(logging.CRITICAL)
    output.console.file = io.StringIO()
    interval = Interval.days(day, end) if end else Interval.day(day)
    cli.perform_in_order(names, interval, settings_of(home))


def whole_day(home: Path) -> None:
    """`ingest → build → forecast → promote → recommend → maintain` for one day."""
    from pipeline.steps import order_daily

    perform(home, [*order_daily(), "promote", "maintain"], DAY)


def prepare(home: Path) -> str:
    """A lake with a history, a training and what it proposes."""
    from pipeline.steps import order_daily

    perform(home, [*order_daily(), "train", "register", "record"], *HISTORY)
    return "done"


def counted(home: Path) -> int:
    arm(home, 0, MODES.index("before"))
    whole_day(home)
    return int(ctypes.CDLL(None).crash_seen())


def cut(home: Path, nth: int, mode: str) -> str:
    arm(home, nth, MODES.index(mode))
    whole_day(home)
    return "done"


def arm(home: Path, nth: int, mode: int) -> None:
    shim = ctypes.CDLL(None)
    shim.crash_arm.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_int]
    shim.crash_arm(str(home).encode(), nth, mode)


def look(home: Path, wanted: dict[str, str]) -> list[str]:
    """Whether everything can be read, and a run that is repeated comes to what it should."""
    from pipeline.lake import open_lake, sql

    faults = []
    try:
        contents(home)
        lake = open_lake(settings_of(home))
        for view in sql.views():
            lake.query(f"SELECT count(*) AS n FROM {view}")  # noqa: S608 names of files of the project
    except Exception as error:
        faults.append(f"unreadable: {type(error).__name__}: {error}"[:300])
    try:
        whole_day(home)
    except Exception as error:
        return [*faults, f"the run again failed: {type(error).__name__}: {error}"[:300]]
    now = contents(home)
    differing = sorted(name for name in wanted if now.get(name) != wanted[name])
    return [*faults, f"differs: {', '.join(differing)}" if differing else "converged"]


def contents(home: Path) -> dict[str, str]:
    """The content of every table of silver and gold that is no telemetry."""
    from pipeline import tables
    from pipeline.lake import open_lake
    from pipeline.tables.operations import TELEMETRY

    lake = open_lake(settings_of(home))
    chosen = [table for table in tables.ALL.values() if table.layer != "bronze" and table.name not in TELEMETRY]
    return {table.name: lake.content(table) for table in chosen if lake.exists(table)}


if __name__ == "__main__":
    sys.exit(main())
