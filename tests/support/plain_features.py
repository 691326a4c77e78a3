"""The features of the catalogue once more, in plain pandas: what each is by definition, for one resource and without haste."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from pipeline.forecasting import calendars
from pipeline.tables.catalogue import (
    BASE_METRICS,
    BINS,
    CORRELATIONS,
    HALF,
    KURTOSIS_WINDOWS,
    LAGS,
    LONG,
    PAIRS,
    QUANTILES,
    RATES,
    RECENT,
    SEASON,
    SPECTRUM,
    WINDOWS,
)
from pipeline.tables.columns import Granularity

ROUNDING = 1e-9
Named = Iterator[tuple[str, pd.Series]]


def define(demand: pd.DataFrame, granularity: Granularity) -> pd.DataFrame:
    """Every feature by name, of demand on a regular index of time, one column per base metric."""
    named = dict(_time(demand.index, granularity))
    season = SEASON[granularity]
    for name in BASE_METRICS:
        x = demand[name]
        for family in (_rolling, _lags, _rates, _distribution, _peaks, _changes, _entropy):
            named |= dict(family(name, x))
        named |= dict(_spectrum(name, x, season, SPECTRUM[granularity]))
        named |= dict(_residuals(name, x, season))
    for a, b in PAIRS:
        named |= dict(_correlations(a, b, demand))
    named |= dict(_interactions(demand))
    return pd.DataFrame(named).replace([np.inf, -np.inf], np.nan)


def define_windowed(demand: pd.DataFrame, granularity: Granularity) -> pd.DataFrame:
    """Those features alone that need each window as such: the others pandas rolls, or shifts, by functions of its own."""
    named: dict[str, pd.Series] = {}
    for name in BASE_METRICS:
        for family in (_peaks, _changes, _entropy):
            named |= dict(family(name, demand[name]))
        named |= dict(_spectrum(name, demand[name], SEASON[granularity], SPECTRUM[granularity]))
    return pd.DataFrame(named)


def last(x: pd.Series, width: int) -> pd.DataFrame:
    """A row of the last `width` values for each period, the oldest first."""
    return pd.concat([x.shift(k) for k in reversed(range(width))], axis=1, keys=range(width))


def enough(windows: pd.DataFrame, least: int = 1) -> pd.Series:
    return windows.notna().sum(axis=1) >= max(least, -(-windows.shape[1] // 2))


def varies(windows: pd.DataFrame) -> pd.Series:
    return windows.std(axis=1, ddof=0) > ROUNDING * windows.mean(axis=1).abs()


def by_row(windows: pd.DataFrame, function: Callable[[np.ndarray], float]) -> pd.Series:
    return windows.apply(function, axis=1, raw=True).astype(float)


def size(windows: pd.DataFrame) -> pd.Series:
    return windows.abs().max(axis=1)


def _time(index: pd.DatetimeIndex, granularity: Granularity) -> Named:
    def circle(name: str, share: pd.Index) -> Named:
        yield f"{name}_sin", pd.Series(np.sin(2 * np.pi * np.asarray(share)), index)
        yield f"{name}_cos", pd.Series(np.cos(2 * np.pi * np.asarray(share)), index)

    if granularity == "hour":
        yield "hour_of_day", pd.Series(index.hour, index, dtype=float)
        yield from circle("day", index.hour / 24)
        yield "office_hours", pd.Series((index.hour >= 9) & (index.hour <= 17) & (index.dayofweek < 5), index).astype(float)
    else:
        yield "day_of_month", pd.Series(index.day, index, dtype=float)
        yield from circle("month", (index.day - 1) / index.days_in_month)
        yield "month_end", pd.Series(index.day > index.days_in_month - 3, index).astype(float)
    yield "day_of_week", pd.Series(index.dayofweek, index, dtype=float)
    yield from circle("week", (index.dayofweek * 24 + index.hour) / 168)
    yield "weekend", pd.Series(index.dayofweek >= 5, index).astype(float)
    yield "holiday", pd.Series(calendars.us_holiday(index.to_numpy()), index).astype(float)
    left = (index.to_period("Q").end_time.normalize() - index.normalize()).days
    yield "quarter_end_ramp", pd.Series(np.clip((5 - left) / 5, 0, 1), index)
    yield from circle("year", (index.dayofyear - 1) / (365 + index.is_leap_year))


def _rolling(name: str, x: pd.Series) -> Named:
    for width, long in zip(WINDOWS, KURTOSIS_WINDOWS, strict=True):
        windows, longer = last(x, width), last(x, long)
        for word in ("mean", "std", "min", "max", "median"):
            yield f"{name}_{word}_{width}", getattr(windows, word)(axis=1).where(enough(windows))
        yield f"{name}_skew_{width}", windows.skew(axis=1).where(enough(windows, 3) & varies(windows))
        yield f"{name}_kurt_{long}", longer.kurt(axis=1).where(enough(longer, 4) & varies(longer))


def _lags(name: str, x: pd.Series) -> Named:
    for k in LAGS:
        yield f"{name}_lag_{k}", x.shift(k)
        yield f"{name}_diff_{k}", x.diff(k)
        yield f"{name}_pct_{k}", 100 * x.diff(k) / x.shift(k).abs()


def line(windows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """The slope of the least-squares line through each row, and its level at the last."""
    place = windows.notna() * np.arange(windows.shape[1], dtype=float)
    place = place.where(windows.notna())
    away = place.sub(place.mean(axis=1), axis=0)
    slope = (away * windows.sub(windows.mean(axis=1), axis=0)).sum(axis=1) / (away**2).sum(axis=1)
    return slope, windows.mean(axis=1) + slope * (windows.shape[1] - 1 - place.mean(axis=1))


def _rates(name: str, x: pd.Series) -> Named:
    for k in RATES:
        windows, steps = last(x, k + 1), last(x.diff().abs(), k)
        roc = line(windows)[0].where(enough(windows, 2))
        yield f"{name}_roc_{k}", roc
        yield f"{name}_accel_{k}", roc.diff(k) / k
        yield f"{name}_rolling_roc_{k}", steps.mean(axis=1).where(enough(steps))


def pair(a: pd.Series, b: pd.Series, width: int) -> tuple[pd.Series, pd.Series]:
    """Correlation over windows, and the slope of b on a."""
    both = a.notna() & b.notna()
    one, other = last(a.where(both), width), last(b.where(both), width)
    known = enough(one, 3) & varies(one) & varies(other)
    with np.errstate(all="ignore"):
        r = one.corrwith(other, axis=1).where(known)
    return r, r * other.std(axis=1) / one.std(axis=1)


def _correlations(a: str, b: str, demand: pd.DataFrame) -> Named:
    x, y = demand[a], demand[b]
    for width in CORRELATIONS:
        yield f"{a}_{b}_corr_{width}", pair(x, y, width)[0]
    yield f"{a}_{b}_corr_lag_1", pair(x, y.shift(1), HALF)[0]
    yield f"{a}_{b}_corr_lead_1", pair(x.shift(1), y, HALF)[0]
    yield f"{a}_{b}_slope", pair(x, y, HALF)[1]


def _distribution(name: str, x: pd.Series) -> Named:
    windows = last(x, LONG)
    known = enough(windows)
    for level in QUANTILES:
        yield f"{name}_p{level:02d}", windows.quantile(level / 100, axis=1).where(known)
    yield f"{name}_iqr", (windows.quantile(0.75, axis=1) - windows.quantile(0.25, axis=1)).where(known)
    yield f"{name}_mad", windows.sub(windows.median(axis=1), axis=0).abs().median(axis=1).where(known)
    mean = windows.mean(axis=1).abs()
    yield f"{name}_cv", (windows.std(axis=1) / mean).where(known & (mean > ROUNDING * size(windows)))


def longest_run(above: np.ndarray) -> float:
    runs = "".join("x" if each else " " for each in above).split()
    return max(map(len, runs), default=0)


def _peaks(name: str, x: pd.Series) -> Named:
    windows = last(x, LONG)
    known, mean = enough(windows), windows.mean(axis=1)
    deviation = windows.std(axis=1).where(varies(windows), 0)
    line_at = mean + ROUNDING * size(windows)
    age = by_row(windows, lambda row: float(np.argmax(row[::-1] == np.nanmax(row))) if np.isfinite(row).any() else np.nan)
    yield f"{name}_peak_age", age.where(known)
    yield f"{name}_peak_to_mean", (windows.max(axis=1) / mean).where(known & (mean.abs() > ROUNDING * size(windows)))
    yield (
        f"{name}_burst_share",
        (windows.gt(line_at + 2 * deviation, axis=0).sum(axis=1) / windows.notna().sum(axis=1)).where(known),
    )
    yield f"{name}_burst_longest", by_row(windows.gt(line_at + deviation, axis=0), longest_run).where(known)
    above = windows.gt(line_at, axis=0)
    run = by_row(above, lambda row: len(row) if row.all() else np.argmin(row[::-1]))
    yield f"{name}_burst_run", run.where(known & x.notna())


def _changes(name: str, x: pd.Series) -> Named:
    windows = last(x, LONG)
    known = enough(windows) & varies(windows)
    summed = windows.sub(windows.mean(axis=1), axis=0).cumsum(axis=1)
    reached = summed.max(axis=1).clip(lower=0) - summed.min(axis=1).clip(upper=0)
    yield f"{name}_cusum_range", (reached / (windows.std(axis=1) * np.sqrt(windows.notna().sum(axis=1)))).where(known)
    away = summed.abs().fillna(-1.0)
    farthest = away.ge(away.max(axis=1) * (1 - ROUNDING), axis=0)
    yield f"{name}_change_age", (LONG - 1 - by_row(farthest, np.argmax)).where(known)
    now, both = last(x, RECENT), last(x, 2 * RECENT)
    then = last(x.shift(RECENT), RECENT)
    known = enough(now) & enough(then)
    yield f"{name}_level_shift", ((now.mean(axis=1) - then.mean(axis=1)) / both.std(axis=1)).where(known & varies(both))
    with np.errstate(all="ignore"):
        shift = np.log2(now.std(axis=1) / then.std(axis=1))
    yield f"{name}_spread_shift", shift.where(known & varies(now) & varies(then))


def evenness(counts: np.ndarray) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log(share)).sum() / np.log(len(counts)))


def permutation_entropy(row: np.ndarray) -> float:
    threes = np.stack([row[:-2], row[1:-1], row[2:]], axis=1)
    orders = np.argsort(threes[np.isfinite(threes).all(axis=1)], axis=1, kind="stable")
    counts = np.bincount(orders @ [9, 3, 1], minlength=27)[[5, 7, 11, 15, 19, 21]]
    return evenness(counts) if len(orders) >= (len(row) - 2) / 2 else np.nan


def histogram_entropy(row: np.ndarray) -> float:
    seen = row[np.isfinite(row)]
    if not len(seen) or seen.max() == seen.min():
        return np.nan
    bins = np.minimum(((seen - seen.min()) * (BINS / (seen.max() - seen.min()))).astype(int), BINS - 1)
    return evenness(np.bincount(bins, minlength=BINS))


def _entropy(name: str, x: pd.Series) -> Named:
    windows = last(x, LONG)
    yield f"{name}_permutation_entropy", by_row(windows, permutation_entropy)
    yield f"{name}_histogram_entropy", by_row(windows, histogram_entropy).where(enough(windows) & varies(windows))


def _spectrum(name: str, x: pd.Series, season: int, width: int) -> Named:
    windows = last(x, width)
    known = enough(windows) & varies(windows)
    filled = windows.sub(windows.mean(axis=1), axis=0).fillna(0.0)
    power = pd.DataFrame(np.abs(np.fft.fft(filled.to_numpy(), axis=1)) ** 2, x.index)
    frequency = np.minimum(np.arange(width), width - np.arange(width)) / width
    rest = frequency > 0
    with np.errstate(all="ignore"):
        of = power.loc[:, rest].sum(axis=1)
        seasonal = np.isclose(frequency * season % 1, 0) | np.isclose(frequency * season % 1, 1)
        yield f"{name}_season_power", (power.loc[:, rest & seasonal].sum(axis=1) / of).where(known)
        yield f"{name}_slow_power", (power.loc[:, rest & (frequency < 1 / (2 * season))].sum(axis=1) / of).where(known)
    both = power.T.groupby(frequency).sum().T.loc[:, lambda frame: frame.columns > 0]
    highest = both.ge(both.max(axis=1) * (1 - ROUNDING), axis=0).idxmax(axis=1)
    yield f"{name}_dominant_period", (1 / highest).where(known)


def _interactions(demand: pd.DataFrame) -> Named:
    z, means = {}, {}
    for name in BASE_METRICS:
        windows = last(demand[name], LONG)
        mean = windows.mean(axis=1)
        means[name] = mean.where(mean.abs() > ROUNDING * size(windows), 0.0).where(enough(windows))
        z[name] = ((demand[name] - mean) / windows.std(axis=1)).where(enough(windows) & varies(windows))
    for a, b in PAIRS:
        ratio = (demand[a] / demand[b]).replace([np.inf, -np.inf], np.nan)
        yield f"{a}_{b}_product", z[a] * z[b]
        yield f"{a}_{b}_gap", z[a] - z[b]
        yield f"{a}_{b}_ratio", ratio
        yield f"{a}_{b}_ratio_change", ratio / (means[a] / means[b])
    together = pd.DataFrame(z)
    two = together.notna().sum(axis=1) > 1
    yield "joint_z_mean", together.mean(axis=1).where(two)
    yield "joint_z_max", together.max(axis=1).where(two)


def snapped(difference: pd.Series, of: pd.Series) -> pd.Series:
    return difference.where(~(difference.abs() <= ROUNDING * of), 0.0)


def _residuals(name: str, x: pd.Series, season: int) -> Named:
    before = pd.concat([x.shift(k * season) for k in (1, 2, 3, 4)], axis=1)
    expected = before.mean(axis=1).where(before.notna().sum(axis=1) >= 2)
    r = snapped(x - expected, np.maximum(x.abs(), before.abs().max(axis=1)))
    recent, long = last(r, RECENT), last(r, LONG)
    yield f"{name}_residual", r
    yield f"{name}_residual_mean", recent.mean(axis=1).where(enough(recent))
    yield f"{name}_residual_std", recent.std(axis=1).where(varies(recent), 0.0).where(enough(recent))
    yield f"{name}_residual_z", (r / long.std(axis=1)).where(enough(long) & varies(long))
    pairs = (r.notna() & r.shift(1).notna()).rolling(LONG - 1, min_periods=1).sum()
    yield f"{name}_residual_autocorr", pair(r, r.shift(1), LONG - 1)[0].where(pairs >= LONG / 2)
    windows = last(x, LONG)
    level = line(windows)[1]
    yield f"{name}_trend_residual", snapped(x - level, np.maximum(x.abs(), level.abs())).where(enough(windows))
