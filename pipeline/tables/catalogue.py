"""The catalogue of features: 368 numbers that say how a resource behaves in one hour or day, each declared once.

Columns of `gold.feature_hourly` and `gold.feature_daily`, their documentation and what is computed follow from it.

In a formula x is the metric's demand in the row's own period and x[-k] that of k periods before; "the last w" are w periods, the
row's own among them. A period is an hour or a day of the calendar, never a row, and one that was not observed stays missing:
nothing stands in for it, and nothing is read across it. What is of several periods needs `least` of them observed, at least half;
what is made of pairs, triples or residuals r needs `least` of these, and what compares two stretches needs `least` in each. Where
there are fewer the feature is null. So it is where a formula has no finite answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations

from pipeline.tables.columns import Granularity

#: The metrics that features are of: the name that their columns begin with, the canonical metric, and its unit.
BASE_METRICS: dict[str, tuple[str, str]] = {
    "cpu": ("cpu_utilization", "percent"),
    "memory": ("memory_utilization", "percent"),
    "network": ("network_in", "mbps"),
}
PAIRS: tuple[tuple[str, str], ...] = tuple(combinations(BASE_METRICS, 2))
#: How many features a family has.
FAMILIES = {
    "temporal": 12,
    "rolling": 126,
    "lag": 63,
    "rate of change": 45,
    "cross-correlation": 21,
    "distribution": 27,
    "peak": 15,
    "change point": 12,
    "spectrum": 9,
    "entropy": 6,
    "interaction": 14,
    "residual": 18,
}
#: Periods after which demand repeats itself, of which four make the expectation of a period.
SEASON: dict[Granularity, int] = {"hour": 24, "day": 7}
SEASONS = 4
#: Periods of a spectrum: four seasons of hours, eight of days.
SPECTRUM: dict[Granularity, int] = {"hour": 96, "day": 56}
WINDOWS = (3, 6, 12, 24, 48, 96)
#: Of three values the kurtosis is always the same, and its unbiased estimate needs four.
KURTOSIS_WINDOWS = (4, *WINDOWS[1:])
LAGS = (1, 2, 3, 6, 12, 24, 48)
RATES = (3, 6, 12, 24, 48)
#: Periods of what describes a longer stretch, of half of it, and of a part that is held against the one before.
LONG, HALF, RECENT = 96, 48, 24
QUANTILES = (5, 10, 25, 75, 90, 95)
CORRELATIONS = (12, 24, 48, 96)
BINS = 8


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        name: of its column; it begins with the metrics that it is of.
        family: one of `FAMILIES`.
        formula: how it is worked out.
        unit: of its values.
        window: periods that it reads, the row's own among them.
        least: how many of these, or of what is made of them, must be observed.
        ge, le: bounds, where the formula has any.
    """

    name: str
    family: str
    formula: str
    unit: str
    window: int = 1
    least: int = 1
    ge: float | None = None
    le: float | None = None


@cache
def list_features(granularity: Granularity) -> tuple[Feature, ...]:
    """All features by the hour or by the day, in the order of their columns: by family, and in it by metric."""
    season = SEASON[granularity]
    families = [
        list(_temporal(granularity)),
        *([*family(*each)] for family in (_rolling, _lags, _rates) for each in _metrics()),
        *([*_correlations(*pair)] for pair in PAIRS),
        *([*family(*each)] for family in (_distribution, _peaks, _changes) for each in _metrics()),
        *([*_spectrum(name, season, SPECTRUM[granularity])] for name in BASE_METRICS),
        *([*_entropy(name)] for name in BASE_METRICS),
        *([*_pair(*pair)] for pair in PAIRS),
        list(_joint()),
        *([*_residuals(*each, season)] for each in _metrics()),
    ]
    return tuple(feature for family in families for feature in family)


def reach(granularity: Granularity) -> int:
    """Periods before its own that a row may depend on."""
    return max(feature.window for feature in list_features(granularity)) - 1


