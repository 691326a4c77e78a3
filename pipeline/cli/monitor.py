"""The command `monitor`: what the DAG of that name does, period by period."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Annotated

import typer

from pipeline.cli.in_order import perform_in_order
from pipeline.cli.options import Day, From, Source, To, read_interval, read_settings
from pipeline.interval import Interval
from pipeline.settings import Settings
from pipeline.steps import order_monitor

app = typer.Typer()


@app.command()
def monitor(
    source: Source = None,
    day: Day = None,
    start: From = None,
    end: To = None,
    monitoring_interval: Annotated[
        int | None,
        typer.Option("--monitoring-interval", help="Seconds of a period; the setting monitor_period_s.", show_default="300"),
    ] = None,
) -> None:
    """Land the newest samples, put them into five minutes, judge hours that are over, tell people, and write the status page.

    Without an interval the newest period that is over is meant; a longer one is made period by period, in their order.

    As in: python -m pipeline monitor --source cloudwatch --monitoring-interval 600
    """
    from pipeline.steps.ingest import now

    settings = read_settings(monitor_period_s=monitoring_interval)
    settings = settings.model_copy(update={"sources": tuple(source or settings.monitor_sources)})
    interval = read_interval(day, start, end) if day or start or end else newest_period(now(), settings)
    for period in list(interval.split_periods(timedelta(seconds=settings.monitor_period_s))):
        monitor_period(period, settings)


def newest_period(now: datetime, settings: Settings) -> Interval:
    """The last period that is over since `monitor_wait_s`."""
    length = timedelta(seconds=settings.monitor_period_s)
    settled = now - timedelta(seconds=settings.monitor_wait_s)
    end = settled - (settled - datetime.min) % length
    return Interval(end - length, end)


def monitor_period(period: Interval, settings: Settings) -> None:
    """One run of the DAG `monitor`: what is landed is published, and people are told, also where a source is down."""
    late = Interval(period.start - timedelta(seconds=settings.monitor_late_s), period.end)
    with ExitStack() as last_first:
        last_first.callback(perform_in_order, ("status",), period, settings)
        last_first.callback(perform_in_order, ("alert",), period, settings)
        # As in Airflow, one task judges all series: only few hours are new.
        last_first.callback(perform_in_order, order_monitor(), late, settings.model_copy(update={"shards": 1}))
        for source in reversed(settings.sources):
            last_first.callback(perform_in_order, ("ingest",), late, settings.model_copy(update={"sources": (source,)}))
