"""What is ahead of a service, divided among the teams that it is charged to, so that they add up to it on every path."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipeline.forecasting.panel import Floats

#: A service with more teams than these is divided as it was lately, for the paths of all of them lie in memory at once.
MOST = 50
# Days by which a kind of cost is divided that is not forecast by the team.
_LATELY = np.timedelta64(62, "D")


def shares_of(charges: pd.DataFrame, teams: Sequence[str], last: np.datetime64) -> Floats:
    """(teams,) what share each had of a kind of cost in the last two months; of all that is known where they cost nothing then.

    Args:
        charges: of one service and kind, with team, day and value.
        teams: that have any.
        last: the last day that is known.
    """
    day = charges["day"].to_numpy(dtype="datetime64[D]")
    for rows in (charges[(day > last - _LATELY) & (day <= last)], charges):
        summed = rows.groupby("team")["value"].sum().reindex(list(teams), fill_value=0.0).to_numpy()
        # A team whose credits outweigh its cost has no share; where all have, the signs say nothing.
        for weights in (np.clip(summed, 0.0, None), np.abs(summed)):
            if weights.sum() > 0:
                return np.asarray(weights / weights.sum())
    return np.full(len(teams), 1 / len(teams))


def divide(whole: Floats, own: Floats | None, shares: Floats) -> list[Floats]:
    """Each team's paths: of the service's, on each day and path, the share that its own path has of all of theirs.

    Args:
        whole: (D, PATHS) of the service.
        own: (teams, D, PATHS) of each team by itself; None where they are divided as they were.
        shares: (teams,) which also hold where no team's own path says anything.

    Source: forecast proportions, Athanasopoulos, Ahmed & Hyndman (2009), on every path.
    """
    if own is None:
        return [share * whole for share in shares]
    weights = np.clip(own, 0.0, None)
    total = weights.sum(axis=0)
    said = total > 0
    total[~said] = 1.0
    return [np.where(said, weight / total, share) * whole for weight, share in zip(weights, shares, strict=True)]
