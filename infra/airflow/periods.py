"""The rhythm of the DAG `monitor`: one run per period of a day, a while after its end; what was missed is made, in order.

Airflow's own timetables make up for all that was missed since a DAG's first day, or for none of it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow._shared.timezones.timezone import coerce_datetime, utcnow
from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from pendulum import DateTime

#: What was missed for longer is made by a backfill, or by hand: after a pause nobody is told of states of hours ago, one by one.
REACH = timedelta(hours=1)


class Periods(Timetable):
    """Each period of a UTC day as data interval, its run not before `wait_s` after its end."""

    def __init__(self, period_s: int, wait_s: int) -> None:
        self.period, self.wait = timedelta(seconds=period_s), timedelta(seconds=wait_s)
        self.description = f"Each {period_s} s of a UTC day, {wait_s} s after their end"

    @property
    def summary(self) -> str:
        return f"every {self.period.total_seconds():g} s"

    def serialize(self) -> dict[str, Any]:
        return {"period_s": int(self.period.total_seconds()), "wait_s": int(self.wait.total_seconds())}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Periods:
        return cls(**data)

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        end = self._floor(run_after)
        return DataInterval(start=end - self.period, end=end)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        newest = self._floor(coerce_datetime(utcnow()) - self.wait) - self.period
        earliest = restriction.earliest and self._ceil(restriction.earliest)
        if last_automated_data_interval is not None:
            start = self._ceil(last_automated_data_interval.end)
        else:
            start = earliest if restriction.catchup and earliest else newest
        if not restriction.catchup:
            start = max(start, self._ceil(newest - REACH))
        start = max(start, earliest) if earliest else start
        if restriction.latest is not None and start > restriction.latest:
            return None
        end = start + self.period
        return DagRunInfo(run_after=end + self.wait, data_interval=DataInterval(start=start, end=end))

    def _floor(self, moment: DateTime) -> DateTime:
        """The begin of the moment's period; periods count from midnight, which 1970 began with."""
        return moment - timedelta(seconds=moment.timestamp() % self.period.total_seconds())

    def _ceil(self, moment: DateTime) -> DateTime:
        floor = self._floor(moment)
        return floor if floor == moment else floor + self.period


class PeriodsPlugin(AirflowPlugin):
    """Lets Airflow find the timetable."""

    name = "headroom_periods"
    timetables = [Periods]  # noqa: RUF012 as Airflow declares it
