"""What a table looks like on a terminal, and in a file."""

from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console
from rich.text import Text

from pipeline.cli import output, summary
from pipeline.lake import Lake

LONG_ID = "100000000001/us-east-1/arn:aws:rds:us-east-1:100000000001:db/[bold]orders/cpu_utilization"


def shown(monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame, width: int, terminal: bool = True) -> str:
    written = io.StringIO()
    screen = Console(file=written, width=width, force_terminal=terminal, no_color=True, color_system=None, emoji=False)
    monkeypatch.setattr(output, "console", screen)
    if not terminal:
        monkeypatch.setattr(output, "Console", lambda width: Console(file=written, width=width))
    output.print_frame(frame, "rows [of 2]")
    return written.getvalue()


def test_on_a_narrow_terminal_a_row_is_a_block_and_no_id_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame(
        {"series_id": [LONG_ID, LONG_ID], "action": "keep", "reason": "a sentence of more than a few words " * 4}
    )

    text = shown(monkeypatch, frame, 110)

    assert text.count(LONG_ID) == 2
    assert "rows [of 2]" in text
    assert "row 2" in text
    assert max(len(line) for line in text.splitlines()) <= 110


def test_where_the_columns_fit_sentences_wrap_and_ids_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"resource_id": ["i-0123456789abcdef0"], "reason": ["a sentence of more than a few words " * 4]})

    text = shown(monkeypatch, frame, 60)

    assert "row 1" not in text
    assert "i-0123456789abcdef0" in text
    assert max(len(line) for line in text.splitlines()) <= 60


def test_into_a_file_every_row_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"series_id": [LONG_ID] * 3, "reason": "a sentence of more than a few words " * 9})

    text = shown(monkeypatch, frame, 80, terminal=False)

    assert len([line for line in text.splitlines() if LONG_ID in line and line.count("sentence") == 9]) == 3


def test_dollars_have_two_decimals_by_the_name_of_the_column_or_the_units_word(monkeypatch: pytest.MonkeyPatch) -> None:
    kpis = pd.DataFrame(
        {"kpi": ["cost", "share"], "value": [16540.237, 0.10591], "unit": ["usd", "ratio"], "saved_usd": [1e6, 0.002]}
    )

    text = shown(monkeypatch, kpis, 80)

    assert [figure in text for figure in ("16,540.24", "0.106", "1,000,000.00", "0.0020")] == [True] * 4


def test_exact_amounts_have_two_decimals_on_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = ("3114.560215000000", "0E-12", "-0.000041000000")
    frame = pd.DataFrame({"cost": [Decimal(amount) for amount in amounts]})

    text = shown(monkeypatch, frame, 80)

    assert [line.split()[-1] for line in text.splitlines() if line.strip()][-3:] == ["3,114.56", "0.00", "-0.000041"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (16540.2371, "16,540.24"),
        (136.5, "136.50"),
        (4492.0, "4,492"),
        (0.0, "0"),
        (-0.5, "-0.5"),
        (0.012345, "0.0123"),
        (3.3e-7, "0.00000033"),
        (1e-15, "0"),
        (float("inf"), "inf"),
    ],
)
def test_figures_have_the_digits_that_tell_something_and_no_exponent(value: float, written: str) -> None:
    assert output.write_number(value) == written


def test_at_80_columns_the_summary_cuts_neither_the_name_nor_the_date_and_says_what_a_series_is_over_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    screen = Console(file=written, width=80, force_terminal=True, no_color=True, color_system=None)
    name = "orders-database-primary-0123456789/disk_utilization"
    chances = {"p_cross_7d": 0.0, "p_cross_30d": 0.0, "p_cross_90d": 0.02}
    first = {"risk_level": "critical", "over_pct": 95.0, "threshold_pct": 99.0, "first_crossing_at": datetime(2026, 5, 10)}
    monkeypatch.setattr(summary, "asked", lambda *_args, **_params: [{"series_id": f"a/us/{name}", **first, **chances}])
    lake = cast(Lake, SimpleNamespace(settings=SimpleNamespace(risk_quantile=0.9)))

    summary.risks(screen, lake, datetime(2026, 4, 16), {"resources_at_risk": 1.0})

    text = written.getvalue().replace("\N{NO-BREAK SPACE}", " ")
    assert name in text
    assert "2026-05-10" in text
    assert "critical:" in text
    assert "over 95 %" in text


def test_no_terminal_obeys_what_data_says() -> None:
    written = io.StringIO()
    screen = output.open_console(file=written, width=60, force_terminal=True, color_system="standard", emoji=False)

    screen.print(Text("a\x1b]0;owned\x07b\x1b[2J\u202ec", style="red"))

    assert written.getvalue() == "\x1b[31ma]0;ownedb[2Jc\x1b[0m\n"


def test_what_is_recommended_stands_above_what_following_its_rules_came_to(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "followed before: 38 windows of 30 days, saved $988 of $1,234 promised, 1 broke"
    row = {"portfolio_rank": 1, "service": "ec2", "action": "stop", "current_config": None, "target_config": None}
    row |= {"portfolio_savings_usd": 70.0, "breach_probability": None, "price_as_of": None, "rule_id": "idle", "record": said}
    answers = {"portfolio": [{**row, "resource_id": "i-1"}, {**row, "resource_id": "i-2"}], "passive_answers": []}
    monkeypatch.setattr(summary, "asked", lambda _lake, name, **_params: answers[name])
    written = io.StringIO()

    summary.recommendations(Console(file=written, width=80), lake, datetime(2026, 4, 16), {"savings_identified_monthly": 140.0})

    assert written.getvalue().count(f"idle, {said}") == 1


def test_a_name_that_a_row_does_not_have_stays_unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pa.Table.from_pylist([{"account": "a%20b", "resource_id": None, "impact": 1.0}])
    monkeypatch.setattr(summary, "ask", lambda *_, **__: rows)

    assert summary.asked(cast(Lake, None), "gravest_costs") == [{"account": "a b", "resource_id": None, "impact": 1.0}]
