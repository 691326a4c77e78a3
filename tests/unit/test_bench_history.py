"""What `make bench` says of the queries of a run: one figure where two lakes agree, else both, and the worst of them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from pipeline import settings
from pipeline.lake import open_lake, sql
from tools import bench_history
from tools.bench_history import Figures


def printed(near: dict[str, Figures], far: dict[str, Figures], monkeypatch: pytest.MonkeyPatch) -> str:
    sink = io.StringIO()
    monkeypatch.setattr(bench_history, "console", Console(file=sink, width=160))
    bench_history.show(near, far)
    return sink.getvalue()


def test_a_query_that_opens_more_with_the_years_has_both_figures_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    near = {"inputs.points": Figures(1, 100, 5_000), "inputs.peaks": Figures(0, 10, 1_000)}
    far = {"inputs.points": Figures(2, 100, 5_000), "inputs.peaks": Figures(0, 18, 1_000)}

    said = printed(near, far, monkeypatch)

    assert "1 and 2" in said
    assert "10 and 18" in said
    assert "100 and" not in said
    assert "partitions: 1 queries list more at 54 months; objects and bytes: +80.0% at most" in said


def test_what_opens_the_same_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    same = {"inputs.points": Figures(1, 100, 5_000)}

    said = printed(same, same, monkeypatch)

    assert "partitions: 0 queries list more at 54 months; objects and bytes: +0.0% at most" in said


def test_it_asks_every_query_of_a_run_and_no_view(tmp_path: Path) -> None:
    lake = open_lake(settings.load({}, home=tmp_path))

    asked = dict(bench_history.ask(lake))

    assert asked.keys() == {name for name in sql.names() if not name.startswith("views.")} - set(bench_history.BY_HAND)
    assert set(asked.values()) == {Figures(0, 0, 0)}
