"""Which purchases and tags that were recommended the bill shows: nobody's word counts here either.

What a payer commits to, and what of an account has no tag, is read off each day of the bill. A recommendation is followed where
that moves by half of what was asked for, or more, on a day on which it stood, and by what was asked for: a commitment that was
not there before, or tags on what had none. What ends, is renewed or grows does not count.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from pipeline.advice.bill import COVERED_BY_PLANS, PLAN, SAVINGS_PLAN, by_day, days_of, reserved_families
from pipeline.advice.commitment import Floats
from pipeline.advice.followed import Change, newest_of, standing
from pipeline.tables.columns import BY_BILL, UNNAMED

#: Days that a bill must have before a change, and those that show tags, beside as many before: weekdays are not weekends.
DAYS_BEFORE, WEEK = 14, 7
#: Days that show a purchase: a commitment costs the same on each.
DAYS_BOUGHT = 3
_HALF = 0.5
_DAY = pd.Timedelta(days=1)


def find_purchase(said: pd.DataFrame, bill: pd.DataFrame) -> Change | None:
    """That a payer bought what a recommendation asked for: a new commitment of the kind, and half as much or more by the hour.

    Args:
        said: the recommendation's rows, with the columns of `inputs.recommended_changes`; the account is the payer.
        bill: rows of `inputs.spend_by_day`.

    Returns:
        The newest such day. None where the bill does not reach `DAYS_BEFORE` days before it, or what is committed to in all rises
        by less than half of what was asked for, as where one commitment follows another that ends.
    """
    mine = bill[bill["payer"] == said["account"].iloc[-1]]
    rows, days = mine[mine["commitment_id"].isin(_commitments(said.iloc[-1], mine))], days_of(mine)
    firsts = rows.groupby("commitment_id")["ts"].min() if len(rows) else pd.Series(dtype="datetime64[us]")
    paid = pd.Series(by_day(rows, "effective_usd", days) / 24, index=days)
    for first in sorted(set(firsts), reverse=True):
        place, stood = int(days.get_indexer(pd.DatetimeIndex([first]))[0]), standing(said, first)
        asked = _hourly(newest_of(stood)["target_config"]) if len(stood) else None
        if asked is None or not _is_whole(days, place, DAYS_BOUGHT):
            continue
        new = rows[rows["commitment_id"].isin(firsts.index[firsts == first])]
        after = days[place : place + DAYS_BOUGHT]
        bought = by_day(new, "effective_usd", after).mean() / 24
        before, now = float(paid.iloc[place - DAYS_BEFORE : place].max()), float(paid.iloc[place : place + DAYS_BOUGHT].mean())
        if min(bought, now - before) >= _HALF * asked:
            became = f"${now:,.3f} an hour committed"
            return Change(newest_of(stood), first - _DAY, first, f"${before:,.3f} an hour committed", became, BY_BILL)
    return None


def find_tags(said: pd.DataFrame, tags: pd.DataFrame) -> Change | None:
    """The newest change by which tags appeared on an account's resources: of a week half the share without, or less, of the week
    before.

    That untagged resources ended is no tag, and neither is that tagged ones came: half of what cost less must be of resources
    that had no tag before. Where a later week is back within half of what the share had fallen, it is undone.

    Args:
        said: the recommendation's rows; the account is the one whose resources were to be tagged.
        tags: rows of `inputs.tags_by_day`.
    """
    mine = tags[tags["account"] == said["account"].iloc[-1]].sort_values("ts")
    days = pd.DatetimeIndex(mine["ts"])
    whole, bare, moved = (mine[name].to_numpy(dtype=np.float64) for name in ("whole_usd", "bare_usd", "moved_usd"))
    found: Change | None = None
    free = DAYS_BEFORE
    for place in range(DAYS_BEFORE, len(days) - WEEK + 1):
        if place < free:
            continue
        was, now = slice(place - WEEK, place), slice(place, place + WEEK)
        less, tagged = bare[was].sum() - bare[now].sum(), moved[now].sum() - moved[was].sum()
        before, after = _share(bare, whole, was), _share(bare, whole, now)
        # The first day itself must show it: the week before a change already has some of its days.
        shown = _share(bare, whole, slice(place, place + 1)) <= _HALF * before
        if not (shown and after <= _HALF * before and less > 0 and tagged >= _HALF * less):
            continue
        # Of few days anything is shown: what stood is asked last.
        stood = standing(said, days[place])
        if len(stood) and _is_whole(days, place, WEEK):
            later = _back(bare, whole, place + WEEK, (before + after) / 2)
            ends = None if later is None else days[later]
            former, became = f"{before:.1%} without a tag", f"{after:.1%} without a tag"
            found = Change(newest_of(stood), days[place - 1], days[place], former, became, BY_BILL, ends, ends is not None)
            # What the week before the next one shows must not be this change.
            free = place + WEEK
    return found


def _share(bare: Floats, whole: Floats, part: slice) -> float:
    """How much of some days has no tag."""
    total = float(whole[part].sum())
    return float(bare[part].sum()) / total if total > 0 else 0.0


def _back(bare: Floats, whole: Floats, since: int, share: float) -> int | None:
    """The place of the first day of a week from then on of which more than a share has no tag."""
    places = range(since, len(bare) - WEEK + 1)
    return next((place for place in places if _share(bare, whole, slice(place, place + WEEK)) > share), None)


def _is_whole(days: pd.DatetimeIndex, place: int, after: int) -> bool:
    """Whether the bill has every day from `DAYS_BEFORE` before a place to so many from it on."""
    if place < DAYS_BEFORE or place + after > len(days):
        return False
    return bool((np.diff(days[place - DAYS_BEFORE : place + after]) == np.timedelta64(1, "D")).all())


def _commitments(said: pd.Series, mine: pd.DataFrame) -> set[str]:
    """The commitments of a payer of the kind that was recommended: those that cover what it would."""
    covered = mine[(mine["charged_as"] == "covered") & (mine["commitment_id"] != UNNAMED)]
    is_plan = covered["commitment_id"].str.contains(PLAN, regex=False)
    if said["service"] == SAVINGS_PLAN:
        like = is_plan & covered["usage_type"].str.contains(COVERED_BY_PLANS, regex=True)
    else:
        of_family = reserved_families(covered) == said["resource_id"]
        alike = (covered["region"] == said["region"]) & of_family
        # Of a family of instances a plan of its own may have been recommended: one that covers others as well is another kind.
        of_its_own = is_plan & ~covered["commitment_id"].isin(covered.loc[~alike, "commitment_id"])
        like = alike & (of_its_own if "Savings Plan" in str(said["target_config"]) else ~is_plan)
    return set(covered.loc[like, "commitment_id"])


def _hourly(target: Any) -> float | None:
    """Dollars an hour that the words of a purchase name: `$1.234 an hour for 365 days`."""
    found = re.match(r"\$([\d,]+\.\d+) an hour", str(target))
    return float(found[1].replace(",", "")) if found else None
