"""Which resources there still are: those that the newest inventory of their account and region lists."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from pipeline.advice.answer import answer, recommendations
from pipeline.advice.estate import Estate, optional_text, resources_of

#: An inventory whose last day ended longer ago says nothing about what there is.
OLDEST_DAYS = 3


def judge_the_current(estate: Estate) -> tuple[Estate, pd.DataFrame]:
    """The estate with the resources that rules may judge, and the answers for those that they may not.

    What the newest inventory of an account and region no longer lists is gone, and has no answer. Where that inventory is older
    than `OLDEST_DAYS`, nothing is judged: each resource that it lists has an answer that says so.

    Args:
        estate: its resources have `ts`, midnight of the day on which each was last listed.
    """
    resources = estate.resources
    newest = resources.groupby(["account", "region"], dropna=False)["ts"].transform("max")
    listed = resources.loc[resources["ts"] == newest]
    ended = listed["ts"] + pd.Timedelta(days=1)
    is_old = ended < pd.Timestamp(estate.as_of) - pd.Timedelta(days=OLDEST_DAYS)
    old = replace(estate, resources=listed.loc[is_old])
    answers = recommendations(
        [
            answer(
                estate,
                ("inventory_age", "1"),
                key,
                str(resource["service"]),
                "insufficient_data",
                f"The newest inventory of {key[0]} in {key[1]} is of {resource['ts']:%Y-%m-%d}, more than {OLDEST_DAYS} days "
                "old: nobody knows whether it still exists.",
                current_config=optional_text(resource.get("instance_type")),
            )
            for key, resource in resources_of(old, set(old.resources["service"].dropna()))
        ]
    )
    return replace(estate, resources=listed.loc[~is_old]), answers
