"""Write the documentation of every feature from the catalogue: `python -m tools.feature_docs > docs/features.md`.

A test holds the file to what is made here.
"""

from __future__ import annotations

from pipeline.tables import catalogue
from pipeline.tables.catalogue import BASE_METRICS, FAMILIES, Feature, list_features, reach


def write_docs() -> str:
    """The page: what holds for all features, and a table of each family."""
    by_hour, by_day = list_features("hour"), list_features("day")
    _, _, rules = (catalogue.__doc__ or "").partition("\n\n")
    metrics = ", ".join(f"`{name}` is {metric} in {unit}" for name, (metric, unit) in BASE_METRICS.items())
    parts = [
        "# Features",
        "Made by `python -m tools.feature_docs` from `pipeline/tables/catalogue.py`: change that file, not this one.",
        f"{len(by_hour)} columns of `gold.feature_hourly`, and as many of `gold.feature_daily`: "
        + ", ".join(f"{family} {count}" for family, count in FAMILIES.items())
        + f". Of the metrics, {metrics}; where one is not measured, what is of it is null.",
        rules.strip(),
        f"A row depends on the {reach('hour')} hours, or {reach('day')} days, before its own and on nothing else.",
    ]
    for family in FAMILIES:
        hours = [each for each in by_hour if each.family == family]
        days = [each for each in by_day if each.family == family]
        parts += [f"## {family.capitalize()}", _grid([each for each in hours if each in days])]
        for granularity, features in (("hour", hours), ("day", days)):
            own = [each for each in features if each not in hours or each not in days]
            parts += [f"By the {granularity} alone:", _grid(own)] if own else []
    return "\n\n".join(part for part in parts if part) + "\n"


def _grid(features: list[Feature]) -> str:
    if not features:
        return ""
    lines = [f"| `{f.name}` | {f.formula.replace('|', chr(92) + '|')} | {f.unit} | {f.window} | {f.least} |" for f in features]
    return "\n".join(["| column | formula | unit | window | least |", "|---|---|---|---|---|", *lines])


if __name__ == "__main__":
    print(write_docs(), end="")
