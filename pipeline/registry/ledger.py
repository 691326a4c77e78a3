"""Who is champion, decided in the lake: a decision is a row of `gold.promotion` whose fence is one above the last.

Of two writers of one fence the lake lets the first through; the second looks again before it decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.forecasting.spec import NONE, Row
from pipeline.interval import Interval
from pipeline.lake.fingerprint import sorted_fingerprint
from pipeline.quality.conform import conform
from pipeline.tables.columns import UNJUDGED
from pipeline.tables.forecasts import PROMOTION
from pipeline.tables.schema import Scope

if TYPE_CHECKING:
    from pipeline.lake import Lake

#: How a rollback's reason begins; promotion never brings back by itself what a person rolled back.
ROLLED_BACK = "rolled back"
_ALL_TIME = (datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("9999-01-01"))


@dataclass(frozen=True)
class Decision:
    """What is decided about one challenger of a segment.

    Attributes:
        decision: promoted, rejected or kept.
        champion: forecaster and version that are champion from now on; NONE twice where nobody is.
        challenger: forecaster and version that the decision is about.
        reason: why, with the figures.
        serves: forecaster and version that forecast from now on; None where nothing was measured.
        soundness: of what serves, from SOUNDNESS.
        coverage_90: share of actuals in its 90 % interval, where that was measured.
        parameters: of detectors, what serves as JSON.
    """

    as_of: datetime
    metric: str
    granularity: str
    decision: str
    champion: tuple[str, str]
    challenger: tuple[str, str]
    reason: str
    serves: tuple[str, str] | None = None
    soundness: str = UNJUDGED
    coverage_90: float | None = None
    parameters: str | None = None


def read_decisions(lake: Lake, metric: str, granularity: str) -> list[Row]:
    """The decisions about one segment, oldest first."""
    rows: list[Row] = lake.read(PROMOTION, _scope(metric, granularity)).to_pylist()
    return sorted(rows, key=lambda row: row["fence"])


def read_segments(lake: Lake) -> list[str]:
    """The segments that decisions were made about, as metric/granularity."""
    rows = lake.read(PROMOTION, columns=("metric", "granularity")).to_pylist()
    return sorted({f"{row['metric']}/{row['granularity']}" for row in rows})


def record_decision(lake: Lake, last: Row | None, made: Decision) -> bool:
    """Record the decision that follows `last`, the newest that the writer saw; False if the same one is there already.

    Raises:
        ConflictError: another writer took the fence first; look at the ledger again before deciding.
    """
    fence = last["fence"] + 1 if last else 1
    serves = made.serves or (None, None)
    row = {
        "as_of": made.as_of,
        "metric": made.metric,
        "granularity": made.granularity,
        "fence": fence,
        "decision": made.decision,
        "champion": made.champion[0],
        "champion_version": made.champion[1],
        "challenger": made.challenger[0],
        "challenger_version": made.challenger[1],
        "reason": made.reason,
        "serves": serves[0],
        "serves_version": serves[1],
        "soundness": made.soundness,
        "coverage_90": made.coverage_90,
        "parameters": made.parameters,
    }
    scope = _scope(made.metric, made.granularity, fence)
    nothing = sorted_fingerprint(PROMOTION.arrow_schema.empty_table(), PROMOTION.key)
    data = conform(PROMOTION.frame([row]), PROMOTION, Interval(made.as_of - timedelta(days=1), made.as_of))
    return lake.replace(PROMOTION, data, scope, based_on=nothing).changed


def previous_champion(rows: Sequence[Row]) -> tuple[str, str] | None:
    """Forecaster and version of the last champion that was another one than the present."""
    for row in reversed(rows):
        if row["champion_version"] not in (NONE, rows[-1]["champion_version"]):
            return row["champion"], row["champion_version"]
    return None


def _scope(metric: str, granularity: str, fence: int | None = None) -> Scope:
    within: list[tuple[str, tuple[str | int, ...]]] = [("granularity", (granularity,)), ("metric", (metric,))]
    if fence is not None:
        within.append(("fence", (fence,)))
    return Scope("as_of", *_ALL_TIME, tuple(within))
