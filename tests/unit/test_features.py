"""Features of hours and days: what each is, that it sees no later period, and that it says nothing twice."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pytest
from sqlglot import exp

from pipeline.errors import DataError
from pipeline.features.compute import compute
from pipeline.interval import Interval
from pipeline.lake import sql
from pipeline.sources import fleet
from pipeline.sources._node_exporter import QUERIES
from pipeline.tables.catalogue import BASE_METRICS, FAMILIES, KURTOSIS_WINDOWS, list_features, reach
from pipeline.tables.columns import GRANULARITIES, Granularity
from tests.support.plain_features import define
from tools.feature_docs import write_docs

START = np.datetime64("2025-12-20T00", "us")
STEP: dict[Granularity, np.timedelta64] = {"hour": np.timedelta64(1, "h"), "day": np.timedelta64(1, "D")}
T = 230
#: Of the awkward ones, what has gaps.
ODD = "gaps, a hole, whole numbers"


def moments(periods: int, granularity: Granularity) -> npt.NDArray[np.datetime64]:
    return START + np.arange(periods) * STEP[granularity]


@cache
def awkward() -> dict[str, npt.NDArray[np.float64]]:
    """Resources by what is odd about them: (metrics, periods) each."""
    draw = np.random.default_rng(7)
    time = np.arange(T)
    plain = 20 + 10 * np.sin(2 * np.pi * time / 24) + draw.normal(0, 3, (3, T))
    gaps = np.where(draw.random(T) < 0.3, np.nan, plain[0])
    hole = np.where((time >= 60) & (time < 130), np.nan, plain[1])
    lonely = np.stack([plain[0], *np.full((2, T), np.nan)])
    briefly = np.where((time >= 100) & (time < 180), 0.0, plain[1])
    return {
        "plain": plain,
        "gaps, a hole, whole numbers": np.stack([gaps, hole, draw.integers(0, 4, T).astype(float)]),
        "one metric alone": lonely,
        "short": np.where(time < T - 20, np.nan, plain),
        "constant, for a while, but for rounding": np.stack([np.full(T, 42.1), briefly, 33.3 + 1e-14 * draw.integers(0, 3, T)]),
        "negative, huge, tiny": np.stack([40 - 3 * plain[0], plain[1] * 1e12, plain[2] * 1e-3]),
        "rare ones, a step, a spike": np.stack(
            [
                (draw.random(T) < 0.02).astype(float),
                np.where(time < 150, 10.0, 60.0) + plain[1],
                np.where(time == 150, 1e9, plain[2]),
            ]
        ),
        "unobserved": np.full((3, T), np.nan),
    }


@cache
def computed(granularity: Granularity, end: int = T) -> npt.NDArray[np.float64]:
    """The features of the first so many periods."""
    x = np.stack(list(awkward().values()), axis=1)[:, :, :end]
    return compute(x, moments(end, granularity), granularity)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_the_catalogue_has_368_features_by_family_with_names_that_no_other_has(granularity: Granularity) -> None:
    features = list_features(granularity)

    assert Counter(feature.family for feature in features) == FAMILIES
    assert len({feature.name for feature in features}) == sum(FAMILIES.values()) == 368


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_every_feature_says_what_it_is(granularity: Granularity) -> None:
    for feature in list_features(granularity):
        assert feature.formula, feature
        assert feature.unit, feature
        assert 1 <= feature.least <= feature.window <= reach(granularity) + 1, feature


def test_kurtosis_is_of_four_values_where_other_moments_are_of_three() -> None:
    assert KURTOSIS_WINDOWS[0] == 4
    assert {"cpu_skew_3", "cpu_kurt_4"} <= {feature.name for feature in list_features("hour")}


@pytest.mark.parametrize(("odd", "granularity"), [*((odd, "hour") for odd in awkward()), ("plain", "day"), (ODD, "day")])
def test_each_feature_is_what_plain_pandas_says(odd: str, granularity: Granularity) -> None:
    x, number = awkward()[odd], list(awkward()).index(odd)
    expected = define(pd.DataFrame(x.T, moments(T, granularity), list(BASE_METRICS)), granularity)
    rounding = 1e-12 * np.nanmax(np.abs(x), initial=0.0)

    names = [feature.name for feature in list_features(granularity)]
    assert sorted(expected) == sorted(names)
    for found, name in zip(computed(granularity)[:, number], names, strict=True):
        right = expected[name].to_numpy()
        scale = np.nanmax(np.abs(right), initial=0.0)
        np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-8 * scale + rounding, err_msg=name)


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_prefix_says_no_later_period_changes(family: str, granularity: Granularity) -> None:
    rows = [place for place, feature in enumerate(list_features(granularity)) if feature.family == family]

    for end in (1, 50, 200):
        np.testing.assert_array_equal(computed(granularity, end)[rows], computed(granularity)[rows][:, :, :end])


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_a_feature_reads_its_window_and_no_period_before(granularity: Granularity) -> None:
    draw = np.random.default_rng(3)
    features = list_features(granularity)
    periods = reach(granularity) + 20
    x, when = draw.gamma(2, 10, (3, 400, periods)), moments(periods, granularity)
    whole = compute(x, when, granularity, keep=1)[:, :, 0]

    for window in sorted({feature.window for feature in features} - {1}):
        rows = [place for place, feature in enumerate(features) if feature.window == window]
        for outside, changes in ((window, False), (window - 1, True)):
            other = x.copy()
            other[:, :, periods - 1 - outside] = draw.gamma(2, 10, x.shape[:2])
            differs = compute(other, when, granularity, keep=1)[rows, :, 0] != whole[rows]
            assert [features[row].name for row, differ in zip(rows, differs, strict=True) if differ.any() != changes] == []


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_a_feature_of_periods_needs_as_many_as_it_declares_and_no_more(granularity: Granularity) -> None:
    """Not of pairs, triples, residuals or two stretches: there these are counted."""
    features, periods = list_features(granularity), reach(granularity) + 1
    x = np.random.default_rng(5).gamma(2, 10, (3, 1, periods))
    observed = np.arange(periods) >= periods - np.arange(1, periods + 1)[:, None]
    known = ~np.isnan(compute(np.where(observed, x, np.nan), moments(periods, granularity), granularity, keep=1)[:, :, 0])

    first = {feature.name: 1 + int(values.argmax()) for feature, values in zip(features, known, strict=True) if values.any()}
    of_periods = [each for each in features if each.family in ("rolling", "distribution", "peak", "spectrum", "interaction")]
    assert len(of_periods) == 191
    assert [(each.name, each.least, first[each.name]) for each in of_periods if first[each.name] != each.least] == []


def test_only_what_is_kept_is_computed_and_says_the_same() -> None:
    x = np.stack(list(awkward().values()), axis=1)

    np.testing.assert_array_equal(compute(x, moments(T, "hour"), "hour", keep=24), computed("hour")[:, :, -24:])


def test_resources_know_nothing_of_each_other() -> None:
    x = np.stack(list(awkward().values()), axis=1)

    np.testing.assert_array_equal(compute(x[:, 2:4], moments(T, "hour"), "hour"), computed("hour")[:, 2:4])


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_every_answer_is_a_number_within_the_bounds_that_are_declared(granularity: Granularity) -> None:
    found = computed(granularity)

    assert not np.isinf(found).any()
    for feature, values in zip(list_features(granularity), found, strict=True):
        seen = values[~np.isnan(values)]
        assert feature.ge is None or (seen >= feature.ge).all(), feature
        assert feature.le is None or (seen <= feature.le).all(), feature


def test_a_period_that_is_left_out_is_refused_and_one_that_is_missing_is_nan() -> None:
    x = np.ones((3, 1, 3))

    with pytest.raises(DataError, match="one hour apart: a period that was not observed is NaN, not left out"):
        compute(x, moments(4, "hour")[[0, 1, 3]], "hour")
    with pytest.raises(DataError, match=r"need \(3 metrics, resources, 4 periods\), got \(3, 1, 3\)"):
        compute(x, moments(4, "hour"), "hour")
    with pytest.raises(DataError, match="finite values"):
        compute(x * np.inf, moments(3, "hour"), "hour")


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_of_the_realistic_fleet_no_feature_is_constant_null_or_another(granularity: Granularity) -> None:
    when, x = realistic(granularity)
    found = compute(x, when, granularity, keep=x.shape[2] - reach(granularity))

    columns = {feature.name: values.ravel() for feature, values in zip(list_features(granularity), found, strict=True)}
    filled = {name: float(np.isfinite(values).mean()) for name, values in columns.items()}
    assert {name: share for name, share in filled.items() if share < 0.9} == {}
    assert [name for name, values in columns.items() if np.nanmax(values) == np.nanmin(values)] == []
    assert [names for names in same(columns) if len(names) > 1] == []


def same(columns: dict[str, npt.NDArray[np.float64]]) -> list[list[str]]:
    """Names of columns by what they say."""
    names: dict[bytes, list[str]] = {}
    for name, values in columns.items():
        names.setdefault(np.round(values, 9).tobytes(), []).append(name)
    return list(names.values())


def realistic(granularity: Granularity) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    """Moments, and demand of some servers of the realistic fleet over the end of a year."""
    options = fleet.Options(preset="realistic", servers=8, start=date(2025, 7, 1), days=212)
    first = options.start if granularity == "day" else date(2025, 12, 10)
    batches = fleet.fetch(Interval.days(first, date(2026, 1, 29)), options)
    rows = pa.concat_tables([batch.data for batch in batches if batch.table == "bronze.metric_sample"]).to_pandas()
    rows["ts"] = rows["ts"].dt.floor("h" if granularity == "hour" else "D")
    wide = rows.pivot_table(index="ts", columns=["metric", "resource_id"], values="value", aggfunc="max")
    wide = wide.asfreq("h" if granularity == "hour" else "D")
    x = np.stack([wide[metric].to_numpy().T for metric, _ in BASE_METRICS.values()])
    return wide.index.to_numpy(), np.ascontiguousarray(x)


def test_the_page_of_the_features_is_made_from_the_catalogue() -> None:
    assert Path("docs/features.md").read_text() == write_docs()


def test_the_wide_view_has_more_than_fifty_columns_and_each_system_metric_among_them() -> None:
    query = sql.parse(sql.text("views.server_metrics_wide"))
    words = {literal.this for literal in query.find_all(exp.Literal) if literal.is_string}

    assert len(query.named_selects) >= 50
    assert len(QUERIES) == 23
    assert set(QUERIES) - words == set()
    assert {"cpu_lag7", "cpu_rolling_mean_30", "cpu_p95_anomaly_score", "risk_flag"} <= set(query.named_selects)


def test_the_wide_view_compares_each_metric_as_it_compares_the_processor() -> None:
    """Windows stand there once a metric, word for word: one golden case of cpu is a case of each."""
    said = {select.alias: select.this.sql() for select in sql.parse(sql.text("views.server_metrics_wide")).selects}
    pairs = [
        (f"{name}_{compared}", f"cpu_{compared}", name)
        for name in ("mem", "disk", "net_in", "net_out")
        for compared in ("rolling_mean_7", "rolling_mean_30", "change_1", "change_7")
        if f"{name}_{compared}" in said
    ]

    assert len(pairs) == 14
    assert [one for one, other, name in pairs if said[one] != said[other].replace("cpu_p95", f"{name}_p95")] == []
