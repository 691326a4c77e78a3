"""Accounts and teams with what they cost and may save, each with a page of its own."""

from __future__ import annotations

from pipeline.report.findings import Findings
from pipeline.report.owners import FOLDERS, list_owners, owner_row
from pipeline.report.section import Content, Empty, Section

# What says more than the list does.
_TABLES = {"account": "views.cost_by_service_daily", "team": "gold.cost_allocation"}


def owners(findings: Findings) -> Content | Empty:
    lists = {kind: list_owners(findings, kind) for kind in FOLDERS}
    if not any(lists.values()):
        return Empty("No account and no team is known.", "Ingest a billing export, or an inventory; teams come of `allocation`.")
    most = findings.most_pages
    return {
        "lists": [
            {
                "kind": kind,
                "rows": [owner_row(owner) for owner in found[:most]],
                "left_out": max(len(found) - most, 0),
                "table": _TABLES[kind],
            }
            for kind, found in lists.items()
            if found
        ]
    }


SECTION = Section(anchor="owners", title="Accounts and teams", label="Accounts", content=owners)
