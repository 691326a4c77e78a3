"""Where the data came from, and what about it is synthetic, replayed or assumed."""

from __future__ import annotations

import pandas as pd

from pipeline.report.findings import Findings
from pipeline.report.section import Content
from pipeline.report.selection import assumed_resources, lacks
from pipeline.report.words import DASH, minute, missing, plural
from pipeline.tables.columns import FAILED, LANDED, LEFT_OUT, REAL

# What a reader must know before any figure about sources of a kind.
_WARNINGS = {
    "synthetic": "generated, not measured. Figures about it say how the pipeline works, not what an estate costs",
    "replayed": "real recordings, moved in time by whole weeks. Values, weekdays and hours are as recorded",
    "outside": "recorded elsewhere, and placed in time as its options say. Figures about it say nothing of one's own estate",
}


def tell_mix(mix: pd.DataFrame, *, in_short: bool = False) -> str:
    """Which share of the resources with metrics is of which kind, in a sentence; empty where all are of one kind.

    Args:
        mix: a row per source: source, resources, kind.
        in_short: without counts and names.
    """
    counted = mix[pd.to_numeric(mix["resources"]) > 0]
    if counted["kind"].nunique() < 2:
        return ""
    whole = int(counted["resources"].sum())
    parts = []
    for kind, rows in sorted(counted.groupby("kind"), key=lambda each: (-int(each[1]["resources"].sum()), str(each[0]))):
        of = ", ".join(f"{name} {int(count):,}" for name, count in zip(rows["source"], rows["resources"], strict=True))
        parts.append(f"{int(rows['resources'].sum()) / whole:.0%} {kind}{'' if in_short else f' ({of})'}")
    told = ", ".join(parts)
    return f"{told} resources" if in_short else f"{whole:,} resources with metrics: {told}"


def tell_kinds(mix: pd.DataFrame) -> str:
    """The same also where all are of one kind, unless that is what the estate reported itself; empty where nobody knows."""
    if mixed := tell_mix(mix):
        return mixed
    counted = mix[pd.to_numeric(mix["resources"]) > 0]
    if counted.empty or (counted["kind"] == REAL).all():
        return ""
    names = ", ".join(sorted(counted["source"].astype("str")))
    return f"All {plural(int(counted['resources'].sum()), 'resource')} with metrics are {counted['kind'].iloc[0]} ({names})"


def sources(findings: Findings) -> list[Content]:
    """One row per source, in order of name."""
    mix = {row["source"]: (int(row["resources"]), float(row["score"])) for row in findings.dataset_mix.to_dict("records")}
    whole = sum(resources for resources, _ in mix.values())
    return [
        {
            "resources": f"{mix[source][0]:,}" if source in mix else DASH,
            "share": f"{mix[source][0] / whole:.0%}" if source in mix and whole else DASH,
            "fits": f"{mix[source][1]:.0f}" if source in mix else DASH,
            "source": str(source),
            "note": next((str(n) for n in rows["note"] if not missing(n)), ""),
            "kind": str(rows["kind"].iloc[0]),
            "rows": int(pd.to_numeric(rows["rows"]).sum()),
            "first": minute(rows["first_at"].min()),
            "last": minute(rows["last_at"].max()),
        }
        for source, rows in findings.sources.groupby("source", sort=True)
    ]


def caveats(findings: Findings) -> list[Content]:
    """What is said above all sections: a kind and a sentence each, and in short what it is about where a click unfolds it."""
    named = findings.sources.drop_duplicates("source").sort_values("source", kind="stable")
    lacked = [sentence for lack in (LANDED, LEFT_OUT, FAILED) for sentence in lacks(findings, lack)]
    found = [{"kind": "missing", "text": sentence, "short": ""} for sentence in lacked]
    for kind, warning in _WARNINGS.items():
        names = [str(name) for name in named.loc[named["kind"] == kind, "source"]]
        if names:
            found.append({"kind": kind, "text": f"{', '.join(names)}: {warning}.", "short": ", ".join(names)})
    if mixed := tell_mix(findings.dataset_mix):
        found.append({"kind": "mixed", "text": f"{mixed}.", "short": tell_mix(findings.dataset_mix, in_short=True)})
    assumed = assumed_resources(findings.resource)
    if assumed:
        text = (
            f"{plural(len(assumed), 'resource')} had no recorded instance type; one is assumed, and marked so. "
            "Savings and headroom of these depend on that assumption."
        )
        found.append({"kind": "assumed", "text": text, "short": f"types of {plural(len(assumed), 'resource')}"})
    return found
