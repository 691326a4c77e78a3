"""What a replay of sizing rules counts, on machines whose hours are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.advice.ladder import make_ladder
from pipeline.capacity.replay import NO_CHANGE, ORACLE, Ladder, Machine, decisions, replay
from pipeline.capacity.replay_score import brier, equal_risk, reliability, summarise
from pipeline.capacity.sizing import RULES
from pipeline.errors import ConfigError, DataError
from pipeline.own_files.replay import choose_days, read_machines, read_prices, replay_file
from pipeline.recommenders import rightsize
from tests.support.instances import PRICES, one, rest, series

LADDER = Ladder(("small", "half", "now"), np.array([0.1, 0.2, 0.4]), {"cpu": np.array([0.25, 0.5, 1.0])})
START = np.datetime64("2026-01-01", "us")


def machine(name: str, level: np.ndarray | float, days: int = 21) -> Machine:
    hours = START + np.arange(24 * days) * np.timedelta64(1, "h")
    values = np.broadcast_to(np.asarray(level, dtype=float), len(hours))
    return Machine(name, hours, {"cpu": values}, {"cpu": values})


def noisy(seed: int, days: int = 28) -> Machine:
    random = np.random.default_rng(seed)
    values = np.minimum(random.lognormal(np.log(random.uniform(0.02, 0.4)), 0.3, 24 * days), 1.0)
    return machine(f"m{seed}", values, days)


def at_day(day: int, before: float, after: float, days: int = 21) -> np.ndarray:
    return np.where(np.arange(24 * days) < 24 * day, before, after)


def test_a_rule_sees_nothing_of_the_days_that_it_is_scored_on() -> None:
    quiet = replay([machine("a", 0.1)], LADDER, 14, 7)
    bursts = replay([machine("a", at_day(14, 0.1, 0.9))], LADDER, 14, 7)

    assert {name: needs["cpu"].tolist() for name, needs in quiet.needs.items()} == {
        name: needs["cpu"].tolist() for name, needs in bursts.needs.items()
    }
    assert quiet.stated.tolist() == bursts.stated.tolist()


def test_hours_above_the_size_taken_are_added_breaches_and_those_that_the_present_size_hides_are_not() -> None:
    ahead = np.concatenate([np.full(14 * 24, 0.1), np.full(10, 0.3), np.full(5, 0.6), np.full(20, 1.0), np.full(133, 0.1)])

    [row] = decisions(replay([machine("a", ahead)], LADDER, 14, 7)).set_index("rule").loc[["CO default"]].to_dict("records")

    assert row["size"] == "small"
    assert row["saving_pct"] == pytest.approx(75)
    assert (row["hours"], row["added_hours"], row["violates"]) == (168, 15, True)


def test_one_hour_in_a_hundred_is_no_violation_and_more_is() -> None:
    def violates(hours: int) -> bool:
        level = np.concatenate([np.full(14 * 24, 0.1), np.full(hours, 0.3), np.full(168 - hours, 0.1)])
        return bool(replay([machine("a", level)], LADDER, 14, 7).violates[0, 0])

    assert [violates(1), violates(2)] == [False, True]


def test_no_change_saves_and_breaks_nothing_and_the_oracle_saves_all_that_breaks_nothing() -> None:
    found = replay([noisy(seed) for seed in range(8)], LADDER, 14, 7)
    table = summarise(found).set_index("rule")

    assert table.loc[NO_CHANGE, ["saving_pct", "violating_pct"]].tolist() == [0, 0]
    assert table.loc[ORACLE, "violating_pct"] == 0
    assert 0 < table.loc[ORACLE, "saving_pct"] <= 75


def test_windows_do_not_overlap_and_need_nine_hours_in_ten_before_and_half_after() -> None:
    whole = machine("a", 0.1, 35)
    gaps = np.ones(len(whole.ts), dtype=bool)
    gaps[24 * 20 : 24 * 24] = False
    kept = Machine("a", whole.ts[gaps], {"cpu": whole.p95["cpu"][gaps]}, {"cpu": whole.peak["cpu"][gaps]})

    assert replay([whole], LADDER, 14, 7).start.astype("datetime64[D]").astype(str).tolist() == [
        "2026-01-15",
        "2026-01-22",
        "2026-01-29",
    ]
    # Of the second window four of seven days are there; of the days before the third too few.
    assert replay([kept], LADDER, 14, 7).start.astype("datetime64[D]").astype(str).tolist() == ["2026-01-15", "2026-01-25"]
    with pytest.raises(ValueError, match="no window has 14 days before its cutoff and 30 after it"):
        replay([whole], LADDER, 14, 30)


def test_at_equal_risk_a_rule_that_differs_by_a_factor_alone_saves_as_much_as_its_twin() -> None:
    rules = {"CO default": RULES["CO default"], "half as much again": lambda each, seen: 1.5 * RULES["CO default"](each, seen)}
    found = replay([noisy(seed) for seed in range(40)], LADDER, 14, 7, rules)

    plain, equal = summarise(found).set_index("rule")["saving_pct"], equal_risk(found, 10.0).set_index("rule")

    assert plain["half as much again"] < plain["CO default"] - 5
    assert equal.loc["half as much again", "beside_pct"] == pytest.approx(0, abs=1.5)
    assert (equal["beside_low"] <= equal["beside_pct"] + 1e-9).all()
    assert equal["violating_pct"].between(5, 16).all()


def test_one_machine_has_no_other_to_be_scored_on_and_so_no_figure_at_equal_risk() -> None:
    found = replay([noisy(1)], LADDER, 14, 7)

    assert equal_risk(found).drop(columns="rule").isna().all(axis=None)
    assert summarise(found)["saving_pct"].notna().all()


def test_every_figure_is_the_same_twice() -> None:
    def figures() -> list[pd.DataFrame]:
        found = replay([noisy(seed) for seed in range(6)], LADDER, 14, 7)
        return [summarise(found), equal_risk(found), reliability(found), decisions(found)]

    for first, second in zip(figures(), figures(), strict=True):
        pd.testing.assert_frame_equal(first, second)


def test_chances_of_what_always_happens_and_never_happens_score_better_than_how_often_it_does() -> None:
    found = replay([machine(f"b{n}", 0.9) for n in range(5)] + [machine(f"i{n}", 0.02) for n in range(5)], LADDER, 14, 7)

    ours, base = brier(found)

    assert base == pytest.approx(0.25)
    assert ours < 0.05
    assert reliability(found)["windows"].sum() == 20


def test_what_is_replayed_as_ours_is_what_the_rule_recommends() -> None:
    rng = np.random.default_rng(4)
    hours = len(series("cpu_utilization", 1.0))
    for top in rng.uniform(5, 60, 12):
        level = rng.uniform(0.5, 1.0, hours) * top
        estate = one("m5.2xlarge", series("cpu_utilization", level), *rest(memory_utilization=1.0))
        options = rightsize.Options(min_savings_usd=0, min_savings_pct=0, max_coremark_credit=1)
        [row] = rightsize.recommend(replace_prices(estate), options).to_dict("records")
        ts = estate.usage.loc[estate.usage["metric"] == "cpu_utilization", "hour"].to_numpy("datetime64[us]")
        names = ["m5.large", "m5.xlarge", "m5.2xlarge"]
        ladder = Ladder(tuple(names), np.array([0.096, 0.192, 0.384]), {"cpu": np.array([0.25, 0.5, 1.0])})
        both = np.concatenate([level, level[: 24 * 7]]) / 100
        ahead = np.concatenate([ts, ts[-1] + np.arange(1, 24 * 7 + 1) * np.timedelta64(1, "h")])
        found = replay([Machine("a", ahead, {"cpu": both}, {"cpu": both})], ladder, 14, 7)
        need = RULES["ours"]("cpu", look(ts, level))
        taken = next(name for name, size in zip(names, (0.25, 0.5, 1.0), strict=True) if size >= need or size == 1.0)
        assert (row["target_config"] or "m5.2xlarge") == taken, top
        assert len(found.hours) == 1


def replace_prices(estate):
    from dataclasses import replace

    return replace(estate, prices=PRICES.loc[PRICES["item"].isin(["m5.large", "m5.xlarge", "m5.2xlarge"])])


def look(ts: np.ndarray, level: np.ndarray):
    from pipeline.capacity.sizing import look_at

    return look_at(ts, level / 100, level / 100, 30)


# ---------------------------------------------------------------- a user's file


def write_trace(path: Path, days: int = 35, **columns: np.ndarray | float) -> Path:
    ts = pd.date_range("2026-01-01", periods=24 * days, freq="h")
    random = np.random.default_rng(0)
    cpu = {name: np.clip(random.lognormal(np.log(10 + 5 * place), 0.2, len(ts)), 0, 100) for place, name in enumerate("abcd")}
    frame = pd.concat(
        [pd.DataFrame({"resource_id": name, "timestamp": ts, "cpu_percent": values, **columns}) for name, values in cpu.items()]
    )
    frame.to_csv(path, index=False)
    return path


def test_a_trace_is_replayed_into_tables_and_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    result = replay_file(write_trace(tmp_path / "trace.csv"), tmp_path / "out")

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "decisions.csv",
        "equal_risk.csv",
        "reliability.csv",
        "replay.html",
        "rules.csv",
    ]
    written = pd.read_csv(tmp_path / "out" / "rules.csv")
    assert set(written["rule"]) == {*RULES, NO_CHANGE, ORACLE}
    assert len(result.found.hours) == 4 * 3
    page = (tmp_path / "out" / "replay.html").read_text()
    assert "<svg" in page
    assert not any(word in page for word in ("http", "src=", "href=", "<script"))
    again = replay_file(tmp_path / "trace.csv", tmp_path / "again")
    assert (tmp_path / "again" / "replay.html").read_bytes() == (tmp_path / "out" / "replay.html").read_bytes()
    assert again.brier == result.brier


def test_memory_that_is_measured_binds_and_brings_families_that_differ_in_it_alone(tmp_path: Path) -> None:
    without = replay_file(write_trace(tmp_path / "a.csv"), tmp_path / "a").found
    full = replay_file(write_trace(tmp_path / "b.csv", memory_percent=70.0), tmp_path / "b").found

    assert {name.partition(".")[0] for name in without.ladder.names} == {"m5"}
    assert {"c5", "r5"} & {name.partition(".")[0] for name in full.ladder.names}
    taken = {full.ladder.names[size] for size in full.choose("CO default")}
    assert {name.partition(".")[0] for name in taken} <= {"m5", "r5"}
    assert full.ladder.saving[full.choose("CO default")].mean() < without.ladder.saving[without.choose("CO default")].mean()


def test_no_size_of_the_ladder_costs_as_much_as_one_that_has_more() -> None:
    ladder = make_ladder(read_prices(None), "m5.4xlarge", with_memory=True)

    assert ladder.names[-1] == "m5.4xlarge"
    assert (np.diff(ladder.price) >= 0).all()
    for place in range(1, len(ladder.names)):
        covered = (ladder.capacity["cpu"][:place] >= ladder.capacity["cpu"][place]) & (
            ladder.capacity["memory"][:place] >= ladder.capacity["memory"][place]
        )
        assert not covered.any(), ladder.names[place]


def test_a_list_of_prices_of_ones_own_is_used_and_held_to_its_columns(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("instance_type,price_usd,vcpu,memory_gib\nx1.large,1,2,8\nx1.xlarge,3,4,16\n")
    ladder = make_ladder(read_prices(tmp_path / "own.csv"), "x1.xlarge", with_memory=False)
    assert (ladder.names, ladder.saving.round(3).tolist()) == (("x1.large", "x1.xlarge"), [0.667, 0.0])

    (tmp_path / "bad.csv").write_text("instance_type,price_usd,vcpu,memory_gib\nx1.large,-1,2,8\n")
    with pytest.raises(DataError, match="line 2, column 'price_usd': expected a number above 0"):
        read_prices(tmp_path / "bad.csv")
    (tmp_path / "lacks.csv").write_text("instance_type,price\nx1.large,1\n")
    with pytest.raises(DataError, match="no column"):
        read_prices(tmp_path / "lacks.csv")
    with pytest.raises(ConfigError, match="no price for 'm9.huge'"):
        make_ladder(read_prices(None), "m9.huge", with_memory=False)


def test_five_minute_samples_become_hours_with_their_p95_and_maximum(tmp_path: Path) -> None:
    ts = pd.date_range("2026-01-01", periods=12 * 24, freq="5min")
    values = np.where(np.arange(len(ts)) % 12 == 0, 60.0, 20.0)
    pd.DataFrame({"resource_id": "a", "timestamp": ts, "cpu_percent": values}).to_csv(tmp_path / "t.csv", index=False)

    [found] = read_machines(tmp_path / "t.csv")

    assert len(found.ts) == 24
    assert found.peak["cpu"].tolist() == [0.6] * 24
    assert found.p95["cpu"] == pytest.approx(np.quantile([0.6, *[0.2] * 11], 0.95))


def test_what_is_no_percentage_or_no_cpu_is_refused_by_its_place(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "t.csv", days=20)
    lines = path.read_text().splitlines()
    lines[5] = "a,2026-01-01 04:00:00,-3"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="line 6: expected a percentage of 0 to 1000, got -3"):
        read_machines(path)
    (tmp_path / "n.csv").write_text("resource_id,timestamp,requests\na,2026-01-01 00:00:00,3\n")
    with pytest.raises(DataError, match=r"no CPU utilization: expected a column or metric cpu_percent, got \['requests'\]"):
        read_machines(tmp_path / "n.csv")
    with pytest.raises(DataError, match="no window has 14 days"):
        replay_file(write_trace(tmp_path / "s.csv", days=15), tmp_path / "o", days=(14, 7))


@pytest.mark.parametrize(("days", "chosen"), [(8, (5, 2)), (15, (9, 3)), (30, (14, 7)), (91, (14, 7)), (3, (2, 1))])
def test_a_trace_is_cut_by_its_length(days: int, chosen: tuple[int, int]) -> None:
    assert choose_days([machine("a", 0.1, days)]) == chosen
