"""The reference fleet is the documented one: counts, columns, moments, correlations, calendar, archetypes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from pipeline.sources import _archetypes
from pipeline.sources.fleet import reference_frame

METRICS = ["cpu_p95", "mem_p95", "disk_p95", "net_in_p95", "net_out_p95"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return reference_frame()


@pytest.fixture(scope="module")
def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Ordinary working days, on which only noise, spikes and growth differ."""
    return frame[~frame["is_weekend"] & ~frame["is_eoq"] & ~frame["is_holiday"]]


def test_the_fleet_is_120_servers_on_1461_days_in_18_columns(frame: pd.DataFrame) -> None:
    assert frame.shape == (175_320, 18)
    assert frame.index.name == "timestamp"
    assert (frame.index.min(), frame.index.max()) == (pd.Timestamp("2022-01-01"), pd.Timestamp("2025-12-31"))
    assert list(frame.columns) == [
        *["server_id", "cpu_p95", "mem_p95", "disk_p95", "net_in_p95", "net_out_p95"],
        *["app_name", "business_unit", "criticality", "region", "server_type"],
        *["year", "month", "quarter", "dayofweek", "is_weekend", "is_eoq", "is_holiday"],
    ]


def test_nothing_is_missing_or_counted_twice(frame: pd.DataFrame) -> None:
    assert not frame.isna().any().any()
    assert not frame.reset_index().duplicated(["timestamp", "server_id"]).any()


@pytest.mark.parametrize(
    ("column", "mean", "deviation"),
    [
        ("cpu_p95", 40.05, 20.24),
        ("mem_p95", 44.60, 19.50),
        ("disk_p95", 31.39, 16.13),
        ("net_in_p95", 110.78, 52.96),
        ("net_out_p95", 66.47, 31.78),
    ],
)
def test_moments_are_within_two_percent_of_the_documented_ones(
    frame: pd.DataFrame, column: str, mean: float, deviation: float
) -> None:
    assert frame[column].mean() == pytest.approx(mean, rel=0.02)
    assert frame[column].std() == pytest.approx(deviation, rel=0.02)


def test_cpu_and_memory_correlate_as_documented(frame: pd.DataFrame) -> None:
    assert frame["cpu_p95"].corr(frame["mem_p95"]) == pytest.approx(0.54, abs=0.15)


@pytest.mark.parametrize("kind", _archetypes.ARCHETYPES, ids=lambda kind: kind.name)
def test_an_archetype_has_its_correlations_on_ordinary_days(plain: pd.DataFrame, kind: _archetypes.Archetype) -> None:
    own = plain[plain["server_type"] == kind.name]
    assert own["cpu_p95"].corr(own["mem_p95"]) == pytest.approx(kind.cpu_mem, abs=0.15)
    assert own["cpu_p95"].corr(own["net_in_p95"]) == pytest.approx(kind.cpu_net, abs=0.15)
    assert own["mem_p95"].corr(own["disk_p95"]) == pytest.approx(kind.mem_disk, abs=0.15)


@pytest.mark.parametrize("kind", _archetypes.ARCHETYPES, ids=lambda kind: kind.name)
def test_the_correlation_matrix_of_an_archetype_is_positive_definite(kind: _archetypes.Archetype) -> None:
    documented = {"web": 0.104, "application": 0.088, "database": 0.080, "batch": 0.366}
    assert np.linalg.eigvalsh(kind.correlation()).min() == pytest.approx(documented[kind.name], abs=0.001)


def test_every_value_lies_within_its_physical_range(frame: pd.DataFrame) -> None:
    limits = {"cpu_p95": 100, "mem_p95": 100, "disk_p95": 100, "net_in_p95": 1000, "net_out_p95": 600}
    for column, limit in limits.items():
        assert frame[column].between(0, limit).all()
    assert np.allclose(frame["net_out_p95"], 0.6 * frame["net_in_p95"], atol=0.011)
    assert (frame[METRICS].round(2) == frame[METRICS]).all().all()


def test_the_archetypes_are_shared_out_as_documented(frame: pd.DataFrame) -> None:
    per_server = frame.groupby("server_id", observed=True)["server_type"].first()
    assert per_server.value_counts().to_dict() == {"web": 42, "application": 48, "database": 18, "batch": 12}
    assert list(dict.fromkeys(per_server)) == ["web", "application", "database", "batch"]
    assert list(per_server.index[[0, 119]]) == ["server_000", "server_119"]


def test_the_remainder_of_an_odd_fleet_are_application_servers() -> None:
    names = [kind.name for kind in _archetypes.ARCHETYPES]
    counts = np.bincount(_archetypes.assigned(7), minlength=4)
    assert dict(zip(names, counts.tolist(), strict=True)) == {"web": 2, "application": 4, "database": 1, "batch": 0}


