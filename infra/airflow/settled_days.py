"""The rhythm of the daily run: one run per UTC day, a while after its midnight, when late datapoints have arrived.

Airflow's own timetables start a run when its interval ends. A task that waits instead would hold the DAG's only active run, and
with it every run that a person asks for, for as long as it waits; here the run is made when the wait is over.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable


class SettledDays(CronDataIntervalTimetable):
    """Each UTC day as data interval, its run not before `hours` after its end."""

    def __init__(self, hours: int) -> None:
        super().__init__("0 0 * * *", timezone="UTC")
        self.hours = hours
        self.description = f"Each UTC day, {hours} hours after midnight"

    @property
    def summary(self) -> str:
        return f"daily, {self.hours:02}:00 UTC"

    def serialize(self) -> dict[str, Any]:
        return {"hours": self.hours}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SettledDays:
        return cls(**data)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        info = super().next_dagrun_info(last_automated_data_interval=last_automated_data_interval, restriction=restriction)
        return info and info._replace(run_after=info.run_after + timedelta(hours=self.hours))


class SettledDaysPlugin(AirflowPlugin):
    """Lets Airflow find the timetable."""

    name = "headroom_settled_days"
    timetables = [SettledDays]  # noqa: RUF012 as Airflow declares it
