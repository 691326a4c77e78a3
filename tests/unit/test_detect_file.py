"""A user's own CSV files, scored."""

from __future__ import annotations

import csv
import gzip
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError, DataError
from pipeline.own_files._samples import read_own
from pipeline.own_files.backtest import read_series
from pipeline.own_files.detect import detect_path
from pipeline.plugs import declared_inputs, declared_options, names
from pipeline.reading.options import Reading

HEADER = "timestamp,value\n"


def write(path: Path, rows: int = 400, header: str = HEADER, spike: int = 300) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"2026-01-{1 + row // 24:02d} {row % 24:02d}:00:00,{90 if row == spike else 10 + row % 24}\n" for row in range(rows)]
    path.write_text(header + "".join(lines))
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_order_and_text_stay_and_a_score_is_added(tmp_path: Path) -> None:
    source = write(tmp_path / "cpu.csv")

    [done] = detect_path(source, tmp_path / "out", "seasonal_mad")

    before, after = read(source), read(tmp_path / "out" / "cpu.csv")
    assert [(row["timestamp"], row["value"]) for row in after] == [(row["timestamp"], row["value"]) for row in before]
    assert list(after[0]) == ["timestamp", "value", "anomaly_score"]
    assert all(0 <= float(row["anomaly_score"]) <= 1 for row in after)
    assert float(after[300]["anomaly_score"]) >= 0.5
    assert (done.path, done.rows) == (tmp_path / "out" / "cpu.csv", 400)
    assert done.alerts == sum(float(row["anomaly_score"]) >= 0.5 for row in after)


def test_a_folder_keeps_its_relative_paths_and_tells_its_progress(tmp_path: Path) -> None:
    for name in ("a.csv", "deep/er/b.csv", "deep/c.csv"):
        write(tmp_path / "in" / name, rows=30)
    seen: list[tuple[int, int]] = []

    done = detect_path(tmp_path / "in", tmp_path / "out", progress=lambda *at: seen.append(at))

    assert [each.path.relative_to(tmp_path / "out").as_posix() for each in done] == ["a.csv", "deep/c.csv", "deep/er/b.csv"]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_second_run_into_a_folder_inside_the_first_does_not_score_its_own_output(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", rows=30)

    first = detect_path(tmp_path, tmp_path / "scores")
    second = detect_path(tmp_path, tmp_path / "scores")

    assert first == second
    assert len(second) == 1


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    source = write(tmp_path / "a.csv", rows=30)

    with pytest.raises(DataError, match="overwrite the input"):
        detect_path(source, tmp_path)

    assert source.read_text().startswith(HEADER)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"expected a header row"),
        ("when,value\n", r"no column of time: .* the file has \['when', 'value'\]"),
        ("timestamp,value,value\n", r"\['value'\] occur more than once"),
        (
            HEADER + "2026-01-01 00:00:00,1\n2026-01-01 01:00:00,1O\n",
            r"line 3, column 'value': expected a finite number, got '1O'",
        ),
        (HEADER + "2026-01-01 00:00:00,1\nyesterday,1\n", r"line 3, column 'timestamp': expected a moment .* got 'yesterday'"),
        (HEADER + ",1\n", r"line 2, column 'timestamp'"),
        (HEADER + "2026-01-01 00:00:00\n", r"line 2 has 1 cells, expected 2"),
    ],
)
def test_a_broken_file_is_named_with_row_and_column(tmp_path: Path, text: str, message: str) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text(text)

    with pytest.raises(DataError, match=message) as raised:
        detect_path(broken, tmp_path / "out")

    assert str(broken) in str(raised.value)
    assert not (tmp_path / "out" / "broken.csv").exists()


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x01timestamp")

    with pytest.raises(DataError, match="not a CSV file in UTF-8"):
        detect_path(tmp_path / "a.csv", tmp_path / "out")


def test_the_sound_files_of_a_folder_are_written_before_all_broken_ones_are_named(tmp_path: Path) -> None:
    write(tmp_path / "in" / "good.csv", rows=30)
    (tmp_path / "in" / "bad1.csv").write_text("x\n")
    (tmp_path / "in" / "bad2.csv").write_text(HEADER + "never,1\n")

    with pytest.raises(DataError, match="2 of 3 files are broken") as raised:
        detect_path(tmp_path / "in", tmp_path / "out")

    assert "bad1.csv" in str(raised.value)
    assert "bad2.csv" in str(raised.value)
    assert len(read(tmp_path / "out" / "good.csv")) == 30


