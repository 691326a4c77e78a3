"""Buckets with uploads that were begun and never ended: their parts are stored, paid for, and seen by nobody."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from pipeline.advice.answer import recommendations
from pipeline.advice.case import Case, Change, Row, cases
from pipeline.advice.estate import Estate
from pipeline.advice.facts import facts_of, moment_of, number_of

RULE_VERSION = "1"
SERVICES = frozenset({"s3"})

#: A change of its own, beside that of the storage class.
_GROUP = "uploads"


class Options(BaseModel):
    """Thresholds of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    abort_after_days: int = Field(
        7, ge=1, le=365, description="An upload that was begun so many days ago is not going on (Trusted Advisor: 7)."
    )


def recommend(estate: Estate, options: Options) -> pd.DataFrame:
    """One row for every bucket: rightsize (by a lifecycle rule that aborts uploads), keep or insufficient_data.

    How many bytes the parts have is told by no API that is asked, so that there are no dollars.

    Source: AWS Trusted Advisor, incomplete multipart upload abort configuration of Amazon S3.
    """
    return recommendations([_judge(case, options) for case in cases(estate, __name__, RULE_VERSION, SERVICES)])


def _judge(case: Case, options: Options) -> Row:
    facts = facts_of(case.resource)
    if "lifecycle" not in facts:
        return case.insufficient("The inventory does not say what its lifecycle does.")
    if (days := facts.get("aborts_after_days")) is not None:
        return case.keep(f"Its lifecycle aborts an upload {days} days after it was begun.")
    case = replace(case, config="no rule that aborts uploads")
    uploads = number_of(facts, "uploads")
    if uploads is None:
        return case.insufficient("The inventory does not say which uploads were begun and not ended.")
    begun = moment_of(facts, "oldest_upload")
    age = None if begun is None else case.days_since(begun)
    evidence = {
        "observed": {"uploads": uploads, "oldest_upload_days": None if age is None else round(age, 2)},
        "thresholds": {"oldest_upload_days": options.abort_after_days},
    }
    case = replace(case, evidence=evidence, confidence=1.0)
    if age is None or age < options.abort_after_days:
        return case.keep(f"No upload to it was begun {options.abort_after_days} days ago and not ended. No rule would end one.")
    change = Change(
        target=f"abort uploads after {options.abort_after_days} days",
        saving_usd=None,
        chance=1.0,
        confidence=1.0,
        risk_level=1,
        effort="very_low",
        rollback_possible=False,
        rollback_note="None: the parts of an upload that is aborted are gone. Nobody can read them as they are.",
        group=_GROUP,
    )
    many = "1,000 and more uploads" if uploads >= 1000 else f"{uploads:,.0f} upload{'' if uploads == 1 else 's'}"
    reason = (
        f"{many} to it not ended, the oldest begun {int(age)} days ago, and no lifecycle rule ends them. No dollars: what their "
        "parts hold is not known."
    )
    return case.recommend("rightsize", reason, change)
