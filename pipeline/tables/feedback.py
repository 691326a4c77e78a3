"""The table of what people say of things that the pipeline found or holds back."""

from __future__ import annotations

from pipeline.tables.columns import FEEDBACK_KINDS, FEEDBACK_VERBS, moment, provenance, source, text
from pipeline.tables.schema import Table

FEEDBACK_EVENT = Table(
    name="bronze.feedback_event",
    doc="What a person said of one thing, for good: a new row each time, nothing is edited.",
    key=("load_id", "subject_kind", "subject_id", "ts"),
    time="ts",
    columns=(
        source,
        moment("ts", "Midnight that begins the month of what it is about."),
        text("subject_kind", "What it is about.", values=FEEDBACK_KINDS),
        text("subject_id", "Which; of a bill its export, month and execution, apart by blanks; of an anomaly its id."),
        text("verb", "What is said of it.", values=FEEDBACK_VERBS),
        text("actor", "Who says so: the account under which the command ran."),
        text("reason", "Why, in the words of who said it."),
        moment("until", "From when on it does not hold any more; null: for good.", nullable=True),
        *provenance,
    ),
    partition="day",
    by_month=True,
)
