"""What `make bench` measures is still what the tables declare."""

from pathlib import Path

from tools import bench


def test_the_rows_that_are_published_and_read_are_those_of_the_hourly_table(tmp_path: Path) -> None:
    spent = bench.lake(tmp_path, rows=2_400)

    assert list(spent) == ["replace 0M rows", "read one day of them (0M rows)", "ask one day of them for its peak"]