def test_missing_values_score_0_and_times_with_a_zone_are_read_as_utc(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("value,timestamp\n1.5,2026-01-01T02:00:00+02:00\n,2026-01-01T01:00:00Z\nNaN,2026-01-01 02:00\n\n")

    samples = read_own(source, Reading())
    detect_path(source, tmp_path / "out")

    assert [str(each) for each in samples.ts] == [f"2026-01-01T0{hour}:00:00.000000" for hour in (0, 1, 2)]
    assert samples.value[0] == 1.5
    scored = read(tmp_path / "out" / "a.csv")
    assert scored[0]["timestamp"] == "2026-01-01T02:00:00+02:00"
    assert [row["value"] for row in scored] == ["1.5", "", "NaN"]
    assert [row["anomaly_score"] for row in scored] == ["0", "0", "0"]


@pytest.mark.parametrize("detector", [name for name in names("detectors") if not declared_inputs("detectors", name)])
def test_scores_do_not_depend_on_the_order_of_rows(tmp_path: Path, detector: str) -> None:
    # What learns has learned in the third week.
    spike = 380 if "retrain_hours" in declared_options("detectors", detector).model_fields else 300
    ordered = write(tmp_path / "ordered.csv", spike=spike)
    header, *rows = ordered.read_text().splitlines()
    shuffled = [rows[place] for place in random.Random(1).sample(range(len(rows)), len(rows))]
    (tmp_path / "newest_first.csv").write_text("\n".join([header, *rows[::-1]]) + "\n")
    (tmp_path / "shuffled.csv").write_text("\n".join([header, *shuffled]) + "\n")

    scores = {}
    for name in ("ordered", "newest_first", "shuffled"):
        detect_path(tmp_path / f"{name}.csv", tmp_path / "out", detector)
        scores[name] = read(tmp_path / "out" / f"{name}.csv")

    assert [row["timestamp"] for row in scores["newest_first"]] == [row["timestamp"] for row in scores["ordered"]][::-1]
    by_time = {name: sorted(scored, key=lambda row: row["timestamp"]) for name, scored in scores.items()}
    assert by_time["newest_first"] == by_time["shuffled"] == by_time["ordered"]
    assert float(by_time["ordered"][spike]["anomaly_score"]) >= 0.5


def test_each_series_of_a_file_is_scored_by_itself_whether_rows_or_columns_name_it(tmp_path: Path) -> None:
    single = detect_path(write(tmp_path / "one.csv"), tmp_path / "out")[0]
    _, *rows = (tmp_path / "one.csv").read_text().splitlines()
    long = [f"{row.partition(',')[0]},{host},cpu,{row.partition(',')[2]}" for row in rows for host in ("b", "a")]
    wide = [f"{row},{row.partition(',')[2]}" for row in rows]
    (tmp_path / "long.csv").write_text("\n".join(["time,host,metric,value", *long]) + "\n")
    (tmp_path / "wide.csv").write_text("\n".join(["time,b,a", *wide]) + "\n")

    [by_rows], [by_columns] = (detect_path(tmp_path / f"{name}.csv", tmp_path / "out") for name in ("long", "wide"))

    assert (
        (by_rows.rows, by_rows.series, by_rows.alerting)
        == (by_columns.rows, by_columns.series, by_columns.alerting)
        == (800, 2, 2)
    )
    assert by_rows.alerts == by_columns.alerts == 2 * single.alerts
    expected = [row["anomaly_score"] for row in read(tmp_path / "out" / "one.csv") for _ in "ba"]
    for name in ("long", "wide"):
        scored = read(tmp_path / "out" / f"{name}.csv")
        assert [row["series_id"] for row in scored[:2]] == ["b", "a"]
        assert [row["anomaly_score"] for row in scored] == expected


def test_counts_since_1970_and_commas_are_read_as_stated_and_a_packed_file_as_a_plain_one(tmp_path: Path) -> None:
    rows = "".join(f"{1_767_225_600 + 3600 * hour};{hour % 24},5\n" for hour in range(50))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(f"time;value\n{rows}".encode()))

    with pytest.raises(DataError, match="line 2, column 'time': .* state time_format=epoch_s"):
        detect_path(tmp_path / "a.csv.gz", tmp_path / "out")
    [done] = detect_path(tmp_path / "a.csv.gz", tmp_path / "out", reading=Reading(time_format="epoch_s"))

    assert (done.path, done.rows) == (tmp_path / "out" / "a.csv", 50)
    assert read(done.path)[1]["value"] == "1,5"


