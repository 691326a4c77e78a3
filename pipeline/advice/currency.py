"""Which resources there still are: those that the newest complete inventory of their account, region and service lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd

from pipeline.advice.answer import answer, recommendations
from pipeline.advice.estate import Estate, Key, Listed, optional_text, resources_of

#: An inventory whose last day ended longer ago says nothing about what there is.
OLDEST_DAYS = 3


def judge_the_current(estate: Estate) -> tuple[Estate, pd.DataFrame]:
    """The estate with the resources that rules may judge, and the answers for those that they may not.

    What the newest inventory of an account and region no longer lists is gone, and has no answer, if that inventory has others of
    its service. Of a service of which it has none nobody can tell whether there is none left or nobody asked: each resource of it
    has an answer that says so. Where that inventory is older than `OLDEST_DAYS`, nothing is judged: each resource that it lists
    has an answer that says so.

    Args:
        estate: its resources have `ts`, midnight of the day on which each was last listed.
    """
    resources = estate.resources
    place, service = ["account", "region"], ["account", "region", "service"]
    newest = resources.groupby(place, dropna=False)["ts"].transform("max")
    listed = resources["ts"] == resources.groupby(service, dropna=False)["ts"].transform("max")
    is_old = listed & (newest + pd.Timedelta(days=1) < pd.Timestamp(estate.as_of) - pd.Timedelta(days=OLDEST_DAYS))
    is_unlisted = listed & ~is_old & (resources["ts"] < newest)
    answers = [
        *_answer(estate, is_old, ("inventory_age", "1"), _say_old),
        *_answer(estate, is_unlisted, ("service_unlisted", "1"), _say_unlisted),
    ]
    return replace(estate, resources=resources.loc[listed & ~is_old & ~is_unlisted]), recommendations(answers)


def _answer(
    estate: Estate, which: pd.Series, rule: tuple[str, str], say: Callable[[Key, Listed], str]
) -> Iterator[dict[str, object]]:
    """An answer without advice for each of some resources."""
    some = replace(estate, resources=estate.resources.loc[which])
    for key, resource in resources_of(some, set(some.resources["service"].dropna())):
        yield answer(
            estate,
            rule,
            key,
            str(resource["service"]),
            "insufficient_data",
            say(key, resource),
            current_config=optional_text(resource.get("instance_type")),
        )


def _say_old(key: Key, resource: Listed) -> str:
    return (
        f"The newest inventory of {key[0]} in {key[1]} is of {resource['ts']:%Y-%m-%d}, more than {OLDEST_DAYS} days old: "
        "nobody knows whether it still exists."
    )


def _say_unlisted(key: Key, resource: Listed) -> str:
    return (
        f"The newest inventory of {key[0]} in {key[1]} has no {resource['service']} at all, and one of {resource['ts']:%Y-%m-%d} "
        "has: either none is left or it was not asked for, and nobody knows whether it still exists."
    )
