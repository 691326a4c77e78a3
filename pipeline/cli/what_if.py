"""What `risk --what-if` shows: what would change, one line for each series and threshold that is at risk at all."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd

from pipeline.cli.output import console, print_frame
from pipeline.errors import ConfigError
from pipeline.tables.identifiers import as_given

# A chance below this is shown as 0 %.
_NONE = 0.005


def read_figure(option: str, text: str, unit: str) -> float:
    """The number of an option that may name its unit."""
    try:
        number = float(text.removesuffix(unit))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{option} is a number, as in 2 or 2{unit}; got {text!r}")
    return number


def print_what_if(rows: pd.DataFrame, title: str, limit: int) -> None:
    """Print risks as they are beside what they would be, in 80 characters.

    Args:
        rows: as `steps.risk.what_if` gives them.
        title: what is changed.
        limit: lines at most.
    """
    chances = [f"p_cross_{days}d{when}" for days in (7, 30, 90) for when in ("_now", "")]
    is_alive = (rows[chances].fillna(0.0) >= _NONE).any(axis=1) | (rows["risk_level"] != rows["risk_level_now"])
    alive = rows[is_alive]
    shown = pd.DataFrame([_line(row) for row in alive.head(limit).to_dict("records")])
    first = f", first {limit}" if len(alive) > limit else ""
    print_frame(shown, f"{title}: {len(alive)} rows at risk, now → then{first}")
    if len(rows) > len(alive):
        console.print(f"{len(rows) - len(alive)} others have no chance of crossing, now or then", style="dim", highlight=False)


def _line(row: dict[Hashable, Any]) -> dict[str, str]:
    place, _, metric = as_given(str(row["series_id"])).rpartition("/")
    return {
        "resource": place.split("/", 2)[-1],
        "metric": metric.removesuffix("_utilization"),
        "by": row["granularity"],
        "at": f"{row['threshold_pct']:.0f}%",
        "risk": _change(row["risk_level_now"], row["risk_level"]),
        **{f"in {days} d": _change(*(_percent(row[f"p_cross_{days}d{when}"]) for when in ("_now", ""))) for days in (7, 30)},
    }


def _change(now: str, then: str) -> str:
    return now if now == then else f"{now}→{then}"


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None or pd.isna(ratio) else f"{ratio:.0%}"
