"""Where each recommendation stands: seen for the first time, seen before, or answered by a person."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from pipeline.tables.columns import NEW, OPEN, PASSIVE


def stand(rows: pd.DataFrame, answers: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """The rows with status, answer_reason and first_seen_at, which stay empty where nothing is to be done.

    The newest answer counts. A snooze ends with its day; a dismissal holds until another answer, or for as long as
    answers are asked for.

    Args:
        rows: of one run, in the columns of `gold.recommendation`.
        answers: the newest of each recommendation_id: answer, reason, until.
        before: of each that an earlier run saw: recommendation_id, first_seen_at.
    """
    said = {str(row["recommendation_id"]): row for row in answers.to_dict("records")}
    seen = dict(zip(before["recommendation_id"], pd.to_datetime(before["first_seen_at"]), strict=True))
    stands = [_stand(*row, said, seen) for row in zip(rows["recommendation_id"], rows["action"], rows["as_of"], strict=True)]
    status, reason, first = zip(*stands, strict=True) if stands else ((), (), ())
    return rows.assign(
        status=pd.Series(status, index=rows.index, dtype="object"),
        answer_reason=pd.Series(reason, index=rows.index, dtype="object"),
        first_seen_at=pd.Series(first, index=rows.index, dtype="datetime64[us]"),
    )


def _stand(
    recommendation_id: str,
    action: str,
    as_of: pd.Timestamp,
    said: Mapping[str, Mapping[Hashable, Any]],
    seen: Mapping[str, pd.Timestamp],
) -> tuple[str | None, str | None, pd.Timestamp | None]:
    """Status, reason and first time of one row."""
    if action in PASSIVE:
        return None, None, None
    first = seen.get(recommendation_id)
    answer = said.get(recommendation_id)
    if answer is not None and (pd.isna(answer["until"]) or answer["until"] > as_of):
        return str(answer["answer"]), str(answer["reason"]), as_of if first is None else first
    return NEW if first is None else OPEN, None, as_of if first is None else first
