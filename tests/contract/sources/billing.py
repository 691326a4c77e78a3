"""The shipped exports, in both formats."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.sources import samples
from tests.support.options import Changed
from tests.support.s3_answers import changes_in_s3, serve_object
from tests.support.source_cases import Case

_BILLING = samples.FOLDER / "billing"
_EXPORTS = Path(__file__).resolve().parents[2] / "data" / "exports"


@contextmanager
def set_up(_folder: Path) -> Iterator[dict[str, str]]:
    with serve_object(_BILLING / "focus_1_0_sample_1000.csv.gz") as server:
        yield {"SERVER": server}


CASES = {
    "focus": Case(
        {"path": str(_BILLING / "focus_1_0_sample_1000.csv.gz")},
        "2024-09-02",
        "2024-09-20",
        ["2024-09-03T00:00", "2024-09-11T11:30"],
        {"bronze.focus_line": 999},
    ),
    "cur": Case(
        {"path": str(_BILLING / "cur2_daily_real_2026-04.csv.gz")},
        "2026-04-01",
        "2026-04-10",
        ["2026-04-02T00:00"],
        {"bronze.cur_line": 1882},
    ),
    "billing_period": Case(
        {"path": str(_EXPORTS / "focus_v14_billing_period.csv")},
        "2026-02-01",
        "2026-04-02",
        [],
        {"bronze.billing_period": 3},
    ),
    "invoice_detail": Case(
        {"path": str(_EXPORTS / "focus_v14_invoice_detail.csv")},
        "2026-03-01",
        "2026-03-02",
        [],
        {"bronze.invoice_detail": 3},
    ),
}
DOWN = {"path": str(_BILLING / "absent.csv.gz")}
OPTIONS = {
    "path": Changed(str(_BILLING / "cur2_daily_real_2026-04.csv.gz")),
    **changes_in_s3("path", "focus*.csv.gz", {}),
}
