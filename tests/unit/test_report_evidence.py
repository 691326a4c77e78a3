"""What a recommendation rests on, drawn beside it: hours, what they are held to, and all that the target has."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import tables
from pipeline.cli.explain import draw_uses
from pipeline.inputs.evidence import days_looked_at, read_hours
from pipeline.lake import Lake
from pipeline.report import Findings, render
from pipeline.report.evidence import DAYS, DRAWN, READ, draw_evidence, heights, uses_of
from pipeline.tables.usage import METRIC_HOURLY
from pipeline.upkeep.explain import Explanation
from tests.support.report_estate import AS_OF, DAY, NASTY_NAME, estate, rows, series

RIGHTSIZE = {
    "window_days": 14,
    "observed": {"cpu_quantile_pct": 9.4, "memory_quantile_pct": 30.0, "network_quantile_mbps": 3.0},
    "thresholds": {"quantile_pct": 99.5, "cpu_headroom_pct": 20.0, "memory_headroom_pct": 20.0},
    "cpu_ratio": 0.25,
    "memory_ratio": 0.5,
}
IDLE = {"window_days": 14, "observed": {"cpu_max_pct": 2.1}, "thresholds": {"cpu_max_pct": 5, "network_max_mb_per_day": 5}}
SCHEDULE = {"weeks": 5, "off_hours_of_week": [[20, 11], [116, 59]], "observed": {}, "thresholds": {"cpu_pct": 5}}
GP2 = {"observed": {"iops_max": 40.0, "mibps_max": 2.0}, "thresholds": {"headroom_pct": 20}}


def hours(metric: str, values: Any, unit: str = "percent", said: int = 1, **more: Any) -> pd.DataFrame:
    ts = pd.date_range(end=pd.Timestamp(AS_OF) - timedelta(hours=1), periods=len(values), freq="h")
    row = {"recommendation_id": f"{said:016x}", "series_id": series("i-app02", metric), "metric": metric, "unit": unit}
    return pd.DataFrame({**row, "hour": ts, "value": values, "max": values, "expected_samples": 12, **more})


def recommended(*evidence: dict[str, Any], **more: Any) -> pd.DataFrame:
    """A portfolio, a row for each."""
    [first] = [each for each in estate()["gold.recommendation"] if each["recommendation_id"] == f"{1:016x}"]
    return rows(
        tables.get("gold.recommendation"),
        [
            {**first, "recommendation_id": f"{number:016x}", "portfolio_rank": number, "evidence_json": json.dumps(each), **more}
            for number, each in enumerate(evidence, 1)
        ],
    ).to_pandas()


def found(*evidence: dict[str, Any], used: pd.DataFrame | None = None, **more: Any) -> Findings:
    given = {} if used is None else {"evidence_hours": used}
    return Findings(interval=DAY, recommendation=recommended(*evidence, **more), **given)


def test_a_smaller_size_is_drawn_with_all_that_it_has_and_that_less_the_headroom_for_cpu_and_memory() -> None:
    used = pd.concat([hours("cpu_utilization", [8.0] * 335 + [19.5]), hours("memory_utilization", [30.0] * 336)])

    drawn = draw_evidence(found(RIGHTSIZE, used=used))

    cpu, memory = drawn["plots"]
    assert (cpu["title"], memory["title"]) == ("i-app02 CPU", "i-app02 memory")
    assert cpu["does"] == "Rightsize → m5.large"
    assert "all that m5.large has: 25.0" in cpu["svg"]
    assert "the same less 20 % headroom: 40.0" in memory["svg"]
    assert cpu["words"].startswith(
        "336 hours from 2026-04-02 to 2026-04-15: half of them at 8.00\u00a0% or less, the highest 19.5"
    )
    assert f"<desc>{cpu['words']}</desc>" in cpu["svg"], "who does not see the chart hears the same"
    assert "data-readings" not in cpu["svg"], "that would weigh more than the chart"


def test_what_is_to_be_stopped_is_drawn_with_what_idle_means_on_an_axis_that_reaches_it() -> None:
    drawn = draw_evidence(found(IDLE, used=hours("cpu_utilization", [1.2] * 336), action="stop", target_config=None))

    [plot] = drawn["plots"]
    assert "cpu max, what it is held to: 5.00" in plot["svg"]
    assert plot["does"] == "Stop"


def test_a_schedule_shades_the_hours_in_which_it_would_be_off() -> None:
    used = hours("cpu_utilization", np.where(np.arange(336) % 24 < 12, 1.0, 40.0))

    [plot] = draw_evidence(found(SCHEDULE, used=used, action="schedule"))["plots"]

    shaded = [tuple(map(float, span)) for span in re.findall(r'class="shaded" x="([\d.]+)" y="22" width="([\d.]+)"', plot["svg"])]
    # Two weeks, from Thursday to Wednesday: of each a night of 11 hours and a weekend of 59.
    assert len(shaded) == 4
    assert sorted(width for _, width in shaded) == pytest.approx(sorted([11 * 302 / 335] * 2 + [59 * 302 / 335] * 2), abs=0.2)
    assert plot["words"].endswith("Shaded: the hours in which it would be off.")


def test_a_volume_is_drawn_as_operations_and_mebibytes_a_second_below_all_that_the_target_has() -> None:
    operations = [hours(name, [6_000.0] * 24, "count") for name in ("VolumeReadOps", "VolumeWriteOps")]
    transfers = [hours(name, [8.388608] * 24, "mbps") for name in ("VolumeReadBytes", "VolumeWriteBytes")]
    used = pd.concat([*operations, *transfers])

    iops, mibps = uses_of(used, GP2)

    assert set(iops.values) == {2 * 6_000 * 12 / 3600}
    assert mibps.values == pytest.approx([2.0] * 24)
    assert heights(GP2, iops, "gp2, 100 GiB", "gp3, 100 GiB, 3000 IOPS, 125 MiB/s") == {"all that the target has": 3000.0}
    assert heights(GP2, mibps, None, "gp3, 100 GiB, 3000 IOPS, 125 MiB/s") == {"all that the target has": 125.0}
    assert len(draw_evidence(found(GP2, used=used, action="upgrade"))["plots"]) == 2


def test_what_is_expected_of_the_series_is_drawn_as_a_band_and_said() -> None:
    used = hours("cpu_utilization", [8.0] * 336)
    ahead = pd.date_range(AS_OF, periods=24, freq="h")
    shared = {"as_of": AS_OF, "metric": "cpu_utilization", "unit": "percent", "granularity": "hour", "model": "m"}
    expected = [
        {**shared, "series_id": series("i-app02"), "ts": ts.to_pydatetime(), "quantile": level, "value": value}
        for ts in ahead
        for level, value in ((0.05, 6.0), (0.5, 8.0), (0.95, 12.5))
    ]
    forecast = rows(tables.get("gold.forecast"), [{**each, "model_version": "1", "tier": "full"} for each in expected])

    [plot] = draw_evidence(replace(found(IDLE, used=used), evidence_forecast=forecast.to_pandas()))["plots"]

    assert 'class="band-90"' in plot["svg"]
    assert 'class="now"' in plot["svg"]
    assert "Expected to 2026-04-16: at most 8.00\u00a0%, in each hour with 95\u00a0% at most 12.5\u00a0%." in plot["words"]


def test_only_the_first_are_drawn_and_what_nobody_measured_is_named_in_a_sentence() -> None:
    used = pd.concat([hours("cpu_utilization", [1.0] * 24, said=number) for number in range(2, DRAWN + 5)])

    drawn = draw_evidence(found(*[IDLE] * (DRAWN + 4), used=used))
    page = render(found(*[IDLE] * (DRAWN + 4), used=used))

    assert drawn["drawn"] == [f"{number:016x}" for number in range(2, DRAWN + 2)]
    assert (drawn["unmeasured"], drawn["unmeasured_count"]) == ("i-app02 (Rightsize)", 1)
    assert f'href="#plot-{2:016x}"' in page
    assert f'<figure id="plot-{2:016x}">' in page
    assert "For 1 recommendation there is no plot, as no hours that it would rest on were measured: i-app02 (Rightsize)." in page


def test_of_what_was_measured_but_decides_nothing_it_is_not_said_that_nothing_was_measured() -> None:
    newer = {"observed": {"generation": 5}, "thresholds": {"age_years": 3}}

    page = render(found(newer, used=hours("cpu_utilization", [1.0] * 24)))

    assert "othing was measured" not in page
    assert "no hours that it would rest on were measured: i-app02" in page


def test_a_forecast_in_another_unit_is_not_drawn_over_hours() -> None:
    used = hours("cpu_utilization", [8.0] * 24)
    ahead = {
        "as_of": AS_OF, "series_id": series("i-app02"), "metric": "cpu_utilization", "granularity": "hour", "model": "m",
        "model_version": "1", "tier": "full", "ts": AS_OF, "quantile": 0.5, "value": 0.08, "unit": "ratio",
    }  # fmt: skip
    forecast = rows(tables.get("gold.forecast"), [ahead]).to_pandas()

    [plot] = draw_evidence(replace(found(IDLE, used=used), evidence_forecast=forecast))["plots"]

    assert "Expected" not in plot["words"]


def test_a_page_without_any_hours_says_so_and_has_no_plots() -> None:
    page = render(found(IDLE))

    assert "data-plots" not in page
    assert "There is no plot, as no hours that it would rest on were measured: i-app02 (Rightsize)." in page


def test_a_name_that_is_markup_is_text_in_the_plot() -> None:
    page = render(found(IDLE, used=hours("cpu_utilization", [1.0] * 24), resource_id=NASTY_NAME, target_config=NASTY_NAME))

    assert NASTY_NAME not in page
    assert "&lt;script&gt;" in page


def test_the_report_reads_no_more_than_two_weeks_of_the_first_and_explain_all_that_the_rule_saw(lake: Lake) -> None:
    first = AS_OF - timedelta(days=28)
    at: list[datetime] = [first + timedelta(hours=number) for number in range(28 * 24)]
    known = {"p95": 5.0, "mean": 4.0, "max": 6.0, "samples": 12, "expected_samples": 12, "quality_flag": 0, "quality_score": 1.0}
    key = {"account": "100000000001", "region": "us-east-1", "resource_id": "i-app02", "metric": "cpu_utilization"}
    data = [{**key, **known, "series_id": series("i-app02"), "unit": "percent", "hour": hour, "ts": hour} for hour in at]
    data[-1] |= {"quality_flag": 1}
    data[-2] |= {"p95": None}
    data += [{**each, "resource_id": "i-other", "series_id": series("i-other")} for each in data[:24]]
    lake.replace(METRIC_HOURLY, rows(METRIC_HOURLY, data), METRIC_HOURLY.scope(replace(DAY, start=first)))
    said = recommended({**SCHEDULE, "weeks": 4})

    shown, explained = read_hours(said, AS_OF, lake, DAYS), read_hours(said, AS_OF, lake)

    assert len(shown) == DAYS * 24 - 1, "an hour that was filled in is no evidence"
    assert len(explained) == 28 * 24 - 1
    assert set(shown["series_id"]) == {series("i-app02")}
    assert shown["value"].iloc[-1] == 4.0, "the mean where a source gives no more"
    assert read_hours(said.head(0), AS_OF, lake).empty


def test_how_far_back_a_rule_looked_is_in_its_evidence_and_else_what_the_settings_say() -> None:
    assert [days_looked_at(each, 21) for each in (IDLE, SCHEDULE, GP2)] == [14, 35, 21]
    assert READ > DRAWN


def test_a_plot_says_where_the_hours_that_it_rests_on_are_synthetic() -> None:
    used = hours("cpu_utilization", [8.0] * 336)
    sources = pd.DataFrame({"series_id": [used["series_id"].iloc[0]], "source": ["fleet"]})

    [made_up] = draw_evidence(replace(found(RIGHTSIZE, used=used), series_source=sources))["plots"]
    [reported] = draw_evidence(found(RIGHTSIZE, used=used))["plots"]

    assert (made_up["kind"], reported["kind"]) == ("synthetic", "")
    assert "(synthetic)" in made_up["svg"]


def test_the_same_series_in_characters_says_so_too() -> None:
    row = {"current_config": "m5.2xlarge", "target_config": "m5.large"}

    def titled(*sources: str) -> str:
        loads = pd.DataFrame({"source": list(sources)}, dtype="object")
        said = Explanation(row, "", RIGHTSIZE, {}, hours("cpu_utilization", [8.0] * 336), loads, (), False, ())
        [drawn] = draw_uses(said, 100)
        return drawn.splitlines()[0].strip()

    assert titled("fleet", "fleet") == "cpu_utilization, P95 of each hour, percent (synthetic)"
    assert titled("csv", "fleet") == "cpu_utilization, P95 of each hour, percent (real and synthetic)"
    assert titled("csv") == titled() == "cpu_utilization, P95 of each hour, percent"
