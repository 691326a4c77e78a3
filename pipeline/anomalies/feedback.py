"""What people said of anomalies, beside what a run finds."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd

from pipeline.tables.columns import ANOMALY_ANSWERS, ANOMALY_LABELS

#: For how long what was said of an anomaly is looked for.
HOLDS = timedelta(days=400)


def add_feedback(found: pd.DataFrame, said: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Anomalies with what people said of them: `answer`, `answer_reason` and `label`.

    Args:
        found: rows of `gold.anomaly`, by `anomaly_id`.
        said: the newest answer and the newest label of each, as `inputs.anomaly_feedback` gives them.
        as_of: naive UTC; an answer that holds until then does not hold.
    """
    holds = said["until"].isna() | (said["until"] > pd.Timestamp(as_of))
    answers = said[said["verb"].isin(ANOMALY_ANSWERS) & holds].set_index("anomaly_id")
    labels = said[said["verb"].isin(ANOMALY_LABELS)].set_index("anomaly_id")
    columns = {"answer": answers["verb"], "answer_reason": answers["reason"], "label": labels["verb"]}
    known = {name: said_of.to_dict() for name, said_of in columns.items()}
    return found.assign(
        **{
            name: pd.Series([of.get(each) for each in found["anomaly_id"]], index=found.index, dtype="object")
            for name, of in known.items()
        }
    )
