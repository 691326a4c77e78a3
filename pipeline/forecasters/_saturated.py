"""What stands at its limit stays there, more likely than not: that its past was quieter is no reason to recover."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.forecasting.panel import Floats, Panel
from pipeline.tables.columns import Granularity

#: Share of the limit from which on a period is saturated.
_AT_LIMIT = 0.97
#: Periods in a row at the limit from which on a series is saturated: a whole day of hours, so that no nightly job is one.
_LEAST: dict[Granularity, int] = {"hour": 24, "day": 3}
#: Chance of still being at the limit that is left however far ahead: it stays the median.
_AT_LEAST = 0.6


def saturate(panel: Panel, values: Floats, quantiles: tuple[float, ...]) -> Floats:
    """Forecasts of series that end at their limit for longer than they ever came back from: a mixture with staying there.

    Of T periods at the limit follows a chance of T / (T + h), and of 0.6 at least, of being there h periods on. The upper
    part of the distribution is the present level; the lower part is what the model says of a machine that has recovered.

    Args:
        panel: what the forecast was made from.
        values: (n, horizon, q) quantiles, sorted.
        quantiles: their levels, ascending.

    Source: what has lasted T is expected to last T more (Gott 1993, Implications of the Copernican principle), a Pareto law.
    """
    lasted = saturated_for(panel)
    rows = np.flatnonzero(lasted)
    if not len(rows) or not values.shape[1]:
        return values
    levels, ahead = np.asarray(quantiles), np.arange(1, values.shape[1] + 1)
    answer = values.copy()
    for row in rows:
        run = panel.values[row, panel.periods - lasted[row] :]
        level = np.nanmedian(run)
        stays = np.maximum(lasted[row] / (lasted[row] + ahead), _AT_LEAST)[:, None]
        # A level below 1 − stays belongs to the series' recovery.
        asked = np.minimum(levels / (1 - stays), 1.0)
        recovered = np.stack([np.interp(one, levels, own) for one, own in zip(asked, values[row], strict=True)])
        answer[row] = np.where(levels < 1 - stays, np.minimum(recovered, level), np.maximum(values[row], level))
    return answer


def saturated_for(panel: Panel) -> npt.NDArray[np.int64]:
    """(n,) periods at the end that lie at the limit; 0 where these are few, or as many in a row came to an end before."""
    found = np.zeros(len(panel), dtype=np.int64)
    least, at_limit = _LEAST[panel.step], panel.values >= _AT_LIMIT * panel.upper[:, None]
    rows = np.flatnonzero(np.isfinite(panel.upper) & at_limit[:, -least:].all(axis=1) & (panel.periods >= least))
    periods = np.arange(panel.periods)
    length = periods - np.maximum.accumulate(np.where(at_limit[rows], -1, periods), axis=1)
    lasted = length[:, -1]
    earlier = np.where(periods < panel.periods - lasted[:, None], length, 0).max(axis=1, initial=0)
    found[rows] = np.where(earlier < lasted, lasted, 0)
    return found
