"""Of what kind the data behind a chart are, said beside it: real, replayed, measured outside of the estate, or synthetic."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from pipeline.tables.columns import REAL, SOURCE_KINDS


def kind_of_sources(sources: Iterable[str]) -> str:
    """What the rows of these sources are together: one kind, several, or nothing where all are real."""
    found = sorted({SOURCE_KINDS.get(source, REAL) for source in sources})
    return "" if found in ([], [REAL]) else " and ".join(found)


def kinds_by_series(series_source: pd.DataFrame) -> dict[str, str]:
    """Of each series that the estate itself did not report, or not alone, of what kind it is; of others nothing needs to be said.

    Args:
        series_source: series_id, source; a row for each source of a series.
    """
    kinds = {
        str(series): kind_of_sources(sources)
        for series, sources in series_source["source"].astype("str").groupby(series_source["series_id"].astype("str"))
    }
    return {series: kind for series, kind in kinds.items() if kind}


def with_kind(title: str, kind: str) -> str:
    """The title of a chart that says so, also to who hears it."""
    return f"{title} ({kind})" if kind else title
