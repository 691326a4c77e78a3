from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from pipeline import __version__, tables
from pipeline.capacity.crossing import unknown_risk
from pipeline.interval import Interval
from pipeline.report import Findings, axes, charts, export, recommendations_csv, render, sections, words
from pipeline.report.month import estimate_month_end
from pipeline.report.origin import kinds_by_series
from pipeline.report.page import FOLDER, TELEMETRY
from pipeline.report.sections.first import sum_rises
from pipeline.report.selection import charted_series
from pipeline.tables.budget import BUDGET_STATUS, COST_COURSE
from pipeline.tables.cost_anomaly import COST_ANOMALY, COST_JUDGED
from pipeline.tables.exploration import DATASET_CHECK
from pipeline.tables.money import INVOICE
from pipeline.tables.savings import SAVINGS
from tests.support.report_estate import AS_OF, DAY, NASTY_FORMULA, NASTY_NAME, asked, estate, kpis, rows, series, utc

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """A page as a flat list of elements, each with its attributes and its text; refuses tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[dict[str, str]] = []
        self._open: list[int] = []
        self.feed(html)
        assert self._open == [], [self.elements[i]["tag"] for i in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append({"text": "", **{name: value or "" for name, value in attrs}, "tag": tag})
        if tag not in VOID:
            self._open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append({"text": "", **{name: value or "" for name, value in attrs}, "tag": tag})

    def handle_endtag(self, tag: str) -> None:
        opened = self.elements[self._open.pop()]["tag"]
        assert opened == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        for index in self._open:
            self.elements[index]["text"] += data

    def find(self, **wanted: str) -> Iterator[dict[str, str]]:
        names = {name.replace("_", "-"): value for name, value in wanted.items()}
        return (e for e in self.elements if all(e.get(name) == value for name, value in names.items()))

    def one(self, **wanted: str) -> dict[str, str]:
        [element] = self.find(**wanted)
        return element


@pytest.fixture(scope="module")
def findings() -> Findings:
    frames = {name: rows(tables.get(name), records).to_pandas() for name, records in estate().items() if "bronze" not in name}
    daily = frames["silver.metric_daily"]
    hourly = frames["silver.metric_hourly"].rename(columns={"hour": "at"})
    last = daily[daily["ts"] >= pd.Timestamp(DAY.start)]
    return Findings(
        interval=DAY,
        sources=pd.DataFrame(
            {"source": ["fleet", "samples"], "table_name": "bronze.metric_sample", "rows": [10, 20],
             "first_at": DAY.start, "last_at": DAY.end, "note": ["A fleet", "Samples"], "kind": ["synthetic", "replayed"]}
        ),
        dataset_mix=pd.DataFrame(
            {"source": ["fleet", "samples"], "resources": [48, 12], "score": [97.5, 61.2], "kind": ["synthetic", "replayed"]}
        ),
        kpis=kpis(),
        resource=frames["silver.resource"],
        recommendation=frames["gold.recommendation"],
        capacity_risk=frames["gold.capacity_risk"],
        forecast=frames["gold.forecast"],
        history=daily.assign(value=daily["p95"], granularity="day")[["series_id", "granularity", "ts", "value"]],
        capacity_next=asked("capacity_next"),
        anomaly_point=frames["gold.anomaly_point"],
        anomaly=frames["gold.anomaly"],
        judged=asked("judged_series", {"since": AS_OF - timedelta(hours=672), "hours": 168}),
        anomaly_history=hourly.assign(ts=hourly["at"], value=hourly["p95"])[["series_id", "ts", "value"]],
        cost_daily=frames["silver.cost_daily"],
        cost_forecast=frames["gold.cost_forecast"],
        cost_rises=asked("cost_rises"),
        model_metric=frames["gold.model_metric"],
        risk_backtest=frames["gold.risk_backtest"],
        promotion=frames["gold.promotion"],
        quality_result=frames["gold.quality_result"],
        quarantine=pd.DataFrame({"table_name": ["bronze.metric_sample"], "rule": ["bad_unit"], "rows": [3], "example": ["<b>"]}),
        completeness=last.assign(days=1, missing_days=0, flagged_days=0),
        run_stat=pd.DataFrame(
            {"step": ["ingest", "risk"], "target": ["samples", "risk"], "shard": 0, "outcome": "done", "rows": [5, 6],
             "wall_s": [1.5, 0.5], "cpu_s": [1.0, 0.4], "peak_rss_mib": [200.0, 250.0]}
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def html(findings: Findings) -> str:
    return render(findings)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_key_figures_are_the_figures_of_the_tables(page: Page, findings: Findings) -> None:
    exact = {e["id"]: float(e["data-exact"]) for e in page.elements if e.get("id", "").startswith("figure-")}

    assert exact == pytest.approx(
        {
            "figure-spend": _kpi(findings, "cost_last_30d"),
            "figure-month-end": _kpi(findings, "cost_month_end"),
            "figure-savings": 210.24 + 124.1,
            "figure-at-risk": 2,
            "figure-incidents": 3,
            "figure-completeness": 1 - (288 - 201) / (30 * 6 * 288),
            "figure-skill": (6 * 0.214 + 6 * 0.0 + 2 * 0.262) / 14,
        }
    )


def test_what_serves_without_having_passed_the_gates_is_called_unsound_beside_its_forecast_and_its_figures(html: str) -> None:
    page = Page(html)
    said = [e["text"] for e in page.find(**{"class": "tag"})]

    assert "unsound: 90 % band held 62\u00a0%" in said
    assert "unsound fallback" in said


def test_series_that_are_not_forecast_are_counted_by_reason_and_a_risk_that_cannot_be_told_is_said(findings: Findings) -> None:
    new = "1/r/i-new/cpu_utilization"
    listed = [
        {"series_id": new, "metric": "cpu_utilization", "unit": "percent", "granularity": "hour", "reason": "too_new"},
        {"series_id": new, "metric": "cpu_utilization", "unit": "percent", "granularity": "day", "reason": "too_new"},
        {"series_id": "1/r/i-old/cpu_utilization", "metric": "cpu_utilization", "unit": "percent", "granularity": "day",
         "reason": "ended"},
    ]  # fmt: skip
    too_new = pd.DataFrame({"series_id": [new], "metric": ["cpu_utilization"], "granularity": ["hour"], "observed": [1]})
    unknown = pd.DataFrame(unknown_risk(too_new, DAY.as_of)).reindex(columns=findings.capacity_risk.columns)
    partition = {name: findings.capacity_risk[name].iloc[0] for name in ("bucket", "month") if name in findings.capacity_risk}
    unknown = unknown.assign(**partition)
    risk = pd.concat([findings.capacity_risk.astype(object), unknown.astype(object)])

    ahead = asked("capacity_next", capacity_risk=risk)
    found = render(replace(findings, not_forecast=pd.DataFrame(listed), capacity_risk=risk, capacity_next=ahead))

    assert "Not forecast: 1 series too new: fewer than three observed periods; 1 series ended: silent" in found
    assert "too new: 1 hour observed" in found
    assert "level-unknown" in found


def test_each_key_figure_says_what_to_do_next(page: Page) -> None:
    said = [e["text"] for e in page.find(**{"class": "next"})]

    assert said[2] == "Start with i-app02: rightsize, $210.24 per month."
    assert said[3] == "Look first at i-web01 CPU, P90 crosses 80 % in 12 days."
    assert said[4] == (
        "Look first at i-web01 CPU: 99.2\u00a0% where 66.1\u00a0% was expected, for 2 hours, until 2026-04-15 16:00 UTC."
    )
    assert said[5] == "Look at i-app01 CPU: 69.8\u00a0% arrived in the interval."
    assert said[6] == "Weakest is CPU by the hour (0.0\u00a0%): trust its bands least."


def test_the_incidents_figure_says_how_many_series_were_judged_and_that_cost_was_not(page: Page, findings: Findings) -> None:
    said = "Detectors judged 6 of 6 series of metrics (100\u00a0%). They judge no cost (3 series): see"

    assert said in page.one(id="figure-incidents")["text"]
    assert said in page.one(id="anomalies")["text"]
    quiet = replace(
        findings,
        anomaly_point=findings.anomaly_point.head(0),
        anomaly=findings.anomaly.head(0),
        kpis=kpis(anomaly=findings.anomaly.head(0)),
    )
    calm = Page(render(quiet))
    assert "good news" not in calm.one(id="anomalies")["text"]
    assert "They judge no cost" in calm.one(id="anomalies")["text"]
    assert "They judge no cost" in calm.one(id="figure-incidents")["text"]


def _kpi(findings: Findings, name: str) -> float:
    return float(findings.kpis.set_index("kpi")["value"][name])


def test_the_months_end_is_what_is_billed_and_is_expected_of_its_other_days_as_the_kpi_says(findings: Findings) -> None:
    month = estimate_month_end(findings.cost_daily, findings.cost_forecast, AS_OF)

    assert month is not None
    assert (month.month, month.billed_days, month.billed_until, month.forecast_days) == (utc("2026-04-01"), 15, DAY.start, 15)
    assert month.spent_usd == pytest.approx(_kpi(findings, "cost_month_to_date"))
    assert month.expected_usd == pytest.approx(_kpi(findings, "cost_month_end"))
    assert month.expected_usd > month.spent_usd
    assert month.low_usd < month.expected_usd < month.high_usd


@pytest.mark.parametrize(
    ("skill", "said"),
    [
        (0.21, "Usage is forecast by default, whose loss over the last three months was 21\u00a0% below a seasonal naive's."),
        (0.0, "Nothing did better than repeating the last week over the last three months: that is what is shown."),
        (math.nan, "there is too little history to hold it against a seasonal naive."),
    ],
)
def test_the_page_says_how_the_forecast_of_cost_did_and_that_nothing_beat_the_floor(
    findings: Findings, skill: float, said: str
) -> None:
    shown = Page(render(replace(findings, cost_forecast=findings.cost_forecast.assign(skill=skill))))

    assert said in shown.one(id="cost")["text"]


@pytest.mark.parametrize(
    ("wape", "said"),
    [
        (
            0.03,
            "days up to a week ahead were off by 3\u00a0% of the cost, a seasonal naive's by 4\u00a0%, and their 90 % band held",
        ),
        (0.05, "a seasonal naive's by 4\u00a0%; the naive was better, and their 90 % band held 88\u00a0% of 600 forecasts."),
    ],
)
def test_the_page_says_how_forecasts_of_cost_came_true_and_where_the_naive_was_better(
    findings: Findings, wape: float, said: str
) -> None:
    one = {"granularity": "day", "scored": 600, "wape": wape, "naive_wape": 0.04, "coverage_90": 0.88}

    shown = Page(render(replace(findings, cost_accuracy=pd.DataFrame([one]))))

    assert said in shown.one(id="cost")["text"]
    assert "Of the last three months" not in Page(render(findings)).one(id="cost")["text"], "nothing is scored yet"


def test_the_months_end_has_a_band_of_its_own(page: Page) -> None:
    assert "in April 2026 on usage and purchases, without tax and credits, billed to" in page.one(id="cost")["text"]
    assert "without tax and credits" in page.one(id="figure-month-end")["text"]
    assert re.search(
        r"\$[\d,.]+k? expected at its end, 15 days later, \$[\d,.]+k? to \$[\d,.]+k? with 90 %", page.one(id="cost")["text"]
    )


def test_an_account_whose_bills_ended_is_named_beside_the_forecast_of_cost_with_its_share(findings: Findings) -> None:
    gone = findings.cost_daily.assign(account="210987654321")

    shown = Page(render(replace(findings, cost_daily=pd.concat([findings.cost_daily, gone], ignore_index=True))))

    said = r"Not forecast: 210987654321 \(billed to .*\), 50\s% of the cost of the last 120 days"
    assert re.search(said, shown.one(id="cost")["text"])
    assert "Not forecast: 2109" not in Page(render(findings)).one(id="cost")["text"]


def test_a_bill_in_another_currency_is_not_called_unforecast_and_nobody_is_sent_to_run_what_ran(findings: Findings) -> None:
    euros = findings.cost_daily.assign(currency="EUR", account="210987654321")
    both = replace(findings, cost_daily=pd.concat([findings.cost_daily, euros], ignore_index=True))
    alone = replace(
        findings, cost_daily=euros, cost_forecast=findings.cost_forecast.head(0), kpis=findings.kpis.assign(value=None)
    )

    shown = [Page(render(each)) for each in (both, alone)]

    for page in shown:
        said = page.one(id="cost")["text"]
        assert "Not forecast" not in said
        assert "run the step" not in said
        assert "Lines in EUR are counted at their face value; what is expected of them is in views.cost_forecast_current" in said
    for figure in ("figure-spend", "figure-month-end"):
        assert "no bill of the last 31 days in USD; EUR is below" in shown[1].one(id=figure)["text"]


def test_a_months_end_that_forecasts_do_not_reach_is_not_known_and_a_whole_month_needs_none(findings: Findings) -> None:
    none = findings.cost_forecast.head(0)
    short = estimate_month_end(findings.cost_daily, none, AS_OF)
    whole = estimate_month_end(findings.cost_daily, none, utc("2026-04-01"))
    late = estimate_month_end(findings.cost_daily, none, utc("2026-05-10"))

    assert short is not None
    assert (short.expected_usd, short.forecast_days) == (None, 15)
    assert whole is not None
    assert (whole.month, whole.expected_usd, whole.forecast_days) == (utc("2026-03-01"), pytest.approx(whole.spent_usd), 0)
    assert late is not None
    assert (late.billed_until, late.spent_usd, late.expected_usd) == (None, 0.0, None)
    assert estimate_month_end(findings.cost_daily, none, utc("2026-07-10")) is None


def test_every_saving_on_the_page_is_the_saving_in_the_table(page: Page, findings: Findings) -> None:
    shown = {e["data-sort"] for e in page.find(data_field="savings_monthly_usd")}

    assert {float(text) for text in shown} == set(findings.recommendation["savings_monthly_usd"].dropna())


def test_savings_after_discounts_stand_beside_those_at_list_price_and_the_total_says_how_many_the_bill_has(
    page: Page, findings: Findings
) -> None:
    assert not list(page.find(data_field="savings_after_discounts_usd"))
    known = findings.recommendation["recommendation_id"].isin([f"{1:016x}"])
    given = findings.recommendation.assign(savings_after_discounts_usd=np.where(known, 52.56, np.nan))
    paid = Page(render(replace(findings, recommendation=given)))

    [shown] = paid.find(data_field="savings_after_discounts_usd")
    assert (float(shown["data-exact"]), shown["text"]) == (52.56, "$52.56 after discounts")
    assert "together $334.34, and $52.56 after discounts (1 of 2 are in the bill)" in paid.one(id="recommendations")["text"]


def test_every_accuracy_figure_on_the_page_is_the_figure_in_the_table(page: Page, findings: Findings) -> None:
    for name in ("mase", "wape", "scaled_pinball", "coverage_50", "coverage_80", "coverage_90", "skill", "cpu_s_per_series"):
        shown = sorted(float(e["data-sort"]) for e in page.find(data_field=name))
        assert shown == sorted(findings.model_metric[name])


def test_every_chance_of_crossing_on_the_page_is_the_chance_in_the_table(page: Page, findings: Findings) -> None:
    shown = sorted(float(e["data-sort"]) for e in page.find(data_field="p_cross") if "data-sort" in e)
    risk = findings.capacity_next

    assert shown == sorted(pd.concat([risk["p_cross_7d"], risk["p_cross_30d"], risk["p_cross_90d"]]).dropna())


def test_beside_the_chances_stands_how_those_of_the_backtest_came_true(page: Page, html: str) -> None:
    # One of 16 below ten percent crossed, and all four above ninety.
    assert [float(e["data-sort"]) for e in page.find(data_field="observed")] == [1 / 16, 1.0]
    assert "21\u00a0% stated on average, 25\u00a0% came true" in html
    assert "Brier score 0.050" in html
    assert "would score 0.150" in html


def test_every_incident_of_the_interval_is_listed_with_observed_and_expected(page: Page, findings: Findings) -> None:
    inside = findings.anomaly[findings.anomaly["ended_at"] > pd.Timestamp(DAY.start)]

    assert sorted(float(e["data-sort"]) for e in page.find(data_field="value")) == sorted(inside["value"])
    assert sorted(float(e["data-sort"]) for e in page.find(data_field="expected")) == sorted(inside["expected"])


def test_where_missing_data_is_the_gravest_incident_the_key_figure_says_that_there_are_no_samples(findings: Findings) -> None:
    gravest = findings.anomaly.index[findings.anomaly["severity"].eq("critical")][:1]
    silent = findings.anomaly.loc[gravest].assign(kind="missing", value=None, expected=None, impact_ratio=None)

    figure = Page(render(replace(findings, anomaly=silent, kpis=kpis(anomaly=silent)))).one(id="figure-incidents")["text"]

    assert ": no samples, for " in figure


@pytest.mark.parametrize("said", [{"answer": "dismissed"}, {"label": "refuted"}])
def test_of_an_incident_that_people_dismissed_or_refuted_the_page_says_no_more(findings: Findings, said: dict[str, str]) -> None:
    open_ones = findings.anomaly["severity"].ne("low") & (findings.anomaly["ended_at"] > pd.Timestamp(DAY.start))
    [gravest] = findings.anomaly.index[open_ones & findings.anomaly["severity"].eq("critical")]
    every = findings.anomaly.astype({"answer": "object", "label": "object"})
    for column, word in said.items():
        every.loc[gravest, column] = word
    told, was = (Page(render(replace(findings, anomaly=each, kpis=kpis(anomaly=each)))) for each in (every, findings.anomaly))

    assert len(list(told.find(data_field="value"))) == len(list(was.find(data_field="value"))) - 1
    figure = told.one(id="figure-incidents")
    assert float(figure["data-exact"]) == float(was.one(id="figure-incidents")["data-exact"]) - 1
    assert "critical" not in figure["text"]
    assert f"Look first at {findings.anomaly['resource_id'][gravest]} " not in figure["text"]
    before, strips = (page.one(aria_label="Anomalies by series over the last 30 days, UTC")["text"] for page in (was, told))
    assert "UTC, critical" in before
    assert "UTC, critical" not in strips
    assert re.findall("UTC, high", strips) == re.findall("UTC, high", before)


def test_where_people_dismissed_every_incident_the_page_says_that_nothing_else_was_odd(findings: Findings) -> None:
    owner = ["account", "region", "resource_id"]
    mine = findings.anomaly_point.merge(findings.anomaly[owner].drop_duplicates(), on=owner)
    every = findings.anomaly.assign(answer="dismissed", started_at=mine["ts"].min(), ended_at=findings.as_of).drop_duplicates(
        owner
    )

    page = Page(render(replace(findings, anomaly=every, anomaly_point=mine)))

    assert (
        "nor in the 30 days before its end, but for what people dismissed, planned or refuted."
        in page.one(id="anomalies")["text"]
    )


def test_each_segment_marks_its_one_champion(page: Page) -> None:
    marked = [e["text"].split()[0] for e in page.find(tag="tr", **{"class": "champion"})]

    # By the hour nothing passed the gates.
    assert marked == ["Cost", "CPU"]
    assert len(list(page.find(tag="span", **{"class": "tag good"}))) == 2


def test_names_from_data_are_text_and_never_markup(html: str, page: Page) -> None:
    assert NASTY_NAME not in html
    assert len(list(page.find(tag="script"))) == 1
    assert any(NASTY_NAME in e["text"] for e in page.find(tag="td"))


def test_an_attribute_cannot_be_left_by_a_quote_in_a_name(findings: Findings) -> None:
    nasty = '"><script>x</script><i a="'
    named = {"detectors": nasty, "resource_id": nasty, "series_id": f"a/b/{nasty}/cpu_utilization"}
    points, incidents = findings.anomaly_point.assign(**named), findings.anomaly.assign(metrics=nasty, **named)
    page = Page(render(replace(findings, anomaly_point=points, anomaly=incidents)))

    assert len(list(page.find(tag="script"))) == 1
    assert not list(page.find(tag="i"))


def test_the_page_loads_nothing_from_anywhere(html: str, page: Page) -> None:
    beside = {e["href"] for e in page.find(**{"class": "owner"})}
    targets = [
        e[name] for e in page.elements for name in ("href", "src", "action", "data") if name in e and e[name] not in beside
    ]

    assert all(re.fullmatch(r"(accounts|teams)/[a-z0-9_-]+\.html", path) for path in beside), "pages that a reader may open"
    assert [t for t in targets if not t.startswith(("#", "data:,"))] == []
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in next(page.find(http_equiv="Content-Security-Policy"))["content"]


def test_links_within_the_page_lead_somewhere(page: Page) -> None:
    ids = {e["id"] for e in page.elements if "id" in e}

    assert {e["href"].removeprefix("#") for e in page.find(tag="a") if e.get("class") != "owner"} <= ids


def test_no_id_is_given_twice(page: Page) -> None:
    ids = [e["id"] for e in page.elements if "id" in e]

    assert len(ids) == len(set(ids))


def test_equal_findings_give_equal_bytes(findings: Findings, html: str) -> None:
    assert render(findings) == html


def test_run_times_are_the_only_telemetry_and_stand_last(findings: Findings, html: str) -> None:
    slower = render(replace(findings, run_stat=findings.run_stat.assign(wall_s=99.0)))

    assert slower != html
    assert slower.split(TELEMETRY)[0] == html.split(TELEMETRY)[0]


def test_synthetic_replayed_and_assumed_data_are_named_at_the_top(page: Page) -> None:
    text = next(page.find(**{"class": "caveats"}))["text"]

    assert "fleet: generated, not measured" in text
    assert "samples: real recordings, moved in time" in text
    assert "60 resources with metrics: 80% synthetic (fleet 48), 20% replayed (samples 12)." in text
    assert "80% synthetic, 20% replayed resources" in text
    assert "2 resources had no recorded instance type" in text
    assert {r["text"] for r in page.find(**{"class": "tag"}) if "type" in r["text"]} == {"assumed type"}


def lacking(rule: str, note: str, findings: Findings) -> Findings:
    """The findings of a run that had not all that it should."""
    check = findings.quality_result.head(1).assign(rule=rule, note=note, success=False, severity="warning")
    return replace(findings, quality_result=pd.concat([findings.quality_result, check], ignore_index=True))


def test_rows_that_were_not_landed_are_missed_at_the_top_of_the_page(findings: Findings) -> None:
    page = Page(render(lacking("landed(bronze.metric_sample)", "Nothing was landed for these days.", findings)))

    assert "missing Nothing was landed for these days." in next(page.find(**{"class": "caveats"}))["text"]


def test_the_checks_of_each_source_stand_in_the_quality_section_with_what_was_found_and_expected(findings: Findings) -> None:
    day = DAY.start
    checks = DATASET_CHECK.frame(
        [
            {"source": "csv", "ts": day, "check_name": "missing", "success": False, "observed": 0.2, "most": 0.05, "evidence": 9},
            {
                "source": "csv",
                "ts": day,
                "check_name": "completeness",
                "success": True,
                "observed": 1.0,
                "least": 0.95,
                "evidence": 9,
            },
            {"source": "csv", "ts": day, "check_name": "correlation", "most": 0.15, "evidence": 0, "reason": "too few days"},
        ]
    )

    [table] = Page(render(replace(findings, dataset_check=checks))).find(data_table="sources")

    said = table["text"].replace(words.NBSP, " ")
    assert [said.index(each) for each in ("at least 95.0 %", "at most 5.0 %", "at most 0.15")] == sorted(
        said.index(each) for each in ("at least 95.0 %", "at most 5.0 %", "at most 0.15")
    )
    assert [said.count(each) for each in ("holds", "fails", "not judged", "too few days")] == [1, 1, 1, 1]
    assert 'data-table="sources"' not in render(findings)


def test_a_recommendation_stands_beside_what_following_its_rule_came_to(findings: Findings) -> None:
    said = "followed before: 38 windows of 30 days, saved $988 of $1,234 promised, 1 broke"
    known = findings.recommendation["recommendation_id"].isin([f"{1:016x}"])
    given = findings.recommendation.assign(record=pd.Series(said, index=known.index).where(known))

    page = Page(render(replace(findings, recommendation=given)))

    assert [each["text"] for each in page.find(data_field="record")] == [f"rightsize, {said}"]


def test_the_past_of_each_rule_stands_below_what_it_recommends_and_is_left_out_where_there_is_none(findings: Findings) -> None:
    columns = ["rule_id", "rule_version", "is_reference", "resources", "changes", "violating", "promised_usd", "saved_usd"]
    past = [("idle", "4", False, 20, 5, 2, 480.0, 250.5), ("CO default", None, True, 8, 0, 0, 0.0, 0.0)]

    page = Page(render(replace(findings, rule_record=pd.DataFrame(past, columns=columns))))

    assert [float(each["data-sort"]) for each in page.find(data_field="saved_usd")] == [250.5, 0.0]
    assert [each["text"] for each in page.find(data_field="broken_ratio")] == [words.percent(0.4), words.DASH]
    said = page.one(id="recommendations")["text"]
    assert "idle 4" in said
    assert "CO default" in said
    assert "Taken back, or lost money" in said
    assert "Taken back" not in Page(render(findings)).one(id="recommendations")["text"]


def test_recommendations_say_what_is_not_known_of_resources(findings: Findings) -> None:
    page = Page(render(lacking("known(price)", "1 instance of a type that the price list does not have.", findings)))

    assert [e["text"] for e in page.find(**{"class": "unknown"})] == ["1 instance of a type that the price list does not have."]


def test_a_run_that_could_not_recommend_anything_says_what_it_needs_instead_of_asking_for_the_step_again() -> None:
    needs = "Give an inventory with `--inventory FILE`."
    quality = rows(tables.get("gold.quality_result"), [{
        "as_of": AS_OF, "table_name": "gold.recommendation", "subject": "table", "rule": "known(inventory)", "shard": 0,
        "severity": "warning", "success": False, "rows": 2, "failed_rows": 2, "score": 0.0, "note": needs,
    }]).to_pandas()  # fmt: skip
    page = Page(render(Findings(interval=DAY, quality_result=quality)))

    [said] = [e["text"] for e in page.find(**{"class": "empty"}) if e["text"].startswith("No recommendations")]
    assert said == "No recommendations in this run. Give an inventory with --inventory FILE."
    assert "has not run" in render(Findings(interval=DAY))


def test_a_section_is_a_module_a_template_and_a_line_in_the_order(page: Page) -> None:
    # The sources stand within the key figures.
    beside = {"__init__", "sources"}
    assert {path.stem for path in (FOLDER / "sections").glob("*.py")} - beside == set(sections.ORDER)
    shared = {"page", "macros", "empty", "sources", "evaluation", "detected", "owner_cost", "status"}
    assert {path.name.removesuffix(".html.j2") for path in (FOLDER / "templates").iterdir()} - shared == set(sections.ORDER)

    anchors = [sections.load_section(name).anchor for name in sections.ORDER]
    assert [e["id"] for e in page.find(tag="section")] == anchors
    links = [e["href"] for e in page.find(tag="a") if "class" not in e]
    assert links == [f"#{anchor}" for anchor in anchors]


def test_the_page_names_the_version_that_made_it(page: Page) -> None:
    assert f"Headroom {__version__}." in page.one(tag="footer")["text"]


def test_an_empty_run_says_why_each_section_is_empty_and_what_to_do() -> None:
    page = Page(render(Findings(interval=DAY)))
    empty = [e["text"] for e in page.find(**{"class": "empty"})]

    assert len(empty) == 11
    assert all(len(text.split(".")) > 2 for text in empty), empty
    assert {e["text"] for e in page.find(**{"class": "value"})} == {"–"}


def test_what_fires_stands_with_who_knows_of_it_and_what_is_suppressed_is_counted_with_why() -> None:
    plain = {"rule": "threshold", "cause": "cpu_utilization", "since": DAY.start, "expected": 95.0, "measured_in": "percent"}
    plain |= {"detail": "It goes on.", "team": None, "suppressed_by": None, "reason": None, "told_at": None, "waiting": 0}
    found = [
        {"subject": "1/r/i-1<b>", "severity": "critical", "state": "firing", "observed": 97.25, "told_at": DAY.end},
        {"subject": "1/r/i-2", "severity": "warning", "state": "firing", "observed": None, "waiting": 1},
        {"subject": "1/r/i-3", "severity": "warning", "state": "acknowledged", "observed": 96.0, "reason": "moving it"},
        {"subject": "1/r/i-4", "severity": "warning", "state": "suppressed", "observed": 96.0, "suppressed_by": "flapping"},
    ]
    alert = pd.DataFrame([{**plain, "alert_id": f"{number:012d}", **each} for number, each in enumerate(found)])

    page = Page(render(Findings(interval=DAY, alert=alert)))

    lead = next(e["text"] for e in page.find(**{"class": "lead"}) if "alerts fire" in e["text"])
    assert lead.startswith("2 alerts fire: 1 critical, 1 warning; 1 acknowledged, 1 suppressed; messages about 1 wait.")
    told = [e["text"] for e in page.find(tag="tr") if "threshold" in e["text"]]
    assert len(told) == 3
    assert "97.25 percent (expected 95)It goes on.as of 2026" in told[0]
    assert "a message waits" in told[1]
    assert "acknowledged: moving it" in told[2]
    assert next(e["text"] for e in page.find(tag="li") if "flapping" in e["text"]) == "flapping: 1"


def test_kept_resources_are_counted_by_reason_whatever_the_figures_in_it(page: Page) -> None:
    row = next(e for e in page.find(tag="tr") if "is above 5 %" in e["text"])

    assert row["text"] == "KeepidlePeak CPU 41.5 % is above 5 %.3i-app01, i-db01, i-web02"


def test_savings_of_two_rules_about_one_resource_are_not_added(findings: Findings, page: Page) -> None:
    both = findings.recommendation.loc[findings.recommendation["resource_id"] == "i-batch01", "savings_monthly_usd"]

    assert both.sum() == pytest.approx(186.15)
    assert float(next(page.find(id="figure-savings"))["data-exact"]) == pytest.approx(210.24 + 124.1)


def test_incidents_of_a_long_interval_are_listed_hours_of_30_days_drawn_and_incidents_of_24_hours_counted(
    findings: Findings,
) -> None:
    old = findings.anomaly.assign(started_at=pd.Timestamp("2026-01-05"), ended_at=pd.Timestamp("2026-01-06"))
    every = pd.concat([findings.anomaly, old], ignore_index=True)
    found = replace(findings, interval=Interval.days("2026-01-01", "2026-04-16"), anomaly=every, kpis=kpis(anomaly=every))
    page = Page(render(found))

    assert "10 incidents in the interval" in page.one(id="anomalies")["text"]
    figure = page.one(id="figure-incidents")
    assert float(figure["data-exact"]) == 3
    assert "1 critical, 2 high; 0 still open" in figure["text"]
    marks = [e for e in page.elements if e.get("class", "").startswith("mark mark-")]
    strips = page.one(aria_label="Anomalies by series over the last 30 days, UTC")
    assert len(re.findall("UTC, ", strips["text"])) == 7
    assert len(marks) > 7


def test_a_series_forecast_by_hour_and_by_day_is_one_row_at_its_worse_level(findings: Findings) -> None:
    hourly = findings.capacity_risk.assign(granularity="hour", risk_level="critical", priority=99.0)
    both = pd.concat([findings.capacity_risk, hourly], ignore_index=True)
    page = Page(
        render(
            replace(
                findings,
                capacity_risk=both,
                kpis=kpis(capacity_risk=both),
                capacity_next=asked("capacity_next", capacity_risk=both),
            )
        )
    )
    [table] = page.find(data_table="capacity")

    assert table["text"].count("i-web02") == 1
    assert table["text"].count("critical") == 5
    assert float(page.one(id="figure-at-risk")["data-exact"]) == 5


def test_what_a_person_set_aside_is_not_shown_but_counted_and_what_is_new_says_so(findings: Findings) -> None:
    given = findings.recommendation
    ids = given["recommendation_id"]
    aside = given.assign(status=ids.map({f"{2:016x}": "dismissed", f"{1:016x}": "new"}))
    shown = Page(render(replace(findings, recommendation=aside))).one(id="recommendations")["text"]

    assert "1 recommendation dismissed or snoozed" in shown
    assert "Rightsize new" in shown
    assert "Peak CPU 2.1 % over 14 days" not in shown


def test_what_was_followed_is_told_with_what_it_saved_of_what_was_promised(findings: Findings) -> None:
    row = {"as_of": AS_OF, "rule_id": "idle", "account": "1", "region": "r", "service": "ec2", "action": "stop", "times_seen": 1}
    row |= {
        "first_seen_at": AS_OF,
        "last_seen_at": AS_OF,
        "is_counted": True,
        "days": 24,
        "currency": "USD",
        "status": "verified",
    }
    told = [
        ("1", 24.0, {}),
        ("2", 48.0, {"status": "regressed", "ended_on": AS_OF}),
        ("3", None, {"days": 0, "currency": None, "status": "implemented"}),
    ]
    told += [("4", 99.0, {"is_counted": False}), ("5", None, {"days": 0, "status": None})]
    rows = [
        row | {"recommendation_id": name * 16, "resource_id": name, "saved_cost": saved, "promised_monthly_usd": 20.0} | more
        for name, saved, more in told
    ]

    page = Page(render(replace(findings, savings=SAVINGS.frame(rows))))

    text = page.one(id="recommendations")["text"]
    assert "Followed in the last 92 days: 3 recommendations" in text
    assert "of $40.00 promised" in text
    assert "1 verified, 1 regressed" in text
    assert float(page.one(data_field="realised_monthly")["data-exact"]) == pytest.approx(730 / 24)
    assert "Followed in the last" not in Page(render(findings)).one(id="recommendations")["text"]


def test_what_is_saved_is_the_figure_of_the_headline_and_what_larger_types_cost_stands_beside_it(findings: Findings) -> None:
    dearer = findings.recommendation["action"] == "upsize"
    given = findings.recommendation.assign(
        portfolio_rank=findings.recommendation["portfolio_rank"].mask(dearer, 3),
        portfolio_savings_usd=findings.recommendation["portfolio_savings_usd"].mask(dearer, -70.08),
    )
    page = Page(render(replace(findings, recommendation=given, kpis=kpis(recommendation=given))))

    assert "together $334.34; what is too small costs $70.08 more." in page.one(id="recommendations")["text"]
    assert float(page.one(id="figure-savings")["data-exact"]) == pytest.approx(334.34)


def test_actions_without_a_price_are_named_as_such(findings: Findings) -> None:
    prices = ["savings_monthly_usd", "savings_low_usd", "savings_high_usd", "portfolio_savings_usd", "monthly_cost_usd"]
    unknown = findings.recommendation.assign(**dict.fromkeys(prices, np.nan))
    page = Page(render(replace(findings, recommendation=unknown, kpis=kpis(recommendation=unknown))))

    figure = page.one(id="figure-savings")["text"]
    assert "2 actions found, none with a saving that is known" in figure
    assert "Check that prices for these resources are in the lake." in figure


def test_a_chart_is_drawn_for_series_at_risk_first_then_costs(findings: Findings) -> None:
    forecast = findings.forecast[["series_id", "metric", "granularity"]].drop_duplicates().assign(level=1.0)
    forecast.loc[forecast["series_id"].str.contains("compute"), "level"] = 400.0

    chosen = charted_series(findings.capacity_risk, forecast, charted=6)

    assert list(chosen["series_id"]) == [
        series("i-web01"),
        series("i-db01"),
        "binder/global/compute-engine/cost",
        "binder/global/bigquery/cost",
        series("i-web02"),
        series("i-app01"),
    ]


def test_a_risk_without_a_forecast_is_not_charted(findings: Findings) -> None:
    forecast = pd.DataFrame(
        {"series_id": [series("i-app02")], "metric": ["cpu_utilization"], "granularity": ["day"], "level": [1.0]}
    )

    assert list(charted_series(findings.capacity_risk, forecast)["series_id"]) == [series("i-app02")]


def test_text_that_a_spreadsheet_would_run_is_disarmed_and_numbers_stay_numbers(findings: Findings) -> None:
    table = list(csv.DictReader(io.StringIO(recommendations_csv(findings.recommendation), newline="")))

    assert tuple(table[0]) == export.COLUMNS
    assert {r["target_config"] for r in table if r["rule_id"] == "rightsize"} >= {f"'{NASTY_FORMULA}"}
    assert "-70.08" in {r["savings_monthly_usd"] for r in table}
    assert [r["portfolio_rank"] for r in table[:3]] == ["1", "2", ""]
    assert len(table) == len(findings.recommendation)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1+1", "＝1"])
def test_every_beginning_of_a_formula_is_disarmed(findings: Findings, cell: str) -> None:
    one = findings.recommendation.head(1).assign(reason=cell)

    [row] = csv.DictReader(io.StringIO(recommendations_csv(one), newline=""))
    assert row["reason"] == "'" + cell.replace("\r", "")


def test_a_gap_in_the_history_is_a_gap_in_the_line() -> None:
    days = [pd.Timestamp(AS_OF) + timedelta(days=n) for n in range(5)]
    svg = charts.time_chart(
        "t", charts.Curves([charts.Line(days, [1.0, 2.0, float("nan"), 3.0, 4.0], "observed")]), charts.Scale("%")
    )

    [path] = re.findall(r'<path class="line observed" d="([^"]+)"', str(svg))
    assert path.count("M") == 2


def test_value_axes_have_round_ticks_that_span_the_values() -> None:
    for low, high in ((0.0, 97.0), (0.0, 0.0042), (-12.0, 3.0), (0.0, 1.2e9), (5.0, 5.0)):
        ticks = axes.value_ticks(low, high)
        assert ticks[0] <= low
        assert ticks[-1] >= high
        assert 3 <= len(ticks) <= 7
        assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])


def test_time_axes_have_at_most_the_wanted_ticks_and_lie_inside() -> None:
    for span in (timedelta(hours=5), timedelta(days=3), timedelta(days=30), timedelta(days=500), timedelta(days=5000)):
        start = pd.Timestamp(AS_OF) + timedelta(minutes=17)
        ticks = axes.time_ticks(start, start + span, 6)
        assert 1 <= len(ticks) <= 7, span
        assert all(start <= moment <= start + span for moment, _ in ticks)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (words.percent(0.0004), "<1\u00a0%"),
        (words.percent(0.9999), ">99\u00a0%"),
        (words.percent(1.0), "100\u00a0%"),
        (words.percent(0.0), "0\u00a0%"),
        (words.percent(-0.078, sign=True), "−7.8\u00a0%"),
        (words.percent(None), "–"),
        (words.share(0.99999), "99.9\u00a0%"),
        (words.usd(1234.5), "$1,234"),
        (words.usd(-12.3), "−$12.30"),
        (words.usd(0.0042), "$0.0042"),
        (words.usd(0), "$0"),
        (words.usd(float("nan")), "–"),
        (words.amount(58.0, "percent"), "58.0\u00a0%"),
        (words.amount(0.087, "mbps"), "0.087\u00a0Mbps"),
        (words.amount(1234.0, "count"), "1,234"),
        (words.until(utc("2026-04-17T12:00"), AS_OF), "in 1 day"),
        (words.until(utc("2026-04-16"), AS_OF), "today"),
        (words.without_figures("CPU P99.5 is 9.4 % of 8"), "CPU P… is … % of …"),
        (words.series_parts("a/us/db/1/cost", "cost"), ("a", "us", "db/1")),
        (words.series_parts("s/cost", "cost"), ("", "", "s")),
    ],
)
def test_figures_read_as_people_write_them(given: object, said: object) -> None:
    assert given == said


def test_what_fills_first_stands_with_its_chance_and_what_the_rules_advise_for_its_resource(page: Page) -> None:
    text = page.one(id="fills")["text"]

    assert "i-web01 CPU" in text
    assert "P90 crosses 80 %: 2026-04-28, in 12 days" in text
    assert "Upsize to m5.xlarge." in text
    assert "Too little data to advise a change." in text
    assert "i-web02" not in text


def test_a_saving_is_no_answer_to_what_fills_and_no_instance_type_to_a_disk(findings: Findings) -> None:
    advice = findings.recommendation.replace({"action": {"upsize": "rightsize"}})
    disk = findings.capacity_next.replace({"metric": {"cpu_utilization": "disk_utilization"}})
    ids = disk["series_id"].str.replace("cpu_utilization", "disk_utilization")

    cheaper = Page(render(replace(findings, recommendation=advice))).one(id="fills")["text"]
    filling = Page(render(replace(findings, capacity_next=disk.assign(series_id=ids)))).one(id="fills")["text"]

    assert "m5.xlarge" not in cheaper
    assert "No rule advises more capacity" in cheaper
    assert "Free or grow its volume" in filling


def test_a_service_billed_by_name_and_by_code_rises_as_one_and_says_where_and_since_when() -> None:
    def rise(service: str, region: str, before: float, recent: float) -> dict[str, object]:
        return {"service": service, "account": "1", "region": region, "recent_usd": recent, "before_usd": before,
                "rise_usd": recent - before, "jumped_at": utc("2026-04-10"), "jumped_to_usd": recent,
                "jumped_from_usd": 1.0}  # fmt: skip

    names = ("Amazon Simple Storage Service", "AmazonS3")
    rises = pd.DataFrame(
        [rise(names[0], "us", 10, 12), rise(names[1], "eu", 10, 30), rise("AWSLambda", "us", 9, 4), rise("AmazonEC2", "us", 5, 6)]
    )

    risen = sum_rises(rises)

    assert risen[["service", "rise_usd", "region", "part_usd", "places"]].to_numpy().tolist() == [
        [words.service_word("AmazonS3"), 22, "eu", 20, 2],
        [words.service_word("AmazonEC2"), 1, "us", 1, 1],
    ]


def test_bills_of_less_than_two_months_are_not_compared_on_the_page(findings: Findings) -> None:
    late = findings.cost_daily[findings.cost_daily["ts"] >= pd.Timestamp(AS_OF) - timedelta(days=45)]
    shown = Page(render(replace(findings, cost_daily=late, cost_rises=findings.cost_rises.head(0))))

    assert "bills do not reach back 60 days" in shown.one(id="rose")["text"]
    assert shown.one(data_table="cost")["text"].count("+") == 0


def allocated(*shares: tuple[str, str, float], currency: str = "USD") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"billing_period": utc("2026-04-01"), "dimension": dimension, "value": value, "currency": currency, "cost": 1.0,
             "ratio": ratio}
            for dimension, value, ratio in shares
        ]
    )  # fmt: skip


def test_how_much_of_the_cost_is_nobodys_stands_beside_those_who_have_most(findings: Findings, page: Page) -> None:
    shares = [("team", "<b>shop", 0.5), ("team", "unallocated", 0.3), ("team", "search", 0.2)]
    shares += [("cost_centre", "4711", 1.0), ("product", "unallocated", 1.0)]
    both = pd.concat([allocated(*shares), allocated(("team", "unallocated", 1.0), currency="EUR")])

    shown = Page(render(replace(findings, cost_allocated=both))).one(id="cost")["text"].replace("\u00a0", " ")

    said = "Of the cost in USD of April 2026, 30 % belongs to no team (no cost centre: 0 %; no product: 100 %)."
    assert f"{said} Largest: <b>shop 50 %, search 20 %." in shown
    assert "Of the cost in EUR of April 2026, 100 % belongs to no team." in shown
    assert "belongs to no" not in page.one(id="cost")["text"]


def test_a_bill_that_is_late_does_not_read_as_a_fall(findings: Findings, page: Page) -> None:
    known = findings.cost_daily[findings.cost_daily["ts"] < pd.Timestamp(AS_OF) - timedelta(days=9)]
    shown = Page(render(replace(findings, cost_daily=known))).one(data_table="cost")["text"]

    assert "Compute Engine" in shown
    assert "−" not in shown


def test_where_bills_state_no_effective_cost_billed_cost_is_shown_and_its_share_said(findings: Findings) -> None:
    stated = findings.cost_daily.assign(effective_cost=10.0, billed_cost=10.0)
    half = stated.assign(effective_cost=stated["effective_cost"].where(stated.index % 2 == 0))
    shown, without, of_half = (
        render(replace(findings, cost_daily=daily)) for daily in (stated, stated.assign(effective_cost=None), half)
    )

    assert "state no effective cost" not in shown
    assert "state no effective cost: 100\N{NO-BREAK SPACE}% of what is shown is billed cost" in without
    assert re.search(r"state no effective cost: (49|5\d)\s% of what is shown", of_half)


def courses() -> pd.DataFrame:
    """April to the 16th: everything, and a budget of 1,000 that is likely exceeded."""
    rows = []
    for name, cost, level, planned in (("none", "effective", 500.0, False), ("<b>web</b>", "billed", 41.0, True)):
        one = {
            "as_of": AS_OF,
            "budget": name,
            "scope": "all",
            "cost": cost,
            "currency": "USD",
            "complete_through": utc("2026-04-14"),
        }
        one |= {"period_start": utc("2026-04-01"), "period_end": utc("2026-05-01")}
        for number in range(1, 31):
            wide, known = 0.4 * level * max(number - 14, 0) ** 0.5, number <= 14
            rows.append(
                one
                | {"ts": utc(f"2026-04-{number:02d}"), "actual": number * level if known else None, "expected": number * level}
                | {"planned": number * 1000 / 30 if planned else None, "p05": number * level - wide, "p95": number * level + wide}
            )
    return pd.DataFrame(rows).reindex(columns=list(COST_COURSE.names))


def test_the_running_month_is_drawn_cumulated_with_what_is_charged_expected_and_planned(findings: Findings) -> None:
    shown = render(replace(findings, cost_course=courses()))
    [grid] = re.findall(r"data-courses>(.*?)</div>", shown, re.DOTALL)
    everything, web = re.findall(r"<figure>.*?</figure>", grid, re.DOTALL)

    assert "Everything, amortised" in everything
    assert "planned" not in re.sub(r"<svg[^>]*>", "", everything)
    assert "&lt;b&gt;web&lt;/b&gt;, as billed" in web
    assert "1,230.00 USD expected to 2026-04-30 (1,164.40 to 1,295.60 with 90\N{NO-BREAK SPACE}%), 1,000.00 planned" in web
    assert "billed to 2026-04-14" in web
    assert 'class="line planned"' in web
    drawn = [
        len(re.findall("[ML]", re.search(rf'class="line {style}" d="([^"]*)"', web)[1]))
        for style in ("observed", "median", "planned")
    ]  # type: ignore[index]
    assert drawn == [14, 17, 30]
    assert "data-courses" not in render(findings)


def test_budgets_are_shown_with_their_chance_and_what_drives_them_the_likeliest_exceeded_first(findings: Findings) -> None:
    one = {"as_of": AS_OF, "scope": "team like web", "cost": "billed", "currency": "USD", "period": "monthly", "model": "default"}
    one |= {"period_start": utc("2026-04-01"), "period_end": utc("2026-05-01"), "amount": 1000, "actual": 600}
    web = {**one, "budget": "<b>web</b>", "expected": 1240.5, "p_breach": 0.93, "spent_p50": utc("2026-04-24")}
    web |= {"drivers_json": '[{"account": "1", "service": "S3", "expected": 500, "planned": 300, "over": 200}]'}
    calm = {**one, "budget": "calm", "expected": 700.0, "p_breach": 0.02, "left_out": "EUR", "drivers_json": "[]"}
    gone = {**one, "budget": "gone", "drivers_json": "[]"}

    rows = pd.DataFrame([calm, gone, web]).reindex(columns=list(BUDGET_STATUS.names))

    shown = render(replace(findings, budget_status=rows))
    table = Page(shown).one(data_table="budgets")["text"]

    for text in (
        "team like web, as billed",
        "1,240.50",
        "93\N{NO-BREAK SPACE}%",
        "S3 in 1 +200.00",
        "without what is charged in EUR",
        "on 2026-04-24",
    ):
        assert text in table
    assert "&lt;b&gt;web&lt;/b&gt;" in shown
    assert table.index("web") < table.index("calm") < table.index("gone")
    assert 'data-table="budgets"' not in render(findings)
    assert "1 of 3 budgets will likely be exceeded; look first at &lt;b&gt;web&lt;/b&gt;: 93" in shown
    assert "the setting budgets names a file of them" in render(findings)
    few = render(replace(findings, budget_status=rows.iloc[:2]))
    assert "No budget of 2 is likely to be exceeded. Of 1 nobody knows: no bill goes on that charges them." in few


def test_invoices_that_are_not_what_the_bill_charges_are_shown_with_the_difference(findings: Findings, page: Page) -> None:
    one = {"billing_period": utc("2026-03-01"), "payer": "9", "invoice_id": "<b>INV-2", "currency": "USD", "state": "differs"}
    one |= {"charged_tax_lines": 0, "charged_tax": Decimal(0), "invoiced_tax": Decimal(0)}
    agrees = {**one, "invoice_id": "INV-1", "invoiced_cost": Decimal(100), "charged_cost": Decimal(100), "state": "agrees"}
    differs = {**one, "invoiced_cost": Decimal(1040), "charged_cost": Decimal(37)}

    shown = render(replace(findings, invoice=rows(INVOICE, [agrees, differs]).to_pandas()))

    section = Page(shown).one(id="cost")["text"].replace("\u00a0", " ")
    assert "2 invoices held against the bill: 1 agree within what rounding explains, 1 do not agree." in section
    assert "<b>INV-2" in section
    assert "&lt;b&gt;INV-2" in shown
    assert "+1,003.00" in section
    assert "INV-1" not in section
    assert "held against the bill" not in page.one(id="cost")["text"]


def test_cost_anomalies_are_shown_by_their_impact_with_days_source_and_first_cause(findings: Findings) -> None:
    bill = {"as_of": AS_OF, "source": "synthetic_bill", "provider": "AWS", "payer": "9", "currency": "EUR"}
    judged = {**bill, "judged_from": DAY.start - timedelta(days=60), "judged_through": DAY.start, "nodes": 4, "restated": 0}
    cause = '[{"resource_id": "<b>bucket</b>", "impact": 540.5}]'
    one = {**bill, "anomaly_id": "1" * 16, "level": "usage_type", "account": "1", "service": "S3", "usage_type": "Requests"}
    one |= {"seen_at": "usage_type", "first_day": DAY.start, "last_day": DAY.start, "is_open": True, "days": 1}
    one |= {"actual_cost": 600.0, "expected_cost": 59.5, "impact_cost": 540.5, "days_json": "[]", "causes_json": cause}
    whole = {**one, "anomaly_id": "2" * 16, "level": "total", "account": None, "service": None, "usage_type": None}
    whole |= {"impact_cost": -1000.0, "is_open": False, "days": 2, "causes_json": "[]"}

    unnamed = {**one, "anomaly_id": "3" * 16, "service": "Lambda", "usage_type": "none", "impact_cost": 1.0}
    unnamed |= {"causes_json": '[{"resource_id": "none", "usage_type": "none", "service": "Lambda", "impact": 1.0}]'}
    hidden = {**one, "anomaly_id": "4" * 16, "level": "resource", "resource_id": "i-<1>", "impact_cost": -2.0}
    found = COST_ANOMALY.frame([one, whole, unnamed, hidden])

    shown = render(replace(findings, cost_anomaly=found, cost_judged=COST_JUDGED.frame([judged])))
    none = render(replace(findings, cost_judged=COST_JUDGED.frame([judged])))

    assert "4 cost anomalies in the last 62 days" in shown
    for text in (
        "1 / S3 / Requests<",
        "1 / S3 / Requests / i-&lt;1&gt;",
        "1 / Lambda",
        "Lambda: +1.00",
        "+540.50 EUR",
        "&lt;b&gt;bucket&lt;/b&gt;: +540.50",
        "goes on",
        "the whole bill",
        "-1,000.00 EUR",
    ):
        assert text in shown
    assert shown.index("the whole bill") < shown.index("1 / S3 / Requests")
    assert "Lambda / none" not in shown
    assert "nothing cost unusually much or little" in none
    assert "No bill has the five weeks" in render(findings)


def test_each_chart_says_where_its_series_is_synthetic_or_replayed_and_nothing_where_the_estate_reported_it(
    findings: Findings, html: str
) -> None:
    drawn = sorted({*findings.forecast["series_id"], *findings.anomaly_point["series_id"]} - {*_costs(findings)})
    synthetic, replayed = drawn[0], drawn[1]
    assert kinds_by_series(pd.DataFrame({"series_id": ["a", "a", "b"], "source": ["fleet", "cloudwatch", "csv"]})) == {
        "a": "real and synthetic"
    }
    sources = pd.DataFrame({"series_id": drawn, "source": ["fleet", "samples", *["cloudwatch"] * (len(drawn) - 2)]})

    shown = render(replace(findings, series_source=sources))

    captions = [each for each in re.findall("<figcaption>.*?</figcaption>", shown) if "<strong>" in each]
    for one, kind in ((synthetic, "synthetic"), (replayed, "replayed")):
        name = one.split("/")[2]
        assert {kind} == {tag for each in captions if f"<strong>{name} CPU" in each for tag in re.findall('tag">(\\w+)<', each)}
    real = drawn[2].split("/")[2]
    assert not [each for each in captions if f"<strong>{real} " in each and 'tag">s' in each]
    assert re.search(f'aria-label="{synthetic.split("/")[2]} [^"]*\\(synthetic\\)', shown)
    # The bill of the estate is a recording that was moved.
    assert '<p class="lead"> <span class="tag">replayed</span> Effective (amortised) cost per day' in html
    billed = replace(findings, cost_daily=findings.cost_daily.assign(source="billing"))
    assert '<p class="lead"> Effective (amortised) cost per day' in render(billed)


def _costs(findings: Findings) -> list[str]:
    return [*findings.forecast.loc[findings.forecast["metric"] == "cost", "series_id"]]
