"""Two instances as a table, and two as AWS's command line prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.options import Changed
from tests.support.s3_answers import changes_in_s3, serve_object
from tests.support.source_cases import Case


@contextmanager
def set_up(folder: Path) -> Iterator[dict[str, str]]:
    (folder / "i.csv").write_text("resource_id,instance_type,region,app_name\ni-2,m5.large,us-east-1,shop\ni-1,t3.micro,,\n")
    (folder / "one.csv").write_text("resource_id\ni-1\n")
    described = [
        {
            "InstanceId": name,
            "InstanceType": "m5.large",
            "State": {"Name": "running"},
            "LaunchTime": "2025-01-01T00:00:00+00:00",
            "Placement": {"AvailabilityZone": "eu-west-1b"},
        }
        for name in ("i-2", "i-1")
    ]
    said = {"Reservations": [{"OwnerId": "111111111111", "Instances": described}]}
    (folder / "described.json").write_text(json.dumps(said))
    with serve_object(folder / "i.csv") as server:
        yield {"PLACE": str(folder), "SERVER": server}


# A file stands for every day that it is asked for, so that only a time without a midnight has no rows.
_WITHIN_A_DAY = ("2026-01-01T01:00", "2026-01-01T23:00")
_CUTS = ["2026-01-02T00:00", "2026-01-02T07:30"]
CASES = {
    "table": Case(
        {"path": "PLACE/i.csv"}, "2026-01-01", "2026-01-04", _CUTS, {"bronze.resource_snapshot": 6}, silent=_WITHIN_A_DAY
    ),
    "described": Case(
        {"path": "PLACE/described.json"},
        "2026-01-01",
        "2026-01-03",
        _CUTS[:1],
        {"bronze.resource_snapshot": 4},
        silent=_WITHIN_A_DAY,
    ),
}
DOWN = {"path": "PLACE/absent.csv"}
OPTIONS = {
    "path": Changed("PLACE/one.csv"),
    "service": Changed("server"),
    "account": Changed("2"),
    "region": Changed("eu-west-1"),
    **changes_in_s3("path", "*.csv", {}),
}
