"""The report's section on what is used alike."""

from __future__ import annotations

from dataclasses import replace

from pipeline.report import Findings, render
from pipeline.tables.exploration import UTILISATION_CLUSTER
from tests.support.report_estate import AS_OF, DAY


def row(name: str, **more: object) -> dict[str, object]:
    plain: dict[str, object] = {column.name: None for column in UTILISATION_CLUSTER.columns}
    plain |= {"as_of": AS_OF, "account": "a", "region": "r", "resource_id": name, "clusters": 2, "hours": 8736}
    return plain | more


def test_each_group_stands_with_its_sentence_and_each_candidate_with_what_it_saves() -> None:
    rows = [
        row("i-1", cluster=2, description="Busier by day.", cpu_pct=30.0, night_ratio=0.5),
        row("i-2", cluster=2, description="Busier by day.", cpu_pct=10.0, night_ratio=0.7),
        row("i-3", cluster=1, description="Busier at <night>.", consolidate_into="i-1", consolidation_saving_usd=70.08)
        | {"consolidation_reason": "It fits."},
        row("i-4", reason="9 hours are known; 672 are needed."),
    ]
    findings = Findings(interval=DAY, utilisation_cluster=UTILISATION_CLUSTER.frame(rows))

    page = render(findings)

    groups = page[page.index('data-table="clusters"') :]
    assert groups.index("Busier by day.") < groups.index("Busier at &lt;night&gt;.")
    assert "1 resource in no group: 9 hours are known; 672 are needed." in page
    assert "The work of 1 machine would fit beside another&#39;s, which would save $70.08" in page.replace(
        "another's", "another&#39;s"
    )
    without = replace(findings, utilisation_cluster=UTILISATION_CLUSTER.empty())
    assert "No resource has hours of CPU in this run." in render(without)