def test_archetypes_can_be_told_apart(plain: pd.DataFrame) -> None:
    means = plain.groupby("server_type", observed=True)[METRICS].mean()
    assert means["mem_p95"].idxmax() == "database"
    assert means.loc["database", "mem_p95"] == pytest.approx(70, rel=0.02)
    assert means["net_in_p95"].idxmax() == "web"
    assert means["cpu_p95"].idxmin() == "batch"


def test_batch_servers_spike_on_eight_percent_of_samples(plain: pd.DataFrame) -> None:
    network = plain.loc[plain["server_type"] == "batch", "net_in_p95"]
    # Ordinary days are N(80, 35), doubled by a spike: 0.36 of the spikes and 0.0013 of the rest exceed three deviations.
    expected = 0.08 * norm.sf(185 / 2, 80, 35) + 0.92 * norm.sf(185, 80, 35)
    assert (network > 185).mean() == pytest.approx(expected, abs=0.005)


def test_the_week_is_visible_and_batch_works_at_weekends(frame: pd.DataFrame) -> None:
    means = frame.groupby(["server_type", "is_weekend"], observed=True)["net_in_p95"].mean().unstack()
    ratio = means[True] / means[False]
    assert ratio["web"] == pytest.approx(0.5, abs=0.03)
    assert ratio["batch"] == pytest.approx(1.2, abs=0.03)


def test_the_last_five_days_of_a_quarter_ramp_up_to_thirty_percent(frame: pd.DataFrame) -> None:
    march = frame[(frame["year"] == 2023) & (frame["month"] == 3) & (frame.index.day >= 25)]
    assert march.groupby(level=0)["is_eoq"].first().tolist() == [False] * 2 + [True] * 5
    working = frame[~frame["is_weekend"] & (frame["is_eoq"] | ~frame["is_holiday"])]
    last_day = working[(working.index.day == 31) & (working.index.month == 3)]
    ordinary = working[~working["is_eoq"]]
    assert last_day["net_in_p95"].mean() / ordinary["net_in_p95"].mean() == pytest.approx(1.30, abs=0.05)


def test_the_last_week_of_december_is_quiet_in_spite_of_the_quarter_end(frame: pd.DataFrame) -> None:
    quiet = frame[(frame.index.month == 12) & (frame.index.day >= 25)]
    assert quiet["is_holiday"].all()
    # 0.6 on the first two days, at best 0.6 · 1.30 = 0.78 on the last.
    assert quiet["net_in_p95"].mean() / frame["net_in_p95"].mean() == pytest.approx(0.68, abs=0.05)


def test_new_year_and_independence_day_and_thanksgiving_are_holidays(frame: pd.DataFrame) -> None:
    flagged = frame.index[frame["is_holiday"] & (frame["year"] == 2024)].unique()
    expected = [f"2024-11-{day}" for day in range(22, 29)] + [f"2024-12-{day}" for day in range(24, 32)]
    assert [f"{day:%Y-%m-%d}" for day in flagged] == ["2024-01-01", "2024-07-04", *expected]


def test_the_calendar_columns_agree_with_the_index(frame: pd.DataFrame) -> None:
    assert (frame["year"] == frame.index.year).all()
    assert (frame["month"] == frame.index.month).all()
    assert (frame["quarter"] == frame.index.quarter).all()
    assert (frame["dayofweek"] == frame.index.dayofweek).all()


def test_metadata_uses_the_documented_words(frame: pd.DataFrame) -> None:
    assert set(frame["business_unit"]) == {"Trading", "Retail", "Compliance", "IT"}
    assert set(frame["criticality"]) == {"High", "Medium", "Low"}
    assert set(frame["region"]) == {"US-East", "US-West", "EU", "Asia"}


def test_a_seed_fixes_the_fleet_and_another_changes_it() -> None:
    first, again, other = (reference_frame(servers=5, days=30, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["cpu_p95"].equals(other["cpu_p95"])


def test_by_the_hour_web_servers_do_1_6_times_the_work_from_nine_to_six() -> None:
    frame = reference_frame(servers=20, start=date(2023, 2, 1), days=28, granularity="hour")
    assert len(frame) == 20 * 28 * 24
    web = frame[(frame["server_type"] == "web") & ~frame["is_weekend"]]
    busy = (web.index.hour >= 9) & (web.index.hour <= 17)
    assert web["net_in_p95"][busy].mean() / web["net_in_p95"][~busy].mean() == pytest.approx(1.6, abs=0.05)
