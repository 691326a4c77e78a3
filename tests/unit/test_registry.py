"""What may be registered, proposed and promoted; no MLflow and no lake."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.forecasting import spec
from pipeline.forecasting.gates import judge
from pipeline.forecasting.panel import Panel
from pipeline.forecasting.rows import forecast_rows
from pipeline.forecasting.selection import choose, horizon_of, margin, overrides, propose, typical_skill
from pipeline.forecasting.spec import Champion, Spec, Version, model_name, parse_spec
from pipeline.registry.ledger import previous_champion
from pipeline.settings import Settings
from pipeline.tables.columns import QUANTILES

SPEC = Spec("cpu_utilization", "hour", "ridge", 24, QUANTILES, "c0de", {"damping": 0.3})


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def panel(values: np.ndarray, step: str = "hour") -> Panel:
    n = len(values)
    names = np.array([f"a/r/i-{row}/cpu_utilization" for row in range(n)])
    end = np.full(n, np.datetime64("2026-03-27T00:00:00", "us"))
    return Panel(names, np.full(n, "cpu_utilization"), end, step, values.astype(np.float64), np.full(n, 100.0))  # type: ignore[arg-type]


def test_a_spec_survives_storage() -> None:
    assert parse_spec(SPEC.text(), SPEC.sha256()) == SPEC


def test_a_spec_forecasts_as_its_forecaster_does_with_its_parameters() -> None:
    from pipeline.forecasters import ridge

    history = panel(40 + 20 * np.sin(np.arange(480) * 2 * np.pi / 24)[None, :] + np.arange(480) % 7)
    expected = ridge.forecast(history, 24, QUANTILES, ridge.Options(damping=0.3))
    np.testing.assert_array_equal(SPEC.forecast(history), expected)
    assert not np.array_equal(expected, ridge.forecast(history, 24, QUANTILES, ridge.Options(damping=1.0)))


def test_a_spec_changed_after_registration_is_refused() -> None:
    changed = SPEC.text().replace("ridge", "prophet")
    with pytest.raises(DataError, match="changed after registration"):
        parse_spec(changed, SPEC.sha256())


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("forecaster", "../../tmp/evil", "names the forecaster"),
        ("forecaster", "os.system", "names the forecaster"),
        ("forecaster", "_fallback", "names the forecaster"),
        ("forecaster", "", "names the forecaster"),
        ("forecaster", ["ridge"], "names the forecaster"),
        ("params", {"panel": 1}, "ridge: there is no option 'panel'"),
        ("params", {"damping": {"__import__": "os"}}, "ridge: damping"),
        ("params", {"damping": 2.0}, "damping=2.0: .* less than or equal to 1"),
        ("params", [], "params is an object"),
        ("horizon", 0, "horizon"),
        ("horizon", 10**9, "horizon"),
        ("horizon", True, "horizon"),
        ("horizon", "24", "horizon"),
        ("quantiles", [0.9, 0.1], "quantiles"),
        ("quantiles", [0.5, 1.5], "quantiles"),
        ("quantiles", [], "quantiles"),
        ("quantiles", ["0.5"], "quantiles"),
        ("quantiles", [0.5, None], "quantiles"),
        ("quantiles", None, "not a spec"),
        ("granularity", "minute", "granularity"),
        ("code", "import os", "not a spec"),
        ("overrides", [], "overrides is an object"),
        ("overrides", {"a/r/i-1/cpu": {"__import__": "os"}}, "overrides is an object"),
        ("overrides", {"a/r/i-1/cpu": "os.system"}, r"overrides by the forecasters \['os.system'\]"),
    ],
)
def test_a_spec_with_a_lawful_hash_but_unlawful_content_is_refused(key: str, value: Any, complaint: str) -> None:
    text = json.dumps({**json.loads(SPEC.text()), key: value})
    with pytest.raises(DataError, match=complaint):
        parse_spec(text, sha256(text))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"forecaster": "ridge"}', "\x80"])
def test_what_is_not_a_spec_at_all_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="not a spec"):
        parse_spec(text, sha256(text))


def test_metrics_with_the_sources_own_names_get_model_names_that_mlflow_allows_and_that_differ() -> None:
    assert model_name("cpu_utilization", "hour") == "headroom-cpu_utilization-hour"
    odd = {model_name(metric, "day") for metric in ("AWS/EC2:Credits", "AWS:EC2/Credits", "AWS_EC2_Credits")}
    assert len(odd) == 3
    assert not any(set("/:") & set(name) for name in odd)


# ---------------------------------------------------------------- what a training proposes


def summary(series: int = 100, coverage: dict[str, float] | None = None, **scores: tuple[float, float, float]) -> pd.DataFrame:
    """model → (scaled pinball, mase, CPU seconds), with skill against seasonal_naive, of so many series."""
    table = pd.DataFrame([{"model": m, "scaled_pinball": p, "mase": e, "cpu_s": c} for m, (p, e, c) in scores.items()])
    floor = table.loc[table["model"] == "seasonal_naive"].iloc[0]
    for name in ("scaled_pinball", "mase"):
        table[f"skill_{name}"] = 1 - table[name] / floor[name]
    covered = table["model"].map(coverage or {}).fillna(0.9)
    return table.assign(skill_typical=table["skill_scaled_pinball"], series=series, coverage_90=covered)


def test_the_model_with_the_lowest_pinball_loss_is_proposed() -> None:
    assert propose(summary(seasonal_naive=(0.40, 1.0, 0.01), ridge=(0.30, 0.8, 0.1), default=(0.25, 0.7, 0.2))) == "default"


def test_a_model_that_beats_seasonal_naive_on_one_score_only_is_not_proposed() -> None:
    found = propose(summary(seasonal_naive=(0.40, 1.0, 0.01), prophet=(0.30, 1.1, 9.0), ridge=(0.41, 0.9, 0.1)))
    assert found == "seasonal_naive"


def test_a_model_with_a_far_lower_pinball_loss_is_proposed_though_its_mase_is_a_hair_higher() -> None:
    naive = (0.40, 6.955, 0.01)
    assert propose(summary(seasonal_naive=naive, default=(0.336, 6.978, 0.1))) == "default"
    assert propose(summary(seasonal_naive=naive, default=(0.336, 7.03, 0.1))) == "seasonal_naive"


def test_of_models_better_than_seasonal_naive_one_with_its_interval_in_order_is_proposed() -> None:
    found = {"seasonal_naive": (0.40, 1.0, 0.01), "default": (0.25, 0.7, 0.1), "ridge": (0.30, 0.8, 0.1)}
    assert propose(summary(coverage={"default": 0.74}, **found)) == "ridge"
    assert propose(summary(coverage={"default": 0.76}, **found)) == "default"
    assert propose(summary(coverage={"default": 0.66, "ridge": 0.6}, **found)) == "default"


@pytest.mark.parametrize(("series", "needed"), [(1, 0.24), (4, 0.12), (16, 0.06), (576, 0.01), (10_000, 0.01)])
def test_the_fewer_series_say_so_the_more_a_challenger_must_gain_on_what_serves(series: int, needed: float) -> None:
    assert margin(series) == pytest.approx(needed)
    found = {"seasonal_naive": (0.40, 1.0, 0.01), "default": (0.25, 0.7, 0.1)}
    for gain, proposed in ((needed - 0.002, "default"), (needed + 0.002, "ridge")):
        given = summary(series, **found, ridge=(0.25 * (1 - gain), 0.6, 0.1))
        assert propose(given, incumbent="default") == proposed
    assert propose(summary(series, **found, ridge=(0.249, 0.6, 0.1)), incumbent="seasonal_naive") == "ridge"


def test_what_serves_is_not_proposed_where_it_is_worse_than_seasonal_naive_or_out_of_order() -> None:
    found = {"seasonal_naive": (0.40, 1.0, 0.01), "ridge": (0.249, 0.6, 0.1)}
    assert propose(summary(4, **found, default=(0.41, 1.1, 0.1)), incumbent="default") == "ridge"
    assert propose(summary(4, {"default": 0.6}, **found, default=(0.25, 0.7, 0.1)), incumbent="default") == "ridge"


def test_a_model_that_wins_on_one_large_series_and_loses_on_most_is_not_proposed() -> None:
    losses = {"seasonal_naive": [9.0, 0.2, 0.2, 0.2], "ridge": [6.0, 0.3, 0.3, 0.3]}
    scored = pd.DataFrame(
        [{"series_id": i, "model": m, "scaled_pinball": p} for m, found in losses.items() for i, p in enumerate(found)]
    )
    skill = typical_skill(scored)
    assert skill["seasonal_naive"] == 0
    assert skill["ridge"] == pytest.approx(1 - (6 / 9 * 1.5**3) ** 0.25)
    means = summary(seasonal_naive=(2.4, 1.0, 0.01), ridge=(1.725, 0.8, 0.1))
    assert propose(means) == "ridge"
    assert propose(means.assign(skill_typical=means["model"].map(skill))) == "seasonal_naive"


def test_of_two_equal_models_the_one_at_a_tenth_of_a_high_cost_is_proposed() -> None:
    equal = {"seasonal_naive": (0.40, 1.0, 0.01), "prophet": (0.300, 0.8, 9.0)}
    assert propose(summary(**equal, ridge=(0.302, 0.8, 0.1))) == "ridge"
    assert propose(summary(**equal, ridge=(0.302, 0.8, 5.0))) == "prophet"
    assert propose(summary(**equal, ridge=(0.31, 0.8, 0.1))) == "prophet"
    assert propose(summary(**equal, ridge=(0.302, 0.8, 0.1)), windows=1000) == "prophet"


def test_a_model_without_finite_scores_is_not_proposed() -> None:
    nan = float("nan")
    assert propose(summary(seasonal_naive=(nan, nan, 0.01), ridge=(nan, nan, 0.1))) == "seasonal_naive"


def test_the_horizon_leaves_room_for_every_window_and_twice_itself_of_history() -> None:
    two_weeks = panel(np.ones((3, 336)))
    assert horizon_of(two_weeks, windows=4, longest=168) == 48
    assert horizon_of(panel(np.ones((3, 24 * 365))), windows=4, longest=168) == 168
    assert horizon_of(panel(np.ones((3, 30))), windows=4, longest=168) == 24


def test_series_are_chosen_evenly_among_those_with_history_and_variation() -> None:
    values = np.tile(np.arange(200.0), (10, 1))
    values[0] = 5.0  # constant
    values[1, :150] = np.nan  # short
    values[2] = np.nan  # empty
    chosen = choose(panel(values), least=100, most=3)
    assert [name.split("/")[2] for name in chosen.series_id] == ["i-3", "i-6", "i-9"]
    assert len(choose(panel(values), least=100, most=40)) == 7


# ---------------------------------------------------------------- one series by another forecaster

WINDOWS = 4


def scored(**losses: tuple[float, float]) -> pd.DataFrame:
    """model → (scaled pinball, MASE) on the one series i-1."""
    rows = [{"series_id": "i-1", "model": m, "scaled_pinball": p, "mase": e, "windows": 4} for m, (p, e) in losses.items()]
    return pd.DataFrame(rows)


def overridden(table: pd.DataFrame, margin: float = 0.1, candidates: tuple[str, ...] = ("ridge", "seasonal_naive")) -> Any:
    return overrides(table, "default", candidates, WINDOWS, margin)


@pytest.mark.parametrize(
    ("ridge", "by"),
    [
        ((0.17, 0.44), {"i-1": "ridge"}),
        ((0.19, 0.40), {}),  # MASE alone is better by a tenth
        ((0.17, 0.46), {}),  # pinball loss alone
        ((0.18, 0.45), {}),  # by a tenth exactly
        ((float("nan"), float("nan")), {}),
    ],
)
def test_a_series_is_overridden_only_by_what_beats_the_segments_forecaster_by_a_tenth_on_both_scores(
    ridge: tuple[float, float], by: dict[str, str]
) -> None:
    assert overridden(scored(seasonal_naive=(0.3, 0.9), ridge=ridge, default=(0.2, 0.5))) == by


def test_a_series_is_never_overridden_by_what_is_worse_than_seasonal_naive_which_itself_may() -> None:
    table = scored(seasonal_naive=(0.1, 0.3), ridge=(0.09, 0.4), default=(0.2, 0.5))
    assert overridden(table) == {"i-1": "seasonal_naive"}
    assert overridden(table, candidates=("ridge",)) == {}


def test_of_two_that_could_override_the_one_with_the_lower_pinball_loss_does() -> None:
    table = scored(seasonal_naive=(0.15, 0.40), ridge=(0.14, 0.40), default=(0.2, 0.5))
    assert overridden(table) == {"i-1": "ridge"}


def test_a_series_that_was_not_in_every_window_is_not_overridden() -> None:
    table = scored(seasonal_naive=(0.3, 0.9), ridge=(0.1, 0.2), default=(0.2, 0.5))
    assert overridden(table.assign(windows=WINDOWS - 1)) == {}


def test_a_margin_of_everything_overrides_nothing_and_is_the_default(settings: Settings) -> None:
    table = scored(seasonal_naive=(0.3, 0.9), ridge=(0.0, 0.0), default=(0.2, 0.5))
    assert settings.override_margin == 1
    assert overridden(table, settings.override_margin) == {}
    assert overridden(table, 0.99) == {"i-1": "ridge"}


def test_an_overridden_series_names_who_forecast_it_and_changes_no_other_and_one_that_vanished_is_nobodys(
    settings: Settings,
) -> None:
    rng = np.random.default_rng(3)
    block = panel(np.clip(40 + 20 * np.sin(np.arange(480) * 2 * np.pi / 24) + rng.normal(0, 3, (3, 480)), 0, 100))
    as_of, units = datetime(2026, 3, 27, 1), ["percent"] * 3
    by = {str(block.series_id[1]): "seasonal_naive", "a/r/i-gone/cpu_utilization": "prophet"}

    def published(forecaster: str, overrides: dict[str, str] | None = None) -> pd.DataFrame:
        rows = forecast_rows(block, units, as_of, settings.horizon_hours, Champion(forecaster, "7", {}, overrides or {}))
        return pd.DataFrame(rows.to_pydict())

    plain, naive, mixed = published("ridge"), published("seasonal_naive"), published("ridge", by)

    assert mixed.groupby("series_id")["model"].unique().map(list).tolist() == [["ridge"], ["seasonal_naive"], ["ridge"]]
    assert set(mixed["model_version"]) == {"7"}
    other = mixed["series_id"] == block.series_id[1]
    np.testing.assert_array_equal(mixed.loc[~other, "value"], plain.loc[~other, "value"])
    np.testing.assert_array_equal(mixed.loc[other, "value"], naive.loc[other, "value"])
    assert not np.array_equal(plain["value"], naive["value"])


# ---------------------------------------------------------------- gates


def row(model: str, pinball: float | None, mase: float | None, coverage: float | None = 0.9, **more: Any) -> dict[str, Any]:
    measured = {"model": model, "scaled_pinball": pinball, "mase": mase, "coverage_90": coverage, "skill": 0.1, "series": 1000}
    return {**measured, "bias": 0.0, "compared_with": "ridge", "p_value": 0.01, **more}


def scores(**given: tuple[float | None, float | None] | tuple[float, float, float]) -> dict[str, dict[str, Any]]:
    return {model: row(model, *values) for model, values in given.items()}


RIDGE, DEFAULT = Version("2", "ridge", "sha-ridge"), Version("3", "default", "sha-default")
NAIVE = Version("1", "seasonal_naive", "sha-naive")


def test_a_challenger_that_beats_seasonal_naive_is_the_first_champion() -> None:
    verdict = judge(RIDGE, None, scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8)))
    assert verdict.decision == "promoted"
    assert "scaled pinball 0.3, MASE 0.8" in verdict.reason


@pytest.mark.parametrize(("pinball", "mase"), [(0.41, 0.8), (0.3, 1.011), (0.4, 0.8)])
def test_a_challenger_that_does_not_beat_seasonal_naive_is_rejected(pinball: float, mase: float) -> None:
    verdict = judge(RIDGE, None, scores(seasonal_naive=(0.4, 1.0), ridge=(pinball, mase)))
    assert verdict.decision == "rejected"
    assert "Not better than seasonal_naive (scaled pinball 0.4" in verdict.reason


def test_seasonal_naive_itself_may_be_champion_where_nothing_beats_it() -> None:
    assert judge(NAIVE, None, scores(seasonal_naive=(0.4, 1.0))).decision == "promoted"


def test_seasonal_naive_replaces_a_champion_that_fell_behind_it() -> None:
    assert judge(NAIVE, RIDGE, scores(seasonal_naive=(0.4, 1.0), ridge=(0.39, 1.009))).decision == "rejected"
    verdict = judge(NAIVE, RIDGE, scores(seasonal_naive=(0.4, 1.0), ridge=(0.39, 1.2)))
    assert verdict.decision == "promoted"
    assert "no longer better than seasonal_naive" in verdict.reason


def test_a_challenger_must_be_a_percent_better_than_the_champion() -> None:
    naive = {"seasonal_naive": (0.4, 1.0), "ridge": (0.300, 0.8)}
    assert judge(DEFAULT, RIDGE, scores(**naive, default=(0.298, 0.7))).decision == "rejected"
    assert judge(DEFAULT, RIDGE, scores(**naive, default=(0.31, 0.7))).decision == "rejected"
    assert judge(DEFAULT, RIDGE, scores(**naive, default=(0.296, 0.8))).decision == "promoted"


def test_of_four_series_a_challenger_must_be_an_eighth_better_than_the_champion() -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.300, 0.8), default=(0.268, 0.7))
    given["default"]["series"] = 4
    verdict = judge(DEFAULT, RIDGE, given)
    assert verdict.decision == "rejected"
    assert "less than the 12.0% that a change takes where 4 series say so" in verdict.reason
    given["default"]["scaled_pinball"] = 0.262
    assert judge(DEFAULT, RIDGE, given).decision == "promoted"


def test_the_very_model_that_serves_is_kept_whatever_its_version_number() -> None:
    verdict = judge(RIDGE._replace(version="9"), RIDGE, scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8)))
    assert verdict.decision == "kept"


def test_the_champions_forecaster_with_new_code_takes_its_place() -> None:
    newer = RIDGE._replace(version="9", spec_sha256="sha-ridge-new-code")
    assert judge(newer, RIDGE, scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8))).decision == "promoted"


def test_a_challenger_whose_interval_promises_far_too_much_is_rejected_whoever_serves() -> None:
    beside = {"seasonal_naive": (0.4, 1.0), "default": (0.2, 0.5, 0.60)}
    for serving in (0.88, 0.50):
        assert judge(DEFAULT, RIDGE, scores(**beside, ridge=(0.3, 0.8, serving))).decision == "rejected"


def test_a_champion_whose_interval_is_in_order_stays_when_a_challenger_is_rejected() -> None:
    verdict = judge(DEFAULT, RIDGE, scores(seasonal_naive=(0.4, 1.0), default=(0.2, 0.5, 0.60), ridge=(0.3, 0.8, 0.88)))
    assert (verdict.champion, verdict.serves, verdict.soundness, verdict.coverage_90) == (RIDGE, RIDGE, "sound", 0.88)


def test_a_challenger_in_order_takes_the_place_of_a_champion_that_is_not() -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8, 0.6), default=(0.299, 0.8, 0.85))
    verdict = judge(DEFAULT, RIDGE, given)
    assert verdict[0] == "promoted"
    assert verdict[2:] == (DEFAULT, DEFAULT, "sound", 0.85)
    assert "The champion's 90 % interval is off by more than 15%" in verdict.reason


def test_where_nothing_passes_and_nobody_is_champion_the_lower_pinball_loss_serves_as_unsound() -> None:
    # Cost in the demo: seasonal naive covers 59 %, the challenger 66 % at a sixth less loss and .3 % more MASE.
    cost = scores(seasonal_naive=(0.4, 6.955, 0.59), default=(0.336, 6.978, 0.66))
    verdict = judge(DEFAULT, None, cost)
    assert verdict[0] == "rejected"
    assert verdict[2:] == (None, DEFAULT, "unsound", 0.66)
    assert verdict.reason.endswith("Nothing passed the gates: default serves as unsound, its 90 % interval covers 66%.")

    worse = judge(DEFAULT, None, scores(seasonal_naive=(0.4, 1.0, 0.59), default=(0.41, 1.1, 0.66)))
    assert (worse.serves, worse.soundness, worse.coverage_90) == (Version("none", "seasonal_naive", ""), "unsound", 0.59)


def test_seasonal_naive_too_is_no_champion_while_its_interval_is_out_of_order() -> None:
    verdict = judge(NAIVE, None, scores(seasonal_naive=(0.4, 1.0, 0.59)))
    assert verdict[0] == "rejected"
    assert verdict[2:] == (None, NAIVE, "unsound", 0.59)


def test_a_champion_that_fell_out_of_order_loses_its_seat_to_the_lowest_loss_and_keeps_it_if_that_is_its_own() -> None:
    given = scores(seasonal_naive=(0.4, 1.0, 0.6), ridge=(0.3, 0.8, 0.5), default=(0.2, 0.5, 0.6))
    assert judge(DEFAULT, RIDGE, given)[2:] == (None, DEFAULT, "unsound", 0.6)
    given["default"]["scaled_pinball"] = 0.3
    assert judge(DEFAULT, RIDGE, given)[2:] == (RIDGE, RIDGE, "unsound", 0.5)
    # The same model once more is kept, and said to be out of order.
    kept = judge(RIDGE, RIDGE, given)
    assert (kept.decision, kept.champion, kept.soundness) == ("kept", RIDGE, "unsound")


def test_neither_a_newer_version_nor_a_weak_champion_excuses_an_interval_that_promises_too_much() -> None:
    newer = scores(seasonal_naive=(0.4, 1.0, 0.9), ridge=(0.2, 0.5, 0.40))
    again = Version("9", "ridge", "sha-ridge-again")
    newer["ridge"]["coverage_90"] = 0.40
    before = {**newer, "ridge (serving)": newer["ridge"] | {"model": "ridge", "coverage_90": 0.9}}
    assert judge(again, RIDGE, before).decision == "rejected"
    weak = scores(seasonal_naive=(0.4, 1.0, 0.9), ridge=(0.5, 1.2, 0.9), default=(0.2, 0.5, 0.40))
    assert judge(DEFAULT, RIDGE, weak).decision == "rejected"
    sound = scores(seasonal_naive=(0.4, 1.0, 0.9), ridge=(0.5, 1.2, 0.9), default=(0.2, 0.5, 0.88))
    assert judge(DEFAULT, RIDGE, sound).decision == "promoted"


def test_a_first_champion_too_must_cover_what_it_promises_however_little_seasonal_naive_does() -> None:
    wide = scores(seasonal_naive=(0.4, 1.0, 0.9), default=(0.2, 0.5, 0.60))
    verdict = judge(DEFAULT, None, wide)
    assert (verdict.decision, "interval is off by more than 15%" in verdict.reason) == ("rejected", True)
    wide["seasonal_naive"]["coverage_90"] = 0.5
    assert judge(DEFAULT, None, wide).decision == "rejected"


@pytest.mark.parametrize("bias", [1.2, -1.2, None])
def test_a_challenger_whose_median_leans_by_more_than_a_naive_error_is_rejected(bias: float | None) -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8), default=(0.2, 0.5))
    given["default"]["bias"] = bias
    for champion in (None, RIDGE):
        verdict = judge(DEFAULT, champion, given)
        assert (verdict.decision, "bias is beyond ±1.00" in verdict.reason) == ("rejected", True)
    given["ridge"]["bias"] = -1.1
    assert judge(DEFAULT, RIDGE, given).decision == ("rejected" if bias is None else "promoted")


def test_a_challenger_may_lean_a_quarter_further_than_the_champion_and_no_more() -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8), default=(0.2, 0.5))
    given["ridge"]["bias"] = -1.2
    given["default"]["bias"] = 1.49
    assert judge(DEFAULT, RIDGE, given).decision == "promoted"
    given["default"]["bias"] = 1.51
    verdict = judge(DEFAULT, RIDGE, given)
    assert (verdict.decision, "bias is beyond ±1.50" in verdict.reason) == ("rejected", True)


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ({"p_value": 0.2}, "p = 0.2 is not under 0.05"),
        ({"p_value": None}, "too few series and windows to tell that from chance"),
        ({"compared_with": "prophet"}, "tested against prophet, not against the champion that serves now"),
        ({"compared_with": None}, "tested against none"),
    ],
)
def test_a_lower_loss_that_may_be_chance_does_not_unseat_a_champion(measured: dict[str, Any], said: str) -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8), default=(0.2, 0.5))
    given["default"] |= measured
    verdict = judge(DEFAULT, RIDGE, given)
    assert (verdict.decision, said in verdict.reason) == ("rejected", True)
    assert judge(DEFAULT, None, given).decision == "promoted"


def test_nothing_is_promoted_that_was_trained_on_data_that_failed_a_critical_expectation() -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8))
    verdict = judge(RIDGE, None, given, failed=["silver.metric_daily p95: not null, as of 2026-04-01 00:00"])
    assert verdict.decision == "rejected"
    assert "failed 1 critical expectations: silver.metric_daily p95" in verdict.reason


def test_the_reason_of_a_decision_names_every_figure_it_was_taken_by() -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8, 0.88), default=(0.2, 0.5, 0.91))
    given["default"]["bias"] = -0.25
    assert judge(DEFAULT, RIDGE, given).reason == (
        "default: scaled pinball 0.2, MASE 0.5, skill +10.0%, 90 % interval covers 91%, bias -0.250, against the champion ridge: "
        "scaled pinball 0.3, MASE 0.8, skill +10.0%, 90 % interval covers 88%, bias +0.000. 33.3% less scaled pinball, p = 0.01."
    )


def test_a_champion_with_other_parameters_is_judged_by_its_own_figures() -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.2, 0.5))
    given["ridge (serving)"] = row("ridge (serving)", 0.201, 0.6)
    tuned = RIDGE._replace(version="9", spec_sha256="sha-tuned")
    assert judge(tuned, RIDGE, given).decision == "rejected"
    given["ridge (serving)"]["scaled_pinball"] = 0.3
    given["ridge"]["compared_with"] = "ridge (serving)"
    assert judge(tuned, RIDGE, given).decision == "promoted"


def test_a_champion_that_was_not_in_the_backtest_gives_way_to_a_challenger_that_was() -> None:
    assert judge(DEFAULT, RIDGE, scores(seasonal_naive=(0.4, 1.0), default=(0.3, 0.8))).decision == "promoted"


@pytest.mark.parametrize("missing", ["challenger", "floor"])
def test_without_finite_scores_nothing_is_promoted(missing: str) -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8))
    given["ridge" if missing == "challenger" else "seasonal_naive"]["scaled_pinball"] = None
    verdict = judge(RIDGE, None, given)
    assert (verdict.decision, "no finite score" in verdict.reason) == ("rejected", True)
    serves = NAIVE._replace(version="none", spec_sha256="") if missing == "challenger" else RIDGE
    assert (verdict.serves, verdict.soundness) == (serves, "unsound")


def test_where_nothing_has_a_score_nothing_is_said_of_what_serves() -> None:
    given = scores(seasonal_naive=(None, None), ridge=(None, None))
    assert judge(RIDGE, None, given)[2:] == (None, None, "unjudged", None)


def test_a_model_that_a_person_rolled_back_does_not_come_back_by_itself() -> None:
    given = scores(seasonal_naive=(0.4, 1.0), ridge=(0.3, 0.8), default=(0.2, 0.6))
    assert judge(DEFAULT, RIDGE, given, frozenset({"sha-default"})).decision == "rejected"
    for row_of in given.values():
        row_of["coverage_90"] = 0.5
    assert judge(DEFAULT, None, given, frozenset({"sha-default"})).serves == Version("none", "seasonal_naive", "")


def test_the_previous_champion_is_the_last_other_version_that_served() -> None:
    def decision(champion: str, version: str) -> dict[str, Any]:
        return {"champion": champion, "champion_version": version}

    history = [decision("none", "none"), decision("ridge", "1"), decision("default", "2"), decision("default", "2")]
    assert previous_champion(history) == ("ridge", "1")
    assert previous_champion(history[:2]) is None
    assert previous_champion([]) is None


def code_version(root: Path) -> str:
    spec.code_sha256.cache_clear()
    return spec.code_sha256(root)


def test_the_version_of_the_code_changes_with_a_forecaster_and_with_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "forecasters").mkdir()
    (tmp_path / "forecasters" / "ridge.py").write_text("1")
    first = code_version(tmp_path)
    (tmp_path / "cli.py").write_text("1")
    assert code_version(tmp_path) == first
    (tmp_path / "forecasters" / "ridge.py").write_text("2")
    assert code_version(tmp_path) != first


def test_one_byte_in_any_file_that_decides_a_training_is_another_version_of_the_code(tmp_path: Path) -> None:
    package = Path(spec.__file__).parents[1]
    for folder in spec.CODE:
        shutil.copytree(package / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    before, files = code_version(tmp_path), sorted(tmp_path.rglob("*.py"))
    assert before == code_version(package)
    assert {file.parent.name for file in files} == {"forecasting", "forecasters", "features", "capacity"}

    for file in files:
        text = file.read_bytes()
        file.write_bytes(text[:-1] + b" ")
        assert code_version(tmp_path) != before, file.name
        file.write_bytes(text)

    assert code_version(tmp_path) == before
    (tmp_path / "capacity" / "new.py").write_text("")
    assert code_version(tmp_path) != before
