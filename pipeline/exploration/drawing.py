"""Panels: each draws one thing that was observed into a pair of axes, or says there why it cannot."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from pipeline.exploration.observed import Observed
from pipeline.exploration.statistics import WEEK

Axes: TypeAlias = Any  # matplotlib's, which is imported where something is drawn

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: Values that a density and a scatter are made of, chosen evenly: more look the same.
MOST_VALUES, MOST_POINTS = 5000, 1500
BLUE, ORANGE, GREY = "#2f6f9f", "#c8692b", "#8a8f98"
QUARTERS = (BLUE, "#6fa3c7", ORANGE, "#e0a877")
#: Days of a sample of series, at most.
SAMPLE_DAYS = 60
#: Resources and days that a picture of what is missing has at most.
CELLS = (120, 200)


def thin(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, evenly from the first to the last."""
    if len(rows) <= most:
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, most).round().astype(int)]


def say(axes: Axes, why: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", color=GREY, fontsize=9, wrap=True, parse_math=False)


def named(observed: Observed, metric: str) -> str:
    unit = observed.rows(metric)["unit"].iloc[0]
    return f"{metric}, {unit}" if unit else metric


def distribution(axes: Axes, observed: Observed, metric: str) -> None:
    """A histogram with its kernel density."""
    from scipy.stats import gaussian_kde

    rows = observed.rows(metric).sort_values("value")
    values = thin(rows, MOST_VALUES)["value"].to_numpy(dtype=np.float64)
    axes.hist(rows["value"], bins=50, density=True, color="#cfe0ec")
    if len(values) > 2 and np.ptp(values) > 1e-9:
        grid = np.linspace(values[0], values[-1], 200)
        axes.plot(grid, gaussian_kde(values)(grid), color=BLUE, linewidth=1.6)
    axes.axvline(rows["value"].median(), color=ORANGE, linewidth=1, linestyle="--")
    axes.set(xlabel=named(observed, metric), yticks=[], title="density, and the median")


def boxes(axes: Axes, observed: Observed, metric: str, label: str) -> None:
    """A box per word of a label: quartiles, whiskers to 1.5 quartile ranges, without the points beyond."""
    groups = [(str(word), rows["value"]) for word, rows in observed.of(metric).groupby(label)]
    if not groups:
        say(axes, f"nobody says the {label.replace('_', ' ')} of a resource")
        return
    axes.boxplot([rows for _, rows in groups], showfliers=False, medianprops={"color": ORANGE})
    axes.set_xticks(range(1, len(groups) + 1), [word for word, _ in groups])
    axes.set(ylabel=named(observed, metric), title=f"by {label.replace('_', ' ')}")


def by_hour(axes: Axes, observed: Observed, metric: str) -> None:
    """The mean of each hour, of workdays and of weekends."""
    rows = observed.hours[observed.hours["metric"] == metric]
    if rows.empty:
        say(axes, "nothing is known by the hour")
        return
    total = rows.assign(total=rows["mean"] * rows["hours"], weekend=rows["day_of_week"] >= 5)
    for weekend, part in total.groupby("weekend"):
        sums = part.groupby("hour_of_day")[["total", "hours"]].sum()
        name, color = ("weekends", ORANGE) if weekend else ("workdays", BLUE)
        axes.plot(sums.index, sums["total"] / sums["hours"], label=name, color=color)
    axes.legend(fontsize=8)
    axes.set(xlabel="hour of day, UTC", ylabel=named(observed, metric), title="by the hour", xlim=(0, 23))


def by_weekday(axes: Axes, observed: Observed, metric: str, kind: str = "") -> None:
    """The mean of each day of the week, of all resources or of one server type."""
    rows = observed.of(metric)
    rows = rows[rows["server_type"] == kind] if kind else rows
    if rows.empty:
        say(axes, f"no resource is said to be of the type {kind}")
        return
    mean = rows.groupby(rows["ts"].dt.dayofweek)["value"].mean()
    axes.bar(mean.index, mean, color=[ORANGE if day >= 5 else BLUE for day in mean.index])
    axes.set_xticks(range(WEEK), WEEKDAYS)
    axes.set(ylabel=named(observed, metric), title=f"by weekday{f', {kind}' if kind else ''}")


def correlations(axes: Axes, observed: Observed) -> None:
    """Pearson's correlation of metrics over days of resources."""
    table = observed.wide().corr()
    axes.imshow(table, vmin=-1, vmax=1, cmap="RdBu_r")
    axes.set_xticks(range(len(table)), table.columns, rotation=30, ha="right", fontsize=8, parse_math=False)
    axes.set_yticks(range(len(table)), table.index, fontsize=8, parse_math=False)
    for row, values in enumerate(table.to_numpy()):
        for column, value in enumerate(values):
            text = "–" if np.isnan(value) else f"{value:.2f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if abs(value) > 0.6 else "black")
    axes.set(title="correlation over days of resources")


def averages(axes: Axes, observed: Observed, metric: str) -> None:
    """The mean of all resources by the day, and its moving averages; a window of which half is missing has none."""
    mean = observed.mean_by_day(metric)
    axes.plot(mean.index, mean, color="#cfe0ec", linewidth=0.8, label="day")
    for days, color in ((7, BLUE), (30, ORANGE)):
        axes.plot(
            mean.index, mean.rolling(days, min_periods=(days + 1) // 2).mean(), color=color, linewidth=1.4, label=f"{days} days"
        )
    axes.legend(fontsize=8)
    axes.set(ylabel=named(observed, metric), title="mean of all resources")
    dates(axes)


def by_month(axes: Axes, observed: Observed, metric: str) -> None:
    """The mean of each month of the year, and the quarter it is in."""
    rows = observed.rows(metric)
    mean = rows.groupby(rows["ts"].dt.month)["value"].mean()
    axes.bar(mean.index, mean, color=[QUARTERS[(month - 1) // 3] for month in mean.index])
    axes.set_xticks(range(1, 13))
    axes.set(xlabel="month, coloured by quarter", ylabel=named(observed, metric), title="by month and quarter")


def by_label(axes: Axes, observed: Observed, metric: str, label: str) -> None:
    """The mean per word of a label."""
    mean = observed.of(metric).groupby(label)["value"].mean().sort_values()
    if mean.empty:
        say(axes, f"nobody says the {label.replace('_', ' ')} of a resource")
        return
    axes.barh([str(word) for word in mean.index], mean, color=BLUE)
    axes.set(xlabel=named(observed, metric), title=f"by {label.replace('_', ' ')}")


def missing(axes: Axes, observed: Observed, metric: str) -> None:
    """How much of each resource's days was observed, over time: white is nothing."""
    rows = observed.rows(metric)
    axes.imshow(_share_observed(rows), aspect="auto", vmin=0, vmax=1, cmap="Blues", interpolation="nearest")
    span = f"{rows['ts'].min():%Y-%m-%d} … {rows['ts'].max():%Y-%m-%d}"
    axes.set(xticks=[], yticks=[], xlabel=span, ylabel=f"{rows['resource'].nunique()} resources", title="share observed")


def _share_observed(rows: pd.DataFrame) -> Any:
    """Share observed by resource and day, (height, width), on no more cells than a picture can show."""
    resource = pd.factorize(rows["resource"], sort=True)[0]
    day = ((rows["ts"] - rows["ts"].min()) // pd.Timedelta(days=1)).to_numpy()
    resources, days = int(resource.max()) + 1, int(day.max()) + 1
    height, width = min(resources, CELLS[0]), min(days, CELLS[1])
    down, across = np.arange(resources) * height // resources, np.arange(days) * width // days
    observed = np.zeros((height, width))
    np.add.at(observed, (down[resource], across[day]), rows["complete"].to_numpy(dtype=np.float64))
    return observed / np.outer(np.bincount(down), np.bincount(across))


def some_series(axes: Axes, observed: Observed, metric: str, most: int = 4) -> None:
    """The last days of a few resources, evenly chosen."""
    rows = observed.rows(metric)
    rows = rows[rows["ts"] > rows["ts"].max() - pd.Timedelta(days=SAMPLE_DAYS)]
    days = (rows["ts"].max() - rows["ts"].min()).days + 1
    names = rows["resource"].drop_duplicates().sort_values()
    for name in thin(names.to_frame(), most)["resource"]:
        one = rows[rows["resource"] == name].set_index("ts")["value"].asfreq("D")
        axes.plot(one.index, one, linewidth=0.9, label=name)
    legend = axes.legend(fontsize=7)
    for text in legend.get_texts():
        text.set_parse_math(False)
    axes.set(
        ylabel=named(observed, metric),
        title=f"{min(most, len(names))} of {len(names)} resources, {days} day{'s' if days > 1 else ''}",
    )
    dates(axes)


def dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
