"""What the presets of a size come to, as options of the rule and as rules of their own."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import plugs
from pipeline.capacity.peak import peak_demand
from pipeline.capacity.percentile import percentile
from pipeline.capacity.sizing import CPU, MEMORY, PRESETS, RULES, capacity_at_chance, look_at
from pipeline.errors import ConfigError
from tests.support.instances import HOURS, one, rest, series

# Of 336 hours in any order: P90 is 16 %, P95 17 %, P99.5 38 %.
_RANK = np.random.default_rng(3).permutation(len(HOURS))
_LEVEL = np.select([_RANK < 10, _RANK < 30], [38.0, 17.0], 16.0)
#: What each preset takes for an m5.4xlarge that is used so.
TAKEN = {"max_savings": "m8a.large", "balanced": "c5.xlarge", "default": "m5.2xlarge", "max_performance": None}


def taken(preset: str, level: np.ndarray) -> str | None:
    given = plugs.check_options("recommenders", "rightsize", {"preset": preset})
    estate = one("m5.4xlarge", series("cpu_utilization", level), *rest(memory_utilization=5.0))
    [row] = plugs.bind("recommenders", "rightsize", given)(estate).to_dict("records")
    return row["target_config"]


def seen(level: np.ndarray, hours: int = 336):
    ts = np.datetime64("2026-01-01", "us") + np.arange(hours) * np.timedelta64(1, "h")
    values = np.broadcast_to(np.asarray(level, dtype=float), hours)
    return look_at(ts, values, values, 30)


def test_compute_optimizers_presets_are_as_it_documents_them() -> None:
    stated = {name: (one.quantile_pct, one.cpu_headroom_pct, one.memory_headroom_pct) for name, one in PRESETS.items()}

    assert stated["max_savings"] == (90, 0, 10)
    assert stated["balanced"] == (95, 30, 30)
    assert stated["default"] == (99.5, 20, 20)
    assert stated["max_performance"] == (99.5, 30, 30)
    assert {PRESETS[name].max_breach_probability for name in TAKEN} == {1.0}


def test_what_a_preset_says_of_an_option_yields_to_the_option_itself() -> None:
    told = plugs.check_options("recommenders", "rightsize", {"preset": "max_savings", "cpu_headroom_pct": 35})

    assert (told.quantile_pct, told.cpu_headroom_pct, told.memory_headroom_pct) == (90, 35, 10)
    assert plugs.check_options("recommenders", "rightsize", {}).max_breach_probability == 0.1
    with pytest.raises(ConfigError, match="preset"):
        plugs.check_options("recommenders", "rightsize", {"preset": "cheapest"})


@pytest.mark.parametrize("preset", TAKEN)
def test_each_preset_of_compute_optimizer_takes_a_size_of_its_own_for_the_same_machine(preset: str) -> None:
    assert taken(preset, _LEVEL) == TAKEN[preset]


def test_a_chance_that_decides_keeps_a_size_that_a_percentile_alone_would_give_up() -> None:
    assert taken("default", _LEVEL) == "m5.2xlarge"
    assert taken("ours", _LEVEL) is None


def test_a_chance_is_that_of_the_capacity_that_it_asks_for() -> None:
    hours = np.datetime64("2026-01-01", "us") + np.arange(336) * np.timedelta64(1, "h")
    future = peak_demand(hours, np.random.default_rng(0).uniform(0.1, 0.3, 336))

    assert future.breach_probability(capacity_at_chance(future, 0.05)) == pytest.approx(0.05, abs=1e-6)
    with pytest.raises(ValueError, match="between 0 and 1"):
        capacity_at_chance(future, 1.0)


@pytest.mark.parametrize("pct", [0, 50, 90, 99, 99.5, 100])
def test_a_percentile_is_numpys_to_the_last_bit(pct: float) -> None:
    rng = np.random.default_rng(0)

    for hours in (1, 2, 3, 336, 671, 672):
        values = rng.lognormal(2, 1, hours)
        assert percentile(values, pct) == float(np.percentile(values, pct))


def test_each_rule_asks_for_what_its_origin_says() -> None:
    steady = seen(np.full(336, 0.3))
    asked = {name: rule(CPU, steady) for name, rule in RULES.items()}

    assert asked["CO max savings"] == pytest.approx(0.3)
    assert asked["CO balanced"] == asked["CO max performance"] == pytest.approx(0.3 / 0.7)
    assert asked["CO default"] == asked["Cost Explorer"] == pytest.approx(0.3 / 0.8)
    assert asked["KRR"] == pytest.approx(0.3)
    assert asked["VPA"] == pytest.approx(0.3 * 1.15)
    assert RULES["KRR"](MEMORY, steady) == pytest.approx(0.3 * 1.15)
    assert RULES["Cost Explorer"](CPU, seen(np.full(336, 0.45))) == np.inf


def test_of_demand_that_fell_vpa_forgets_the_old_days_within_days() -> None:
    fell = seen(np.where(np.arange(336) < 240, 0.8, 0.2))

    assert RULES["VPA"](CPU, fell) == pytest.approx(0.2 * 1.15)
    assert RULES["CO default"](CPU, fell) == pytest.approx(1.0)


def test_nothing_smaller_will_do_for_a_machine_whose_saturation_hides_what_is_wanted() -> None:
    saturated = seen(np.where(np.arange(336) % 50 == 0, 1.0, 0.2))

    assert RULES["ours"](CPU, saturated) == np.inf
    assert np.isfinite(RULES["CO max savings"](CPU, saturated))