def _metrics() -> list[tuple[str, str]]:
    return [(name, unit) for name, (_, unit) in BASE_METRICS.items()]


def _half(window: int, least: int = 1) -> int:
    return max(least, -(-window // 2))


def _temporal(granularity: Granularity) -> Iterator[Feature]:
    family = "temporal"
    if granularity == "hour":
        yield Feature("hour_of_day", family, "0 is the hour after midnight", "hours", ge=0, le=23)
        yield Feature("day_sin", family, "sin(2π · hour of day / 24)", "ratio", ge=-1, le=1)
        yield Feature("day_cos", family, "cos(2π · hour of day / 24)", "ratio", ge=-1, le=1)
        yield Feature("office_hours", family, "1 from 9:00 to 17:59, Monday to Friday, else 0", "flag", ge=0, le=1)
    else:
        yield Feature("day_of_month", family, "1 is the first", "days", ge=1, le=31)
        yield Feature("month_sin", family, "sin(2π · days of the month gone by / its days)", "ratio", ge=-1, le=1)
        yield Feature("month_cos", family, "cos(2π · days of the month gone by / its days)", "ratio", ge=-1, le=1)
        yield Feature("month_end", family, "1 on the last three days of a month, else 0", "flag", ge=0, le=1)
    yield Feature("day_of_week", family, "0 is Monday", "days", ge=0, le=6)
    yield Feature("week_sin", family, "sin(2π · time of the week / a week)", "ratio", ge=-1, le=1)
    yield Feature("week_cos", family, "cos(2π · time of the week / a week)", "ratio", ge=-1, le=1)
    yield Feature("weekend", family, "1 on Saturday and Sunday, else 0", "flag", ge=0, le=1)
    yield Feature("holiday", family, "1 on US bank holidays, else 0", "flag", ge=0, le=1)
    yield Feature("quarter_end_ramp", family, "0.2 … 1 over the last five days of a quarter, else 0", "ratio", ge=0, le=1)
    yield Feature("year_sin", family, "sin(2π · days of the year gone by / its days)", "ratio", ge=-1, le=1)
    yield Feature("year_cos", family, "cos(2π · days of the year gone by / its days)", "ratio", ge=-1, le=1)


def _rolling(name: str, unit: str) -> Iterator[Feature]:
    for window, long in zip(WINDOWS, KURTOSIS_WINDOWS, strict=True):
        for word, formula, of, least in (
            ("mean", "mean", unit, 1),
            ("std", "standard deviation, of a sample,", unit, 2),
            ("min", "lowest", unit, 1),
            ("max", "highest", unit, 1),
            ("median", "median", unit, 1),
            ("skew", "skewness, unbiased,", "ratio", 3),
            ("kurt", "excess kurtosis, unbiased,", "ratio", 4),
        ):
            w = long if word == "kurt" else window
            said = f"{formula} of the last {w}" + (", null where they do not vary" if word in ("skew", "kurt") else "")
            yield Feature(f"{name}_{word}_{w}", "rolling", said, of, w, _half(w, least))


def _lags(name: str, unit: str) -> Iterator[Feature]:
    for lag in LAGS:
        yield Feature(f"{name}_lag_{lag}", "lag", f"x[-{lag}]", unit, lag + 1, 1)
        yield Feature(f"{name}_diff_{lag}", "lag", f"x − x[-{lag}]", unit, lag + 1, 2)
        said = f"100 · (x − x[-{lag}]) / |x[-{lag}]|, null where x[-{lag}] is 0"
        yield Feature(f"{name}_pct_{lag}", "lag", said, "percent", lag + 1, 2)


def _rates(name: str, unit: str) -> Iterator[Feature]:
    family, of = "rate of change", f"{unit} per period"
    for k in RATES:
        least = _half(k + 1, 2)
        yield Feature(f"{name}_roc_{k}", family, f"slope of the least-squares line through the last {k + 1}", of, k + 1, least)
        said = f"(roc_{k} − roc_{k} of {k} periods before) / {k}"
        yield Feature(f"{name}_accel_{k}", family, said, f"{unit} per period squared", 2 * k + 1, least)
        said = f"mean of |x − x[-1]| over the last {k}"
        yield Feature(f"{name}_rolling_roc_{k}", family, said, of, k + 1, _half(k))


def _correlations(a: str, b: str) -> Iterator[Feature]:
    family, name = "cross-correlation", f"{a}_{b}"
    null = "null where one does not vary"
    for w in CORRELATIONS:
        said = f"Pearson's correlation of {a} and {b} over the last {w}, {null}"
        yield Feature(f"{name}_corr_{w}", family, said, "ratio", w, _half(w, 3), -1, 1)
    said = f"correlation of {a} with {b} one period before, over the last {HALF}, {null}"
    yield Feature(f"{name}_corr_lag_1", family, said, "ratio", HALF + 1, _half(HALF), -1, 1)
    said = f"correlation of {b} with {a} one period before, over the last {HALF}, {null}"
    yield Feature(f"{name}_corr_lead_1", family, said, "ratio", HALF + 1, _half(HALF), -1, 1)
    units = f"{BASE_METRICS[b][1]} per {BASE_METRICS[a][1]}"
    said = f"slope of {b} on {a} by least squares over the last {HALF}, {null}"
    yield Feature(f"{name}_slope", family, said, units, HALF, _half(HALF))


def _distribution(name: str, unit: str) -> Iterator[Feature]:
    family, least = "distribution", _half(LONG)
    for level in QUANTILES:
        said = f"{level}th percentile of the last {LONG}, interpolated"
        yield Feature(f"{name}_p{level:02d}", family, said, unit, LONG, least)
    yield Feature(f"{name}_iqr", family, f"p75 − p25 of the last {LONG}", unit, LONG, least)
    yield Feature(f"{name}_mad", family, f"median distance from the median of the last {LONG}", unit, LONG, least)
    said = f"standard deviation / |mean| of the last {LONG}, null where the mean is 0"
    yield Feature(f"{name}_cv", family, said, "ratio", LONG, least)


def _peaks(name: str, _: str) -> Iterator[Feature]:
    family, least = "peak", _half(LONG)
    yield Feature(
        f"{name}_peak_age", family, f"periods since the last highest of the last {LONG}", "periods", LONG, least, 0, LONG
    )
    said = f"highest / mean of the last {LONG}, null where the mean is 0"
    yield Feature(f"{name}_peak_to_mean", family, said, "ratio", LONG, least)
    said = f"share of the last {LONG} that lies more than two standard deviations above their mean"
    yield Feature(f"{name}_burst_share", family, said, "ratio", LONG, least, 0, 1)
    said = f"longest run in the last {LONG} more than one standard deviation above their mean; a gap ends a run"
    yield Feature(f"{name}_burst_longest", family, said, "periods", LONG, least, 0, LONG)
    said = f"periods up to this one that lie above the mean of the last {LONG} without a gap"
    yield Feature(f"{name}_burst_run", family, said, "periods", LONG, least, 0, LONG)


def _changes(name: str, _: str) -> Iterator[Feature]:
    family, least = "change point", _half(LONG)
    null = "null where they do not vary"
    said = f"range of the summed deviations from the mean of the last {LONG} / (standard deviation · √observed), {null}"
    yield Feature(f"{name}_cusum_range", family, said, "ratio", LONG, least, ge=0)
    said = f"periods since the summed deviations from the mean of the last {LONG} were farthest from 0, {null}"
    yield Feature(f"{name}_change_age", family, said, "periods", LONG, least, 0, LONG)
    both = f"the last {RECENT} and the {RECENT} before"
    said = f"difference of the means of {both} / standard deviation of all of them, {null}"
    yield Feature(f"{name}_level_shift", family, said, "ratio", 2 * RECENT, _half(RECENT))
    said = f"log2 of the ratio of the standard deviations of {both}, {null}"
    yield Feature(f"{name}_spread_shift", family, said, "ratio", 2 * RECENT, _half(RECENT))


def _spectrum(name: str, season: int, width: int) -> Iterator[Feature]:
    family, least = "spectrum", _half(width)
    null = "null where they do not vary"
    of = f"in the spectrum of the last {width} less their mean, to which a missing period adds nothing, {null}"
    said = f"share of the power at {season} periods and its harmonics {of}"
    yield Feature(f"{name}_season_power", family, said, "ratio", width, least, 0, 1)
    said = f"share of the power at more than {2 * season} periods {of}"
    yield Feature(f"{name}_slow_power", family, said, "ratio", width, least, 0, 1)
    said = f"period with the most power, the longest of several, {of}"
    yield Feature(f"{name}_dominant_period", family, said, "periods", width, least, 2, width)


def _entropy(name: str) -> Iterator[Feature]:
    family = "entropy"
    said = f"entropy of the orders of three periods in a row in the last {LONG}, 1 where all six are as frequent"
    said += "; of equal values the earlier counts as the lower"
    yield Feature(f"{name}_permutation_entropy", family, said, "ratio", LONG, _half(LONG - 2), 0, 1)
    said = (
        f"entropy of the last {LONG} in {BINS} bins from lowest to highest, 1 where all are as full; null where they do not vary"
    )
    yield Feature(f"{name}_histogram_entropy", family, said, "ratio", LONG, _half(LONG), 0, 1)


def _pair(a: str, b: str) -> Iterator[Feature]:
    family, name, least = "interaction", f"{a}_{b}", _half(LONG)
    units = f"{BASE_METRICS[a][1]} per {BASE_METRICS[b][1]}"
    z = f"z is x less the mean of the last {LONG}, over their standard deviation"
    yield Feature(f"{name}_product", family, f"z of {a} · z of {b}; {z}", "ratio", LONG, least)
    yield Feature(f"{name}_gap", family, f"z of {a} − z of {b}; {z}", "ratio", LONG, least)
    yield Feature(f"{name}_ratio", family, f"{a} / {b}, null where {b} is 0", units)
    said = f"{a} / {b}, over the ratio of their means of the last {LONG}; null where one of these is 0"
    yield Feature(f"{name}_ratio_change", family, said, "ratio", LONG, least)


def _joint() -> Iterator[Feature]:
    family, z = "interaction", f"z, which is x less the mean of the last {LONG}, over their standard deviation"
    yield Feature("joint_z_mean", family, f"mean over the metrics of {z}; of two metrics at least", "ratio", LONG, _half(LONG))
    yield Feature("joint_z_max", family, f"highest over the metrics of {z}; of two metrics at least", "ratio", LONG, _half(LONG))


def _residuals(name: str, unit: str, season: int) -> Iterator[Feature]:
    family, before = "residual", SEASONS * season
    r = f"r is x less the mean of x[-{season}], x[-{2 * season}] … x[-{before}], of which two are needed"
    yield Feature(f"{name}_residual", family, r, unit, before + 1, 2)
    said = f"mean of r over the last {RECENT}; {r}"
    yield Feature(f"{name}_residual_mean", family, said, unit, before + RECENT, _half(RECENT))
    said = f"standard deviation of r over the last {RECENT}; {r}"
    yield Feature(f"{name}_residual_std", family, said, unit, before + RECENT, _half(RECENT))
    said = f"r / its standard deviation over the last {LONG}, null where it does not vary; {r}"
    yield Feature(f"{name}_residual_z", family, said, "ratio", before + LONG, _half(LONG))
    said = f"correlation of r with r one period before within the last {LONG}, null where it does not vary; {r}"
    yield Feature(f"{name}_residual_autocorr", family, said, "ratio", before + LONG, _half(LONG), -1, 1)
    said = f"x less the least-squares line through the last {LONG}"
    yield Feature(f"{name}_trend_residual", family, said, unit, LONG, _half(LONG))
