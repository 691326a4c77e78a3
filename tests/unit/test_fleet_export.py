"""The reference fleet as a file, of the documented archetypes or a person's own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError
from pipeline.sources import fleet
from pipeline.sources._archetypes import ARCHETYPES, assigned, read_archetypes

SHIPPED = Path("pipeline/samples/archetypes.toml")


def export(*words: str) -> str:
    done = CliRunner().invoke(app, ["fleet", "export", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_four_years_are_the_documented_file_and_a_last_day_is_in_it(tmp_path: Path) -> None:
    said = export("--servers", "3", "--output", str(tmp_path / "whole"))
    export("--servers", "3", "--end-date", "2022-01-10", "--output", str(tmp_path / "short.csv"))

    whole, short = pd.read_csv(tmp_path / "whole.csv"), pd.read_csv(tmp_path / "short.csv")
    assert "4,383 rows of 3 servers over 1,461 days" in said
    assert whole.shape == (3 * 1461, 19)
    assert short.shape == (30, 19)
    assert short["timestamp"].max() == "2022-01-10"


def test_one_fleet_is_the_same_in_every_format_and_its_bytes_in_every_run(tmp_path: Path) -> None:
    few = ["--servers", "2", "--years", "1", "--granularity", "hour", "--no-metadata", "--no-calendar"]
    for name in ("a", "b"):
        export(*few, "--compress", "--output", str(tmp_path / name))
    export(*few, "--format", "parquet", "--output", str(tmp_path / "a"))

    text, stored = pd.read_csv(tmp_path / "a.csv.gz", parse_dates=["timestamp"]), pd.read_parquet(tmp_path / "a.parquet")
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    assert list(text.columns) == ["timestamp", "server_id", "cpu_p95", "mem_p95", "disk_p95", "net_in_p95", "net_out_p95"]
    assert len(text) == 2 * 365 * 24
    pd.testing.assert_frame_equal(text, stored.astype({"server_id": "object"}), check_dtype=False)


@pytest.mark.parametrize(("word", "rows"), [("day", 20), ("daily", 20), ("hour", 480), ("hourly", 480)])
def test_rows_are_by_the_day_or_the_hour_in_either_word(tmp_path: Path, word: str, rows: int) -> None:
    said = export("--servers", "2", "--end-date", "2022-01-10", "--granularity", word, "--output", str(tmp_path / "fleet"))

    assert f"{rows} rows of 2 servers over 10 days" in said
    assert len(pd.read_csv(tmp_path / "fleet.csv")) == rows


def test_a_persons_archetype_is_a_part_of_the_fleet(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    text = SHIPPED.read_text().replace("share = 0.40", "share = 0.20")
    cache = text[text.index("[[archetype]]") : text.index("[[archetype]]", 400)].replace('"web"', '"cache"')
    file.write_text(text + cache.replace("share = 0.35", "share = 0.20"))

    export("--servers", "20", "--years", "1", "--archetypes", str(file), "--output", str(tmp_path / "mine"))

    kinds = pd.read_csv(tmp_path / "mine.csv").drop_duplicates("server_id")["server_type"].value_counts().to_dict()
    assert kinds == {"web": 7, "application": 4, "cache": 4, "database": 3, "batch": 2}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("share = 0.35", "share = 0.30", r"shares sum to 0\.95; expected 1"),
        ("cpu_mem = 0.5", "cpu_mem = 1.5", r"archetype web: cpu_mem=1\.5: Input should be less than 1"),
        ("weekend = 0.5", "weekends = 0.5", r"archetype web: weekend: Field required"),
        ("weekend = 0.5", "weekend = nan", r"archetype web: weekend=nan: Input should be a finite number"),
        ("base = [45,", "base = [nan,", r"archetype web: base\.0=nan: Input should be a finite number"),
        ("cpu_mem = 0.5", "cpu_mem = -0.9", r"archetype web: no noise has its correlations at once"),
        ('"batch"', '"web"', r"two archetypes of one name"),
        ("sd = [15,", "sd = [0,", r"archetype web: sd\.0=0: Input should be greater than 0"),
        ("name =", "name", r"is not TOML"),
    ],
)
def test_archetypes_that_cannot_be_are_refused_with_what_is_wrong(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(SHIPPED.read_text().replace(old, new, 1))

    with pytest.raises(ConfigError, match=complaint):
        read_archetypes(file)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (b"archetype = 5\n", r"archetype=5: expected a table \[\[archetype\]\] for each kind of server"),
        (b"archetype = [5]\n", r"archetype=\[5\]: expected a table"),
        (b'[archetype]\nname = "web"\n', r"expected a table"),
        ("# Größe\n".encode("latin-1"), r"is not TOML, which is UTF-8: byte 4"),
        (b"", r"shares sum to 0; expected 1"),
    ],
)
def test_a_file_that_states_no_archetypes_is_refused(tmp_path: Path, written: bytes, complaint: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(written)

    with pytest.raises(ConfigError, match=complaint):
        read_archetypes(file)


def test_what_an_archetype_grows_by_is_over_the_whole_life_of_the_reference_fleet() -> None:
    alone = ARCHETYPES[0].model_copy(update={"share": 1.0})
    kinds = [alone.model_copy(update={"growth_pct": percent}) for percent in (0, 50)]

    still, grown = (fleet.reference_frame(200, days=730, archetypes=[kind]) for kind in kinds)

    last = still.index == still.index.max()
    added = grown.loc[last, "disk_p95"].mean() - still.loc[last, "disk_p95"].mean()
    assert added == pytest.approx(0.5 * alone.base[2], rel=0.01)


def test_the_largest_share_has_the_servers_that_are_left_over() -> None:
    assert [int((assigned(11) == number).sum()) for number in range(len(ARCHETYPES))] == [3, 6, 1, 1]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--years", "2", "--end-date", "2023-01-01"], "give --years or --end-date, not both"),
        (["--end-date", "2021-12-31"], "--end-date 2021-12-31 lies before --start-date 2022-01-01"),
        (["--start-date", "9998-01-01"], "--start-date 9998-01-01: 4 years on is after 9999, the last year that there is"),
        (["--start-date", "soon"], "--start-date is a day as YYYY-MM-DD; got 'soon'"),
    ],
)
def test_days_that_contradict_each_other_are_refused(words: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        CliRunner().invoke(app, ["fleet", "export", *words], catch_exceptions=False)


def test_the_exports_columns_are_those_of_the_frame() -> None:
    assert {*fleet._ABOUT, *fleet._CALENDAR} < set(fleet.reference_frame(1, days=1).columns)