def test_a_file_with_a_header_alone_gives_a_header_alone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEADER)

    [done] = detect_path(tmp_path / "a.csv", tmp_path / "out")

    assert (done.rows, done.alerts) == (0, 0)
    assert done.path.read_text() == "timestamp,value,anomaly_score\n"


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        detect_path(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(DataError, match=r"no \*\.csv file"):
        detect_path(tmp_path, tmp_path / "out")


def test_an_unknown_detector_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no detector named 'oracle'.*seasonal_mad"):
        detect_path(write(tmp_path / "a.csv"), tmp_path / "out", "oracle")


def test_series_of_which_a_detector_judges_nothing_are_counted_and_said(tmp_path: Path) -> None:
    write(tmp_path / "in" / "long.csv")
    write(tmp_path / "in" / "short.csv", rows=200)

    long, short = detect_path(tmp_path / "in", tmp_path / "out", "local_outlier_factor")
    done = CliRunner().invoke(
        app, ["detect", str(tmp_path / "in"), "--out", str(tmp_path / "cli"), "--detector", "local_outlier_factor"]
    )

    assert (long.unjudged, short.unjudged, short.series) == (0, 1, 1)
    assert "of 1 series too little is known to judge any sample" in " ".join(done.output.split())


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "cpu.csv", rows=30)

    with pytest.raises(ConfigError, match="cannot write into"):
        detect_path(source, source)


def test_series_that_differ_by_labels_that_name_no_resource_keep_their_whole_names(tmp_path: Path) -> None:
    names = [f'cpu{{host="a",job="{job}"}}' for job in "bc"]
    rows = [f'2026-01-01 {hour:02d}:00:00,"{name.replace(chr(34), chr(34) * 2)}",{hour}' for hour in range(9) for name in names]
    (tmp_path / "jobs.csv").write_text("\n".join(["timestamp,series,value", *rows]) + "\n")

    frame = read_series(tmp_path / "jobs.csv")

    assert frame.groupby(["series_id", "metric"]).size().to_dict() == {(name, "cpu"): 9 for name in names}


def test_the_series_with_the_gravest_alerts_are_drawn_on_a_page_and_in_the_terminal(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / "in" / f"cpu-{number}.csv", spike=300 if number else 10**6)

    said = CliRunner().invoke(app, ["detect", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--detector", "seasonal_mad"])

    page = (tmp_path / "out" / "detected.html").read_text()
    assert "Content-Security-Policy" in page
    assert "http" not in page.partition("<main>")[2]
    assert page.count("<svg") == page.count("alert 2026-01-13 12:00") == 3
    assert "cpu-0.csv" not in page, "it has no alert"
    assert "3 alerts in 3 of 4 series. Shown: 3" in page
    assert said.output.count("× alert") == 2, "as many as fit a screen"
    assert "detected.html draws the gravest" in " ".join(said.output.split())


def test_a_long_series_is_drawn_about_its_gravest_alert_and_not_as_a_whole(tmp_path: Path) -> None:
    source = write(tmp_path / "cpu.csv", rows=700, spike=690)
    long = tmp_path / "long.csv"
    first = [
        f"2024-{1 + row // 720:02d}-{1 + row % 720 // 24:02d} {row % 24:02d}:00:00,{10 + row % 24}\n" for row in range(7000 // 2)
    ]
    long.write_text(
        HEADER + "".join(each for each in first if not each.startswith("2024-02-30")) + source.read_text().partition("\n")[2]
    )

    [done] = detect_path(long, tmp_path / "out", "seasonal_mad")

    [one] = done.gravest
    assert len(one.ts) == 1000 + 10
    assert one.alerts[1000]
    assert str(one.ts[1000]) == "2026-01-29T18:00:00.000000"


def test_where_nothing_alerts_the_page_says_so(tmp_path: Path) -> None:
    source = write(tmp_path / "cpu.csv", spike=10**6)

    CliRunner().invoke(app, ["detect", str(source), "--out", str(tmp_path / "out"), "--detector", "seasonal_mad"])

    assert "No series has an alert." in (tmp_path / "out" / "detected.html").read_text()
