"""Which resources are used alike, and which machine's work fits beside another's."""

from __future__ import annotations

import pandas as pd

from pipeline.report.cell import cell_of
from pipeline.report.findings import Findings
from pipeline.report.frames import numbers, records
from pipeline.report.section import Content, Empty, Section
from pipeline.report.selection import SHOWN
from pipeline.report.words import amount, decimals, percent, plural, usd


def clusters(findings: Findings) -> Content | Empty:
    resources = findings.utilisation_cluster
    if resources.empty:
        return Empty(
            "No resource has hours of CPU in this run.", "The step `clusters` needs hourly CPU; a source by the day has no shape."
        )
    inside = resources[resources["cluster"].notna()]
    outside = resources[resources["cluster"].isna()]
    moves = resources[resources["consolidate_into"].notna()].sort_values(
        ["consolidation_saving_usd", "account", "region", "resource_id"], ascending=[False, True, True, True], kind="stable"
    )
    groups = sorted(
        ((int(group["cluster"].iloc[0]), group) for _, group in inside.groupby("cluster")),
        key=lambda each: (-len(each[1]), each[0]),
    )
    return {
        "rows": [_row(number, group) for number, group in groups],
        "outside": [(reason, plural(len(group), "resource")) for reason, group in outside.groupby("reason", sort=True)],
        "moves": [
            {
                "resource": row["resource_id"],
                "where": f"{row['account']} · {row['region']}",
                "into": row["consolidate_into"],
                "saving": cell_of(row["consolidation_saving_usd"], usd),
                "reason": row["consolidation_reason"],
            }
            for row in records(moves.head(SHOWN))
        ],
        "more": max(len(moves) - SHOWN, 0),
        "candidates": plural(len(moves), "machine"),
        "total": usd(numbers(moves["consolidation_saving_usd"]).sum()),
    }


def _row(number: int, group: pd.DataFrame) -> Content:
    middle = group[["cpu_pct", "memory_pct", "night_ratio", "weekend_ratio", "silhouette"]].astype("float64").median()
    return {
        "number": number,
        "description": group["description"].iloc[0],
        "resources": f"{len(group):,}",
        "figures": [
            cell_of(middle["cpu_pct"], _percent),
            cell_of(middle["memory_pct"], _percent),
            cell_of(middle["night_ratio"], percent),
            cell_of(middle["weekend_ratio"], percent),
            cell_of(middle["silhouette"], decimals),
        ],
    }


def _percent(value: object) -> str:
    return amount(value, "percent")


SECTION = Section(anchor="clusters", title="Used alike", label="Clusters", content=clusters)
