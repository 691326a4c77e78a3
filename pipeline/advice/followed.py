"""Which recommendations were followed, as inventories, bills and hours of use show it: nobody's word counts.

What a resource is on a day is its *form*: its type, or that it is ended (stopped, terminated, or no longer listed by an inventory
that lists others of its service). A recommendation is followed where the form changes to what it asked for while it stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipeline.advice.billed import split_usage_type
from pipeline.advice.databases import major_version
from pipeline.advice.facts import facts_of
from pipeline.advice.volumes import volume_from
from pipeline.tables.columns import BY_HOURS, ENDED_STATES

#: For how long a recommendation that is not repeated may still be followed.
STANDS = timedelta(days=32)
#: Of an inventory's days in a row that must lack a resource, and of a bill's, before it counts as gone.
LEAST_GONE, LEAST_UNCHARGED = 2, 3
#: Days whose hours tell a schedule, and those before it that are held against them.
SCHEDULE_DAYS, DAYS_BEFORE = 7, 14
#: Rules whose changes no inventory shows in the words of their targets: what a table is charged by, rules of a bucket, sizes of
#: tasks. A desktop that stops by itself is not stopped for good.
NOT_FOLLOWED = frozenset({"idle_table", "bucket_class", "incomplete_upload", "task_size", "idle_desktop"})
# A machine that is switched at hours takes minutes to end: so much more than a schedule leaves is still it.
_MORE_THAN_LEFT = 1.1
RUNS, ENDED = "running", "ended"
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Change:
    """A resource became what a recommendation asked for.

    Attributes:
        said: the recommendation's newest row before that.
        before: last day that shows what the resource was; that day itself may be of both.
        first: first day that shows what it became.
        former, became: what it was, and is.
        evidence: what shows it, one of `EVIDENCE`.
        ends: first day that shows something else; None where it still is so.
        undone: whether it then became again what it had been.
        since: first day of what it was before; None where that reaches back as far as is known.
        is_counted: whether its saving is its own, and not that of another recommendation which the same change follows.
    """

    said: dict[str, Any]
    before: pd.Timestamp
    first: pd.Timestamp
    former: str
    became: str
    evidence: str
    ends: pd.Timestamp | None = None
    undone: bool = False
    since: pd.Timestamp | None = None
    is_counted: bool = True

    @property
    def recommendation_id(self) -> str:
        return str(self.said["recommendation_id"])

    @property
    def resource(self) -> tuple[str, str, str]:
        return (str(self.said["account"]), str(self.said["region"]), str(self.said["resource_id"]))


def forms_by_inventory(rows: pd.DataFrame, listed: Sequence[pd.Timestamp], group: str) -> pd.Series:
    """What a resource was on each day of an inventory, by day.

    Args:
        rows: of the resource, as `silver.resource` has them.
        listed: days on which the inventory of its account and region lists anything of its service.
        group: of the changes that are looked for; of an engine the version is told, else the type.
    """
    if rows.empty:
        return _series({})
    by_day = rows.sort_values("ts").rename(columns={"tags_json": "tags"})
    found = {row["ts"]: _form_of(row, group) for _, row in by_day.iterrows()}
    missing = [day for day in listed if day > min(found) and day not in found]
    found |= dict.fromkeys(_in_a_row(missing, sorted({*found, *listed}), LEAST_GONE), ENDED)
    return _series(found)


def forms_by_bill(charges: pd.DataFrame, days: Sequence[pd.Timestamp]) -> pd.Series:
    """What a resource was on each complete day of its bill, as usage types name it; without a name, that it runs.

    Args:
        charges: of the resource: ts, usage_type, cost.
        days: of the bill that are complete, in order.
    """
    found: dict[pd.Timestamp, str] = {}
    for ts, rows in charges.sort_values(["ts", "cost", "usage_type"]).groupby("ts"):
        named = [of for name in rows["usage_type"] if (of := split_usage_type(str(name))[1])]
        found[pd.Timestamp(str(ts))] = named[-1] if named else RUNS
    if not found:
        return _series({})
    missing = [day for day in days if day > min(found) and day not in found]
    found |= dict.fromkeys(_in_a_row(missing, list(days), LEAST_UNCHARGED), ENDED)
    return _series(found)


def find_change(said: pd.DataFrame, forms: pd.Series, evidence: str) -> Change | None:
    """The newest change of a resource that one recommendation had asked for.

    Args:
        said: the recommendation's rows, with the columns of `inputs.recommended_changes`.
        forms: what the resource was, by day.
        evidence: where these are from.
    """
    ends = said["exclusive_group"].iloc[0] == "end"
    told = forms.where(forms == ENDED, RUNS) if ends else forms[~forms.isin([ENDED, RUNS])]
    found: Change | None = None
    before: tuple[pd.Timestamp, str] | None = None
    for day, form in zip(pd.DatetimeIndex(told.index), told.astype(str), strict=True):
        if before is not None and form != before[1]:
            if found is not None and found.ends is None:
                found = replace(found, ends=day, undone=form == found.former)
            stood = standing(said, day)
            if len(stood) and (form == ENDED if ends else _was_asked(stood, before[1], form)):
                found = Change(newest_of(stood), before[0], day, before[1], form, evidence)
        before = (day, form)
    return found


def find_schedule(said: pd.DataFrame, hours: pd.Series) -> Change | None:
    """The newest time that a resource began to be off for half of the hours that a recommendation named, or more.

    It is known after a week of them; where the hours come back for a week, it is undone. A week without any hour is no
    schedule, nor are last days without any: the resource has ended, or may have. What people switch by themselves has weeks of
    fewer hours as well: the week must fall below the lowest week before by as much, or have no more hours than the schedule
    leaves and a day with less than half of those of any day before.

    Args:
        said: the recommendation's rows.
        hours: that the resource ran, of every day in order; NaN where nobody knows.
    """
    if len(hours) < DAYS_BEFORE + SCHEDULE_DAYS:
        return None
    ended = _days_off(hours)
    hours = hours.mask(ended > 0)
    week = hours.rolling(SCHEDULE_DAYS).mean()
    found: Change | None = None
    for place in range(DAYS_BEFORE, len(hours) - SCHEDULE_DAYS + 1):
        day = pd.Timestamp(hours.index[place])
        stood = standing(said, day)
        if stood.empty or (found is not None and (found.ends is None or day < found.ends + DAYS_BEFORE * _DAY)):
            continue
        newest = newest_of(stood)
        # Half of what was promised must be seen, beside what the machine ran before.
        earlier = hours.iloc[place - DAYS_BEFORE : place].dropna()
        usual = float(earlier.mean()) if len(earlier) >= SCHEDULE_DAYS else 0.0
        half = usual * _off_share(newest) / 2
        known = week.iloc[place + SCHEDULE_DAYS - 1]
        if half <= 0 or not known <= usual - half:
            continue
        # Days before that were under an earlier schedule are not what the machine ran by itself.
        free = 0 if found is None or found.ends is None else int(hours.index.searchsorted(found.ends))
        weeks = week.iloc[free + SCHEDULE_DAYS - 1 : place].dropna()
        # Of days that nobody knows no week is whole: then only what was usual can be fallen below.
        lowest = float(weeks.min()) if len(weeks) else usual
        is_left = known < lowest and known <= _MORE_THAN_LEFT * 24 * (1 - _off_share(newest))
        is_new = hours.iloc[place : place + SCHEDULE_DAYS].min() < hours.iloc[free:place].min() / 2
        if not (known <= lowest - half or (is_left and is_new)):
            continue
        first = _sharpest(hours.iloc[place - DAYS_BEFORE : place + SCHEDULE_DAYS].dropna())
        later = week.loc[first + SCHEDULE_DAYS * _DAY :]
        back = later[later > usual - half / 2]
        # The week that shows it began so many days ago.
        resumed = [] if back.empty else [max(back.index[0] - (SCHEDULE_DAYS - 1) * _DAY, first + _DAY)]
        gone = [pd.Timestamp(day) for day in ended.index[ended >= SCHEDULE_DAYS] if day > first][:1]
        ends = min(resumed + gone, default=None)
        became = str(newest["target_config"] or "off at some hours")
        found = Change(newest, first - _DAY, first, RUNS, became, BY_HOURS, ends, resumed == [ends])
    return found


def settle(changes: Iterable[Change]) -> list[Change]:
    """The changes, each until the next of its resource and of days since the one before, in order of resource and day.

    Of recommendations that one change follows the one that saves the most counts.
    """
    ordered = sorted(changes, key=lambda each: (each.resource, each.first, -_promise(each), each.recommendation_id))
    settled: list[Change] = []
    for change in ordered:
        others = [each for each in ordered if each.resource == change.resource and each is not change]
        twins = [each for each in others if _is_one(each, change)]
        apart = [each.first for each in others if not _is_one(each, change)]
        later = [first for first in apart if first > change.first]
        earlier = [first for first in apart if first < change.first]
        best = min([change, *twins], key=lambda each: (-_promise(each), each.recommendation_id))
        if later and (change.ends is None or min(later) < change.ends):
            change = replace(change, ends=min(later), undone=False)
        if earlier:
            change = replace(change, since=max(earlier) + _DAY)
        settled.append(replace(change, is_counted=best.recommendation_id == change.recommendation_id))
    return settled


def _is_one(one: Change, other: Change) -> bool:
    """Whether two changes may be the same: they lie between the same days, or next to them where hours show one, but roughly."""
    roughly = _DAY if BY_HOURS in (one.evidence, other.evidence) else 0 * _DAY
    return one.before < other.first + roughly and other.before < one.first + roughly


def _days_off(hours: pd.Series) -> pd.Series:
    """Of each day how many in a row have no hour at all, where these are a week or the last; else 0."""
    is_off = hours == 0
    runs = (is_off != is_off.shift()).cumsum()
    lengths = is_off.groupby(runs).transform("sum")
    return lengths.where(is_off & ((lengths >= SCHEDULE_DAYS) | (runs == runs.iloc[-1])), 0)


def standing(said: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """The rows that could be followed on a day."""
    stood: pd.DataFrame = said[(said["as_of"] <= day) & (said["as_of"] > day - STANDS)]
    return stood


def newest_of(said: pd.DataFrame) -> dict[str, Any]:
    return {str(name): value for name, value in said.sort_values("as_of").iloc[-1].items()}


def _promise(change: Change) -> float:
    saving = change.said["savings_monthly_usd"]
    return 0.0 if saving is None or pd.isna(saving) else float(saving)


def _off_share(said: dict[str, Any]) -> float:
    off = said["off_hours_of_week"]
    return 0.0 if off is None or pd.isna(off) else float(off) / 168


def _sharpest(hours: pd.Series) -> pd.Timestamp:
    """The first day of the part behind the day at which two means explain some days best."""
    values = hours.to_numpy(dtype=np.float64)
    around = range(len(values) - 2 * SCHEDULE_DAYS + 1, len(values) - 1)
    spread = [np.var(values[:at]) * at + np.var(values[at:]) * (len(values) - at) for at in around]
    return pd.Timestamp(hours.index[around[int(np.argmin(spread))]])


def _was_asked(stood: pd.DataFrame, former: str, became: str) -> bool:
    """Whether a target that was named is what a resource became: of a volume that becomes another type, that type."""
    for target in {str(target).replace("×", "x") for target in stood["target_config"].dropna()}:
        kinds = [each.split(", ")[0] for each in (former, became, target)]
        whole = kinds[0] == kinds[2]
        if (became == target) if whole else (kinds[1] == kinds[2]):
            return True
    return False


def _form_of(row: pd.Series, group: str) -> str:
    state = row["state"]
    if isinstance(state, str) and state.lower() in ENDED_STATES:
        return ENDED
    facts, service = facts_of(row), str(row["service"])
    if service == "ebs":
        return str(volume_from(facts) or RUNS)
    if service == "lambda":
        return f"{facts.get('architecture', '')}, {float(facts.get('memory_mib', 0)):g} MiB"
    if service == "rds" and group == "engine":
        engine = facts.get("engine", "")
        return f"{engine} {major_version(engine, facts.get('engine_version', ''))}"
    return str(row["instance_type"] or RUNS)


def _in_a_row(missing: Sequence[pd.Timestamp], known: Sequence[pd.Timestamp], least: int) -> list[pd.Timestamp]:
    """Of some days those that come so many in a row, among all that are known."""
    lacks, kept, run = set(missing), list[pd.Timestamp](), list[pd.Timestamp]()
    for day in [*known, None]:
        if day in lacks:
            run.append(day)
            continue
        kept += run if len(run) >= least else []
        run = []
    return kept


def _series(found: dict[pd.Timestamp, str]) -> pd.Series:
    days = sorted(found)
    return pd.Series([found[day] for day in days], index=pd.DatetimeIndex(days), dtype="object")
